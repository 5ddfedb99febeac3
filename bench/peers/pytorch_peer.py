# SPDX-License-Identifier: Apache-2.0
"""PyTorch, as published: transformers' CLIPModel or open_clip, in fp32 and bf16."""

import torch

import peer_loop
import towers

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def prepare(job):
    """Loads the published weights as they are."""


def load(job):
    torch.set_num_threads(job["threads"])
    dtype = DTYPES[job["precision"]]
    model = towers.load(job, dtype)

    def embedder(shape):
        @torch.inference_mode()
        def embed(batch):
            inputs = torch.from_numpy(batch)
            return model(inputs.to(dtype) if job["tower"] == "image" else inputs).float().numpy()

        return embed

    return embedder


if __name__ == "__main__":
    peer_loop.main(f"PyTorch {torch.__version__}", prepare, load)
