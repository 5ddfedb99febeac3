# SPDX-License-Identifier: Apache-2.0
"""Writes token_merge_R.npy beside a golden model: its image embeddings with R tokens merged by each
layer, computed in NumPy as Bolya et al. write it ("Token Merging: Your ViT But Faster", ICLR 2023,
section 3 and appendix D), in doubles.

    python tests/golden/make_token_merge.py
"""

import json
from math import erf
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

FOLDER = Path(__file__).resolve().parent / "models" / "hf-vit-p8-deep"
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
    assert np.diff(best[1:]).min() > 1e-4, "two cosines are too near for float to tell apart"
    return np.sort(edges[r:]), edges[:r], scores.argmax(-1)[edges[:r]]


def merge(x, stay, source, target):
    """Sums."""
    kept, other = x[::2][stay], x[1::2].copy()
    np.add.at(other, target, x[::2][source])
    return np.concatenate([kept, other])


def attention(tower, name, x, size):
    heads = tower.config["num_attention_heads"]
    q, k, v = (tower.linear(f"{name}.{part}_proj", x).reshape(len(x), heads, -1).swapaxes(0, 1)
               for part in "qkv")
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]) + np.log(size)[None, None, :, 0]
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = weights / weights.sum(-1, keepdims=True) @ v
    return tower.linear(name + ".out_proj", mixed.swapaxes(0, 1).reshape(len(x), -1)), k.mean(0)


def embed(tower, pixels, r):
    config, weights = tower.config, tower.weights
    patch, side = config["patch_size"], config["image_size"] // config["patch_size"]
    patches = pixels.reshape(3, side, patch, side, patch).transpose(1, 3, 0, 2, 4)
    filters = weights["vision_model.embeddings.patch_embedding.weight"]
    x = patches.reshape(side * side, -1) @ filters.reshape(len(filters), -1).T
    x = np.concatenate([weights["vision_model.embeddings.class_embedding"][None], x])
    x = tower.norm("vision_model.pre_layrnorm",
                   x + weights["vision_model.embeddings.position_embedding.weight"])
    size = np.ones((len(x), 1))
    for layer in range(config["num_hidden_layers"]):
        name = f"vision_model.encoder.layers.{layer}"
        mixed, metric = attention(tower, name + ".self_attn",
                                  tower.norm(name + ".layer_norm1", x), size)
        x = x + mixed
        merged = min(r, (len(x) - 1) // 2)
        if merged:
            match = bipartite_soft_matching(metric, merged)
            sums, size = merge(x * size, *match), merge(size, *match)
            x = sums / size
        hidden = tower.activation(tower.linear(name + ".mlp.fc1",
                                               tower.norm(name + ".layer_norm2", x)))
        x = x + tower.linear(name + ".mlp.fc2", hidden)
    pooled = tower.norm("vision_model.post_layernorm", x[0])
    return pooled @ weights["visual_projection.weight"].T


def main():
    tower = Tower(FOLDER)
    pixels = np.load(FOLDER / "pixels.npy").astype(np.float64)
    whole = np.stack([embed(tower, image, 0) for image in pixels])
    assert np.abs(whole - np.load(FOLDER / "image_embeds_raw.npy")).max() < 1e-4
    for r in MERGED:
        rows = np.stack([embed(tower, image, r) for image in pixels])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        cosines = (rows * whole).sum(1) / np.linalg.norm(whole, axis=1)
        print(f"token_merge_{r}.npy: cosines with the whole {cosines}")
        assert cosines.max() < 0.9995, "merging hardly shows, so the file tests nothing"
        np.save(FOLDER / f"token_merge_{r}.npy", rows.astype(np.float32))


if __name__ == "__main__":
    main()
