# SPDX-License-Identifier: Apache-2.0
"""Writes tiny random MobileCLIPs as OpenCLIP publishes them, and what open_clip and timm make of
them: tests/golden/models/openclip-mobileclip-*. timm's architectures in other widths and depths;
the names and everything else are theirs.

    pip install -r tests/golden/requirements.txt
    OMP_NUM_THREADS=1 python tests/golden/make_mobile_models.py

tests/golden/torch/openclip-mobileclip-s has the weights of the model of that name behind timm's
reparameterize_model: they give the same embeddings.
"""

import contextlib
import functools
import shutil
from unittest import mock

import open_clip
import timm
import torch
from timm.models.vision_transformer_hybrid import ConvStem, _create_vision_transformer_hybrid
from timm.utils import reparameterize_model

import golden_expect
import golden_vocabulary
from golden_weights import randomise, settle_batch_norms
from make_models import HERE, SMALL, VOCABULARY, save_weights, write_json

PREPROCESSING = {"mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "bilinear",
                 "resize_mode": "shortest"}
PREPROCESSING_2 = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD,
                   "interpolation": "bilinear", "resize_mode": "shortest"}


def config(name, size, pool, sees_all):
    return {"embed_dim": 24,
            "vision_cfg": {"timm_model_name": name, "timm_model_pretrained": False,
                           "timm_pool": pool, "timm_proj": None, "timm_drop": 0.0,
                           "timm_drop_path": 0.0, "image_size": size},
            "text_cfg": {"context_length": 32, "vocab_size": VOCABULARY, "width": 16, "heads": 2,
                         "layers": 2, "no_causal_mask": sees_all, "hf_tokenizer_name": "golden"},
            "custom_text": True}


def tiny_fastvit(create, name, **options):
    return create(name, embed_dims=(8, 16, 32, 64), layers=(1, 2, 1, 1), **options)


def tiny_five_stages(create, name, **options):
    return create(name, embed_dims=(4, 8, 16, 32, 64), layers=(1, 1, 2, 1, 1), **options)


def tiny_clip_vit(create, name, **options):
    return create(name, img_size=42, embed_dim=64, depth=2, num_heads=1, **options)


def tiny_vit(create, name, num_classes, global_pool, **options):
    """vit_base_mci_224 has its widths in its text."""
    del create, options
    backbone = ConvStem(channels=(12, 12, 64), stride=(4, 2, 2), kernel_size=(4, 2, 2), padding=0,
                        act_layer=torch.nn.GELU)
    return _create_vision_transformer_hybrid(
        name, backbone=backbone, embed_args={"proj": False}, img_size=48, embed_dim=64, depth=2,
        num_heads=1, no_embed_class=True, num_classes=num_classes, global_pool=global_pool)


@contextlib.contextmanager
def tiny_towers(make):
    with mock.patch.object(timm, "create_model", functools.partial(make, timm.create_model)):
        yield


def build(cfg):
    parts = {key: value for key, value in cfg.items() if key != "custom_text"}
    return open_clip.CustomTextCLIP(**parts)


def write(name, seed, cfg, make, preprocessing=PREPROCESSING, dtype=torch.float16):
    folder = HERE / "models" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    size = cfg["vision_cfg"]["image_size"]
    with tiny_towers(make):
        model = randomise(build(cfg), seed, 60)
        settle_batch_norms(model.visual, size, seed)
        save_weights(folder / "open_clip_model.safetensors", model.state_dict(), dtype)
        write_json(folder / "open_clip_config.json",
                   {"model_cfg": cfg, "preprocess_cfg": preprocessing})
        golden_vocabulary.save_plain(folder, *SMALL)
        golden_vocabulary.save_fast(folder, *SMALL)
        golden_vocabulary.save_special_tokens(folder, 32)
        golden_expect.openclip(folder, HERE / "pictures", seed)
        return open_clip.create_model(f"local-dir:{folder}", precision="fp32").eval()


def main():
    torch.set_num_threads(1)
    model = write("openclip-mobileclip-s", 57, config("fastvit_mci1", 64, "avg", True),
                  tiny_fastvit)
    model.visual = reparameterize_model(model.visual)
    folder = HERE / "torch" / "openclip-mobileclip-s"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    write("openclip-mobileclip-s3", 58, config("fastvit_mci3", 128, "avg", True),
          tiny_five_stages, PREPROCESSING_2)
    write("openclip-mobileclip-l", 61, config("vit_large_patch14_clip_224", 42, "token", True),
          tiny_clip_vit, PREPROCESSING_2 | {"interpolation": "bicubic"})
    write("openclip-mobileclip-b", 35, config("vit_base_mci_224", 48, "token", False), tiny_vit)


if __name__ == "__main__":
    main()
