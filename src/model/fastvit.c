/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FastViT (Vasu et al., 2023) in the form of MobileCLIP's image encoders, under timm's names
 * (timm.models.fastvit): trained weights, whose convolutions are sums of branches, or those that
 * its reparameterize() leaves. Layer scales and batch norms are folded into the layers around them.
 */
#include "base/memory.h"
#include "base/status.h"
#include "model/conv_branches.h"
#include "model/mobile_weights.h"
#include "model/towers.h"

#include <math.h>

#define TRUNK OSPREY__MOBILE_TRUNK

typedef struct feature_map {
    size_t height, width, channels;
} feature_map;

static feature_map map_of(const osprey__tower_builder *b, osprey__value_id x)
{
    if (x == OSPREY__NO_VALUE) return (feature_map){0};
    const osprey__value *value = &b->graph->values[x];
    const size_t *dims = value->shape.dims; /* pixels are planar */
    return value->kind == OSPREY__INPUT ? (feature_map){dims[1], dims[2], dims[0]}
                                        : (feature_map){dims[0], dims[1], dims[2]};
}

static osprey__tensor_name in_block(const char *block, const char *name)
{
    return osprey__tensor_name_print("%s%s", block, name);
}

static bool has(const osprey__tower_builder *b, const char *block, const char *name)
{
    return osprey__weights_find(b->model->weights, in_block(block, name).text);
}

static osprey__value_id build_activation(osprey__tower_builder *b, const char *block,
                                         const char *name, osprey_activation activation,
                                         osprey__value_id x)
{
    return osprey__graph_node(b->graph, OSPREY__OP_ACTIVATION, in_block(block, name).text, &x, 1,
                              &(osprey__attributes){.activation = activation});
}

static osprey__value_id build_gelu(osprey__tower_builder *b, const char *block, osprey__value_id x)
{
    return build_activation(b, block, "gelu", OSPREY_ACTIVATION_GELU, x);
}

static osprey__value_id build_add(osprey__tower_builder *b, const char *block, const char *name,
                                  osprey__value_id x, osprey__value_id y)
{
    return osprey__graph_node(b->graph, OSPREY__OP_ADD, in_block(block, name).text,
                              (osprey__value_id[]){x, y}, 2, NULL);
}

static osprey__value_id build_reshape(osprey__tower_builder *b, const char *block, const char *name,
                                      osprey__shape shape, osprey__value_id x)
{
    return osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, in_block(block, name).text, &x, 1,
                              &(osprey__attributes){.shape = shape});
}

static osprey__value_id build_rows(osprey__tower_builder *b, const char *block, osprey__value_id x)
{
    const feature_map map = map_of(b, x);
    const osprey__shape rows = {OSPREY__PER_SEQUENCE, 2, {map.height * map.width, map.channels}};
    return build_reshape(b, block, "rows", rows, x);
}

static osprey__value_id build_mean(osprey__tower_builder *b, const char *block, osprey__value_id x)
{
    x = build_rows(b, block, x);
    return osprey__graph_node(b->graph, OSPREY__OP_MEAN, in_block(block, "mean").text, &x, 1, NULL);
}

/* A convolution of 1 x 1 with a bias, published as a filter. */
static osprey__value_id build_pointwise(osprey__tower_builder *b, const char *block,
                                        const char *name, size_t in, size_t out, osprey__value_id x)
{
    osprey__tensor_name whole = in_block(block, name);
    const osprey__value_id inputs[] = {
        x,
        osprey__build_tensor_as(b, in_block(whole.text, "weight").text, 4,
                                (size_t[]){out, in, 1, 1}, 2, (size_t[]){out, in}),
        osprey__build_tensor(b, in_block(whole.text, "bias").text, 1, &out)};
    return osprey__graph_node(b->graph, OSPREY__OP_LINEAR, whole.text, inputs, 3, NULL);
}

/* Squeeze and excitation (Hu et al., 2018): channels weighed by what their means say. */
static osprey__value_id build_excitation(osprey__tower_builder *b, const char *block,
                                         osprey__value_id x)
{
    const size_t channels = map_of(b, x).channels;
    const osprey__tensor *reduced =
        osprey__weights_find(b->model->weights, in_block(block, "fc1.weight").text);
    const size_t hidden = reduced && reduced->rank && reduced->dims[0] ? reduced->dims[0] : 1;
    osprey__value_id y = build_mean(b, block, x);
    y = build_pointwise(b, block, "fc1.", channels, hidden, y);
    y = build_activation(b, block, "relu", OSPREY_ACTIVATION_RELU, y);
    y = build_pointwise(b, block, "fc2.", hidden, channels, y);
    return osprey__graph_node(b->graph, OSPREY__OP_GATE, in_block(block, "gate").text,
                              (osprey__value_id[]){x, y}, 2, NULL);
}

