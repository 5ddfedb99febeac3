# SPDX-License-Identifier: Apache-2.0
"""The models of google-research/vision_transformer, put together from flax.linen's own layers as
the papers describe them, with the names under which their arrays are published.

Vision transformer: Dosovitskiy et al., 2021 (arXiv 2010.11929), section 3.1 and appendix D.3.
MLP-Mixer: Tolstikhin et al., 2021 (arXiv 2105.01601), section 2.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp


class Mlp(nn.Module):
    hidden: int

    @nn.compact
    def __call__(self, x):
        y = nn.gelu(nn.Dense(self.hidden, name="Dense_0")(x))
        return nn.Dense(x.shape[-1], name="Dense_1")(y)


class Block(nn.Module):
    heads: int
    hidden: int

    @nn.compact
    def __call__(self, x):
        y = nn.LayerNorm(name="LayerNorm_0")(x)
        x = x + nn.MultiHeadDotProductAttention(
            num_heads=self.heads, name="MultiHeadDotProductAttention_1")(y, y)
        return x + Mlp(self.hidden, name="MlpBlock_3")(nn.LayerNorm(name="LayerNorm_2")(x))


class Positions(nn.Module):
    @nn.compact
    def __call__(self, x):
        return x + self.param("pos_embedding", nn.initializers.normal(0.02), (1, *x.shape[1:]))


class Encoder(nn.Module):
    layers: int
    heads: int
    hidden: int

    @nn.compact
    def __call__(self, x):
        x = Positions(name="posembed_input")(x)
        for i in range(self.layers):
            x = Block(self.heads, self.hidden, name=f"encoderblock_{i}")(x)
        return nn.LayerNorm(name="encoder_norm")(x)


class VisionTransformer(nn.Module):
    patch: int
    width: int
    layers: int
    heads: int
    hidden: int
    classes: int = 0
    pre_logits: int = 0
    class_token: bool = True

    @nn.compact
    def __call__(self, pixels):
        """pixels [n, height, width, 3] to the embeddings and the logits (None without a head)."""
        size = (self.patch, self.patch)
        x = nn.Conv(self.width, size, strides=size, padding="VALID", name="embedding")(pixels)
        x = x.reshape(x.shape[0], -1, self.width)
        if self.class_token:
            token = self.param("cls", nn.initializers.zeros, (1, 1, self.width))
            x = jnp.concatenate([jnp.tile(token, (x.shape[0], 1, 1)), x], axis=1)
        x = Encoder(self.layers, self.heads, self.hidden, name="Transformer")(x)
        x = x[:, 0] if self.class_token else x.mean(axis=1)
        if self.pre_logits:
            x = nn.tanh(nn.Dense(self.pre_logits, name="pre_logits")(x))
        return x, nn.Dense(self.classes, name="head")(x) if self.classes else None


class MixerBlock(nn.Module):
    token_hidden: int
    channel_hidden: int

    @nn.compact
    def __call__(self, x):
        y = nn.LayerNorm(name="LayerNorm_0")(x).swapaxes(1, 2)
        x = x + Mlp(self.token_hidden, name="token_mixing")(y).swapaxes(1, 2)
        y = nn.LayerNorm(name="LayerNorm_1")(x)
        return x + Mlp(self.channel_hidden, name="channel_mixing")(y)


class MlpMixer(nn.Module):
    patch: int
    width: int
    layers: int
    token_hidden: int
    channel_hidden: int
    classes: int = 0

    @nn.compact
    def __call__(self, pixels):
        size = (self.patch, self.patch)
        x = nn.Conv(self.width, size, strides=size, padding="VALID", name="stem")(pixels)
        x = x.reshape(x.shape[0], -1, self.width)
        for i in range(self.layers):
            x = MixerBlock(self.token_hidden, self.channel_hidden, name=f"MixerBlock_{i}")(x)
        x = nn.LayerNorm(name="pre_head_layer_norm")(x).mean(axis=1)
        return x, nn.Dense(self.classes, name="head")(x) if self.classes else None


def flatten(tree: Any, prefix=""):
    """{"Transformer/encoder_norm/scale": array, ...}, as checkpoints have them."""
    arrays = {}
    for name, value in tree.items():
        if hasattr(value, "items"):
            arrays |= flatten(value, f"{prefix}{name}/")
        else:
            arrays[f"{prefix}{name}"] = value
    return arrays


def unflatten(arrays):
    tree = {}
    for name, value in arrays.items():
        *parents, leaf = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree
