# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/models: tiny random CLIP models exactly as they are published, and what
their own libraries make of them.

    pip install -r tests/golden/requirements.txt
    OMP_NUM_THREADS=1 python tests/golden/make_models.py [name...]
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from transformers import (ChineseCLIPConfig, ChineseCLIPModel, CLIPConfig, CLIPModel,
                          CLIPTokenizer, MetaClip2Config, MetaClip2Model, Siglip2Config,
                          Siglip2Model, SiglipConfig, SiglipModel)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import golden_expect
import golden_pieces
import golden_vocabulary
import sentence_models
import tiny_texts
import tiny_trunks
from golden_files import save_weights, write_json
from golden_weights import randomise, settle_batch_norms

HERE = Path(__file__).resolve().parent
SMALL = golden_vocabulary.build()
VOCABULARY = len(SMALL[0])
START, END = VOCABULARY - 2, VOCABULARY - 1


def make_picture():
    """A gradient with a disc, a grid and noise; neither square nor even."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:67, 0:91].astype(np.float64)
    red = 255 * x / 90
    green = 255 * ((x - 40) ** 2 + (y - 30) ** 2 < 400)
    blue = np.where((x // 5 + y // 3) % 2, 200, 30)
    picture = np.stack([red, green, blue], axis=-1) + random.normal(0, 20, (67, 91, 3))
    (HERE / "pictures").mkdir(exist_ok=True)
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(
        HERE / "pictures" / golden_expect.PICTURE, optimize=True)


def hf_model(seed, logit_scale, projection, text, vision):
    tokens = {"vocab_size": VOCABULARY, "bos_token_id": START, "eos_token_id": END,
              "pad_token_id": END}
    config = CLIPConfig(text_config=tokens | text, vision_config=vision,
                        projection_dim=projection)
    return randomise(CLIPModel(config), seed, logit_scale)


def position_ids(text, vision):
    """Buffers that older versions of transformers saved with the weights."""
    return {"text_model.embeddings.position_ids": torch.arange(text)[None],
            "vision_model.embeddings.position_ids": torch.arange(vision)[None]}


def hf_vit_p32_quickgelu(folder):
    """All as transformers 5 saves it; the fast tokenizer with every file beside it."""
    model = hf_model(11, 100, 24,
                     {"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 2,
                      "num_attention_heads": 2, "projection_dim": 24},
                     {"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 2,
                      "num_attention_heads": 2, "image_size": 64, "patch_size": 32,
                      "projection_dim": 24})
    model.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 64},
                          crop_size={"height": 64, "width": 64}).save_pretrained(folder)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_fast(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 77)


def hf_vit_p16_gelu_sharded(folder):
    """GELU with erf, weights in shards, vocab.json and merges.txt only, a short context, other
    layer norm epsilon, mean, deviation and filter, resize to a fixed size without a crop."""
    model = hf_model(12, 31.5, 20,
                     {"hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 2,
                      "num_attention_heads": 2, "max_position_embeddings": 40,
                      "hidden_act": "gelu", "layer_norm_eps": 1e-3},
                     {"hidden_size": 24, "intermediate_size": 72, "num_hidden_layers": 2,
                      "num_attention_heads": 3, "image_size": 48, "patch_size": 16,
                      "hidden_act": "gelu", "layer_norm_eps": 1e-3})
    model.save_pretrained(folder, max_shard_size="90KB")
    CLIPImageProcessorPil(size={"height": 48, "width": 48}, do_center_crop=False, resample=2,
                          image_mean=[0.5, 0.4, 0.3],
                          image_std=[0.2, 0.25, 0.3]).save_pretrained(folder)
    golden_vocabulary.save_plain(folder, *SMALL)


def hf_vit_p14_bf16_sparse(folder):
    """BF16 with position_ids, a configuration without what equals the defaults (activation,
    heads, context, projection_dim, epsilon), the old eos_token_id, and the old preprocessor."""
    text = {"hidden_size": 64, "intermediate_size": 72, "num_hidden_layers": 1}
    vision = {"hidden_size": 40, "intermediate_size": 96, "num_hidden_layers": 2,
              "num_attention_heads": 5, "image_size": 42, "patch_size": 14}
    model = hf_model(13, 14.3, 512, text, vision)
    save_weights(folder / "model.safetensors", model.state_dict() | position_ids(77, 10),
                 torch.bfloat16)
    write_json(folder / "config.json", {
        "architectures": ["CLIPModel"], "model_type": "clip", "torch_dtype": "bfloat16",
        "text_config": {"model_type": "clip_text_model", "vocab_size": VOCABULARY,
                        "bos_token_id": 0, "eos_token_id": 2} | text,
        "vision_config": {"model_type": "clip_vision_model"} | vision})
    write_json(folder / "preprocessor_config.json", {
        "crop_size": 42, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 42})
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 77)


def hf_vit_p14_f16_config_dict(folder):
    """F16, both tanh-GELUs, one head of 64, text_config_dict and vision_config_dict that overrule
    the plain ones, projection widths in the towers that do not count, and the keys that older
    versions wrote for every model."""
    text = {"hidden_size": 32, "intermediate_size": 72, "num_hidden_layers": 2,
            "num_attention_heads": 2, "hidden_act": "gelu_new"}
    vision = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
              "num_attention_heads": 1, "image_size": 28, "patch_size": 14,
              "hidden_act": "gelu_pytorch_tanh"}
    model = hf_model(14, 55, 32, text, vision)
    save_weights(folder / "model.safetensors", model.state_dict() | position_ids(77, 5),
                 torch.float16)
    legacy = {"_name_or_path": "", "add_cross_attention": False, "architectures": None,
              "attention_dropout": 0.0, "bad_words_ids": None, "chunk_size_feed_forward": 0,
              "dropout": 0.0, "id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "is_decoder": False,
              "label2id": {"LABEL_0": 0, "LABEL_1": 1}, "output_attentions": False,
              "pruned_heads": {}, "task_specific_params": None, "temperature": 1.0, "top_k": 50,
              "torchscript": False, "use_bfloat16": False}
    tokens = {"vocab_size": VOCABULARY, "bos_token_id": START, "eos_token_id": END}
    write_json(folder / "config.json", {
        "_commit_hash": None, "architectures": ["CLIPModel"], "initializer_factor": 1.0,
        "logit_scale_init_value": 2.6592, "model_type": "clip", "projection_dim": 32,
        # layer_norm_eps is not in text_config_dict, so its default overrules this one.
        "text_config": legacy | tokens | text | {"hidden_act": "quick_gelu",
                                                 "layer_norm_eps": 0.1, "projection_dim": 512},
        "text_config_dict": tokens | text,
        "torch_dtype": "float16", "transformers_version": None,
        "vision_config": legacy | vision | {"image_size": 224, "num_channels": 3,
                                            "projection_dim": 512},
        "vision_config_dict": vision})
    write_json(folder / "preprocessor_config.json", {
        "crop_size": {"height": 28, "width": 28}, "do_center_crop": True,
        "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_processor_type": "CLIPImageProcessor",
        "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3,
        "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 28}})
    golden_vocabulary.save_fast(folder, *SMALL)


def hf_vit_p8_deep(folder):
    """Layers and tokens enough for token merging (make_token_merge.py)."""
    model = hf_model(18, 40, 16,
                     {"hidden_size": 8, "intermediate_size": 24, "num_hidden_layers": 1,
                      "num_attention_heads": 1, "max_position_embeddings": 32},
                     {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 4,
                      "num_attention_heads": 3, "image_size": 40, "patch_size": 8})
    model.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 40},
                          crop_size={"height": 40, "width": 40}).save_pretrained(folder)
    golden_vocabulary.save_plain(folder, *SMALL)


def hf_tinyclip(folder):
    """As wkcn published TinyCLIP-ViT-8M-16-Text-3M: both towers equally narrow, with heads of 64,
    few layers of text, and an embedding twice as wide; GELU."""
    tower = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 1,
             "hidden_act": "gelu", "projection_dim": 128}
    model = hf_model(25, 50, 128, tower | {"num_hidden_layers": 2, "max_position_embeddings": 77},
                     tower | {"num_hidden_layers": 3, "image_size": 48, "patch_size": 16})
    model.half().save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 48},
                          crop_size={"height": 48, "width": 48}).save_pretrained(folder)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 77)


def hf_chinese_clip(folder):
    """As OFA-Sys published Chinese-CLIP: BERT with vocab.txt alone, and its own image processor.
    The token types of position_ids' time, and a pooler that nothing reads."""
    vocabulary = golden_vocabulary.wordpiece()
    text = {"vocab_size": len(vocabulary), "hidden_size": 24, "intermediate_size": 56,
            "num_hidden_layers": 2, "num_attention_heads": 3, "max_position_embeddings": 40}
    vision = {"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 2,
              "num_attention_heads": 2, "image_size": 48, "patch_size": 16}
    config = ChineseCLIPConfig(text_config=text, vision_config=vision, projection_dim=20)
    tensors = randomise(ChineseCLIPModel(config), 19, 60).state_dict()
    tensors |= {"text_model.embeddings.position_ids": torch.arange(40)[None],
                "vision_model.embeddings.position_ids": torch.arange(10)[None]}
    save_weights(folder / "model.safetensors", tensors, torch.float32)
    common = {"initializer_factor": 1.0, "initializer_range": 0.02, "torch_dtype": None}
    write_json(folder / "config.json", {
        "architectures": ["ChineseCLIPModel"], "logit_scale_init_value": 2.6592,
        "model_type": "chinese_clip", "projection_dim": 20,
        "text_config": common | text | {
            "attention_probs_dropout_prob": 0.1, "bos_token_id": 0, "directionality": "bidi",
            "eos_token_id": None, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
            "layer_norm_eps": 1e-12, "model_type": "chinese_clip_text_model", "pad_token_id": 0,
            "pooler_type": "first_token_transform", "position_embedding_type": "absolute",
            "type_vocab_size": 2, "use_cache": True},
        "text_config_dict": None,
        "vision_config": common | vision | {
            "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
            "model_type": "chinese_clip_vision_model", "num_channels": 3, "projection_dim": 20},
        "vision_config_dict": None})
    write_json(folder / "preprocessor_config.json", {
        "do_center_crop": False, "do_convert_rgb": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "ChineseCLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_processor_type": "ChineseCLIPImageProcessor",
        "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3,
        "size": {"height": 48, "width": 48}})
    golden_vocabulary.save_wordpiece(folder, vocabulary)


