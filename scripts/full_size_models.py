# SPDX-License-Identifier: Apache-2.0
"""Random models in the published sizes and layouts, for `make parity` and `make bench-peers`."""

import json
import sys
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import (ChineseCLIPConfig, ChineseCLIPModel, CLIPConfig, CLIPModel,
                          MetaClip2Config, MetaClip2Model, Siglip2Config, Siglip2Model,
                          SiglipConfig, SiglipModel)
from transformers.initialization import no_init_weights
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import (
    ChineseCLIPImageProcessorPil)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "golden"))
import golden_pieces
import golden_vocabulary
import tiny_texts
import torch_archive
from golden_weights import randomise, settle_batch_norms

logging.disable_progress_bar()


def hf_config(embed, act, text, vision, image_size=224):
    def tower(width, layers, heads):
        return {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
                "intermediate_size": 4 * width, "hidden_act": act, "projection_dim": embed}

    return CLIPConfig(projection_dim=embed, text_config=tower(*text),
                      vision_config=tower(*vision[:3]) | {"patch_size": vision[3],
                                                          "image_size": image_size})


# Text: width, layers, heads. Vision: the same and the patch size.
HUGGINGFACE = {
    "vit-ti-16": lambda: hf_config(192, "quick_gelu", (192, 12, 3), (192, 12, 3, 16)),
    "vit-s-16": lambda: hf_config(384, "quick_gelu", (384, 12, 6), (384, 12, 6, 16)),
    "vit-b-32": lambda: hf_config(512, "quick_gelu", (512, 12, 8), (768, 12, 12, 32)),
    "vit-b-16": lambda: hf_config(512, "quick_gelu", (512, 12, 8), (768, 12, 12, 16)),
    "vit-l-14": lambda: hf_config(768, "quick_gelu", (768, 12, 12), (1024, 24, 16, 14)),
    "vit-l-14-336": lambda: hf_config(768, "quick_gelu", (768, 12, 12), (1024, 24, 16, 14), 336),
    "vit-h-14": lambda: hf_config(1024, "gelu", (1024, 24, 16), (1280, 32, 16, 14)),
    "tinyclip-8m-16": lambda: hf_config(512, "gelu", (256, 3, 4), (256, 10, 4, 16)),
    "tinyclip-39m-16": lambda: hf_config(512, "gelu", (512, 6, 8), (512, 12, 8, 16)),
    "tinyclip-40m-32": lambda: hf_config(512, "gelu", (512, 6, 8), (512, 12, 8, 32)),
    "tinyclip-61m-32": lambda: hf_config(512, "gelu", (512, 9, 8), (640, 12, 10, 32)),
}
# The configurations' defaults are ViT-B/32's; the ids are XLM-V's.
METACLIP2 = {"metaclip2-b-32": lambda: MetaClip2Config(
    text_config={"vocab_size": 901629, "bos_token_id": 0, "eos_token_id": 2})}
# Its text tower has BERT-base's defaults.
CHINESE_CLIP = {"chinese-clip-b-16": lambda: ChineseCLIPConfig(
    text_config={"vocab_size": 21128}, vision_config={"patch_size": 16})}
# SiglipConfig's defaults are those of base-patch16-224.
SIGLIP = {"siglip-b-16": SiglipConfig}
# Siglip2Config's are those of base-patch16-naflex, but for the vocabulary.
NAFLEX = {"siglip2-b-16-naflex": lambda: Siglip2Config(text_config={"vocab_size": 256000})}
OPENCLIP = {"rn50x4": "RN50x4", "eva02-b-16": "EVA02-B-16", "mobileclip-s1": "MobileCLIP-S1",
            "mobileclip-b": "MobileCLIP-B", "mobileclip2-s0": "MobileCLIP2-S0",
            "mobileclip2-s2": "MobileCLIP2-S2", "mobileclip2-s3": "MobileCLIP2-S3",
            "mobileclip2-s4": "MobileCLIP2-S4", "mobileclip2-b": "MobileCLIP2-B",
            "mobileclip2-l-14": "MobileCLIP2-L-14",
            "openclip-convnext-base-w": "convnext_base_w",
            "openclip-convnext-large-d": "convnext_large_d",
            "openclip-coca-b-32": "coca_ViT-B-32",
            "openclip-coca-l-14": "coca_ViT-L-14",
            "openclip-siglip-b-16": "ViT-B-16-SigLIP",
            "openclip-siglip-b-16-384": "ViT-B-16-SigLIP-384",
            "openclip-siglip-so400m-14": "ViT-SO400M-14-SigLIP",
            "openclip-siglip2-b-16": "ViT-B-16-SigLIP2",
            "openclip-xlm-roberta-base": "xlm-roberta-base-ViT-B-32",
            "openclip-roberta-base": "roberta-ViT-B-32",
            "openclip-pe-t-16-384": "PE-Core-T-16-384",
            "openclip-pe-s-16-384": "PE-Core-S-16-384",
            "openclip-pe-b-16": "PE-Core-B-16",
            "openclip-pe-l-14-336": "PE-Core-L-14-336",
            "openclip-pe-bigg-14-448": "PE-Core-bigG-14-448",
            "openclip-vitamin-s": "ViTamin-S", "openclip-vitamin-b": "ViTamin-B",
            "openclip-vitamin-l-256": "ViTamin-L-256", "openclip-vitamin-l2": "ViTamin-L2",
            "openclip-vitamin-xl-256": "ViTamin-XL-256"}