typedef struct block_shape {
    size_t out, size, stride;
    bool grouped, scaled; /* scaled: trained with a branch of 1 x 1 */
} block_shape;

/* The branches of a MobileOne block (Vasu et al., 2023). */
static void add_mobile_one(osprey__conv_branches *conv, const char *block, const block_shape *shape)
{
    if (has(conv->builder, block, "reparam_conv.weight")) {
        osprey__branches_add_sum(conv, in_block(block, "reparam_conv.").text);
        return;
    }
    osprey__branches_add_conv(conv, in_block(block, "conv_kxk.0.").text, conv->size);
    if (shape->scaled) osprey__branches_add_conv(conv, in_block(block, "conv_scale.").text, 1);
    if (conv->in == conv->out && shape->stride == 1)
        osprey__branches_add_identity(conv, in_block(block, "identity.").text, 1);
}

static osprey__conv_branches begin_branches(osprey__tower_builder *b, const block_shape *shape,
                                            osprey__value_id x)
{
    return (osprey__conv_branches){.builder = b,
                                   .in = map_of(b, x).channels,
                                   .out = shape->out,
                                   .size = shape->size,
                                   .grouped = shape->grouped};
}

static osprey__value_id build_mobile_one(osprey__tower_builder *b, const char *block,
                                         block_shape shape, osprey__value_id x)
{
    osprey__conv_branches conv = begin_branches(b, &shape, x);
    add_mobile_one(&conv, block, &shape);
    x = osprey__branches_build(&conv, in_block(block, "conv").text, shape.stride, shape.size / 2,
                               x);
    if (has(b, block, "se.fc1.weight")) x = build_excitation(b, in_block(block, "se.").text, x);
    return build_gelu(b, block, x);
}

/* Half the side, other channels: a large depthwise filter, then a product. */
static osprey__value_id build_downsample(osprey__tower_builder *b, const char *stage, size_t out,
                                         osprey__value_id x)
{
    osprey__tensor_name large = in_block(stage, "downsample.proj.0.");
    const block_shape shape = {.out = out, .size = 7, .stride = 2, .grouped = true};
    osprey__conv_branches conv = begin_branches(b, &shape, x);
    if (has(b, large.text, "reparam_conv.weight")) {
        osprey__branches_add_sum(&conv, in_block(large.text, "reparam_conv.").text);
    } else {
        osprey__branches_add_conv(&conv, in_block(large.text, "large_conv.").text, shape.size);
        osprey__branches_add_conv(&conv, in_block(large.text, "small_conv.").text, 3);
    }
    x = osprey__branches_build(&conv, in_block(large.text, "conv").text, shape.stride,
                               shape.size / 2, x);
    if (has(b, large.text, "se.fc1.weight"))
        x = build_excitation(b, in_block(large.text, "se.").text, x);
    x = build_gelu(b, large.text, x);
    return build_mobile_one(b, in_block(stage, "downsample.proj.1.").text,
                            (block_shape){.out = out, .size = 1, .stride = 1}, x);
}

/* x and what the positions around each say (conditional positional encoding, Chu et al., 2021). */
static osprey__value_id build_position_encoding(osprey__tower_builder *b, const char *stage,
                                                osprey__value_id x)
{
    const block_shape shape = {
        .out = map_of(b, x).channels, .size = 7, .stride = 1, .grouped = true};
    osprey__conv_branches conv = begin_branches(b, &shape, x);
    if (has(b, stage, "pos_emb.reparam_conv.weight")) {
        osprey__branches_add_sum(&conv, in_block(stage, "pos_emb.reparam_conv.").text);
    } else {
        osprey__branches_add_sum(&conv, in_block(stage, "pos_emb.pos_enc.").text);
        osprey__branches_add_identity(&conv, NULL, 1);
    }
    return osprey__branches_build(&conv, in_block(stage, "pos_emb.conv").text, shape.stride,
                                  shape.size / 2, x);
}

/* x + scale * (mixed(x) - normalised(x)), which is one depthwise filter. */
static osprey__value_id build_rep_mixer(osprey__tower_builder *b, const char *block,
                                        osprey__value_id x)
{
    osprey__tensor_name mixer = in_block(block, "token_mixer.");
    const block_shape shape = {
        .out = map_of(b, x).channels, .size = 3, .stride = 1, .grouped = true, .scaled = true};
    osprey__conv_branches conv = begin_branches(b, &shape, x);
    if (has(b, mixer.text, "reparam_conv.weight")) {
        osprey__branches_add_sum(&conv, in_block(mixer.text, "reparam_conv.").text);
    } else {
        add_mobile_one(&conv, in_block(mixer.text, "mixer.").text, &shape);
        osprey__branches_add_identity(&conv, in_block(mixer.text, "norm.identity.").text, -1);
        osprey__branches_scale(&conv, in_block(mixer.text, "layer_scale.gamma").text);
        osprey__branches_add_identity(&conv, NULL, 1);
    }
    return osprey__branches_build(&conv, in_block(mixer.text, "conv").text, shape.stride,
                                  shape.size / 2, x);
}

