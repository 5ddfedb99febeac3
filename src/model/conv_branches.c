/* SPDX-License-Identifier: Apache-2.0 */
#include "model/conv_branches.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>

#define BATCH_NORM_EPSILON 1e-5 /* torch.nn.BatchNorm2d's default, which timm keeps */

static void *allocate(osprey__tower_builder *builder, size_t count, size_t size)
{
    void *block = osprey__calloc(count, size);
    if (block) return block;
    osprey_error error;
    osprey__fail_memory(&error, count * size);
    osprey__graph_fail(builder->graph, &error);
    return NULL;
}

double *osprey__read_batch_norm(osprey__tower_builder *builder, const char *prefix, size_t channels)
{
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    enum { WEIGHT, BIAS, MEAN, VARIANCE, PARTS };
    float *values[PARTS] = {0};
    double *norm = NULL;
    uint64_t before_statistics = 0;
    bool complete = true;
    for (size_t i = 0; i < PARTS && complete; i++) {
        if (i == MEAN) before_statistics = builder->parameters;
        osprey__tensor_name name = osprey__tensor_name_print("%s%s", prefix, parts[i]);
        values[i] = osprey__build_floats(builder, name.text, 1, &channels);
        complete = values[i];
    }
    builder->parameters = before_statistics; /* the running statistics are buffers */
    if (complete) norm = allocate(builder, 2 * channels, sizeof *norm);
    for (size_t c = 0; norm && c < channels; c++) {
        norm[c] =
            (double)values[WEIGHT][c] / sqrt((double)values[VARIANCE][c] + BATCH_NORM_EPSILON);
        norm[channels + c] = (double)values[BIAS][c] - (double)values[MEAN][c] * norm[c];
    }
    for (size_t i = 0; i < PARTS; i++) osprey__free(values[i]);
    return norm;
}

static size_t filter_inputs(const osprey__conv_branches *conv)
{
    return conv->grouped ? 1 : conv->in;
}

/* Room for the sum; behind the first tensor, whose size the file bears out. */
static bool begin(osprey__conv_branches *conv)
{
    const size_t elements = conv->out * filter_inputs(conv) * conv->size * conv->size;
    if (!conv->filter) conv->filter = allocate(conv->builder, elements, sizeof *conv->filter);
    if (conv->filter && !conv->bias)
        conv->bias = allocate(conv->builder, conv->out, sizeof *conv->bias);
    return conv->bias;
}

/* weight: [out][inputs][size][size], in the middle of the sum's; scale: of each output, or NULL. */
static void add_filter(osprey__conv_branches *conv, const float *weight, size_t size,
                       const double *scale)
{
    const size_t inputs = filter_inputs(conv), before = (conv->size - size) / 2;
    for (size_t o = 0; o < conv->out; o++)
        for (size_t i = 0; i < inputs; i++)
            for (size_t y = 0; y < size; y++)
                for (size_t x = 0; x < size; x++) {
                    const size_t row = (o * inputs + i) * conv->size + before + y;
                    const double tap = (double)weight[((o * inputs + i) * size + y) * size + x];
                    conv->filter[row * conv->size + before + x] += scale ? tap * scale[o] : tap;
                }
}

void osprey__branches_add_conv(osprey__conv_branches *conv, const char *prefix, size_t size)
{
    osprey__tensor_name weight_name = osprey__tensor_name_print("%sconv.weight", prefix);
    osprey__tensor_name norm_name = osprey__tensor_name_print("%sbn.", prefix);
    float *weight = osprey__build_floats(conv->builder, weight_name.text, 4,
                                         (size_t[]){conv->out, filter_inputs(conv), size, size});
    double *norm =
        weight ? osprey__read_batch_norm(conv->builder, norm_name.text, conv->out) : NULL;
    if (norm && begin(conv)) {
        add_filter(conv, weight, size, norm);
        for (size_t o = 0; o < conv->out; o++) conv->bias[o] += norm[conv->out + o];
    }
    osprey__free(norm);
    osprey__free(weight);
}

void osprey__branches_add_sum(osprey__conv_branches *conv, const char *prefix)
{
    osprey__tensor_name weight_name = osprey__tensor_name_print("%sweight", prefix);
    osprey__tensor_name bias_name = osprey__tensor_name_print("%sbias", prefix);
    float *weight =
        osprey__build_floats(conv->builder, weight_name.text, 4,
                             (size_t[]){conv->out, filter_inputs(conv), conv->size, conv->size});
    float *bias =
        weight ? osprey__build_floats(conv->builder, bias_name.text, 1, &conv->out) : NULL;
    if (bias && begin(conv)) {
        add_filter(conv, weight, conv->size, NULL);
        for (size_t o = 0; o < conv->out; o++) conv->bias[o] += (double)bias[o];
    }
    osprey__free(bias);
    osprey__free(weight);
}

