/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ViTamin (Chen et al., 2024) under timm's names, with the projection that OpenCLIP puts behind it:
 * two stages of inverted bottlenecks over the pixels, then a transformer with gated MLPs over what
 * they leave, and the mean of its tokens.
 */
#include "model/conv_branches.h"
#include "model/position_grid.h"
#include "model/towers.h"
#include "model/vitamin_weights.h"

#define TRUNK    OSPREY__VITAMIN_TRUNK
#define BACKBONE OSPREY__VITAMIN_BACKBONE

static const osprey__transformer_names transformer = {TRUNK "blocks.",
                                                      {.norm1 = "norm1.",
                                                       .norm2 = "norm2.",
                                                       .qkv = "attn.qkv.",
                                                       .attention_out = "attn.proj.",
                                                       .mlp_norm = "mlp.norm.",
                                                       .mlp_in = "mlp.w0.",
                                                       .mlp_gated = "mlp.w1.",
                                                       .mlp_out = "mlp.w2."}};

static osprey__tensor_name in_block(const char *block, const char *name)
{
    return osprey__tensor_name_print("%s%s", block, name);
}

static osprey__value_id build_norm(osprey__tower_builder *b, const char *block, const char *name,
                                   size_t width, osprey__value_id x)
{
    return osprey__build_layer_norm(b, in_block(block, name).text, x, width,
                                    b->model->config.image.layer_norm_epsilon);
}

static osprey__value_id build_gelu(osprey__tower_builder *b, const char *block, const char *name,
                                   osprey__value_id x)
{
    return osprey__graph_node(b->graph, OSPREY__OP_ACTIVATION, in_block(block, name).text, &x, 1,
                              &(osprey__attributes){.activation = OSPREY_ACTIVATION_GELU});
}

typedef struct conv_shape {
    size_t in, out, size, stride;
    bool grouped;
} conv_shape;

/* With a bias; as large as x but for the stride. */
static osprey__value_id build_conv(osprey__tower_builder *b, const char *block, const char *name,
                                   conv_shape shape, osprey__value_id x)
{
    osprey__tensor_name prefix = in_block(block, name);
    osprey__conv_branches conv = {.builder = b,
                                  .in = shape.in,
                                  .out = shape.out,
                                  .size = shape.size,
                                  .grouped = shape.grouped};
    osprey__branches_add_sum(&conv, prefix.text);
    return osprey__branches_build(&conv, prefix.text, shape.stride, shape.size / 2, x);
}

/* x at half the side, and with a block's channels. */
static osprey__value_id build_shortcut(osprey__tower_builder *b, const char *block, size_t in,
                                       size_t out, osprey__value_id x)
{
    x = osprey__graph_node(
        b->graph, OSPREY__OP_AVERAGE_POOL, in_block(block, "shortcut.pool").text, &x, 1,
        &(osprey__attributes){.size = 3, .stride = 2, .padding = 1, .padding_after = 1});
    if (in == out) return x;
    return build_conv(b, block, "shortcut.expand.", (conv_shape){in, out, 1, 1, false}, x);
}

/* x + what a filter of 3 x 3 makes of four times as many channels; the first of a stage halves. */
static osprey__value_id build_bottleneck(osprey__tower_builder *b, const char *block, size_t in,
                                         size_t out, bool halves, osprey__value_id x)
{
    const size_t hidden = 4 * out;
    osprey__value_id y = build_norm(b, block, "pre_norm.", in, x);
    y = build_conv(b, block, "conv1_1x1.", (conv_shape){in, hidden, 1, 1, false}, y);
    y = build_gelu(b, block, "gelu1", y);
    y = build_conv(b, block, "conv2_kxk.", (conv_shape){hidden, hidden, 3, halves ? 2 : 1, true},
                   y);
    y = build_gelu(b, block, "gelu2", y);
    y = build_conv(b, block, "conv3_1x1.", (conv_shape){hidden, out, 1, 1, false}, y);
    if (halves) x = build_shortcut(b, block, in, out, x);
    return osprey__graph_node(b->graph, OSPREY__OP_ADD, in_block(block, "add").text,
                              (osprey__value_id[]){y, x}, 2, NULL);
}

/* The pixels as a map of a sixteenth of their side. */
static osprey__value_id build_backbone(osprey__tower_builder *b, osprey__value_id x)
{
    const osprey__image_config *config = &b->model->config.image;
    const size_t stem = config->stem_width;
    size_t width = stem;
    x = build_conv(b, BACKBONE, "stem.conv1.", (conv_shape){3, stem, 3, 2, false}, x);
    x = build_norm(b, BACKBONE, "stem.norm1.", stem, x);
    x = build_gelu(b, BACKBONE, "stem.gelu", x);
    x = build_conv(b, BACKBONE, "stem.conv2.", (conv_shape){stem, stem, 3, 1, false}, x);
    for (size_t stage = 0; stage < OSPREY__VITAMIN_STAGES; stage++)
        for (size_t i = 0; i < config->stage_layers[stage]; i++) {
            osprey__tensor_name block =
                osprey__tensor_name_print(BACKBONE "stages.%zu.%zu.", stage, i);
            const size_t out = stem << stage;
            x = build_bottleneck(b, block.text, width, out, i == 0, x);
            width = out;
        }
    x = build_norm(b, BACKBONE, "pool.norm.", width, x);
    return build_conv(b, BACKBONE, "pool.proj.", (conv_shape){width, config->width, 3, 2, false},
                      x);
}

static osprey__value_id build_tokens(osprey__tower_builder *b, osprey__value_id x)
{
    const osprey__image_config *config = &b->model->config.image;
    const size_t cell = OSPREY__VITAMIN_CELL;
    const size_t tokens = config->image_height / cell * (config->image_width / cell);
    const osprey__attributes rows = {.shape = {OSPREY__PER_SEQUENCE, 2, {tokens, config->width}}};
    x = osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, "tokens", &x, 1, &rows);
    if (config->unplaced) return x;
    osprey__value_id position =
        osprey__build_positions(b, TRUNK "pos_embed", 3, 0, cell, config->width);
    return osprey__graph_node(b->graph, OSPREY__OP_ADD, "positioned",
                              (osprey__value_id[]){x, position}, 2, NULL);
}

osprey__value_id osprey__build_vitamin(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    const size_t width = config->width;
    const osprey__shape pixels = {
        OSPREY__PER_SEQUENCE, 3, {3, config->image_height, config->image_width}};
    const osprey__attributes vector = {.shape = {OSPREY__PER_SEQUENCE, 1, {width}}};
    osprey__value_id x = osprey__graph_input(b->graph, OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    x = build_tokens(b, build_backbone(b, x));
    x = osprey__build_transformer(b, &transformer,
                                  &(osprey__transformer_shape){
                                      .width = width,
                                      .heads = config->heads,
                                      .mlp_width = config->mlp_width,
                                      .layers = config->layers,
                                      .activation = config->activation,
                                      .layer_norm_epsilon = config->layer_norm_epsilon,
                                  },
                                  x);
    x = osprey__graph_node(b->graph, OSPREY__OP_MEAN, "mean_token", &x, 1, NULL);
    x = osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, "pooled", &x, 1, &vector);
    x = build_norm(b, TRUNK, "fc_norm.", width, x);
    return osprey__build_projection(b, OSPREY__VITAMIN_HEAD "proj.weight", x, width,
                                    b->model->config.embed_dim, false);
}
