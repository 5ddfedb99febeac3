"""The cached pictures: their order, and random crops, flips, colours and erased boxes for a whole batch at a time."""
import io
import random
import tarfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from captions import wnid_names
from network import CONFIG

MEAN = torch.tensor(CONFIG["preprocess_cfg"]["mean"]).view(3, 1, 1)
STD = torch.tensor(CONFIG["preprocess_cfg"]["std"]).view(3, 1, 1)
CAP = 120  # images of one Caltech class in an epoch


def between(n, low, high, rng, *dims):
    return torch.empty(n, *dims).uniform_(low, high, generator=rng)


def crop_and_flip(images, size, smallest, rng):
    """Resized crops of [n, 3, h, w] bytes to [n, 3, size, size] in 0..1; a crop has `smallest`..1 of the area."""
    n = len(images)
    area, ratio = between(n, smallest, 1, rng), between(n, -0.28, 0.28, rng).exp()
    w, h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = w * (torch.rand(n, generator=rng) < 0.5).float().mul(2).sub(1)
    theta[:, 1, 1] = h
    theta[:, 0, 2] = between(n, -1, 1, rng) * (1 - w)
    theta[:, 1, 2] = between(n, -1, 1, rng) * (1 - h)
    grid = F.affine_grid(theta, (n, 3, size, size), align_corners=False)
    return F.grid_sample(images.float() / 255, grid, padding_mode="reflection", align_corners=False)


def recolour(x, strength, rng):
    """Brightness, contrast and saturation; one picture in twenty loses its colour."""
    n = len(x)
    grey = x.mean(1, keepdim=True)
    saturation = between(n, 1 - strength, 1 + strength, rng, 1, 1, 1)
    saturation[torch.rand(n, generator=rng) < 0.05] = 0
    x = torch.lerp(grey, x, saturation)
    contrast = between(n, 1 - strength, 1 + strength, rng, 1, 1, 1)
    x = torch.lerp(grey.mean((2, 3), keepdim=True), x, contrast)
    return (x * between(n, 1 - strength, 1 + strength, rng, 1, 1, 1)).clamp(0, 1)


def erase(x, share, rng):
    """Puts a box of zeros (the mean colour) over a share of normalised pictures."""
    n, size = len(x), x.shape[-1]
    half = between(n, 0.1, 0.25, rng, 2) * size
    centre = torch.rand(n, 2, generator=rng) * size
    line = torch.arange(size)
    inside = (line - centre[..., None]).abs() < half[..., None]  # [n, 2, size]
    inside &= (torch.rand(n, generator=rng) < share)[:, None, None]
    return x.masked_fill((inside[:, 0, :, None] & inside[:, 1, None, :])[:, None], 0)


def augment(images, size, smallest, erased, rng):
    x = recolour(crop_and_flip(images, size, smallest, rng), 0.3, rng)
    return erase((x - MEAN) / STD, erased, rng)


class Images:
    """The cached pictures in an order that depends on the epoch alone."""

    def __init__(self, cache):
        load = lambda name: torch.from_numpy(np.load(Path(cache) / f"{name}.npy", mmap_mode="c"))
        self.tiny, self.caltech = load("tiny"), load("caltech")
        self.labels = torch.cat([load("tiny_labels"), load("caltech_labels")])

    def order(self, epoch):
        rng = np.random.default_rng(epoch)
        n, chosen = len(self.tiny), [np.arange(len(self.tiny))]
        extra = self.labels[n:].numpy()
        for c in np.unique(extra):
            chosen.append(n + rng.permutation(np.flatnonzero(extra == c))[:CAP])
        return torch.from_numpy(rng.permutation(np.concatenate(chosen)))

    def batch(self, index, size, smallest, erased, rng):
        n, small = len(self.tiny), index < len(self.tiny)
        index = torch.cat([index[small], index[~small]])
        parts = [self.tiny[index[:small.sum()]], self.caltech[index[small.sum():] - n]]
        x = torch.cat([augment(p, size, smallest, erased, rng) for p in parts if len(p)])
        return x.contiguous(memory_format=torch.channels_last), self.labels[index]


def held_out(data_dir, count=1000):
    """Some pictures of tiny-imagenet-val at both sizes, never trained on, with the 200 names."""
    names = wnid_names(data_dir)
    number = {w: i for i, w in enumerate(names)}
    with tarfile.open(Path(data_dir) / "tiny-imagenet-val.tar") as tar:
        files = [e for e in tar if e.isfile()]
        files = random.Random(0).sample(sorted(files, key=lambda e: e.name), count)
        pictures = [Image.open(io.BytesIO(tar.extractfile(f).read())).convert("RGB") for f in files]
    labels = torch.tensor([number[f.name.removeprefix("./").split("/")[0]] for f in files])

    def tensor(size):
        x = np.stack([np.asarray(p.resize((size, size), Image.BICUBIC)) for p in pictures])
        return (torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD
    return tensor, labels, [n[0] for n in names.values()]