def siglip(folder, seed, tokens, text, vision, resample):
    """SiglipModel with the sparse configuration of the published ones."""
    config = SiglipConfig(text_config={"vocab_size": tokens} | text, vision_config=vision)
    model = randomise(SiglipModel(config), seed, 40)
    with torch.no_grad():
        model.logit_bias.fill_(-12.5)
    save_weights(folder / "model.safetensors", model.state_dict(), torch.float32)
    write_json(folder / "config.json", {
        "architectures": ["SiglipModel"], "initializer_factor": 1.0, "model_type": "siglip",
        "text_config": {"model_type": "siglip_text_model", "vocab_size": tokens} | text,
        "torch_dtype": "float32", "transformers_version": "4.37.0.dev0",
        "vision_config": {"model_type": "siglip_vision_model"} | vision})
    write_json(folder / "preprocessor_config.json", {
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor", "image_std": [0.5, 0.5, 0.5],
        "processor_class": "SiglipProcessor", "resample": resample,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": vision["image_size"], "width": vision["image_size"]}})


def hf_siglip(folder):
    """SigLIP: spiece.model, texts of 64 tokens, bicubic pictures that no whole number of patches
    fills, and widths, of heads too, that are no multiple of 4."""
    model = golden_pieces.spiece(normalization_rule_name="identity")
    text = {"hidden_size": 36, "intermediate_size": 43, "num_hidden_layers": 2,
            "num_attention_heads": 2}
    vision = text | {"num_attention_heads": 4, "image_size": 42, "patch_size": 16}
    siglip(folder, 22, golden_pieces.PIECES, text, vision, 3)
    golden_pieces.save_spiece(folder, model)


def hf_siglip2(folder):
    """SigLIP 2: tokenizer.json with byte pairs, its own padding, a text tower of another width
    than the image tower, bilinear pictures."""
    tokens = len(golden_pieces.merged_pieces()[0])
    siglip(folder, 23, tokens,
           {"hidden_size": 28, "intermediate_size": 56, "num_hidden_layers": 2,
            "num_attention_heads": 2, "projection_size": 36, "max_position_embeddings": 32},
           {"hidden_size": 36, "intermediate_size": 72, "num_hidden_layers": 2,
            "num_attention_heads": 2, "image_size": 48, "patch_size": 16}, 2)
    golden_pieces.save_gemma(folder)


def hf_siglip2_naflex(folder):
    """SigLIP 2 of variable resolution: more patches than positions, whose number is no square, and
    the sparse configuration of the published one."""
    tokens = len(golden_pieces.merged_pieces()[0])
    text = {"vocab_size": tokens, "hidden_size": 28, "intermediate_size": 56,
            "num_hidden_layers": 2, "num_attention_heads": 2, "projection_size": 40,
            "max_position_embeddings": 32}
    vision = {"hidden_size": 40, "intermediate_size": 72, "num_hidden_layers": 2,
              "num_attention_heads": 2, "patch_size": 4, "num_patches": 16}
    model = randomise(Siglip2Model(Siglip2Config(text_config=text, vision_config=vision)), 24, 40)
    with torch.no_grad():
        model.logit_bias.fill_(-12.5)
    save_weights(folder / "model.safetensors", model.state_dict(), torch.float32)
    write_json(folder / "config.json", {
        "architectures": ["Siglip2Model"], "initializer_factor": 1.0, "model_type": "siglip2",
        "text_config": {"model_type": "siglip2_text_model"} | text, "torch_dtype": "float32",
        "transformers_version": "4.49.0.dev0",
        "vision_config": {"model_type": "siglip2_vision_model"} | vision})
    write_json(folder / "preprocessor_config.json", {
        "do_convert_rgb": None, "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5], "image_processor_type": "Siglip2ImageProcessor",
        "image_std": [0.5, 0.5, 0.5], "max_num_patches": 23, "patch_size": 4,
        "processor_class": "Siglip2Processor", "resample": 2,
        "rescale_factor": 0.00392156862745098})
    golden_pieces.save_gemma(folder)


def hf_metaclip2(folder):
    """metaclip-2-worldwide-*: CLIP's towers, and XLM-V's tokenizer, which is XLM-RoBERTa's."""
    tokens = golden_pieces.save_xlm_roberta(folder, golden_pieces.xlm_roberta_pieces())
    sizes = {"hidden_size": 24, "intermediate_size": 56, "num_hidden_layers": 2,
             "num_attention_heads": 3, "hidden_act": "gelu"}
    config = MetaClip2Config(
        text_config=sizes | {"vocab_size": tokens, "max_position_embeddings": 30,
                             "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1},
        vision_config=sizes | {"image_size": 48, "patch_size": 16}, projection_dim=20)
    model = randomise(MetaClip2Model(config), 33, 60)
    model.half().save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 48},
                          crop_size={"height": 48, "width": 48}).save_pretrained(folder)


def write_openclip(folder, seed, logit_scale, config, preprocessing, dtype, used_tokens=None,
                   change=None):
    """config and preprocessing: model_cfg and preprocess_cfg of open_clip_config.json."""
    parts = dict(config)
    custom = parts.pop("custom_text", False) or "hf_model_name" in config["text_cfg"]
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    if "multimodal_cfg" in config:
        kind = open_clip.CoCa
    model = randomise(kind(**parts), seed, logit_scale)
    if "init_logit_bias" in config:
        model.logit_bias.data.fill_(config["init_logit_bias"])
    if change:
        change(model)
    settle_batch_norms(model.visual, config["vision_cfg"]["image_size"], seed)
    tensors = model.state_dict()
    if used_tokens is not None:
        unused = torch.ones(len(tensors["token_embedding.weight"]), dtype=torch.bool)
        unused[used_tokens] = False
        tensors["token_embedding.weight"][unused] = 0
    save_weights(folder / "open_clip_model.safetensors", tensors, dtype)
    write_json(folder / "open_clip_config.json",
               {"model_cfg": config, "preprocess_cfg": preprocessing})


OPENAI_NORM = {"mean": [0.48145466, 0.4578275, 0.40821073],
               "std": [0.26862954, 0.26130258, 0.27577711]}


def openclip_vit_p16_gelu(folder):
    """GELU is OpenCLIP's default; tokenizer files beside it; squashed bilinear pictures."""
    write_openclip(folder, 15, 70, {
        "embed_dim": 20,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 24, "head_width": 8,
                       "patch_size": 16},
        "text_cfg": {"context_length": 32, "vocab_size": VOCABULARY, "width": 8, "heads": 1,
                     "layers": 2, "hf_tokenizer_name": "golden"}},
        {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear",
         "resize_mode": "squash"}, torch.float32)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_fast(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 32)


