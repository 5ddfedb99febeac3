# SPDX-License-Identifier: Apache-2.0
"""Makes a model and what goes into it:  inputs.py MODEL FOLDER PHOTOS

FOLDER gets weights/, and beside it photos/, pixels.f32 (photographs, preprocessed as open_clip does
it), labels.txt (ImageNet's 1,000 names), prompts.txt and tokens-1.npy (labels in "a photo of a {}."),
tokens-80.npy (the first label in the 80 templates), inputs.json. PHOTOS is a tar or a directory.
"""

import io
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import open_clip
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import full_size_models

MOST_IMAGES = 32
PROMPTS = 64
CONTEXT = 77


def photographs(path):
    """Their bytes, by name."""
    if path.is_dir():
        return [p.read_bytes() for p in sorted(path.iterdir()) if p.suffix in (".jpg", ".jpeg")]
    with tarfile.open(path) as archive:
        return [archive.extractfile(member).read() for member in archive if member.isfile()]


def image_size(weights):
    if list(weights.glob("*.npz")):
        return 224
    config = weights / "config.json"
    if config.exists():
        return json.loads(config.read_text())["vision_config"].get("image_size", 224)
    config = json.loads((weights / "open_clip_config.json").read_text())
    return config["model_cfg"]["vision_cfg"]["image_size"]


def make(name, folder, photos):
    if (folder / "inputs.json").exists():
        return
    weights = folder / "weights"
    full_size_models.make(name, weights)
    size = image_size(weights)
    preprocess = open_clip.image_transform(size, is_train=False, mean=open_clip.OPENAI_DATASET_MEAN,
                                           std=open_clip.OPENAI_DATASET_STD)
    files = photographs(photos)
    (folder / "photos").mkdir(exist_ok=True)
    for number, data in enumerate(files):
        (folder / "photos" / f"{number:04}.jpg").write_bytes(data)
    pictures = [Image.open(io.BytesIO(data)) for data in files[:MOST_IMAGES]]
    pixels = np.stack([preprocess(picture).numpy() for picture in pictures])
    np.resize(pixels, (MOST_IMAGES, *pixels.shape[1:])).tofile(folder / "pixels.f32")

    labels = open_clip.IMAGENET_CLASSNAMES
    prompts = [f"a photo of a {label}." for label in labels[:PROMPTS]]
    every_template = [template(labels[0]) for template in open_clip.OPENAI_IMAGENET_TEMPLATES]
    (folder / "labels.txt").write_text("\n".join(labels) + "\n", "utf-8")
    (folder / "prompts.txt").write_text("\n".join(prompts) + "\n", "utf-8")
    tokenize = open_clip.SimpleTokenizer(context_length=CONTEXT)
    np.save(folder / "tokens-1.npy", tokenize(prompts).numpy())
    np.save(folder / "tokens-80.npy", tokenize(every_template).numpy())
    (folder / "inputs.json").write_text(json.dumps({"image_size": size}) + "\n")


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