# What config.json of these has on Hugging Face.
ROBERTA_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
                "intermediate_size": 3072, "max_position_embeddings": 514}
HF_TEXTS = {"xlm-roberta-base": ROBERTA_BASE | {"vocab_size": 250002},
            "roberta-base": ROBERTA_BASE | {"vocab_size": 50265}}
# With OpenAI's colours; the others see them from 0 to 1.
MOBILE_CLIP_OPENAI = ("mobileclip2-s3", "mobileclip2-s4", "mobileclip2-l-14")
# TorchScript archives in half precision: name, file, shapes.
OPENAI = {f"{name.lower()}-pt": (f"{name}.pt", f"{name.removesuffix('px')}-quickgelu")
          for name in ["ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336px", "RN50", "RN101",
                       "RN50x4", "RN50x16", "RN50x64"]}


def sizes(width, layers, heads):
    return {"width": width, "layers": layers, "heads": heads, "hidden": 4 * width}


# google-research/vision_transformer: file, a class of flax_reference, its fields.
VIT_TI, VIT_S, VIT_B = sizes(192, 12, 3), sizes(384, 12, 6), sizes(768, 12, 12)
VIT_L, VIT_H = sizes(1024, 24, 16), sizes(1280, 32, 16)


def npz_vit(file, vit, patch=1, **fields):
    return file, "VisionTransformer", {"patch": patch, **vit, "classes": 1000, **fields}


FLAX = {"vit-ti-16-npz": npz_vit("Ti_16.npz", VIT_TI, 16),
        "vit-s-16-npz": npz_vit("S_16.npz", VIT_S, 16),
        "vit-b-16-npz": npz_vit("ViT-B_16.npz", VIT_B, 16),
        "vit-l-16-npz": npz_vit("ViT-L_16.npz", VIT_L, 16),
        "vit-h-14-npz": npz_vit("ViT-H_14.npz", VIT_H, 14),
        "r50-vit-b-16": npz_vit("R50+ViT-B_16.npz", VIT_B, resnet=(3, 4, 9)),
        "r26-vit-s-32": npz_vit("R26_S_32.npz", VIT_S, resnet=(2, 2, 2, 2)),
        "mixer-b-16": ("Mixer-B_16.npz", "MlpMixer",
                       {"patch": 16, "width": 768, "layers": 12, "token_hidden": 384,
                        "channel_hidden": 3072, "classes": 1000}),
        "mixer-l-16": ("Mixer-L_16.npz", "MlpMixer",
                       {"patch": 16, "width": 1024, "layers": 24, "token_hidden": 512,
                        "channel_hidden": 4096, "classes": 1000})}
# LiT: a vocabulary beside it.
BERT = {"vocabulary": 30522, "positions": 512}


def lit(file, vit, bert, width, image_head=False):
    image = {"patch": 16, **vit, "classes": width if image_head else 0}
    return file, "Lit", {"image": image, "text": bert | BERT, "classes": width}


FLAX |= {"lit-b-16-b": lit("LiT-B16B.npz", VIT_B, VIT_B, 768, image_head=True),
         "lit-b-16-b-2": lit("LiT-B16B_2.npz", VIT_B, VIT_B, 768),
         "lit-l-16-l": lit("LiT-L16L.npz", VIT_L, VIT_L, 1024)}
NAMES = [*HUGGINGFACE, *METACLIP2, *CHINESE_CLIP, *SIGLIP, *NAFLEX, *OPENCLIP, *OPENAI, *FLAX]


def path(name, folder):
    """What is given to osprey -m."""
    file = {**OPENAI, **FLAX}.get(name)
    return folder / file[0] if file else folder


def has_texts(name):
    """Whether the model has a text tower."""
    return name not in FLAX or FLAX[name][1] == "Lit"


def flax_model(name):
    import flax_reference

    _, module, fields = FLAX[name]
    return getattr(flax_reference, module)(**fields)


def openclip_model(architecture):
    config = open_clip.get_model_config(architecture)
    parts = dict(config)
    custom = parts.pop("custom_text", False) or "hf_model_name" in config["text_cfg"]
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    if "multimodal_cfg" in config:
        kind = open_clip.CoCa
    with tiny_texts.tiny(HF_TEXTS):
        model = randomise(kind(**parts), seed=1, logit_scale=100)
    settle_batch_norms(model.visual, config["vision_cfg"]["image_size"], seed=1)
    # A ResNet's pool has an input that is not normalised: with weights as sharp as behind a layer
    # norm, PyTorch's own rounding (fp32 against fp64) would come to 3e-5; so to 9e-6.
    if hasattr(model.visual, "attnpool"):
        with torch.no_grad():
            for parameter in model.visual.attnpool.q_proj.parameters():
                parameter *= 0.25
    return model, config


