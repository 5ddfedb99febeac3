/* SPDX-License-Identifier: Apache-2.0 */
#include "model/towers.h"

/* An MLP over the columns of x, with that many of them. */
static osprey__value_id build_mlp(osprey__tower_builder *b, const char *block, const char *name,
                                  size_t width, size_t hidden, osprey__value_id x)
{
    osprey__tensor_name prefix = osprey__tensor_name_print("%s%s", block, name);
    return osprey__build_mlp(b,
                             &(osprey__mlp_shape){.block = prefix.text,
                                                  .in = "Dense_0/",
                                                  .out = "Dense_1/",
                                                  .name = "",
                                                  .width = width,
                                                  .hidden = hidden,
                                                  .activation = b->model->config.image.activation},
                             x);
}

static osprey__value_id build_norm(osprey__tower_builder *b, const char *block, const char *name,
                                   osprey__value_id x)
{
    const osprey__image_config *config = &b->model->config.image;
    osprey__tensor_name whole = osprey__tensor_name_print("%s%s", block, name);
    return osprey__build_layer_norm(b, whole.text, x, config->width, config->layer_norm_epsilon);
}

static osprey__value_id build_node(osprey__tower_builder *b, osprey__op op, const char *block,
                                   const char *name, osprey__value_id x, osprey__value_id y)
{
    osprey__tensor_name whole = osprey__tensor_name_print("%s%s", block, name);
    return osprey__graph_node(b->graph, op, whole.text, (osprey__value_id[]){x, y}, 2, NULL);
}

/* Mixes tokens, a channel a row, then channels, a token a row. */
static osprey__value_id build_block(osprey__tower_builder *b, const char *block, size_t tokens,
                                    osprey__value_id x)
{
    const osprey__image_config *config = &b->model->config.image;
    osprey__value_id y = build_norm(b, block, "LayerNorm_0/", x);
    y = build_node(b, OSPREY__OP_TRANSPOSE, block, "channels", y, OSPREY__NO_VALUE);
    y = build_mlp(b, block, "token_mixing/", tokens, config->token_mlp_width, y);
    y = build_node(b, OSPREY__OP_TRANSPOSE, block, "tokens", y, OSPREY__NO_VALUE);
    x = build_node(b, OSPREY__OP_ADD, block, "token_mixing/add", y, x);
    y = build_norm(b, block, "LayerNorm_1/", x);
    y = build_mlp(b, block, "channel_mixing/", config->width, config->mlp_width, y);
    return build_node(b, OSPREY__OP_ADD, block, "channel_mixing/add", y, x);
}

osprey__value_id osprey__build_mixer(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    const size_t side = config->image_height / config->patch_size, tokens = side * side;
    const osprey__shape pixels = {
        OSPREY__PER_SEQUENCE, 3, {3, config->image_height, config->image_width}};
    const osprey__attributes vector = {.shape = {OSPREY__PER_SEQUENCE, 1, {config->width}}};
    osprey__value_id x = osprey__graph_input(b->graph, OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    x = osprey__build_patches(b, "stem/", x, tokens, config->width, config->patch_size);
    for (size_t layer = 0; layer < config->layers; layer++) {
        osprey__tensor_name block = osprey__tensor_name_print("MixerBlock_%zu/", layer);
        x = build_block(b, block.text, tokens, x);
    }
    x = build_norm(b, "", "pre_head_layer_norm/", x);
    x = osprey__graph_node(b->graph, OSPREY__OP_MEAN, "mean_token", &x, 1, NULL);
    return osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, "pooled", &x, 1, &vector);
}
