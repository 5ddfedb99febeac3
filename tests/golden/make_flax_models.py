# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/flax: tiny random models in the format in which
google-research/vision_transformer publishes (.npz), and what flax makes of them.

    pip install -r tests/golden/requirements.txt
    OMP_NUM_THREADS=1 python tests/golden/make_flax_models.py

Of each MODEL.npz there are pixels, embeddings and logits (where it has a head), and a picture
preprocessed. Those of LiT have a vocabulary beside them, and texts with their ids and embeddings. timm's own reader of such files agrees with flax about the ViTs.
"""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import timm
import torch
from PIL import Image
from transformers import BertTokenizer

import flax_reference as reference
import golden_expect
import golden_vocabulary

HERE = Path(__file__).resolve().parent
FLAX = HERE / "flax"

jax.config.update("jax_default_matmul_precision", "highest")


def weights(model, seed, *inputs):
    """Random weights under which a mistake anywhere shows in the embedding."""
    random = np.random.default_rng(seed)
    shapes = jax.eval_shape(model.init, jax.random.PRNGKey(0), *inputs)
    arrays = {}
    for name, shape in sorted(reference.flatten(shapes["params"]).items()):
        normal = random.standard_normal(shape.shape)
        leaf = name.split("/")[-1]
        if leaf == "scale":
            value = random.uniform(0.5, 1.5, shape.shape)
        elif leaf == "kernel":
            inputs = math.prod(shape.shape[:-1])
            if name.split("/")[-2] in ("query", "key", "value"):
                inputs = shape.shape[0]
            value = normal * (2.0 if "query" in name or "key" in name else 1.0) / math.sqrt(inputs)
        else:
            value = normal * (0.2 if leaf == "bias" else 0.6)
        arrays[name] = value.astype(np.float32)
    return arrays


def preprocess(picture, size):
    picture = picture.convert("RGB").resize((size, size), Image.BILINEAR)
    return (np.asarray(picture, np.float32) - 127.5) / 127.5


def check_with_timm(path, model, size, pixels, embeddings):
    """Its reader has no pre_logits and no Mixer; it gives a ResNet's norms other epsilons."""
    if (not isinstance(model, reference.VisionTransformer) or model.pre_logits
            or model.resnet is not None):
        return
    other = timm.models.VisionTransformer(
        img_size=size, patch_size=model.patch, embed_dim=model.width, depth=model.layers,
        num_heads=model.heads, mlp_ratio=model.hidden / model.width, num_classes=model.classes,
        class_token=model.class_token, global_pool="token" if model.class_token else "avg",
        fc_norm=False, act_layer="gelu_tanh").eval()
    other.load_pretrained(str(path))
    with torch.inference_mode():
        rows = other.forward_head(other.forward_features(torch.from_numpy(pixels)),
                                  pre_logits=True).numpy()
    assert np.abs(rows - embeddings).max() < 1e-4 * np.abs(embeddings).max(), path.name


def write(name, model, size, seed, dtype=np.float32, old_norms=False):
    """old_norms: with a group norm's arrays as early versions of flax had them, [1][1][1][c]."""
    arrays = {key: value.astype(dtype) for key, value in weights(model, seed, jnp.zeros((1, size, size, 3))).items()}
    path = FLAX / f"{name}.npz"
    published = {key: value.reshape(1, 1, 1, -1) if old_norms and "/gn" in f"/{key}" else value
                 for key, value in arrays.items()}
    np.savez(path, **published)
    exact = {key: value.astype(np.float32) for key, value in arrays.items()}
    with Image.open(HERE / "pictures/picture.png") as picture:
        preprocessed = preprocess(picture, size)
    noise = np.random.default_rng(seed).standard_normal((3, size, size, 3)).astype(np.float32)
    pixels = np.concatenate([preprocessed[None], noise])
    embeddings, logits = model.apply({"params": reference.unflatten(exact)}, pixels)
    embeddings = np.asarray(embeddings)
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    if dtype == np.float32:
        check_with_timm(path, model, size, planes, embeddings)
    check_different(name, embeddings)
    np.save(FLAX / f"{name}.pixels.npy", planes)
    np.save(FLAX / f"{name}.embeddings.npy", embeddings)
    np.save(FLAX / f"{name}.preprocessed.npy", planes[:1])
    if logits is not None:
        np.save(FLAX / f"{name}.logits.npy", np.asarray(logits))