void osprey__branches_add_identity(osprey__conv_branches *conv, const char *prefix, double sign)
{
    double *norm = prefix ? osprey__read_batch_norm(conv->builder, prefix, conv->out) : NULL;
    if ((!prefix || norm) && begin(conv)) {
        const size_t inputs = filter_inputs(conv), middle = conv->size / 2;
        for (size_t o = 0; o < conv->out; o++) {
            const size_t row = (o * inputs + o % inputs) * conv->size + middle;
            conv->filter[row * conv->size + middle] += norm ? sign * norm[o] : sign;
            if (norm) conv->bias[o] += sign * norm[conv->out + o];
        }
    }
    osprey__free(norm);
}

void osprey__branches_scale(osprey__conv_branches *conv, const char *name)
{
    float *gamma = osprey__build_floats(conv->builder, name, 3, (size_t[]){conv->out, 1, 1});
    if (gamma && begin(conv)) {
        const size_t taps = filter_inputs(conv) * conv->size * conv->size;
        for (size_t o = 0; o < conv->out; o++) {
            for (size_t i = 0; i < taps; i++) conv->filter[o * taps + i] *= (double)gamma[o];
            conv->bias[o] *= (double)gamma[o];
        }
    }
    osprey__free(gamma);
}

/* The place in the kernel's order, [filters of a channel][size][size][in], of [out][size][size]. */
static size_t depthwise_place(const osprey__conv_branches *conv, size_t index)
{
    const size_t taps = conv->size * conv->size, multiplier = conv->out / conv->in;
    const size_t o = index / taps, tap = index % taps;
    return (o % multiplier * taps + tap) * conv->in + o / multiplier;
}

static osprey__value_id build_filter(const osprey__conv_branches *conv, const char *name)
{
    const size_t in = conv->in, out = conv->out, size = conv->size;
    const size_t full[] = {out, in, size, size}, depthwise[] = {out / in, size, size, in};
    const size_t elements = out * filter_inputs(conv) * size * size;
    osprey__tensor_name whole = osprey__tensor_name_print("%s.filter", name);
    float *to;
    osprey__value_id id = osprey__graph_new_constant(conv->builder->graph, whole.text,
                                                     !conv->grouped && size == 1 ? 2 : 4,
                                                     conv->grouped ? depthwise : full, &to);
    for (size_t i = 0; id != OSPREY__NO_VALUE && i < elements; i++)
        to[conv->grouped ? depthwise_place(conv, i) : i] = (float)conv->filter[i];
    return id;
}

static osprey__value_id build_bias(const osprey__conv_branches *conv, const char *name)
{
    const size_t multiplier = conv->grouped ? conv->out / conv->in : 1;
    const size_t inputs = conv->out / multiplier;
    osprey__tensor_name whole = osprey__tensor_name_print("%s.bias", name);
    float *to;
    osprey__value_id id =
        osprey__graph_new_constant(conv->builder->graph, whole.text, 1, &conv->out, &to);
    for (size_t o = 0; id != OSPREY__NO_VALUE && o < conv->out; o++)
        to[o % multiplier * inputs + o / multiplier] = (float)conv->bias[o];
    return id;
}

osprey__value_id osprey__branches_build(osprey__conv_branches *conv, const char *name,
                                        size_t stride, size_t padding, osprey__value_id x)
{
    osprey__graph *graph = conv->builder->graph;
    osprey__value_id result = OSPREY__NO_VALUE;
    if (osprey__graph_status(graph, NULL) == OSPREY_OK) {
        const osprey__attributes attributes = {
            .stride = stride,
            .padding = padding,
            .padding_after = padding,
            .planar = graph->values[x].kind == OSPREY__INPUT,
        };
        const osprey__value_id inputs[] = {x, build_filter(conv, name), build_bias(conv, name)};
        const bool pointwise = !conv->grouped && conv->size == 1;
        result = osprey__graph_node(graph,
                                    pointwise       ? OSPREY__OP_LINEAR
                                    : conv->grouped ? OSPREY__OP_DEPTHWISE
                                                    : OSPREY__OP_CONV2D,
                                    name, inputs, 3, pointwise ? NULL : &attributes);
    }
    osprey__free(conv->filter);
    osprey__free(conv->bias);
    conv->filter = conv->bias = NULL;
    return result;
}
