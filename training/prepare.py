"""Decodes the training images once into arrays of bytes.

    python training/prepare.py --cache CACHE

Writes tiny.npy [n, 3, 64, 64] and caltech.npy [n, 3, 96, 96] with the class of each image in *_labels.npy.
"""
import argparse
import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from captions import DATA, Captions

SETS = (("tiny", "tiny-imagenet-train.tar", 64), ("caltech", "caltech101-train.tar", 96))


def square(data, size):
    """The centre of the picture, short side `size`, channels first."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = size / min(image.size)
    image = image.resize([max(size, round(s * scale)) for s in image.size], Image.BICUBIC)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size))).transpose(2, 0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA, type=Path)
    parser.add_argument("--cache", required=True, type=Path)
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    member = Captions(args.data).member
    for name, archive, size in SETS:
        files, labels = [], []
        with tarfile.open(args.data / archive) as tar:
            for entry in tar:
                folder = entry.name.removeprefix("./").split("/")[0]
                if entry.isfile() and folder in member:  # BACKGROUND_Google is no class
                    files.append(tar.extractfile(entry).read())
                    labels.append(member[folder])
        with ThreadPoolExecutor() as pool:
            images = np.stack(list(pool.map(lambda f: square(f, size), files, chunksize=256)))
        np.save(args.cache / f"{name}.npy", images)
        np.save(args.cache / f"{name}_labels.npy", np.array(labels, np.int64))
        print(name, images.shape, "images of", len(set(labels)), "classes", flush=True)


if __name__ == "__main__":
    main()
