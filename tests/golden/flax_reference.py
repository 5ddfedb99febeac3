# SPDX-License-Identifier: Apache-2.0
"""The models of google-research/vision_transformer, put together from flax.linen's own layers as
the papers describe them, with the names under which their arrays are published.

Vision transformer: Dosovitskiy et al., 2021 (arXiv 2010.11929), section 3.1 and appendix D.3.
MLP-Mixer: Tolstikhin et al., 2021 (arXiv 2105.01601), section 2.
LiT: Zhai et al., 2022 (arXiv 2111.07991), with BERT (Devlin et al., 2019) for texts under
flaxformer's names; written from these papers and from how those repositories document their
models, as flaxformer cannot be had as a package.
ResNet before a ViT: Kolesnikov et al., 2020 (arXiv 1912.11370), section 4.1, with the norms behind
the convolutions: 32 groups, weights standardised (Qiao et al., 2019, arXiv 1903.10520).
"""

from typing import Any

import flax.linen as nn
import jax
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


class StandardConv(nn.Module):
    """A convolution whose filters have mean 0 and deviation 1, each by itself."""
    features: int
    size: int
    stride: int = 1

    @nn.compact
    def __call__(self, x):
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(), shape)
        inputs = (0, 1, 2)
        kernel = (kernel - kernel.mean(inputs)) / (kernel.std(inputs) + 1e-5)
        return jax.lax.conv_general_dilated(x, kernel, (self.stride, self.stride), "SAME",
                                            dimension_numbers=("NHWC", "HWIO", "NHWC"))


def group_norm(name):
    return nn.GroupNorm(num_groups=32, epsilon=1e-6, use_fast_variance=False, name=name)


class ResidualUnit(nn.Module):
    features: int
    stride: int

    @nn.compact
    def __call__(self, x):
        y = nn.relu(group_norm("gn1")(StandardConv(self.features, 1, name="conv1")(x)))
        y = StandardConv(self.features, 3, self.stride, name="conv2")(y)
        y = nn.relu(group_norm("gn2")(y))
        y = group_norm("gn3")(StandardConv(4 * self.features, 1, name="conv3")(y))
        if x.shape != y.shape:
            x = StandardConv(4 * self.features, 1, self.stride, name="conv_proj")(x)
            x = group_norm("gn_proj")(x)
        return nn.relu(x + y)


class Stage(nn.Module):
    units: int
    features: int
    stride: int

    @nn.compact
    def __call__(self, x):
        for i in range(self.units):
            x = ResidualUnit(self.features, 1 if i else self.stride, name=f"unit{i + 1}")(x)
        return x


class VisionTransformer(nn.Module):
    patch: int
    width: int
    layers: int
    heads: int
    hidden: int
    classes: int = 0
    pre_logits: int = 0
    class_token: bool = True
    resnet: tuple | None = None  # units of each stage
    resnet_width: int = 64

    @nn.compact
    def __call__(self, pixels):
        """pixels [n, height, width, 3] to the embeddings and the logits (None without a head)."""
        x = pixels
        if self.resnet is not None:
            x = StandardConv(self.resnet_width, 7, 2, name="conv_root")(x)
            x = nn.relu(group_norm("gn_root")(x))
            x = nn.max_pool(x, (3, 3), (2, 2), "SAME")
            for i, units in enumerate(self.resnet):
                x = Stage(units, self.resnet_width << i, 2 if i else 1, name=f"block{i + 1}")(x)
        size = (self.patch, self.patch)
        x = nn.Conv(self.width, size, strides=size, padding="VALID", name="embedding")(x)
        x = x.reshape(x.shape[0], -1, self.width)
        if self.class_token:
            token = self.param("cls", nn.initializers.zeros, (1, 1, self.width))
            x = jnp.concatenate([jnp.tile(token, (x.shape[0], 1, 1)), x], axis=1)
        x = Encoder(self.layers, self.heads, self.hidden, name="Transformer")(x)
        x = x[:, 0] if self.class_token else x.mean(axis=1)
        if self.pre_logits:
            x = nn.tanh(nn.Dense(self.pre_logits, name="pre_logits")(x))
        return x, nn.Dense(self.classes, name="head")(x) if self.classes else None


