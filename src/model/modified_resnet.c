/* SPDX-License-Identifier: Apache-2.0 */
#include "model/position_grid.h"
#include "model/towers.h"

#include <math.h>

#define BATCH_NORM_EPSILON 1e-5F /* torch.nn.BatchNorm2d's default, which CLIP keeps */

typedef struct filter {
    size_t in, out, size, stride;
} filter;

/* Convolution without bias and batch norm, named prefix + conv and prefix + norm. */
static osprey__value_id build_conv_norm(osprey__tower_builder *b, const char *prefix,
                                        const char *conv, const char *norm, filter shape,
                                        bool planar, osprey__value_id x)
{
    osprey__tensor_name weight = osprey__tensor_name_print("%s%s.weight", prefix, conv);
    osprey__value_id inputs[5] = {
        x, osprey__build_tensor(b, weight.text, 4,
                                (size_t[]){shape.out, shape.in, shape.size, shape.size})};
    osprey__attributes attributes = {.stride = shape.stride,
                                     .padding = shape.size / 2,
                                     .padding_after = shape.size / 2,
                                     .planar = planar};
    osprey__tensor_name name = osprey__tensor_name_print("%s%s", prefix, conv);
    inputs[0] = osprey__graph_node(b->graph, OSPREY__OP_CONV2D, name.text, inputs, 2, &attributes);

    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    uint64_t before_statistics = 0;
    for (size_t i = 0; i < 4; i++) {
        if (i == 2) before_statistics = b->parameters;
        osprey__tensor_name part = osprey__tensor_name_print("%s%s.%s", prefix, norm, parts[i]);
        inputs[i + 1] = osprey__build_tensor(b, part.text, 1, &shape.out);
    }
    b->parameters = before_statistics; /* the running statistics are buffers, not parameters */
    name = osprey__tensor_name_print("%s%s", prefix, norm);
    return osprey__graph_node(b->graph, OSPREY__OP_BATCH_NORM, name.text, inputs, 5,
                              &(osprey__attributes){.epsilon = BATCH_NORM_EPSILON});
}

static osprey__value_id build_relu(osprey__tower_builder *b, const char *prefix, const char *name,
                                   osprey__value_id x)
{
    osprey__tensor_name whole = osprey__tensor_name_print("%s%s", prefix, name);
    return osprey__graph_node(b->graph, OSPREY__OP_ACTIVATION, whole.text, &x, 1,
                              &(osprey__attributes){.activation = OSPREY_ACTIVATION_RELU});
}

/* Strides are average pools ahead of the convolution, so that nothing aliases. */
static osprey__value_id build_pool(osprey__tower_builder *b, const char *prefix, const char *name,
                                   size_t size, osprey__value_id x)
{
    if (size == 1) return x;
    osprey__tensor_name whole = osprey__tensor_name_print("%s%s", prefix, name);
    return osprey__graph_node(b->graph, OSPREY__OP_AVERAGE_POOL, whole.text, &x, 1,
                              &(osprey__attributes){.size = size});
}

static osprey__value_id build_bottleneck(osprey__tower_builder *b, const char *prefix, size_t in,
                                         size_t planes, size_t stride, osprey__value_id x)
{
    size_t out = 4 * planes;
    osprey__value_id y =
        build_conv_norm(b, prefix, "conv1", "bn1", (filter){in, planes, 1, 1}, false, x);
    y = build_relu(b, prefix, "relu1", y);
    y = build_conv_norm(b, prefix, "conv2", "bn2", (filter){planes, planes, 3, 1}, false, y);
    y = build_relu(b, prefix, "relu2", y);
    y = build_pool(b, prefix, "avgpool", stride, y);
    y = build_conv_norm(b, prefix, "conv3", "bn3", (filter){planes, out, 1, 1}, false, y);
    osprey__value_id shortcut = x;
    if (stride > 1 || in != out) {
        shortcut = build_pool(b, prefix, "downsample.-1", stride, x);
        shortcut = build_conv_norm(b, prefix, "downsample.0", "downsample.1",
                                   (filter){in, out, 1, 1}, false, shortcut);
    }
    osprey__tensor_name sum = osprey__tensor_name_print("%sadd", prefix);
    y = osprey__graph_node(b->graph, OSPREY__OP_ADD, sum.text, (osprey__value_id[]){y, shortcut}, 2,
                           NULL);
    return build_relu(b, prefix, "relu3", y);
}