def save_random(kind, config, folder, **options):
    """A class of transformers' with random weights; options: save_pretrained's."""
    with no_init_weights():
        model = kind(config)
    randomise(model, seed=1, logit_scale=100).save_pretrained(folder, **options)


def make(name, folder):
    """Writes the model into folder, unless an earlier call has done it."""
    done = folder / "complete"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if name in HUGGINGFACE:
        config = HUGGINGFACE[name]()
        save_random(CLIPModel, config, folder, max_shard_size="2GB")
        size = config.vision_config.image_size
        CLIPImageProcessorPil(size={"shortest_edge": size},
                              crop_size={"height": size, "width": size}).save_pretrained(folder)
        golden_vocabulary.save_plain(folder, *golden_vocabulary.builtin())
        golden_vocabulary.save_special_tokens(folder, 77)
    elif name in METACLIP2:
        config = METACLIP2[name]()
        save_random(MetaClip2Model, config, folder)
        CLIPImageProcessorPil().save_pretrained(folder)
        golden_pieces.save_xlm_roberta(
            folder, golden_pieces.spiece(normalization_rule_name="nmt_nfkc"),
            size=config.text_config.vocab_size)
    elif name in CHINESE_CLIP:
        config = CHINESE_CLIP[name]()
        save_random(ChineseCLIPModel, config, folder)
        ChineseCLIPImageProcessorPil().save_pretrained(folder)
        golden_vocabulary.save_wordpiece(
            folder, golden_vocabulary.wordpiece(config.text_config.vocab_size))
    elif name in SIGLIP:
        save_random(SiglipModel, SIGLIP[name](), folder)
        SiglipImageProcessorPil().save_pretrained(folder)
        golden_pieces.save_spiece(
            folder, golden_pieces.spiece(normalization_rule_name="nmt_nfkc"))
    elif name in NAFLEX:
        save_random(Siglip2Model, NAFLEX[name](), folder)
        Siglip2ImageProcessorPil().save_pretrained(folder)
        golden_pieces.save_gemma(folder)
    elif name in OPENAI:
        file, architecture = OPENAI[name]
        torch_archive.save(openclip_model(architecture)[0], folder / file)
    elif name in FLAX:
        import make_flax_models

        inputs = [np.zeros((1, 224, 224, 3), np.float32)]
        if has_texts(name):
            inputs.append(np.zeros((1, 16), np.int32))
            golden_vocabulary.save_wordpiece(
                folder, golden_vocabulary.wordpiece(BERT["vocabulary"]), "vocab.txt")
        weights = make_flax_models.weights(flax_model(name), 1, *inputs)
        for array in weights:
            # The same biases for all texts: 24 layers of them would hide what the words say.
            if array.startswith("txt/") and array.endswith("/bias"):
                weights[array] *= 0.3
        if "stem/kernel" in weights:
            # What the blocks' biases add to every token would hide the picture from the mean.
            weights["stem/kernel"] *= 4
        np.savez(path(name, folder), **weights)
    else:
        model, config = openclip_model(OPENCLIP[name])
        save_file(model.state_dict(), folder / "open_clip_model.safetensors",
                  metadata={"format": "pt"})
        preprocessing = {"mean": open_clip.OPENAI_DATASET_MEAN,
                         "std": open_clip.OPENAI_DATASET_STD}
        if name.startswith("mobileclip") and name not in MOBILE_CLIP_OPENAI:
            preprocessing = {"mean": [0, 0, 0], "std": [1, 1, 1]}
        if name.startswith("mobileclip") and name != "mobileclip2-l-14":
            preprocessing["interpolation"] = "bilinear"
        if name.startswith(("openclip-siglip", "openclip-pe")):
            preprocessing = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
        if name.startswith("openclip-pe"):
            preprocessing["interpolation"] = "bilinear"
        if name.startswith("openclip-xlm-roberta"):
            golden_pieces.save_xlm_roberta(
                folder, golden_pieces.spiece(normalization_rule_name="nmt_nfkc"), size=250002)
        if name.startswith("openclip-roberta"):
            golden_pieces.save_roberta(folder, *golden_pieces.merged_bytes(), size=50265)
        if name.startswith("openclip-siglip2"):
            golden_pieces.save_gemma(folder)
        elif name.startswith("openclip-siglip"):
            golden_pieces.save_t5(
                folder, golden_pieces.spiece(normalization_rule_name="nmt_nfkc"))
        (folder / "open_clip_config.json").write_text(
            json.dumps({"model_cfg": config, "preprocess_cfg": preprocessing}), "utf-8")
    done.touch()


def make_photo(path):
    """A JPEG of camera-like smoothness: noise at several scales, and some hard edges."""
    random = np.random.default_rng(3)
    width, height = 640, 427
    picture = np.zeros((height, width, 3))
    for cells in (4, 16, 64):
        noise = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        picture += np.asarray(layer, dtype=np.float64) / 3
    picture[100:220, 300:520] = (230, 40, 30)
    Image.fromarray(picture.astype(np.uint8)).save(path, quality=90)