def openclip_vit_p14_quickgelu_builtin(folder):
    """QuickGELU, an uneven mlp_ratio, F16, no tokenizer files: CLIP's own vocabulary. To stay
    small, tokens that the expected texts do not use are zero."""
    vocabulary, merges = golden_vocabulary.builtin()
    ids = golden_expect.tokenize(CLIPTokenizer(vocab=vocabulary, merges=merges), 77)
    write_openclip(folder, 16, 20, {
        "embed_dim": 16, "quick_gelu": True,
        "vision_cfg": {"image_size": 28, "layers": 2, "width": 32, "head_width": 16,
                       "mlp_ratio": 2.75, "patch_size": 14},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 4, "heads": 1,
                     "layers": 2}},
        OPENAI_NORM, torch.float16, used_tokens=sorted({token for row in ids for token in row}))


def openclip_rn(folder):
    """CLIP's modified ResNet with all its batch norm buffers."""
    write_openclip(folder, 17, 100, {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 4, "patch_size": None},
        "text_cfg": {"context_length": 77, "vocab_size": VOCABULARY, "width": 12, "heads": 1,
                     "layers": 2, "hf_tokenizer_name": "golden"}},
        OPENAI_NORM, torch.float32)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 77)


def openclip_eva(folder, name, seed, dtype):
    with tiny_trunks.tiny(tiny_trunks.EVA):
        write_openclip(folder, seed, 100, {
            "embed_dim": 24,
            "vision_cfg": {"image_size": tiny_trunks.EVA[name]["img_size"],
                           "timm_model_name": name, "timm_model_pretrained": False,
                           "timm_pool": "token", "timm_proj": None},
            "text_cfg": {"context_length": 77, "vocab_size": VOCABULARY, "width": 12, "heads": 1,
                         "layers": 2, "hf_tokenizer_name": "golden"},
            "custom_text": True}, OPENAI_NORM, dtype)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 77)


