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


# Files of vision_transformer: timm's name of the architecture, and what the arrays' names begin with.
TIMM = {"Mixer-B_16.npz": ("mixer_b16_224", ""),
        "R50+ViT-B_16.npz": ("vit_base_r50_s16_224", ""),
        "LiT-B16B_2.npz": ("vit_base_patch16_224", "img/")}


class TimmTower(torch.nn.Module):
    def __init__(self, path, dtype):
        super().__init__()
        import timm
        from timm.layers import GELUTanh

        architecture, prefix = TIMM[path.name]
        model = timm.create_model(architecture, num_classes=0, act_layer=GELUTanh)
        if hasattr(model, "load_pretrained"):
            model.load_pretrained(str(path), prefix=prefix)
        else:
            load_mixer(model, path)
        for module in model.modules():
            if isinstance(module, torch.nn.GroupNorm):
                module.eps = 1e-6  # flax's
        self.model = model.to(dtype)

    def forward(self, inputs):
        return self.model.forward_head(self.model.forward_features(inputs), pre_logits=True)


def load_mixer(model, path):
    """timm reads vision_transformer's ViTs, but not its Mixers."""
    import numpy as np

    layers = {"norm1": "LayerNorm_0", "norm2": "LayerNorm_1",
              "mlp_tokens.fc1": "token_mixing/Dense_0", "mlp_tokens.fc2": "token_mixing/Dense_1",
              "mlp_channels.fc1": "channel_mixing/Dense_0",
              "mlp_channels.fc2": "channel_mixing/Dense_1"}
    published = {"stem.proj": "stem", "norm": "pre_head_layer_norm"} | {
        f"blocks.{i}.{ours}": f"MixerBlock_{i}/{theirs}" for i in range(len(model.blocks))
        for ours, theirs in layers.items()}
    state = {}
    with np.load(path) as arrays:
        for ours, theirs in published.items():
            state[f"{ours}.bias"] = torch.from_numpy(arrays[f"{theirs}/bias"])
            if f"{theirs}/scale" in arrays:
                state[f"{ours}.weight"] = torch.from_numpy(arrays[f"{theirs}/scale"])
            else:
                kernel = torch.from_numpy(arrays[f"{theirs}/kernel"])
                state[f"{ours}.weight"] = (kernel.permute(3, 2, 0, 1) if kernel.ndim == 4
                                           else kernel.T).contiguous()
    model.load_state_dict(state)


def load(job, dtype=torch.float32):
    weights = Path(job["folder"]) / "weights"
    archives = list(weights.glob("*.npz"))
    if archives:
        return TimmTower(archives[0], dtype).eval()
    kind = HuggingFaceTower if (weights / "config.json").exists() else OpenClipTower
    return kind(weights, job["tower"], dtype).eval()


def example(job, batch=2):
    """Inputs of the right shape, to trace the tower with."""
    if job["tower"] == "image":
        return torch.zeros(batch, 3, job["image_size"], job["image_size"])
    tokens = torch.zeros(batch, 77, dtype=torch.int64)
    tokens[:, 0], tokens[:, 5:] = 49406, 49407
    return tokens