def check_different(name, embeddings):
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -1)
    assert cosines.max() < 0.98, f"{name}: embeddings hardly differ, so they test nothing"


def lit_tokens(vocabulary, texts):
    """As LiT has them: [CLS] first, no [SEP], at most 16; and the same padded with zeros."""
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=True)
    ids = [tokenizer(text)["input_ids"][:-1][:16] for text in texts]
    return ids, jnp.array([row + [0] * (16 - len(row)) for row in ids])


def write_lit(name, seed, image, text, classes, dtype=np.float32, linen=False):
    """linen: the names of the image tower's blocks that flax.linen itself gives."""
    vocabulary = golden_vocabulary.wordpiece()
    size = 32
    ids, tokens = lit_tokens(vocabulary, golden_expect.TEXTS)
    model = reference.Lit(image, text | {"vocabulary": len(vocabulary)}, classes)
    arrays = weights(model, seed, jnp.zeros((1, size, size, 3)), tokens)
    arrays["t"] = np.array([math.log(30)], np.float32)
    arrays = {key: value.astype(dtype) for key, value in arrays.items()}
    published = {}
    for key, value in arrays.items():
        if linen and key.startswith("img/"):
            key = (key.replace("MultiHeadDotProductAttention_1", "MultiHeadDotProductAttention_0")
                   .replace("LayerNorm_2", "LayerNorm_1").replace("MlpBlock_3", "MlpBlock_0"))
        published[key] = value
    np.savez(FLAX / f"{name}.npz", **published)
    golden_vocabulary.save_wordpiece(FLAX, vocabulary, f"{name}.txt")
    exact = {key: value.astype(np.float32) for key, value in arrays.items()}
    with Image.open(HERE / "pictures/picture.png") as picture:
        preprocessed = preprocess(picture, size)
    noise = np.random.default_rng(seed).standard_normal((2, size, size, 3)).astype(np.float32)
    pixels = np.concatenate([preprocessed[None], noise])
    images, texts, scale = map(np.asarray, model.apply(
        {"params": reference.unflatten(exact)}, pixels, tokens))
    for rows in (images, texts):
        check_different(name, rows)
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    for what, array in {"pixels": planes, "preprocessed": planes[:1], "embeddings": images,
                        "texts": texts}.items():
        np.save(FLAX / f"{name}.{what}.npy", array)
    expected = {"texts": [{"text": text, "ids": row}
                          for text, row in zip(golden_expect.TEXTS, ids)],
                "logit_scale": float(scale[0])}
    (FLAX / f"{name}.json").write_text(json.dumps(expected, indent=1) + "\n", "utf-8")


def main():
    FLAX.mkdir(exist_ok=True)
    vit = reference.VisionTransformer
    write("vit-imagenet", vit(patch=8, width=32, layers=2, heads=2, hidden=64, classes=1000),
          size=32, seed=1)
    write("vit-pre-logits-bf16", vit(patch=16, width=48, layers=3, heads=3, hidden=96, classes=7,
                                     pre_logits=40), size=48, seed=2, dtype=ml_dtypes.bfloat16)
    write("vit-mean-headless", vit(patch=14, width=32, layers=2, heads=4, hidden=128,
                                   class_token=False), size=42, seed=3)
    write("hybrid-bf16", vit(patch=1, width=32, layers=1, heads=2, hidden=64, classes=5,
                             resnet=(2, 1), resnet_width=32),
          size=40, seed=4, dtype=ml_dtypes.bfloat16, old_norms=True)
    write("hybrid-root", vit(patch=4, width=24, layers=2, heads=2, hidden=48, resnet=(),
                             resnet_width=32), size=32, seed=5)
    mixer = reference.MlpMixer
    write("mixer", mixer(patch=8, width=24, layers=3, token_hidden=20, channel_hidden=56,
                         classes=11), size=32, seed=6)
    write("mixer-headless-bf16", mixer(patch=4, width=37, layers=2, token_hidden=33,
                                       channel_hidden=40), size=20, seed=7,
          dtype=ml_dtypes.bfloat16)
    image = dict(patch=16, width=48, layers=2, heads=2, hidden=80)
    bert = dict(width=64, layers=2, heads=1, hidden=96, positions=32)
    write_lit("lit", 9, image, bert, 48)
    write_lit("lit-head-bf16", 11, image | dict(classes=24), bert | dict(layers=1, width=128, heads=2),
              24, dtype=ml_dtypes.bfloat16, linen=True)


if __name__ == "__main__":
    main()