def openclip_eva01(folder):
    """EVA-01: queries, keys and values in one matrix, of which keys have no bias; GELU."""
    openclip_eva(folder, "eva_giant_patch14_224", 22, torch.float16)


def openclip_eva02(folder):
    """EVA-02: rotary embeddings, gated MLP, norms within attention and MLP."""
    openclip_eva(folder, "eva02_base_patch16_clip_224", 23, torch.float16)


def openclip_eva02_e(folder):
    """EVA-02 E: norms behind attention and MLP, before the additions; heads of 112."""
    openclip_eva(folder, "eva02_enormous_patch14_clip_224", 24, torch.bfloat16)


def expect_eva(*arguments):
    with tiny_trunks.tiny(tiny_trunks.EVA):
        golden_expect.openclip(*arguments)


def openclip_pe(folder, name, seed, dtype):
    with tiny_trunks.tiny(tiny_trunks.PE):
        write_openclip(folder, seed, 100, {
            "embed_dim": 24,
            "vision_cfg": {"image_size": tiny_trunks.PE[name]["img_size"],
                           "timm_model_name": name, "timm_model_pretrained": False,
                           "timm_pool": "map", "timm_proj": None},
            "text_cfg": {"context_length": 32, "vocab_size": VOCABULARY, "width": 12, "heads": 1,
                         "layers": 2, "hf_tokenizer_name": "golden"},
            "custom_text": True},
            {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear",
             "resize_mode": "squash"}, dtype)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 32)