static osprey__value_id build_mlp(osprey__tower_builder *b, const char *block, const char *scale,
                                  osprey__value_id x)
{
    osprey__tensor_name mlp = in_block(block, "mlp.");
    const size_t channels = map_of(b, x).channels;
    const osprey__tensor *widened =
        osprey__weights_find(b->model->weights, in_block(mlp.text, "fc1.weight").text);
    const size_t hidden = widened && widened->rank && widened->dims[0] ? widened->dims[0] : 1;
    const block_shape shape = {.out = channels, .size = 7, .stride = 1, .grouped = true};
    osprey__conv_branches conv = begin_branches(b, &shape, x);
    osprey__branches_add_conv(&conv, in_block(mlp.text, "conv.").text, shape.size);
    osprey__value_id y = osprey__branches_build(&conv, in_block(mlp.text, "conv").text,
                                                shape.stride, shape.size / 2, x);
    y = build_pointwise(b, mlp.text, "fc1.", channels, hidden, y);
    y = build_gelu(b, mlp.text, y);
    y = osprey__build_scaled_linear(
        b,
        &(osprey__scaled_linear){.prefix = in_block(mlp.text, "fc2.").text,
                                 .scale = in_block(block, scale).text,
                                 .weight_rank = 4,
                                 .scale_rank = 3,
                                 .in = hidden,
                                 .out = channels},
        y);
    return build_add(b, block, "mlp.add", y, x);
}

static const char *const qkv_names[] = {"q", "k", "v"};

/* Row block `part` of the matrix of queries, keys and values, behind a batch norm. */
static osprey__value_id build_normed_linear(osprey__tower_builder *b, const char *name, size_t part,
                                            size_t width, const float *weight, const double *norm,
                                            osprey__value_id x)
{
    osprey__tensor_name whole = in_block(name, qkv_names[part]);
    const size_t dims[] = {width, width};
    float *to, *bias;
    const osprey__value_id inputs[] = {
        x, osprey__graph_new_constant(b->graph, in_block(whole.text, ".weight").text, 2, dims, &to),
        osprey__graph_new_constant(b->graph, in_block(whole.text, ".bias").text, 1, dims, &bias)};
    if (inputs[1] == OSPREY__NO_VALUE || inputs[2] == OSPREY__NO_VALUE) return OSPREY__NO_VALUE;
    weight += part * width * width;
    for (size_t o = 0; o < width; o++) {
        double sum = 0;
        for (size_t i = 0; i < width; i++) {
            const double factor = (double)weight[o * width + i];
            to[o * width + i] = (float)(factor * norm[i]);
            sum += factor * norm[width + i];
        }
        bias[o] = (float)sum;
    }
    return osprey__graph_node(b->graph, OSPREY__OP_LINEAR, whole.text, inputs, 3, NULL);
}

static void build_batch_normed(osprey__tower_builder *b, const char *block, size_t width,
                               osprey__value_id x, osprey__value_id qkv[3])
{
    osprey__tensor_name name = in_block(block, "token_mixer.qkv.");
    float *weight = osprey__build_floats(b, in_block(name.text, "weight").text, 2,
                                         (size_t[]){3 * width, width});
    double *norm = weight ? osprey__read_batch_norm(b, in_block(block, "norm.").text, width) : NULL;
    for (size_t part = 0; norm && part < 3; part++)
        qkv[part] = build_normed_linear(b, name.text, part, width, weight, norm, x);
    osprey__free(norm);
    osprey__free(weight);
}

static void build_layer_normed(osprey__tower_builder *b, const char *block, size_t width,
                               osprey__value_id x, osprey__value_id qkv[3])
{
    const float epsilon = b->model->config.image.layer_norm_epsilon;
    osprey__tensor_name name = in_block(block, "token_mixer.qkv.");
    osprey__tensor_name weight = in_block(name.text, "weight");
    x = osprey__build_layer_norm(b, in_block(block, "norm.").text, x, width, epsilon);
    for (size_t part = 0; part < 3; part++) {
        const osprey__value_id inputs[] = {
            x, osprey__build_tensor_part(b, weight.text, part, 3, 2, (size_t[]){width, width}),
            OSPREY__NO_VALUE};
        qkv[part] = osprey__graph_node(b->graph, OSPREY__OP_LINEAR,
                                       in_block(name.text, qkv_names[part]).text, inputs, 3, NULL);
    }
}

