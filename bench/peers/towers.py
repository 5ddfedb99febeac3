# SPDX-License-Identifier: Apache-2.0
"""One tower of a published model as a PyTorch module from pixels or tokens to embeddings."""

from pathlib import Path

import torch


class HuggingFaceTower(torch.nn.Module):
    def __init__(self, weights, tower, dtype):
        super().__init__()
        from transformers import CLIPModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.model = CLIPModel.from_pretrained(weights, dtype=dtype)
        self.tower = tower

    def forward(self, inputs):
        if self.tower == "image":
            return self.model.get_image_features(pixel_values=inputs).pooler_output
        return self.model.get_text_features(input_ids=inputs).pooler_output


class OpenClipTower(torch.nn.Module):
    def __init__(self, weights, tower, dtype):
        super().__init__()
        import open_clip

        model, _ = open_clip.create_model_from_pretrained(f"local-dir:{weights}", precision="fp32")
        self.model = model.to(dtype)
        self.tower = tower

    def forward(self, inputs):
        if self.tower == "image":
            return self.model.encode_image(inputs)
        return self.model.encode_text(inputs)


def load(job, dtype=torch.float32):
    weights = Path(job["folder"]) / "weights"
    kind = HuggingFaceTower if (weights / "config.json").exists() else OpenClipTower
    return kind(weights, job["tower"], dtype).eval()


def example(job, batch=2):
    """Inputs of the right shape, to trace the tower with."""
    if job["tower"] == "image":
        return torch.zeros(batch, 3, job["image_size"], job["image_size"])
    tokens = torch.zeros(batch, 77, dtype=torch.int64)
    tokens[:, 0], tokens[:, 5:] = 49406, 49407
    return tokens
