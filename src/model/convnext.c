/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022), under timm's names and with the
 * projection that OpenCLIP puts behind it.
 */
#include "model/conv_branches.h"
#include "model/convnext_weights.h"
#include "model/towers.h"

#define TRUNK OSPREY__CONVNEXT_TRUNK
#define HEAD  OSPREY__CONVNEXT_HEAD

#define FILTER_SIZE 7

static osprey__value_id build_norm(osprey__tower_builder *b, const char *prefix, size_t width,
                                   osprey__value_id x)
{
    return osprey__build_layer_norm(b, prefix, x, width, b->model->config.image.layer_norm_epsilon);
}

static osprey__value_id build_gelu(osprey__tower_builder *b, const char *name, osprey__value_id x)
{
    return osprey__graph_node(b->graph, OSPREY__OP_ACTIVATION, name, &x, 1,
                              &(osprey__attributes){.activation = OSPREY_ACTIVATION_GELU});
}

/* A convolution whose windows lie side by side: of x, a map or the pixels, a smaller map. */
static osprey__value_id build_patches(osprey__tower_builder *b, const char *prefix, size_t in,
                                      size_t out, size_t size, osprey__value_id x)
{
    osprey__tensor_name weight = osprey__tensor_name_print("%sweight", prefix);
    osprey__tensor_name bias = osprey__tensor_name_print("%sbias", prefix);
    const bool planar = x != OSPREY__NO_VALUE && b->graph->values[x].kind == OSPREY__INPUT;
    const osprey__value_id inputs[] = {
        x, osprey__build_tensor(b, weight.text, 4, (size_t[]){out, in, size, size}),
        osprey__build_tensor(b, bias.text, 1, &out)};
    return osprey__graph_node(b->graph, OSPREY__OP_CONV2D, prefix, inputs, 3,
                              &(osprey__attributes){.stride = size, .planar = planar});
}

static osprey__value_id build_depthwise(osprey__tower_builder *b, const char *block, size_t width,
                                        osprey__value_id x)
{
    osprey__tensor_name prefix = osprey__tensor_name_print("%sconv_dw.", block);
    osprey__conv_branches conv = {
        .builder = b, .in = width, .out = width, .size = FILTER_SIZE, .grouped = true};
    osprey__branches_add_sum(&conv, prefix.text);
    return osprey__branches_build(&conv, prefix.text, 1, FILTER_SIZE / 2, x);
}

/* x + gamma * MLP(norm(filtered x)), each position's channels for themselves but in the filter. */
static osprey__value_id build_block(osprey__tower_builder *b, const char *block, size_t width,
                                    size_t hidden, osprey__value_id x)
{
    osprey__value_id y = build_depthwise(b, block, width, x);
    y = build_norm(b, osprey__tensor_name_print("%snorm.", block).text, width, y);
    y = osprey__build_linear(b, osprey__tensor_name_print("%smlp.fc1.", block).text, y, width,
                             hidden);
    y = build_gelu(b, osprey__tensor_name_print("%smlp.gelu", block).text, y);
    osprey__tensor_name out = osprey__tensor_name_print("%smlp.fc2.", block);
    osprey__tensor_name scale = osprey__tensor_name_print("%sgamma", block);
    y = osprey__build_scaled_linear(b,
                                    &(osprey__scaled_linear){.prefix = out.text,
                                                             .scale = scale.text,
                                                             .weight_rank = 2,
                                                             .scale_rank = 1,
                                                             .in = hidden,
                                                             .out = width},
                                    y);
    return osprey__graph_node(b->graph, OSPREY__OP_ADD,
                              osprey__tensor_name_print("%sadd", block).text,
                              (osprey__value_id[]){y, x}, 2, NULL);
}

/* The mean over all positions, [width]. */
static osprey__value_id build_mean(osprey__tower_builder *b, size_t width, osprey__value_id x)
{
    const osprey__image_config *config = &b->model->config.image;
    const size_t positions = config->image_height / OSPREY__CONVNEXT_CELL *
                             (config->image_width / OSPREY__CONVNEXT_CELL);
    const osprey__attributes rows = {.shape = {OSPREY__PER_SEQUENCE, 2, {positions, width}}};
    const osprey__attributes vector = {.shape = {OSPREY__PER_SEQUENCE, 1, {width}}};
    x = osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, "positions", &x, 1, &rows);
    x = osprey__graph_node(b->graph, OSPREY__OP_MEAN, "mean", &x, 1, NULL);
    return osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, "pooled", &x, 1, &vector);
}

static osprey__value_id build_projection(osprey__tower_builder *b, size_t width, osprey__value_id x)
{
    const size_t embed_dim = b->model->config.embed_dim;
    if (!b->model->config.image.mlp_projected)
        return osprey__build_projection(b, HEAD "proj.weight", x, width, embed_dim, false);
    x = osprey__build_linear(b, HEAD "mlp.fc1.", x, width, 2 * embed_dim);
    x = build_gelu(b, HEAD "mlp.gelu", x);
    return osprey__build_projection(b, HEAD "mlp.fc2.weight", x, 2 * embed_dim, embed_dim, false);
}

osprey__value_id osprey__build_convnext(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey__shape pixels = {
        OSPREY__PER_SEQUENCE, 3, {3, config->image_height, config->image_width}};
    size_t width = config->width;
    osprey__value_id x = osprey__graph_input(b->graph, OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    x = build_patches(b, TRUNK "stem.0.", 3, width, 4, x);
    x = build_norm(b, TRUNK "stem.1.", width, x);
    for (size_t i = 0; i < OSPREY__CONVNEXT_STAGES; i++) {
        osprey__tensor_name stage = osprey__tensor_name_print(TRUNK "stages.%zu.", i);
        if (i) {
            osprey__tensor_name half = osprey__tensor_name_print("%sdownsample.1.", stage.text);
            x = build_norm(b, osprey__tensor_name_print("%sdownsample.0.", stage.text).text, width,
                           x);
            x = build_patches(b, half.text, width, 2 * width, 2, x);
            width *= 2;
        }
        for (size_t layer = 0; layer < config->stage_layers[i]; layer++) {
            osprey__tensor_name block =
                osprey__tensor_name_print("%sblocks.%zu.", stage.text, layer);
            x = build_block(b, block.text, width, config->mlp_width << i, x);
        }
    }
    x = build_mean(b, width, x);
    x = build_norm(b, TRUNK "head.norm.", width, x);
    return build_projection(b, width, x);
}