static osprey__value_id build_attention(osprey__tower_builder *b, const char *block,
                                        osprey__value_id x)
{
    const osprey__image_config *config = &b->model->config.image;
    const feature_map map = map_of(b, x);
    const size_t width = map.channels;
    const size_t last = config->width << (osprey__fastvit_stages(config) - 1);
    const size_t head_dim = last / config->heads, heads = width / head_dim;
    const osprey__shape as_map = {OSPREY__PER_SEQUENCE, 3, {map.height, map.width, width}};
    osprey__tensor_name mixer = in_block(block, "token_mixer.");
    osprey__value_id qkv[3] = {OSPREY__NO_VALUE, OSPREY__NO_VALUE, OSPREY__NO_VALUE};
    x = build_rows(b, block, x);
    (config->layer_norm_epsilon > 0 ? build_layer_normed : build_batch_normed)(b, block, width, x,
                                                                               qkv);
    const osprey__attributes attributes = {
        .heads = heads, .head_dim = head_dim, .scale = 1.0F / sqrtf((float)head_dim)};
    osprey__value_id y =
        osprey__graph_node(b->graph, OSPREY__OP_ATTENTION, in_block(mixer.text, "attention").text,
                           qkv, 3, &attributes);
    y = osprey__build_scaled_linear(
        b,
        &(osprey__scaled_linear){.prefix = in_block(mixer.text, "proj.").text,
                                 .scale = in_block(block, "layer_scale_1.gamma").text,
                                 .weight_rank = 2,
                                 .scale_rank = 3,
                                 .in = width,
                                 .out = width},
        y);
    y = build_add(b, block, "attention.add", y, x);
    return build_reshape(b, block, "map", as_map, y);
}

static osprey__value_id build_block(osprey__tower_builder *b, const char *block, osprey__value_id x)
{
    if (!has(b, block, "token_mixer.qkv.weight"))
        return build_mlp(b, block, "layer_scale.gamma", build_rep_mixer(b, block, x));
    return build_mlp(b, block, "layer_scale_2.gamma", build_attention(b, block, x));
}

/* Trained with layer norms, it has no branches of 1 x 1. */
static osprey__value_id build_stem(osprey__tower_builder *b, osprey__value_id x)
{
    const osprey__image_config *config = &b->model->config.image;
    const size_t width = config->width;
    block_shape shape = {
        .out = width, .size = 3, .stride = 2, .scaled = config->layer_norm_epsilon <= 0};
    x = build_mobile_one(b, TRUNK "stem.0.", shape, x);
    shape.grouped = true;
    x = build_mobile_one(b, TRUNK "stem.1.", shape, x);
    return build_mobile_one(b, TRUNK "stem.2.", (block_shape){.out = width, .size = 1, .stride = 1},
                            x);
}

osprey__value_id osprey__build_fastvit(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey__shape pixels = {
        OSPREY__PER_SEQUENCE, 3, {3, config->image_height, config->image_width}};
    osprey__value_id x = osprey__graph_input(b->graph, OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    x = build_stem(b, x);
    for (size_t i = 0; i < osprey__fastvit_stages(config); i++) {
        osprey__tensor_name stage = osprey__tensor_name_print(TRUNK "stages.%zu.", i);
        /* Each twice as wide as the one before. */
        if (i) x = build_downsample(b, stage.text, config->width << i, x);
        if (has(b, stage.text, "pos_emb.pos_enc.weight") ||
            has(b, stage.text, "pos_emb.reparam_conv.weight"))
            x = build_position_encoding(b, stage.text, x);
        for (size_t layer = 0; layer < config->stage_layers[i]; layer++) {
            osprey__tensor_name block =
                osprey__tensor_name_print("%sblocks.%zu.", stage.text, layer);
            x = build_block(b, block.text, x);
        }
    }
    const size_t features = 2 * map_of(b, x).channels;
    x = build_mobile_one(
        b, TRUNK "final_conv.",
        (block_shape){.out = features, .size = 3, .stride = 1, .grouped = true, .scaled = true}, x);
    x = build_mean(b, TRUNK "head.", x);
    x = build_reshape(b, TRUNK "head.", "pooled",
                      (osprey__shape){OSPREY__PER_SEQUENCE, 1, {features}}, x);
    return osprey__build_linear(b, TRUNK "head.fc.", x, features, b->model->config.embed_dim);
}