def openclip_pe_base(folder):
    """The Perception Encoder: rotary embeddings that begin at 1, and a pool over all tokens."""
    openclip_pe(folder, "vit_pe_core_base_patch16_224", 32, torch.float16)


def openclip_pe_big(folder):
    """The largest one: heads of 96, rotary embeddings from 0, no class token."""
    openclip_pe(folder, "vit_pe_core_gigantic_patch14_448", 33, torch.bfloat16)


def expect_pe(*arguments):
    with tiny_trunks.tiny(tiny_trunks.PE):
        golden_expect.openclip(*arguments)


def openclip_vitamin(folder, name, seed, dtype):
    with tiny_trunks.tiny(tiny_trunks.VITAMIN):
        write_openclip(folder, seed, 100, {
            "embed_dim": 24,
            "vision_cfg": {"timm_model_name": name, "timm_model_pretrained": False,
                           "timm_pool": "", "timm_proj": "linear", "timm_drop": 0.0,
                           "timm_drop_path": 0.1,
                           "image_size": tiny_trunks.VITAMIN[name]["img_size"]},
            "text_cfg": {"context_length": 77, "vocab_size": VOCABULARY, "width": 16, "heads": 2,
                         "layers": 2, "hf_tokenizer_name": "golden"},
            "custom_text": True}, OPENAI_NORM, dtype)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 77)


def openclip_vitamin_small(folder):
    """ViTamin: convolutions, then a transformer with gated MLPs."""
    openclip_vitamin(folder, "vitamin_small_224", 34, torch.float16)


def openclip_vitamin_xl(folder):
    """Its largest, with heads of 72 and no positions."""
    openclip_vitamin(folder, "vitamin_xlarge_256", 35, torch.bfloat16)


