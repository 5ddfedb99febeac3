# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/image_sizes: what the libraries make of the golden models when images have
another size than the models were made for.

    pip install -r tests/golden/requirements.txt
    OMP_NUM_THREADS=1 python tests/golden/make_image_sizes.py

Of each MODEL-SIZE there are the picture preprocessed and its embedding. transformers and open_clip
interpolate the positions themselves; open_clip not those of a ResNet's pool, which are interpolated
here as it does a ViT's. google-research/vision_transformer zooms the grid with SciPy, linearly.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import open_clip
import scipy.ndimage
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import ChineseCLIPModel, CLIPModel, SiglipModel
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import (
    ChineseCLIPImageProcessorPil)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import flax_reference as reference
import tiny_trunks
from make_flax_models import preprocess as preprocess_flax

HERE = Path(__file__).resolve().parent
MODELS, FLAX, SIZES = HERE / "models", HERE / "flax", HERE / "image_sizes"
PICTURE = Image.open(HERE / "pictures" / "picture.png")

jax.config.update("jax_default_matmul_precision", "highest")


def save(name, size, pixels, embedding, own):
    """own: what the model says to the picture in the size that it was made for."""
    cosine = (embedding * own).sum() / np.linalg.norm(embedding) / np.linalg.norm(own)
    assert np.isfinite(embedding).all() and cosine < 0.999, f"{name}: the size hardly matters"
    np.save(SIZES / f"{name}-{size}.pixels.npy", np.ascontiguousarray(pixels, np.float32))
    np.save(SIZES / f"{name}-{size}.embeddings.npy", np.ascontiguousarray(embedding, np.float32))


def transformers(name, size, kind=CLIPModel, processor=CLIPImageProcessorPil):
    folder = MODELS / name
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    has = processor.from_pretrained(folder)
    own = model.vision_model.config.image_size
    side = {key: round(value * size / own) for key, value in dict(has.size).items() if value}
    other = processor.from_pretrained(folder, size=side, crop_size={"height": size, "width": size})
    pixels = other(PICTURE, return_tensors="pt")["pixel_values"].float()
    before = has(PICTURE, return_tensors="pt")["pixel_values"].float()
    save(name, size, pixels.numpy(),
         model.get_image_features(pixels, interpolate_pos_encoding=True).pooler_output.numpy(),
         model.get_image_features(before).pooler_output.numpy())


def openclip(name, size):
    location = f"local-dir:{MODELS / name}"
    own, has = open_clip.create_model_from_pretrained(location, precision="fp32")
    model, other = open_clip.create_model_from_pretrained(location, precision="fp32",
                                                          force_image_size=size)
    pixels = other(PICTURE)[None]
    save(name, size, pixels.numpy(), model.eval().encode_image(pixels, normalize=False).numpy(),
         own.eval().encode_image(has(PICTURE)[None], normalize=False).numpy())


def interpolate(positions, grid):
    side = round((len(positions) - 1) ** 0.5)
    old = positions[1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    new = F.interpolate(old, size=(grid, grid), mode="bicubic", antialias=True,
                        align_corners=False)
    return torch.cat([positions[:1], new.permute(0, 2, 3, 1).reshape(grid * grid, -1)])


def resnet(name, size):
    location = f"local-dir:{MODELS / name}"
    model, has = open_clip.create_model_from_pretrained(location, precision="fp32")
    pool = model.eval().visual.attnpool
    own = model.encode_image(has(PICTURE)[None])
    pool.positional_embedding = torch.nn.Parameter(
        interpolate(pool.positional_embedding.data, size // 32))
    pixels = open_clip.image_transform(size, is_train=False)(PICTURE)[None]
    save(name, size, pixels.numpy(), model.encode_image(pixels).numpy(), own.numpy())


def flax(name, model, own_size, size):
    arrays = {key: value.astype(np.float32) for key, value in np.load(FLAX / f"{name}.npz").items()}
    pixels = [preprocess_flax(PICTURE, side)[None] for side in (own_size, size)]
    rows = {}
    for side, image in zip((own_size, size), pixels):
        if side == size:
            key = "Transformer/posembed_input/pos_embedding"
            positions, leading = arrays[key][0], int(model.class_token)
            old = round((len(positions) - leading) ** 0.5)
            new = old * size // own_size
            grid = positions[leading:].reshape(old, old, -1)
            zoomed = scipy.ndimage.zoom(grid, (new / old, new / old, 1), order=1)
            arrays[key] = np.concatenate([positions[:leading],
                                          zoomed.reshape(new * new, -1)])[None]
        rows[side] = np.asarray(model.apply({"params": reference.unflatten(arrays)},
                                            jnp.asarray(image))[0])
    save(name, size, pixels[1].transpose(0, 3, 1, 2), rows[size], rows[own_size])


@torch.inference_mode()
def main():
    SIZES.mkdir(exist_ok=True)
    transformers("hf-vit-p32-quickgelu", 96)
    transformers("hf-vit-p16-gelu-sharded", 32)
    transformers("hf-chinese-clip", 80, ChineseCLIPModel, ChineseCLIPImageProcessorPil)
    transformers("hf-siglip2", 80, SiglipModel, SiglipImageProcessorPil)
    openclip("openclip-vit-p16-gelu", 80)
    openclip("openclip-vit-p16-gelu", 16)
    openclip("openclip-coca", 48)
    with tiny_trunks.tiny(tiny_trunks.EVA):
        openclip("openclip-eva02", 80)
        openclip("openclip-eva02-e", 28)
    with tiny_trunks.tiny(tiny_trunks.PE):
        openclip("openclip-pe", 80)
    with tiny_trunks.tiny(tiny_trunks.VITAMIN):
        openclip("openclip-vitamin", 80)
    with tiny_trunks.tiny(tiny_trunks.CONVNEXT):
        openclip("openclip-convnext-d", 96)
    resnet("openclip-rn", 96)
    vit = reference.VisionTransformer
    flax("vit-imagenet", vit(patch=8, width=32, layers=2, heads=2, hidden=64, classes=1000), 32, 56)
    flax("vit-mean-headless", vit(patch=14, width=32, layers=2, heads=4, hidden=128,
                                  class_token=False), 42, 28)
    flax("hybrid-root", vit(patch=4, width=24, layers=2, heads=2, hidden=48, resnet=(),
                            resnet_width=32), 32, 64)


if __name__ == "__main__":
    main()