class BertAttention(nn.Module):
    heads: int

    @nn.compact
    def __call__(self, x, mask):
        def split(name):
            y = nn.Dense(x.shape[-1], name=name)(x)
            return y.reshape(*y.shape[:-1], self.heads, -1)

        mixed = nn.dot_product_attention(split("query"), split("key"), split("value"), mask=mask)
        return mixed.reshape(x.shape)


class BertAttentionBlock(nn.Module):
    heads: int

    @nn.compact
    def __call__(self, x, mask):
        y = BertAttention(self.heads, name="attention_layer")(x, mask)
        y = nn.Dense(x.shape[-1], name="dense_layer")(y)
        return nn.LayerNorm(epsilon=1e-12, name="layer_norm")(x + y)


class BertMlpHidden(nn.Module):
    hidden: int

    @nn.compact
    def __call__(self, x):
        return nn.gelu(nn.Dense(self.hidden, name="dense_layer")(x))


class BertMlpBlock(nn.Module):
    hidden: int

    @nn.compact
    def __call__(self, x):
        y = BertMlpHidden(self.hidden, name="mlp")(x)
        y = nn.Dense(x.shape[-1], name="dense_layer")(y)
        return nn.LayerNorm(epsilon=1e-12, name="layer_norm")(x + y)


class BertLayer(nn.Module):
    heads: int
    hidden: int

    @nn.compact
    def __call__(self, x, mask):
        x = BertAttentionBlock(self.heads, name="attention_block")(x, mask)
        return BertMlpBlock(self.hidden, name="mlp_block")(x)


class BertLayers(nn.Module):
    layers: int
    heads: int
    hidden: int

    @nn.compact
    def __call__(self, x, mask):
        for i in range(self.layers):
            x = BertLayer(self.heads, self.hidden, name=f"layers_{i}")(x, mask)
        return x


class BertBlocks(nn.Module):
    layers: int
    heads: int
    hidden: int

    @nn.compact
    def __call__(self, x, mask):
        return BertLayers(self.layers, self.heads, self.hidden, name="layer_sequence")(x, mask)


class BertEmbedder(nn.Module):
    width: int
    vocabulary: int
    positions: int

    @nn.compact
    def __call__(self, tokens):
        places = jnp.arange(tokens.shape[1])
        x = nn.Embed(self.vocabulary, self.width, name="embedders_token_ids")(tokens)
        x = x + nn.Embed(self.positions, self.width, name="embedders_position_ids")(places)
        return x + nn.Embed(2, self.width, name="embedders_segment_ids")(jnp.zeros_like(tokens))


class BertEncoder(nn.Module):
    width: int
    layers: int
    heads: int
    hidden: int
    vocabulary: int
    positions: int

    @nn.compact
    def __call__(self, tokens):
        x = BertEmbedder(self.width, self.vocabulary, self.positions, name="embedder")(tokens)
        x = nn.LayerNorm(epsilon=1e-12, name="layer_norm")(x)
        mask = nn.make_attention_mask(tokens > 0, tokens > 0)
        return BertBlocks(self.layers, self.heads, self.hidden, name="encoder_block")(x, mask)


class BertTower(nn.Module):
    encoder: dict
    classes: int

    @nn.compact
    def __call__(self, tokens):
        x = BertEncoder(**self.encoder, name="BertEncoder_0")(tokens)
        return nn.Dense(self.classes, name="head")(x[:, 0])


class Lit(nn.Module):
    image: dict  # of VisionTransformer; classes where it has a layer behind it
    text: dict   # of BertEncoder
    classes: int  # elements of an embedding

    @nn.compact
    def __call__(self, pixels, tokens):
        """pixels [n, h, w, 3] and tokens [m, 16], zeros behind a text's own, to embeddings."""
        features, behind = VisionTransformer(**self.image, name="img")(pixels)
        temperature = self.param("t", nn.initializers.zeros, (1,))
        texts = BertTower(self.text, self.classes, name="txt")(tokens)
        return features if behind is None else behind, texts, jnp.exp(temperature)


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