def expect_vitamin(*arguments):
    with tiny_trunks.tiny(tiny_trunks.VITAMIN):
        golden_expect.openclip(*arguments)


def openclip_convnext(folder, seed, name, proj, dtype, change=None):
    with tiny_trunks.tiny(tiny_trunks.CONVNEXT):
        write_openclip(folder, seed, 100, {
            "embed_dim": 24,
            "vision_cfg": {"timm_model_name": name, "timm_model_pretrained": False,
                           "timm_pool": "", "timm_proj": proj, "timm_drop": 0.0,
                           "timm_drop_path": 0.1, "image_size": 64},
            "text_cfg": {"context_length": 77, "vocab_size": VOCABULARY, "width": 16, "heads": 2,
                         "layers": 2, "hf_tokenizer_name": "golden"}}, OPENAI_NORM, dtype,
            change=change)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 77)


def openclip_convnext_d(folder):
    """convnext_large_d: an MLP behind the tower."""
    openclip_convnext(folder, 25, "convnext_large", "mlp", torch.float16)


def openclip_convnext_xxl(folder):
    """convnext_xxlarge: a matrix behind it, and another epsilon, which weak filters make count."""
    def weaken(model):
        for name, parameter in model.named_parameters():
            if ".conv_dw." in name:
                parameter.data *= 0.02

    openclip_convnext(folder, 26, "convnext_xxlarge", "linear", torch.bfloat16, weaken)


def expect_convnext(*arguments):
    with tiny_trunks.tiny(tiny_trunks.CONVNEXT):
        golden_expect.openclip(*arguments)


def openclip_coca(folder, seed, embed_dim, vision, text, dtype):
    """CoCa: of a small decoder of captions nothing is read."""
    write_openclip(folder, seed, 60, {
        "embed_dim": embed_dim,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 24, "head_width": 8,
                       "patch_size": 8, "output_tokens": True} | vision,
        "text_cfg": {"context_length": 32, "vocab_size": VOCABULARY, "width": 16, "heads": 2,
                     "layers": 2, "hf_tokenizer_name": "golden", "embed_cls": True,
                     "output_tokens": True} | text,
        "multimodal_cfg": {"context_length": 32, "vocab_size": VOCABULARY, "width": embed_dim,
                           "heads": 2, "layers": 1, "attn_pooler_heads": 2, "mlp_ratio": 1},
        "custom_text": True}, OPENAI_NORM, dtype)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 32)


def openclip_coca_pooled(folder):
    """coca_ViT-B-32 and L-14: a pool whose keys are of another width than its queries."""
    openclip_coca(folder, 27, 16, {"attentional_pool": True, "attn_pooler_queries": 5,
                                   "attn_pooler_heads": 2}, {}, torch.float32)


def openclip_coca_pooled_even(folder):
    """The same where both widths are one, so that the pool's projections are one matrix."""
    openclip_coca(folder, 40, 24, {"attentional_pool": True, "attn_pooler_queries": 3,
                                   "attn_pooler_heads": 3, "patch_size": 16}, {"width": 24},
                  torch.float16)


def openclip_coca_base(folder):
    """coca_base: the class token of the image is its embedding; more ids than tokens."""
    openclip_coca(folder, 51, 20, {"patch_size": 16}, {"vocab_size": VOCABULARY + 40},
                  torch.bfloat16)


def openclip_siglip(folder, seed, trunk, text, dtype):
    """SigLIP with timm's tower, as OpenCLIP has it."""
    size = tiny_trunks.SIGLIP[trunk]
    with tiny_trunks.tiny(tiny_trunks.SIGLIP):
        write_openclip(folder, seed, 40, {
            "embed_dim": size["embed_dim"], "init_logit_bias": -12.5, "custom_text": True,
            "vision_cfg": {"image_size": size["img_size"], "timm_model_name": trunk,
                           "timm_model_pretrained": False, "timm_pool": "map",
                           "timm_proj": "none"},
            "text_cfg": {"context_length": 64, "hf_tokenizer_name": "golden",
                         "tokenizer_kwargs": {"clean": "canonicalize"}, "layers": 2,
                         "no_causal_mask": True, "pool_type": "last",
                         "norm_kwargs": {"eps": 1e-6}} | text},
            {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic",
             "resize_mode": "squash"}, dtype)


