# SPDX-License-Identifier: Apache-2.0
"""Writes token_merge_R.npy beside a golden model: its image embeddings with R tokens merged by each
layer, computed in NumPy as Bolya et al. write it ("Token Merging: Your ViT But Faster", ICLR 2023,
section 3 and appendix D), in doubles. Of EVA-01 it prints what merging costs.

    python tests/golden/make_token_merge.py
"""

import json
from math import erf
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

MODELS = Path(__file__).resolve().parent / "models"
FOLDER = MODELS / "hf-vit-p8-deep"
EVA = MODELS / "openclip-eva01"
MERGED = (3, 12)  # the second more than the later layers have
ACTIVATIONS = {"quick_gelu": lambda x: x / (1 + np.exp(-1.702 * x)),
               "gelu": lambda x: x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))}


class Tower:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())["vision_config"]
        self.weights = {name: tensor.astype(np.float64)
                        for name, tensor in load_file(folder / "model.safetensors").items()}
        self.activation = ACTIVATIONS[self.config["hidden_act"]]

    def linear(self, name, x):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, name, x):
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred ** 2).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return centred / deviation * self.weights[name + ".weight"] + self.weights[name + ".bias"]


def bipartite_soft_matching(metric, r):
    """(rows that stay of A, rows of A that merge, the rows of B that they merge into)."""
    metric = metric / np.linalg.norm(metric, axis=-1, keepdims=True)
    scores = metric[::2] @ metric[1::2].T
    scores[0] = -np.inf  # the class token
    edges = np.argsort(-scores.max(-1), kind="stable")
    best = np.sort(scores.max(-1))
    assert (np.diff(best[1:]) > 1e-4).all(), "two cosines are too near for float to tell apart"
    return np.sort(edges[r:]), edges[:r], scores.argmax(-1)[edges[:r]]


def merge(x, stay, source, target):
    """Sums."""
    kept, other = x[::2][stay], x[1::2].copy()
    np.add.at(other, target, x[::2][source])
    return np.concatenate([kept, other])


def mix(tower, qkv, size):
    """Attention's result before its last linear, and the keys that tell what is alike."""
    rows = len(size)
    q, k, v = (part.reshape(rows, tower.config["num_attention_heads"], -1).swapaxes(0, 1)
               for part in qkv)
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]) + np.log(size)[None, None, :, 0]
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = weights / weights.sum(-1, keepdims=True) @ v
    return mixed.swapaxes(0, 1).reshape(rows, -1), k.mean(0)


def merge_alike(x, size, metric, r):
    merged = min(r, (len(x) - 1) // 2)
    if not merged:
        return x, size
    match = bipartite_soft_matching(metric, merged)
    sums, size = merge(x * size, *match), merge(size, *match)
    return sums / size, size


def cut(pixels, side, patch):
    patches = pixels.reshape(3, side, patch, side, patch).transpose(1, 3, 0, 2, 4)
    return patches.reshape(side * side, -1)


def embed(tower, pixels, r):
    config, weights = tower.config, tower.weights
    patch, side = config["patch_size"], config["image_size"] // config["patch_size"]
    filters = weights["vision_model.embeddings.patch_embedding.weight"]
    x = cut(pixels, side, patch) @ filters.reshape(len(filters), -1).T
    x = np.concatenate([weights["vision_model.embeddings.class_embedding"][None], x])
    x = tower.norm("vision_model.pre_layrnorm",
                   x + weights["vision_model.embeddings.position_embedding.weight"])
    size = np.ones((len(x), 1))
    for layer in range(config["num_hidden_layers"]):
        name = f"vision_model.encoder.layers.{layer}"
        y = tower.norm(name + ".layer_norm1", x)
        mixed, metric = mix(tower, [tower.linear(f"{name}.self_attn.{part}_proj", y)
                                    for part in "qkv"], size)
        x = x + tower.linear(name + ".self_attn.out_proj", mixed)
        x, size = merge_alike(x, size, metric, r)
        hidden = tower.activation(tower.linear(name + ".mlp.fc1",
                                               tower.norm(name + ".layer_norm2", x)))
        x = x + tower.linear(name + ".mlp.fc2", hidden)
    pooled = tower.norm("vision_model.post_layernorm", x[0])
    return pooled @ weights["visual_projection.weight"].T


class EvaTower(Tower):
    def __init__(self, folder):
        self.config = {"num_attention_heads": 1, "layer_norm_eps": 1e-6}
        prefix = "visual.trunk."
        self.weights = {name.removeprefix(prefix): tensor.astype(np.float64) for name, tensor
                        in load_file(folder / "open_clip_model.safetensors").items()
                        if name.startswith(prefix)}
        self.activation = ACTIVATIONS["gelu"]


def embed_eva(tower, pixels, r):
    weights = tower.weights
    filters = weights["patch_embed.proj.weight"]
    patch = filters.shape[-1]
    x = cut(pixels, pixels.shape[-1] // patch, patch) @ filters.reshape(len(filters), -1).T
    x = np.concatenate([weights["cls_token"][0], x + weights["patch_embed.proj.bias"]])
    x = x + weights["pos_embed"][0]
    size = np.ones((len(x), 1))
    for layer in range(2):
        name = f"blocks.{layer}."
        q_bias, v_bias = weights[name + "attn.q_bias"], weights[name + "attn.v_bias"]
        qkv = tower.norm(name + "norm1", x) @ weights[name + "attn.qkv.weight"].T
        qkv = qkv + np.concatenate([q_bias, np.zeros(len(q_bias)), v_bias])
        mixed, metric = mix(tower, np.split(qkv, 3, axis=1), size)
        x = x + tower.linear(name + "attn.proj", mixed)
        x, size = merge_alike(x, size, metric, r)
        hidden = tower.activation(tower.linear(name + "mlp.fc1", tower.norm(name + "norm2", x)))
        x = x + tower.linear(name + "mlp.fc2", hidden)
    return tower.linear("head", tower.norm("norm", x[0]))


def cosines_with(whole, rows):
    return (rows * whole).sum(1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(rows, axis=1)


def tell_of_eva():
    tower = EvaTower(EVA)
    pixels = np.load(EVA / "pixels.npy").astype(np.float64)
    whole, rows = (np.stack([embed_eva(tower, image, r) for image in pixels]) for r in (0, 2))
    assert np.abs(whole - np.load(EVA / "image_embeds_raw.npy")).max() < 1e-4
    print(f"{EVA.name}, 2: cosines with the whole {cosines_with(whole, rows)}")


def main():
    tower = Tower(FOLDER)
    pixels = np.load(FOLDER / "pixels.npy").astype(np.float64)
    whole = np.stack([embed(tower, image, 0) for image in pixels])
    assert np.abs(whole - np.load(FOLDER / "image_embeds_raw.npy")).max() < 1e-4
    for r in MERGED:
        rows = np.stack([embed(tower, image, r) for image in pixels])
        cosines = cosines_with(whole, rows)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        print(f"token_merge_{r}.npy: cosines with the whole {cosines}")
        assert cosines.max() < 0.9995, "merging hardly shows, so the file tests nothing"
        np.save(FOLDER / f"token_merge_{r}.npy", rows.astype(np.float32))
    tell_of_eva()


if __name__ == "__main__":
    main()
