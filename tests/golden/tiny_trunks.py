# SPDX-License-Identifier: Apache-2.0
"""timm's architectures in tiny: their names, and all that the names stand for but the sizes."""

from contextlib import contextmanager
from unittest import mock

import timm
from timm.models.vitamin import VitCfg

# Heads are as wide as published. The second has an odd MLP, and a grid that is no power of two.
EVA = {
    "eva_giant_patch14_224": {"embed_dim": 88, "depth": 2, "num_heads": 1, "mlp_ratio": 1.5,
                              "img_size": 28},
    "eva02_base_patch16_clip_224": {"embed_dim": 128, "depth": 2, "num_heads": 2,
                                    "mlp_ratio": 0.4, "img_size": 48},
    "eva02_enormous_patch14_clip_224": {"embed_dim": 112, "depth": 2, "num_heads": 1,
                                        "mlp_ratio": 0.9, "img_size": 42},
}
# The first one's pool has narrower heads than its blocks; the second has no class token.
PE = {
    "vit_pe_core_base_patch16_224": {"embed_dim": 128, "depth": 2, "num_heads": 2,
                                     "mlp_ratio": 0.5, "attn_pool_mlp_ratio": 0.75,
                                     "img_size": 48},
    "vit_pe_core_gigantic_patch14_448": {"embed_dim": 96, "depth": 1, "num_heads": 1,
                                         "mlp_ratio": 1.3, "attn_pool_mlp_ratio": 0.6,
                                         "img_size": 42},
}
# The second's tokens have no positions.
VITAMIN = {
    "vitamin_small_224": {
        "embed_cfg": VitCfg(embed_dim=(8, 16, 64), depths=(1, 2, 1), stem_width=8),
        "embed_dim": 64, "depth": 2, "num_heads": 1, "mlp_ratio": 1.5, "img_size": 48},
    "vitamin_xlarge_256": {
        "embed_cfg": VitCfg(embed_dim=(12, 24, 72), depths=(2, 1, 1), stem_width=12),
        "embed_dim": 72, "depth": 1, "num_heads": 1, "mlp_ratio": 1, "img_size": 32},
}
# The first has pictures that no whole number of patches fills.
SIGLIP = {
    "vit_base_patch16_siglip_224": {"embed_dim": 64, "depth": 2, "num_heads": 1,
                                    "mlp_ratio": 1.5, "img_size": 50},
    "vit_giantopt_patch16_siglip_256": {"embed_dim": 96, "depth": 1, "num_heads": 1,
                                        "mlp_ratio": 1.5, "img_size": 32},
    "vit_so400m_patch16_siglip_256": {"embed_dim": 72, "depth": 1, "num_heads": 1,
                                      "mlp_ratio": 1.3, "img_size": 32},
}

CONVNEXT = {
    "convnext_large": {"dims": (8, 16, 32, 64), "depths": (1, 1, 2, 1)},
    "convnext_xxlarge": {"dims": (12, 24, 48, 96), "depths": (1, 2, 1, 1)},
}


@contextmanager
def tiny(sizes):
    """While it lasts, OpenCLIP gets timm's models in these sizes: they are arguments that
    timm.create_model takes, but that no open_clip_config.json has."""
    create = timm.create_model

    def create_tiny(name, **options):
        return create(name, **options, **sizes[name])

    with mock.patch("open_clip.timm_model.timm.create_model", create_tiny):
        yield