def openclip_siglip1(folder):
    """SigLIP: GELU, SentencePiece's pieces in a tokenizer.json."""
    openclip_siglip(folder, 23, "vit_base_patch16_siglip_224",
                    {"vocab_size": golden_pieces.PIECES, "width": 28, "heads": 2,
                     "proj_bias": True}, torch.float16)
    golden_pieces.save_t5(folder, golden_pieces.spiece(normalization_rule_name="identity"))


def openclip_siglip2(folder):
    """SigLIP 2: tanh-GELU in both towers, byte pairs, the giant image tower's wider heads."""
    openclip_siglip(folder, 20, "vit_giantopt_patch16_siglip_256",
                    {"vocab_size": len(golden_pieces.merged_pieces()[0]), "width": 28, "heads": 2,
                     "context_length": 32, "mlp_ratio": 3.7362, "proj_bias": True,
                     "act_kwargs": {"approximate": "tanh"}}, torch.bfloat16)
    golden_pieces.save_gemma(folder)


def openclip_siglip_i18n(folder):
    """SO400M-16-SigLIP-i18n-256: tanh-GELU in one tower, no projection of texts, a short
    context."""
    openclip_siglip(folder, 20, "vit_so400m_patch16_siglip_256",
                    {"vocab_size": golden_pieces.PIECES, "width": 72, "heads": 1,
                     "mlp_ratio": 1.3, "context_length": 16, "proj_type": "none"}, torch.float16)
    golden_pieces.save_t5(folder, golden_pieces.spiece(normalization_rule_name="identity"))


def expect_openclip_siglip(*arguments):
    with tiny_trunks.tiny(tiny_trunks.SIGLIP):
        golden_expect.openclip_pieces(*arguments)


def openclip_worldwide(folder):
    """MetaCLIP 2 as ViT-L-14-worldwide-quickgelu: mT5's tokenizer, whose texts have no start."""
    tokens = golden_pieces.save_t5(folder,
                                   golden_pieces.spiece(normalization_rule_name="identity"))
    write_openclip(folder, 34, 60, {
        "embed_dim": 20, "quick_gelu": True,
        "vision_cfg": {"image_size": 48, "layers": 2, "width": 24, "head_width": 8,
                       "patch_size": 16},
        "text_cfg": {"hf_tokenizer_name": "golden", "pool_type": "eos", "eos_id": 1,
                     "tokenizer_kwargs": {"clean": "canonicalize"}, "context_length": 30,
                     "vocab_size": tokens, "width": 24, "heads": 3, "layers": 2}},
        OPENAI_NORM, torch.float16)


def openclip_roberta(folder, name, tokens, seed, text, dtype, vision=None, **options):
    """options: what model_cfg has besides."""
    tiny_texts.SIZES[name]["vocab_size"] = tokens
    vision = vision or {}
    with tiny_texts.tiny():
        write_openclip(folder, seed, 100, {
            "embed_dim": 24, **options,
            "vision_cfg": {"image_size": 32, "layers": 2, "width": 24, "head_width": 8,
                           "patch_size": 16} | vision,
            "text_cfg": {"hf_model_name": name, "hf_tokenizer_name": name} | text},
            OPENAI_NORM, dtype)


def openclip_xlm_roberta(folder, name, seed, text, dtype):
    tokens = golden_pieces.save_xlm_roberta(folder, golden_pieces.xlm_roberta_pieces())
    openclip_roberta(folder, name, tokens, seed, text, dtype)


def openclip_xlm_roberta_mean(folder):
    """As published: the mean of the tokens, and an MLP behind it."""
    openclip_xlm_roberta(folder, "xlm-roberta-base", 27, {"hf_pooler_type": "mean_pooler"},
                         torch.float16)


def openclip_xlm_roberta_first(folder):
    """What HFTextEncoder has besides: the pooler's first token, a matrix, a context of its own."""
    openclip_xlm_roberta(folder, "xlm-roberta-large", 28, {
        "hf_pooler_type": "cls_pooler", "hf_proj_type": "linear", "context_length": 20},
        torch.bfloat16)


def openclip_roberta_mean(folder):
    """As roberta-ViT-B-32 is published: QuickGELU in the image tower alone."""
    tokens = golden_pieces.save_roberta(folder, *golden_pieces.merged_bytes())
    openclip_roberta(folder, "roberta-base", tokens, 30, {"hf_pooler_type": "mean_pooler"},
                     torch.float16, quick_gelu=True)


