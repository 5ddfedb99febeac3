# SPDX-License-Identifier: Apache-2.0
"""Random weights under which a mistake anywhere shows in the embedding.

The libraries' own initialisation has zero biases, unit scales and almost uniform attention:
leaving any of them out would go unnoticed.
"""

import math

import torch
from torch import nn


def randomise(model, seed, logit_scale):
    random = torch.Generator().manual_seed(seed)

    def normal(like, scale, mean=0.0):
        like.copy_(mean + scale * torch.randn(like.shape, generator=random))

    def uniform(like, low, high):
        like.copy_(low + (high - low) * torch.rand(like.shape, generator=random))

    with torch.no_grad():
        for name, module in model.named_modules():
            for leaf, parameter in module.named_parameters(recurse=False):
                if leaf == "logit_scale":
                    parameter.fill_(math.log(logit_scale))
                elif isinstance(module, (nn.LayerNorm, nn.BatchNorm2d)):
                    uniform(parameter, *((0.5, 1.5) if leaf == "weight" else (-0.4, 0.4)))
                elif leaf == "gamma":  # of a layer scale: every block has its say
                    uniform(parameter, 0.2, 0.6)
                elif leaf.endswith("bias"):
                    normal(parameter, 0.2)
                elif isinstance(module, nn.Embedding) or "embed" in leaf or leaf == "cls_token":
                    normal(parameter, 0.6)
                elif isinstance(module, nn.Conv2d):
                    normal(parameter, 2.0 / math.sqrt(parameter[0].numel()))
                else:
                    sharp = (name.endswith(("q_proj", "k_proj", "query", "key", "qkv")) or
                             leaf in ("in_proj_weight", "q_proj_weight", "k_proj_weight"))
                    normal(parameter, (2.0 if sharp else 1.0) / math.sqrt(parameter.shape[-1]))
    return model.eval()


@torch.no_grad()
def settle_batch_norms(tower, image_size, seed):
    """Running means and variances as after training, so that about half of each ReLU is open.
    With arbitrary ones every picture gets almost the same embedding."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randn(16, 3, 4, 4, generator=random)
    pixels = nn.functional.interpolate(coarse, size=image_size, mode="bilinear")
    pixels += 0.5 * torch.randn(pixels.shape, generator=random)
    norms = [module for module in tower.modules() if isinstance(module, nn.BatchNorm2d)]
    if not norms:
        return
    for norm in norms:
        norm.momentum = 1.0
    tower.train()
    tower(pixels)
    tower.eval()
