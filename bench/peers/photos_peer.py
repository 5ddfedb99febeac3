# SPDX-License-Identifier: Apache-2.0
"""From JPEG files to embeddings as one does it in Python: open_clip's preprocessing, which is
Pillow's decoder and bicubic filter, in as many threads as the model has, ahead of OpenVINO."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import open_clip
import openvino
import torch
from PIL import Image

import openvino_peer
import peer_loop

BATCH = 8


def load(job):
    torch.set_num_threads(1)  # in each of the pool's threads
    preprocess = open_clip.image_transform(
        job["image_size"], is_train=False, mean=open_clip.OPENAI_DATASET_MEAN,
        std=open_clip.OPENAI_DATASET_STD)
    tower = openvino_peer.load(job | {"tower": "image"})
    pool = ThreadPoolExecutor(job["threads"])

    def pixels(data):
        return preprocess(Image.open(io.BytesIO(data))).numpy()

    def embedder(shape):
        count = shape[0]
        sizes = {min(BATCH, count - first) for first in range(0, count, BATCH)}
        side = job["image_size"]
        models = {size: tower((size, 3, side, side)) for size in sizes}

        def embed(files):
            ready = pool.map(pixels, files)
            rows = []
            for first in range(0, count, BATCH):
                size = min(BATCH, count - first)
                batch = np.stack([next(ready) for _ in range(size)])
                rows.append(models[size](batch).copy())
            return np.concatenate(rows)

        return embed

    return embedder


if __name__ == "__main__":
    peer_loop.main(f"OpenVINO {openvino.__version__.split('-')[0]}", openvino_peer.prepare, load)