def openclip_coca_roberta(folder):
    """As coca_roberta-ViT-B-32: a matrix behind the mean, and a decoder that is not read."""
    tokens = golden_pieces.save_roberta_files(folder, *golden_pieces.merged_bytes())
    openclip_roberta(
        folder, "roberta-base", tokens, 31,
        {"hf_proj_type": "linear", "width": 64, "output_tokens": True}, torch.bfloat16,
        {"output_tokens": True}, custom_text=True,
        multimodal_cfg={"context_length": 8, "width": 2, "heads": 1, "layers": 1,
                        "attn_pooler_heads": 1, "mlp_ratio": 1})


def expect_openclip_roberta(*arguments):
    with tiny_texts.tiny():
        golden_expect.openclip_roberta(*arguments)


MODELS = {
    "hf-vit-p32-quickgelu": (hf_vit_p32_quickgelu, golden_expect.huggingface),
    "hf-vit-p16-gelu-sharded": (hf_vit_p16_gelu_sharded, golden_expect.huggingface),
    "hf-vit-p14-bf16-sparse": (hf_vit_p14_bf16_sparse, golden_expect.huggingface),
    "hf-vit-p14-f16-config-dict": (hf_vit_p14_f16_config_dict, golden_expect.huggingface),
    "openclip-vit-p16-gelu": (openclip_vit_p16_gelu, golden_expect.openclip),
    "openclip-vit-p14-quickgelu-builtin": (openclip_vit_p14_quickgelu_builtin,
                                           golden_expect.openclip),
    "openclip-rn": (openclip_rn, golden_expect.openclip),
    "hf-vit-p8-deep": (hf_vit_p8_deep, golden_expect.huggingface),
    "hf-chinese-clip": (hf_chinese_clip, golden_expect.chinese_clip),
    "hf-siglip": (hf_siglip, golden_expect.siglip),
    "hf-siglip2": (hf_siglip2, golden_expect.siglip),
    "hf-bert-mean": (sentence_models.hf_bert_mean, golden_expect.sentence_encoder),
    "hf-bert-first": (sentence_models.hf_bert_first, golden_expect.sentence_encoder),
    "hf-tinyclip": (hf_tinyclip, golden_expect.huggingface),
    "openclip-eva01": (openclip_eva01, expect_eva),
    "openclip-eva02": (openclip_eva02, expect_eva),
    "openclip-eva02-e": (openclip_eva02_e, expect_eva),
    "openclip-siglip": (openclip_siglip1, expect_openclip_siglip),
    "openclip-siglip2": (openclip_siglip2, expect_openclip_siglip),
    "openclip-siglip-i18n": (openclip_siglip_i18n, expect_openclip_siglip),
    "openclip-coca": (openclip_coca_pooled, golden_expect.coca),
    "openclip-coca-even": (openclip_coca_pooled_even, golden_expect.coca),
    "openclip-coca-base": (openclip_coca_base, golden_expect.coca),
    "openclip-convnext-d": (openclip_convnext_d, expect_convnext),
    "openclip-convnext-xxl": (openclip_convnext_xxl, expect_convnext),
    "hf-xlm-roberta-mean": (sentence_models.hf_xlm_roberta_mean, golden_expect.xlm_roberta),
    "hf-bert-pieces": (sentence_models.hf_bert_pieces, golden_expect.bert_pieces),
    "openclip-xlm-roberta": (openclip_xlm_roberta_mean, expect_openclip_roberta),
    "openclip-xlm-roberta-first": (openclip_xlm_roberta_first, expect_openclip_roberta),
    "hf-roberta-mean": (sentence_models.hf_roberta_mean, golden_expect.roberta),
    "openclip-roberta": (openclip_roberta_mean, expect_openclip_roberta),
    "openclip-coca-roberta": (openclip_coca_roberta, expect_openclip_roberta),
    "openclip-pe": (openclip_pe_base, expect_pe),
    "openclip-pe-big": (openclip_pe_big, expect_pe),
    "openclip-vitamin": (openclip_vitamin_small, expect_vitamin),
    "openclip-vitamin-xl": (openclip_vitamin_xl, expect_vitamin),
    "hf-siglip2-naflex": (hf_siglip2_naflex, golden_expect.siglip2_naflex),
    "hf-metaclip2": (hf_metaclip2, golden_expect.metaclip2),
    "openclip-worldwide": (openclip_worldwide, golden_expect.openclip_pieces),
}


def main(names):
    torch.set_num_threads(1)
    make_picture()
    for seed, (name, (write, expect)) in enumerate(MODELS.items()):
        if names and name not in names:
            continue
        folder = HERE / "models" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write(folder)
        expect(folder, HERE / "pictures", seed)
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{name}: {size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