/* One attention layer whose only query is the mean of all positions. */
static osprey__value_id build_attention_pool(osprey__tower_builder *b, size_t positions,
                                             size_t width, osprey__value_id x)
{
    const osprey__model_config *config = &b->model->config;
    osprey__graph *graph = b->graph;
    osprey__attributes rows = {.shape = {OSPREY__PER_SEQUENCE, 2, {positions, width}}};
    x = osprey__graph_node(graph, OSPREY__OP_RESHAPE, "attnpool.tokens", &x, 1, &rows);
    osprey__value_id mean =
        osprey__graph_node(graph, OSPREY__OP_MEAN, "attnpool.mean", &x, 1, NULL);
    x = osprey__graph_node(graph, OSPREY__OP_CONCAT, "attnpool.concat",
                           (osprey__value_id[]){mean, x}, 2, NULL);
    osprey__value_id position = osprey__build_positions(b, "visual.attnpool.positional_embedding",
                                                        2, 1, OSPREY__RESNET_CELL, width);
    x = osprey__graph_node(graph, OSPREY__OP_ADD, "attnpool.positioned",
                           (osprey__value_id[]){x, position}, 2, NULL);
    osprey__value_id query = osprey__graph_node(graph, OSPREY__OP_SLICE, "attnpool.query", &x, 1,
                                                &(osprey__attributes){.count = 1});
    osprey__value_id qkv[] = {
        osprey__build_linear(b, "visual.attnpool.q_proj.", query, width, width),
        osprey__build_linear(b, "visual.attnpool.k_proj.", x, width, width),
        osprey__build_linear(b, "visual.attnpool.v_proj.", x, width, width)};
    size_t head_dim = width / config->image.heads;
    osprey__attributes attention = {
        .heads = config->image.heads,
        .head_dim = head_dim,
        .scale = 1.0F / sqrtf((float)head_dim),
    };
    x = osprey__graph_node(graph, OSPREY__OP_ATTENTION, "attnpool.attention", qkv, 3, &attention);
    osprey__attributes vector = {.shape = {OSPREY__PER_SEQUENCE, 1, {width}}};
    x = osprey__graph_node(graph, OSPREY__OP_RESHAPE, "attnpool.pooled", &x, 1, &vector);
    return osprey__build_linear(b, "visual.attnpool.c_proj.", x, width, config->embed_dim);
}

osprey__value_id osprey__build_modified_resnet(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    size_t width = config->width, half = width / 2;
    osprey__shape pixels = {
        OSPREY__PER_SEQUENCE, 3, {3, config->image_height, config->image_width}};
    osprey__value_id x = osprey__graph_input(b->graph, OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    const char *prefix = "visual.";
    x = build_conv_norm(b, prefix, "conv1", "bn1", (filter){3, half, 3, 2}, true, x);
    x = build_relu(b, prefix, "relu1", x);
    x = build_conv_norm(b, prefix, "conv2", "bn2", (filter){half, half, 3, 1}, false, x);
    x = build_relu(b, prefix, "relu2", x);
    x = build_conv_norm(b, prefix, "conv3", "bn3", (filter){half, width, 3, 1}, false, x);
    x = build_relu(b, prefix, "relu3", x);
    x = build_pool(b, prefix, "avgpool", 2, x);

    size_t in = width;
    for (size_t stage = 0; stage < 4; stage++) {
        size_t planes = width << stage;
        for (size_t layer = 0; layer < config->stage_layers[stage]; layer++) {
            osprey__tensor_name block =
                osprey__tensor_name_print("%slayer%zu.%zu.", prefix, stage + 1, layer);
            size_t stride = stage > 0 && layer == 0 ? 2 : 1;
            x = build_bottleneck(b, block.text, in, planes, stride, x);
            in = 4 * planes;
        }
    }
    size_t positions =
        (config->image_height / OSPREY__RESNET_CELL) * (config->image_width / OSPREY__RESNET_CELL);
    return build_attention_pool(b, positions, in, x);
}
