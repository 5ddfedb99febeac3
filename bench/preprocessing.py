# SPDX-License-Identifier: Apache-2.0
"""Compares preprocessing with Pillow, pixel by pixel and by the clock, one thread.

    python bench/preprocessing.py build/bench_preprocess photos100.tar [--repetitions 5]

Takes a tar of pictures. Prints the share of pixels that are not equal to Pillow's (and to the
torchvision backend of transformers, where it is installed), and mean milliseconds an image; an
image's own figure is the least of the repetitions. Fails where a pixel is off by more than 1/255.
"""

import argparse
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
from PIL import Image, ImageOps, __version__ as pillow_version

SIDE = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def resized_size(width, height):
    """transformers and torchvision: the shorter edge to SIDE, the longer truncated."""
    if width <= height:
        return SIDE, int(SIDE * height / width)
    return int(SIDE * width / height), SIDE


def timed(least, key, function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    elapsed = (time.perf_counter() - start) * 1e3
    least[key] = min(least.get(key, elapsed), elapsed)
    return result


def decode(data):
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data)).convert("RGB"))


def finish(resized):
    left, top = (resized.width - SIDE) // 2, (resized.height - SIDE) // 2
    cropped = resized.crop((left, top, left + SIDE, top + SIDE))
    pixels = np.asarray(cropped).astype(np.float32) * np.float32(1 / 255)
    return np.ascontiguousarray(((pixels - MEAN) / STD).transpose(2, 0, 1))


def with_pillow(data, least):
    start = time.perf_counter()
    image = timed(least, "decode_ms", decode, data)
    size = resized_size(*image.size)
    resized = timed(least, "full_resize_ms", image.resize, size, Image.Resampling.BICUBIC)
    pixels = timed(least, "finish_ms", finish, resized)
    elapsed = (time.perf_counter() - start) * 1e3
    least["total_ms"] = min(least.get("total_ms", elapsed), elapsed)
    return pixels


def compare(name, pixels, reference):
    levels = np.rint((pixels - reference) * STD[:, None, None] * 255)
    unequal, worst = float((levels != 0).mean()), int(np.abs(levels).max())
    print(f"against {name}: {unequal:.4%} of the values unequal, by at most {worst}/255")
    return worst


def compare_with_torchvision(pixels, pictures):
    try:
        from transformers import CLIPImageProcessor
    except ImportError:
        return
    processor = CLIPImageProcessor()
    reference = [processor(decode(p), return_tensors="np")["pixel_values"][0] for p in pictures]
    compare(f"transformers' {type(processor).__mro__[1].__name__}", pixels, np.stack(reference))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", help="build/bench_preprocess")
    parser.add_argument("tar", help="pictures")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    with tarfile.open(options.tar) as archive:
        pictures = [archive.extractfile(m).read() for m in archive if m.isfile()]

    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, data in enumerate(pictures):
            paths.append(str(pathlib.Path(folder) / f"{number:04}"))
            pathlib.Path(paths[-1]).write_bytes(data)
        dump = str(pathlib.Path(folder) / "pixels")
        command = [options.program, str(options.repetitions), dump, *paths]
        ours = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        pixels = np.fromfile(dump, np.float32).reshape(-1, 3, SIDE, SIDE)

    least = [{} for _ in pictures]
    for _ in range(options.repetitions):
        reference = [with_pillow(data, entry) for data, entry in zip(pictures, least)]
    pillow = {key: float(np.mean([entry[key] for entry in least])) for key in least[0]}
    pillow["preprocess_ms"] = pillow["full_resize_ms"] + pillow["finish_ms"]

    print(f"{len(pictures)} pictures, {options.repetitions} repetitions, Pillow {pillow_version}")
    print(f"{'mean ms an image':16} {'Pillow':>8} {'osprey':>8} {'ratio':>7}")
    for key in ("decode_ms", "full_resize_ms", "preprocess_ms", "total_ms"):
        print(f"{key:16} {pillow[key]:8.3f} {ours[key]:8.3f} {pillow[key] / ours[key]:7.2f}")
    worst = compare("Pillow", pixels, np.stack(reference))
    compare_with_torchvision(pixels, pictures)
    return 0 if worst <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
