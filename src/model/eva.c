/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The class timm.models.eva.Eva under OpenCLIP's names, which is EVA's and the Perception Encoder's
 * (OSPREY__IMAGE_PE). Layers that only some of these towers have (norms within attention and MLP,
 * the MLP's gate, the class token) are there where the weights have them.
 */
#include "model/position_grid.h"
#include "model/towers.h"

#include <math.h>

#define TRUNK "visual.trunk."

typedef struct eva {
    osprey__tower_builder *builder;
    const osprey__image_config *config;
    osprey__value_id turns; /* of queries and keys; or OSPREY__NO_VALUE */
    bool is_pe, has_class;
} eva;

static osprey__tensor_name in_block(const char *block, const char *name)
{
    return osprey__tensor_name_print("%s%s", block, name);
}

static bool has(const eva *e, const char *block, const char *name)
{
    return osprey__weights_find(e->builder->model->weights, in_block(block, name).text);
}

static osprey__value_id build_linear(const eva *e, const char *block, const char *name,
                                     osprey__value_id x, size_t in, size_t out)
{
    return osprey__build_linear(e->builder, in_block(block, name).text, x, in, out);
}

static osprey__value_id build_norm(const eva *e, const char *block, const char *name,
                                   osprey__value_id x, size_t width)
{
    return osprey__build_layer_norm(e->builder, in_block(block, name).text, x, width,
                                    e->config->layer_norm_epsilon);
}

/* Queries, keys and values out of one matrix; keys have no bias. */
static void build_fused(const eva *e, const char *block, osprey__value_id x,
                        osprey__value_id qkv[3])
{
    static const char *const names[] = {"attn.q", "attn.k", "attn.v"};
    static const char *const biases[] = {"attn.q_bias", NULL, "attn.v_bias"};
    const size_t width = e->config->width, dims[] = {width, width};
    for (size_t part = 0; part < 3; part++) {
        osprey__value_id inputs[] = {
            x,
            osprey__build_tensor_part(e->builder, in_block(block, "attn.qkv.weight").text, part, 3,
                                      2, dims),
            biases[part]
                ? osprey__build_tensor(e->builder, in_block(block, biases[part]).text, 1, dims)
                : OSPREY__NO_VALUE};
        qkv[part] = osprey__graph_node(e->builder->graph, OSPREY__OP_LINEAR,
                                       in_block(block, names[part]).text, inputs, 3, NULL);
    }
}

static osprey__value_id build_attention(const eva *e, const char *block, osprey__value_id x)
{
    const size_t width = e->config->width, heads = e->config->heads;
    osprey__value_id inputs[5] = {x, x, x, OSPREY__NO_VALUE, e->turns};
    if (e->is_pe) {
        for (size_t part = 0; part < 3; part++)
            inputs[part] = osprey__build_merged_part(e->builder, in_block(block, "attn.qkv.").text,
                                                     part, 3, x, width);
    } else if (has(e, block, "attn.qkv.weight")) {
        build_fused(e, block, x, inputs);
    } else {
        inputs[0] = build_linear(e, block, "attn.q_proj.", x, width, width);
        inputs[1] = osprey__build_projection(e->builder, in_block(block, "attn.k_proj.weight").text,
                                             x, width, width, false);
        inputs[2] = build_linear(e, block, "attn.v_proj.", x, width, width);
    }
    const osprey__attributes attributes = {
        .heads = heads,
        .head_dim = width / heads,
        .scale = 1.0F / sqrtf((float)(width / heads)),
    };
    x = osprey__graph_node(e->builder->graph, OSPREY__OP_ATTENTION,
                           in_block(block, "attention").text, inputs, 5, &attributes);
    if (has(e, block, "attn.norm.weight")) x = build_norm(e, block, "attn.norm.", x, width);
    return build_linear(e, block, "attn.proj.", x, width, width);
}

static osprey__value_id build_two(const eva *e, osprey__op op, const char *block, const char *name,
                                  osprey__value_id x, osprey__value_id y)
{
    return osprey__graph_node(e->builder->graph, op, in_block(block, name).text,
                              (osprey__value_id[]){x, y}, 2, NULL);
}

static osprey__value_id build_mlp(const eva *e, const char *block, osprey__value_id x)
{
    const size_t width = e->config->width, hidden = e->config->mlp_width;
    const bool gated = e->config->activation == OSPREY_ACTIVATION_SILU;
    osprey__value_id y =
        build_linear(e, block, gated ? "mlp.fc1_g." : "mlp.fc1.", x, width, hidden);
    y = osprey__graph_node(e->builder->graph, OSPREY__OP_ACTIVATION,
                           in_block(block, "mlp.activation").text, &y, 1,
                           &(osprey__attributes){.activation = e->config->activation});
    if (gated) {
        x = build_linear(e, block, "mlp.fc1_x.", x, width, hidden);
        y = build_two(e, OSPREY__OP_MULTIPLY, block, "mlp.gated", y, x);
    }
    if (has(e, block, "mlp.norm.weight")) y = build_norm(e, block, "mlp.norm.", y, hidden);
    return build_linear(e, block, "mlp.fc2.", y, hidden, width);
}

static osprey__value_id build_block(const eva *e, const char *block, osprey__value_id x)
{
    const size_t width = e->config->width;
    const bool behind = e->config->branch_norm;
    osprey__value_id y = behind ? x : build_norm(e, block, "norm1.", x, width);
    y = build_attention(e, block, y);
    if (behind) y = build_norm(e, block, "norm1.", y, width);
    x = build_two(e, OSPREY__OP_ADD, block, "attention.add", y, x);
    y = behind ? x : build_norm(e, block, "norm2.", x, width);
    y = build_mlp(e, block, y);
    if (behind) y = build_norm(e, block, "norm2.", y, width);
    return build_two(e, OSPREY__OP_ADD, block, "mlp.add", y, x);
}

/*
 * The angles' cosines and sines, [tokens][width of a head]: a pair of numbers for each pair of
 * elements. The first half of the pairs turns with the row of a patch, the second with its column,
 * slower from pair to pair, in the Perception Encoder the other way round; the class token stays. A
 * grid of another size is stretched over that of rotary_side.
 */
static osprey__value_id build_turns(const eva *e)
{
    const osprey__image_config *config = e->config;
    const size_t rows = config->image_height / config->patch_size;
    const size_t columns = config->image_width / config->patch_size;
    const size_t head_width = config->width / config->heads, bands = head_width / 4;
    const size_t dims[] = {e->has_class + rows * columns, head_width};
    float *turn;
    osprey__value_id id =
        osprey__graph_new_constant(e->builder->graph, "rotary_turns", 2, dims, &turn);
    if (id == OSPREY__NO_VALUE) return id;
    for (size_t pair = 0; e->has_class && pair < 2 * bands; pair++, turn += 2) {
        turn[0] = 1;
        turn[1] = 0;
    }
    for (size_t patch = 0; patch < rows * columns; patch++)
        for (size_t pair = 0; pair < 2 * bands; pair++, turn += 2) {
            const bool down = (pair < bands) != e->is_pe;
            const size_t place = config->rotary_first + (down ? patch / columns : patch % columns);
            const double at =
                (double)place / (double)(down ? rows : columns) * (double)config->rotary_side;
            const double speed = pow(10000, -(double)(pair % bands) / (double)bands);
            turn[0] = (float)cos(at * speed);
            turn[1] = (float)sin(at * speed);
        }
    return id;
}

/* A Perception Encoder's patches have no bias, but a norm behind their positions. */
static osprey__value_id build_tokens(const eva *e, osprey__value_id pixels)
{
    const osprey__image_config *config = e->config;
    const size_t width = config->width, patch = config->patch_size;
    const size_t patches = (config->image_height / patch) * (config->image_width / patch);
    const size_t published[] = {1, 1, width}, row[] = {1, width};
    osprey__value_id x = osprey__build_patches(
        e->builder, e->is_pe ? TRUNK "patch_embed.proj.weight" : TRUNK "patch_embed.proj.", pixels,
        patches, width, patch);
    if (e->has_class) {
        osprey__value_id class_token =
            osprey__build_tensor_as(e->builder, TRUNK "cls_token", 3, published, 2, row);
        x = build_two(e, OSPREY__OP_CONCAT, "", "tokens", class_token, x);
    }
    osprey__value_id position =
        osprey__build_positions(e->builder, TRUNK "pos_embed", 3, e->has_class, patch, width);
    x = build_two(e, OSPREY__OP_ADD, "", "positioned", x, position);
    return e->is_pe ? build_norm(e, TRUNK, "norm_pre.", x, width) : x;
}

static osprey__value_id build_pooled(const eva *e, osprey__value_id x)
{
    const size_t width = e->config->width;
    if (e->is_pe) {
        x = build_norm(e, TRUNK, "norm.", x, width);
        return osprey__build_attention_pool(e->builder, x, e->config->pool_heads,
                                            e->config->pool_mlp_width);
    }
    x = osprey__graph_node(e->builder->graph, OSPREY__OP_SLICE, "class_token", &x, 1,
                           &(osprey__attributes){.count = 1});
    x = osprey__graph_node(e->builder->graph, OSPREY__OP_RESHAPE, "pooled", &x, 1,
                           &(osprey__attributes){.shape = {OSPREY__PER_SEQUENCE, 1, {width}}});
    return build_norm(e, TRUNK, "norm.", x, width);
}

osprey__value_id osprey__build_eva(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey__shape pixels = {
        OSPREY__PER_SEQUENCE, 3, {3, config->image_height, config->image_width}};
    eva e = {b, config, OSPREY__NO_VALUE, config->kind == OSPREY__IMAGE_PE, true};
    /* The largest Perception Encoder has none. */
    if (e.is_pe) e.has_class = has(&e, TRUNK, "cls_token");
    if (config->rotary_side) e.turns = build_turns(&e);
    osprey__value_id x = osprey__graph_input(b->graph, OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    x = build_tokens(&e, x);
    for (size_t layer = 0; layer < config->layers; layer++)
        x = build_block(&e, osprey__tensor_name_print(TRUNK "blocks.%zu.", layer).text, x);
    x = build_pooled(&e, x);
    return build_linear(&e, TRUNK, "head.", x, config->width, b->model->config.embed_dim);
}
