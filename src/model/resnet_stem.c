/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
#include "model/towers.h"

#include <math.h>

#define GROUP_NORM_EPSILON    1e-6F /* flax.linen.GroupNorm's default */
#define STANDARDISING_EPSILON 1e-5

/* Of the feature map x. */
typedef struct feature_map {
    size_t side, channels;
} feature_map;

static feature_map map_of(const osprey__tower_builder *b, osprey__value_id x)
{
    if (x == OSPREY__NO_VALUE) return (feature_map){0};
    const osprey__value *value = &b->graph->values[x];
    const size_t *dims = value->shape.dims; /* pixels are planar */
    return value->kind == OSPREY__INPUT ? (feature_map){dims[1], dims[0]}
                                        : (feature_map){dims[0], dims[2]};
}

/* TensorFlow's "SAME": as many windows as strides begin, what is missing halved, more of it behind.
 */
static osprey__attributes same_padding(size_t side, size_t size, size_t stride)
{
    const size_t windows = (side + stride - 1) / stride;
    const size_t covered = windows ? (windows - 1) * stride + size : 0;
    const size_t padding = covered > side ? covered - side : 0;
    return (osprey__attributes){
        .stride = stride, .padding = padding / 2, .padding_after = padding - padding / 2};
}

/* Each filter gets a mean of 0 and a deviation of 1. */
static void standardise(float *filter, size_t filters, size_t elements)
{
    for (size_t f = 0; f < filters; f++, filter += elements) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < elements; i++) sum += (double)filter[i];
        const double mean = sum / (double)elements;
        for (size_t i = 0; i < elements; i++)
            squares += ((double)filter[i] - mean) * ((double)filter[i] - mean);
        const double deviation = sqrt(squares / (double)elements) + STANDARDISING_EPSILON;
        for (size_t i = 0; i < elements; i++)
            filter[i] = (float)(((double)filter[i] - mean) / deviation);
    }
}

typedef struct filter {
    size_t out, size, stride;
} filter;

static osprey__value_id build_conv(osprey__tower_builder *b, const char *prefix, const char *name,
                                   filter shape, osprey__value_id x)
{
    const feature_map map = map_of(b, x);
    osprey__tensor_name kernel = osprey__tensor_name_print("%s%s/kernel", prefix, name);
    osprey__tensor_name whole = osprey__tensor_name_print("%s%s", prefix, name);
    osprey__value_id inputs[] = {
        x, osprey__build_flax_filter(b, kernel.text, shape.out, map.channels, shape.size)};
    if (inputs[1] == OSPREY__NO_VALUE) return OSPREY__NO_VALUE;
    standardise(b->graph->values[inputs[1]].owned, shape.out,
                map.channels * shape.size * shape.size);
    osprey__attributes attributes = same_padding(map.side, shape.size, shape.stride);
    attributes.planar = b->graph->values[x].kind == OSPREY__INPUT;
    return osprey__graph_node(b->graph, OSPREY__OP_CONV2D, whole.text, inputs, 2, &attributes);
}

/* [channels]; the files of 2020 have [1][1][1][channels]. */
static osprey__value_id build_vector(osprey__tower_builder *b, const char *prefix, const char *name,
                                     const char *part, size_t channels)
{
    osprey__tensor_name whole = osprey__tensor_name_print("%s%s/%s", prefix, name, part);
    const osprey__tensor *tensor = osprey__weights_find(b->model->weights, whole.text);
    const size_t old[] = {1, 1, 1, channels};
    const bool is_old = tensor && tensor->rank == 4;
    return osprey__build_tensor_as(b, whole.text, is_old ? 4 : 1, is_old ? old : &channels, 1,
                                   &channels);
}

static osprey__value_id build_norm(osprey__tower_builder *b, const char *prefix, const char *name,
                                   osprey__value_id x)
{
    const size_t channels = map_of(b, x).channels;
    osprey__tensor_name whole = osprey__tensor_name_print("%s%s", prefix, name);
    osprey__value_id inputs[] = {x, build_vector(b, prefix, name, "scale", channels),
                                 build_vector(b, prefix, name, "bias", channels)};
    return osprey__graph_node(
        b->graph, OSPREY__OP_GROUP_NORM, whole.text, inputs, 3,
        &(osprey__attributes){.groups = OSPREY__STEM_GROUPS, .epsilon = GROUP_NORM_EPSILON});
}

static osprey__value_id build_relu(osprey__tower_builder *b, const char *prefix, const char *name,
                                   osprey__value_id x)
{
    osprey__tensor_name whole = osprey__tensor_name_print("%s%s", prefix, name);
    return osprey__graph_node(b->graph, OSPREY__OP_ACTIVATION, whole.text, &x, 1,
                              &(osprey__attributes){.activation = OSPREY_ACTIVATION_RELU});
}

static osprey__value_id build_unit(osprey__tower_builder *b, const char *prefix, size_t planes,
                                   size_t stride, osprey__value_id x)
{
    osprey__value_id shortcut = x;
    if (stride > 1 || map_of(b, x).channels != 4 * planes) {
        shortcut = build_conv(b, prefix, "conv_proj", (filter){4 * planes, 1, stride}, x);
        shortcut = build_norm(b, prefix, "gn_proj", shortcut);
    }
    osprey__value_id y = build_conv(b, prefix, "conv1", (filter){planes, 1, 1}, x);
    y = build_relu(b, prefix, "relu1", build_norm(b, prefix, "gn1", y));
    y = build_conv(b, prefix, "conv2", (filter){planes, 3, stride}, y);
    y = build_relu(b, prefix, "relu2", build_norm(b, prefix, "gn2", y));
    y = build_conv(b, prefix, "conv3", (filter){4 * planes, 1, 1}, y);
    y = build_norm(b, prefix, "gn3", y);
    osprey__tensor_name sum = osprey__tensor_name_print("%sadd", prefix);
    y = osprey__graph_node(b->graph, OSPREY__OP_ADD, sum.text, (osprey__value_id[]){y, shortcut}, 2,
                           NULL);
    return build_relu(b, prefix, "relu3", y);
}

osprey__value_id osprey__build_resnet_stem(osprey__tower_builder *b, osprey__value_id pixels)
{
    const osprey__image_config *config = &b->model->config.image;
    osprey__value_id x = build_conv(b, "", "conv_root", (filter){config->stem_width, 7, 2}, pixels);
    x = build_relu(b, "", "relu_root", build_norm(b, "", "gn_root", x));
    osprey__attributes pool = same_padding(map_of(b, x).side, 3, 2);
    pool.size = 3;
    x = osprey__graph_node(b->graph, OSPREY__OP_MAX_POOL, "pool_root", &x, 1, &pool);
    for (size_t stage = 0; stage < 4; stage++)
        for (size_t unit = 0; unit < config->stage_layers[stage]; unit++) {
            osprey__tensor_name prefix =
                osprey__tensor_name_print("block%zu/unit%zu/", stage + 1, unit + 1);
            const size_t stride = stage > 0 && unit == 0 ? 2 : 1;
            x = build_unit(b, prefix.text, config->stem_width << stage, stride, x);
        }
    return x;
}
