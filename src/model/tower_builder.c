/* SPDX-License-Identifier: Apache-2.0 */
#include "model/tower_builder.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

osprey__tensor_name osprey__tensor_name_print(const char *format, ...)
{
    osprey__tensor_name name;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name.text, sizeof name.text, format, arguments);
    va_end(arguments);
    return name;
}

/* "[768, 3, 32, 32]" */
static osprey__tensor_name print_dims(size_t rank, const size_t *dims)
{
    osprey__tensor_name out;
    size_t used = 0;
    out.text[0] = '\0';
    for (size_t i = 0; i < rank && used < sizeof out.text - 24; i++)
        used +=
            (size_t)snprintf(out.text + used, sizeof out.text - used, i ? ", %zu" : "%zu", dims[i]);
    return out;
}

/* The tensor if it has these dims and a type that floats can hold; else NULL, with the failure. */
static const osprey__tensor *find(osprey__tower_builder *builder, const char *name, size_t rank,
                                  const size_t *dims)
{
    osprey_error error;
    const osprey__tensor *tensor;
    const char *file = builder->model->config.file;
    if (osprey__weights_get(builder->model->weights, name, &tensor, &error) != OSPREY_OK) {
        osprey__graph_fail(builder->graph, &error);
        return NULL;
    }
    bool same = tensor->rank == rank;
    for (size_t i = 0; same && i < rank; i++) same = tensor->dims[i] == dims[i];
    if (!same) {
        osprey__fail(&error, OSPREY_FORMAT, tensor->file,
                     "tensor \"%s\" has the shape [%s], but %s asks for [%s]", name,
                     print_dims(tensor->rank, tensor->dims).text, file,
                     print_dims(rank, dims).text);
    } else if (tensor->dtype != OSPREY__F32 && tensor->dtype != OSPREY__F16 &&
               tensor->dtype != OSPREY__BF16) {
        osprey__fail(&error, OSPREY_UNSUPPORTED, tensor->file,
                     "tensor \"%s\" is of type %s; osprey reads weights in F32, F16 and BF16", name,
                     osprey__dtype_name(tensor->dtype));
    } else {
        return tensor;
    }
    osprey__graph_fail(builder->graph, &error);
    return NULL;
}

/* count elements of the tensor, from element `first`, seen as dims. */
static osprey__value_id add_constant(osprey__tower_builder *builder, const char *name,
                                     const osprey__tensor *tensor, size_t first, size_t rank,
                                     const size_t *dims)
{
    if (!tensor) return OSPREY__NO_VALUE;
    const char *data = (const char *)tensor->data + first * osprey__dtype_bytes(tensor->dtype);
    osprey__value_id id =
        osprey__graph_constant(builder->graph, name, tensor->dtype, rank, dims, data);
    if (id != OSPREY__NO_VALUE)
        builder->parameters += osprey__shape_elements(&builder->graph->values[id].shape);
    return id;
}

osprey__value_id osprey__build_tensor_as(osprey__tower_builder *builder, const char *name,
                                         size_t rank, const size_t *dims, size_t seen_rank,
                                         const size_t *seen_dims)
{
    const osprey__tensor *tensor = find(builder, name, rank, dims);
    return add_constant(builder, name, tensor, 0, seen_rank, seen_dims);
}

osprey__value_id osprey__build_tensor(osprey__tower_builder *builder, const char *name, size_t rank,
                                      const size_t *dims)
{
    return osprey__build_tensor_as(builder, name, rank, dims, rank, dims);
}

osprey__value_id osprey__build_tensor_part(osprey__tower_builder *builder, const char *name,
                                           size_t part, size_t parts, size_t rank,
                                           const size_t *dims)
{
    size_t all[OSPREY__MAX_DIMS] = {parts * dims[0]}, elements = dims[0];
    for (size_t i = 1; i < rank; i++) {
        all[i] = dims[i];
        elements *= dims[i];
    }
    return add_constant(builder, name, find(builder, name, rank, all), part * elements, rank, dims);
}

float *osprey__constant_floats(osprey__tower_builder *builder, osprey__value_id id)
{
    if (id == OSPREY__NO_VALUE) return NULL;
    const osprey__value *value = &builder->graph->values[id];
    float *floats = osprey__graph_constant_f32(value);
    if (!floats) {
        osprey_error error;
        osprey__fail_memory(&error, osprey__shape_elements(&value->shape) * sizeof *floats);
        osprey__graph_fail(builder->graph, &error);
    }
    return floats;
}

float *osprey__build_floats(osprey__tower_builder *builder, const char *name, size_t rank,
                            const size_t *dims)
{
    return osprey__constant_floats(builder, osprey__build_tensor(builder, name, rank, dims));
}

/* What a tensor has besides the elements' order: the dims that it is published with. */
typedef struct published_dims {
    size_t rank, dims[4];
} published_dims;

static osprey__value_id build_seen(osprey__tower_builder *builder, const char *name,
                                   const published_dims *published, size_t seen_rank,
                                   const size_t *seen_dims)
{
    return osprey__build_tensor_as(builder, name, published->rank, published->dims, seen_rank,
                                   seen_dims);
}

/* A linear of flax's, [in][out], of which weight and bias may be published in more dimensions. */
static osprey__value_id build_flax_linear(osprey__tower_builder *builder, const char *prefix,
                                          osprey__value_id x, size_t in, size_t out,
                                          const published_dims *kernel, const published_dims *bias)
{
    osprey__tensor_name kernel_name = osprey__tensor_name_print("%skernel", prefix);
    osprey__tensor_name bias_name = osprey__tensor_name_print("%sbias", prefix);
    osprey__value_id inputs[] = {
        x, build_seen(builder, kernel_name.text, kernel, 2, (size_t[]){in, out}),
        build_seen(builder, bias_name.text, bias, 1, &out)};
    osprey__attributes attributes = {.transposed = true};
    return osprey__graph_node(builder->graph, OSPREY__OP_LINEAR, prefix, inputs, 3, &attributes);
}

osprey__value_id osprey__build_linear(osprey__tower_builder *builder, const char *prefix,
                                      osprey__value_id x, size_t in, size_t out)
{
    if (builder->model->names->flax)
        return build_flax_linear(builder, prefix, x, in, out, &(published_dims){2, {in, out}},
                                 &(published_dims){1, {out}});
    osprey__tensor_name weight = osprey__tensor_name_print("%sweight", prefix);
    osprey__tensor_name bias = osprey__tensor_name_print("%sbias", prefix);
    osprey__value_id inputs[] = {x,
                                 osprey__build_tensor(builder, weight.text, 2, (size_t[]){out, in}),
                                 osprey__build_tensor(builder, bias.text, 1, &out)};
    return osprey__graph_node(builder->graph, OSPREY__OP_LINEAR, prefix, inputs, 3, NULL);
}

osprey__value_id osprey__build_scaled_linear(osprey__tower_builder *builder,
                                             const osprey__scaled_linear *linear,
                                             osprey__value_id x)
{
    osprey__tensor_name weight_name = osprey__tensor_name_print("%sweight", linear->prefix);
    osprey__tensor_name bias_name = osprey__tensor_name_print("%sbias", linear->prefix);
    const size_t in = linear->in, out = linear->out, dims[] = {out, in, 1, 1};
    osprey__value_id inputs[] = {x, OSPREY__NO_VALUE, OSPREY__NO_VALUE};
    float *gamma =
        osprey__build_floats(builder, linear->scale, linear->scale_rank, (size_t[]){out, 1, 1});
    float *weight =
        gamma ? osprey__build_floats(builder, weight_name.text, linear->weight_rank, dims) : NULL;
    float *bias = weight ? osprey__build_floats(builder, bias_name.text, 1, &out) : NULL;
    float *to;
    if (bias) {
        inputs[1] = osprey__graph_new_constant(builder->graph, weight_name.text, 2, dims, &to);
        for (size_t i = 0; inputs[1] != OSPREY__NO_VALUE && i < out * in; i++)
            to[i] = weight[i] * gamma[i / in];
        inputs[2] = osprey__graph_new_constant(builder->graph, bias_name.text, 1, &out, &to);
        for (size_t o = 0; inputs[2] != OSPREY__NO_VALUE && o < out; o++)
            to[o] = bias[o] * gamma[o];
    }
    osprey__free(bias);
    osprey__free(weight);
    osprey__free(gamma);
    return osprey__graph_node(builder->graph, OSPREY__OP_LINEAR, linear->prefix, inputs, 3, NULL);
}

/* One linear of an attention; to_heads: q, k or v, else what mixes the heads' results. */
static osprey__value_id build_attention_linear(osprey__tower_builder *builder,
                                               const osprey__transformer_names *names,
                                               const char *prefix, osprey__value_id x,
                                               const osprey__transformer_shape *shape,
                                               bool to_heads)
{
    const size_t width = shape->width, heads = shape->heads, head_dim = width / heads;
    if (!builder->model->names->flax || names->heads_joined)
        return osprey__build_linear(builder, prefix, x, width, width);
    const published_dims split = {3, {width, heads, head_dim}}, split_bias = {2, {heads, head_dim}};
    const published_dims joined = {3, {heads, head_dim, width}}, joined_bias = {1, {width}};
    return build_flax_linear(builder, prefix, x, width, width, to_heads ? &split : &joined,
                             to_heads ? &split_bias : &joined_bias);
}

osprey__value_id osprey__build_flax_filter(osprey__tower_builder *builder, const char *name,
                                           size_t out, size_t in, size_t size)
{
    const size_t published[] = {size, size, in, out}, dims[] = {out, in, size, size};
    const osprey__tensor *tensor = find(builder, name, 4, published);
    float *floats;
    if (!tensor) return OSPREY__NO_VALUE;
    osprey__value_id id = osprey__graph_new_constant(builder->graph, name, 4, dims, &floats);
    if (id == OSPREY__NO_VALUE) return id;
    const size_t element_bytes = osprey__dtype_bytes(tensor->dtype), positions = size * size;
    for (size_t i = 0; i < tensor->elements; i++) {
        const size_t o = i % out, c = i / out % in, position = i / out / in;
        osprey__to_f32(tensor->dtype, (const char *)tensor->data + i * element_bytes, 1,
                       &floats[(o * in + c) * positions + position]);
    }
    builder->parameters += tensor->elements;
    return id;
}

static bool is_prefix(const char *name)
{
    const size_t length = strlen(name);
    return length && strchr("._/", name[length - 1]);
}

osprey__value_id osprey__build_patches(osprey__tower_builder *builder, const char *name,
                                       osprey__value_id image, size_t patches, size_t width,
                                       size_t patch)
{
    if (image == OSPREY__NO_VALUE) return OSPREY__NO_VALUE;
    const osprey__value *from = &builder->graph->values[image];
    const bool planar = from->kind == OSPREY__INPUT;
    const size_t channels = from->shape.dims[planar ? 0 : 2];
    osprey__value_id inputs[3] = {image, OSPREY__NO_VALUE, OSPREY__NO_VALUE};
    if (builder->model->names->flax) {
        osprey__tensor_name kernel = osprey__tensor_name_print("%skernel", name);
        osprey__tensor_name bias = osprey__tensor_name_print("%sbias", name);
        inputs[1] = osprey__build_flax_filter(builder, kernel.text, width, channels, patch);
        inputs[2] = osprey__build_tensor(builder, bias.text, 1, &width);
    } else {
        const bool biased = is_prefix(name);
        osprey__tensor_name weight = osprey__tensor_name_print(biased ? "%sweight" : "%s", name);
        osprey__tensor_name bias = osprey__tensor_name_print("%sbias", name);
        inputs[1] = osprey__build_tensor(builder, weight.text, 4,
                                         (size_t[]){width, channels, patch, patch});
        if (biased) inputs[2] = osprey__build_tensor(builder, bias.text, 1, &width);
    }
    osprey__value_id x =
        osprey__graph_node(builder->graph, OSPREY__OP_CONV2D, "patches", inputs, 3,
                           &(osprey__attributes){.stride = patch, .planar = planar});
    osprey__attributes rows = {.shape = {OSPREY__PER_SEQUENCE, 2, {patches, width}}};
    return osprey__graph_node(builder->graph, OSPREY__OP_RESHAPE, "patch_tokens", &x, 1, &rows);
}

osprey__value_id osprey__build_projection(osprey__tower_builder *builder, const char *name,
                                          osprey__value_id x, size_t in, size_t out,
                                          bool transposed)
{
    if (is_prefix(name)) return osprey__build_linear(builder, name, x, in, out);
    size_t dims[] = {transposed ? in : out, transposed ? out : in};
    osprey__value_id inputs[] = {x, osprey__build_tensor(builder, name, 2, dims)};
    osprey__attributes attributes = {.transposed = transposed};
    return osprey__graph_node(builder->graph, OSPREY__OP_LINEAR, name, inputs, 2, &attributes);
}

osprey__value_id osprey__build_layer_norm(osprey__tower_builder *builder, const char *prefix,
                                          osprey__value_id x, size_t width, float epsilon)
{
    const char *scale_name = builder->model->names->flax ? "scale" : "weight";
    osprey__tensor_name scale = osprey__tensor_name_print("%s%s", prefix, scale_name);
    osprey__tensor_name shift = osprey__tensor_name_print("%sbias", prefix);
    osprey__value_id inputs[] = {x, osprey__build_tensor(builder, scale.text, 1, &width),
                                 osprey__build_tensor(builder, shift.text, 1, &width)};
    osprey__attributes attributes = {.epsilon = epsilon};
    return osprey__graph_node(builder->graph, OSPREY__OP_LAYER_NORM, prefix, inputs, 3,
                              &attributes);
}

osprey__value_id osprey__build_merged_part(osprey__tower_builder *builder, const char *prefix,
                                           size_t part, size_t parts, osprey__value_id x,
                                           size_t width)
{
    static const char *const letters[] = {"q", "k", "v"};
    osprey__tensor_name weight = osprey__tensor_name_print("%sweight", prefix);
    osprey__tensor_name bias = osprey__tensor_name_print("%sbias", prefix);
    osprey__tensor_name name = osprey__tensor_name_print("%s%s", prefix, letters[3 - parts + part]);
    const size_t dims[] = {width, width};
    osprey__value_id inputs[] = {
        x, osprey__build_tensor_part(builder, weight.text, part, parts, 2, dims),
        osprey__build_tensor_part(builder, bias.text, part, parts, 1, dims)};
    return osprey__graph_node(builder->graph, OSPREY__OP_LINEAR, name.text, inputs, 3, NULL);
}

static osprey__value_id build_attention(osprey__tower_builder *builder,
                                        const osprey__transformer_names *names, const char *block,
                                        const osprey__transformer_shape *shape, osprey__value_id x)
{
    const char *const separate[] = {names->names.q, names->names.k, names->names.v};
    const char *merged = names->names.qkv;
    const osprey__value_id none = OSPREY__NO_VALUE;
    osprey__value_id inputs[] = {none, none, none, none, none, builder->grid};
    for (size_t part = 0; part < 3; part++) {
        osprey__tensor_name prefix =
            osprey__tensor_name_print("%s%s", block, merged ? merged : separate[part]);
        inputs[part] =
            merged ? osprey__build_merged_part(builder, prefix.text, part, 3, x, shape->width)
                   : build_attention_linear(builder, names, prefix.text, x, shape, true);
    }
    size_t head_dim = shape->width / shape->heads;
    osprey__attributes attributes = {
        .heads = shape->heads,
        .head_dim = head_dim,
        .scale = 1.0F / sqrtf((float)head_dim),
        .causal = shape->causal,
    };
    osprey__tensor_name name = osprey__tensor_name_print("%sattention", block);
    osprey__value_id mixed =
        osprey__graph_node(builder->graph, OSPREY__OP_ATTENTION, name.text, inputs, 6, &attributes);
    osprey__tensor_name out = osprey__tensor_name_print("%s%s", block, names->names.attention_out);
    return build_attention_linear(builder, names, out.text, mixed, shape, false);
}

static osprey__value_id build_add(osprey__tower_builder *builder, const char *block,
                                  const char *name, osprey__value_id x, osprey__value_id y)
{
    osprey__tensor_name whole = osprey__tensor_name_print("%s%s", block, name);
    return osprey__graph_node(builder->graph, OSPREY__OP_ADD, whole.text,
                              (osprey__value_id[]){x, y}, 2, NULL);
}

osprey__value_id osprey__build_mlp(osprey__tower_builder *builder, const osprey__mlp_shape *mlp,
                                   osprey__value_id x)
{
    osprey__tensor_name in = osprey__tensor_name_print("%s%s", mlp->block, mlp->in);
    osprey__tensor_name out = osprey__tensor_name_print("%s%s", mlp->block, mlp->out);
    osprey__tensor_name name = osprey__tensor_name_print("%s%sactivation", mlp->block, mlp->name);
    x = osprey__build_linear(builder, in.text, x, mlp->width, mlp->hidden);
    x = osprey__graph_node(builder->graph, OSPREY__OP_ACTIVATION, name.text, &x, 1,
                           &(osprey__attributes){.activation = mlp->activation});
    return osprey__build_linear(builder, out.text, x, mlp->hidden, mlp->width);
}

/* A norm, and an MLP whose hidden channels others gate (GEGLU, Shazeer, 2020). */
static osprey__value_id build_gated_mlp(osprey__tower_builder *builder,
                                        const osprey__block_names *names, const char *block,
                                        const osprey__transformer_shape *shape, osprey__value_id x)
{
    const size_t width = shape->width, hidden = shape->mlp_width;
    osprey__tensor_name norm = osprey__tensor_name_print("%s%s", block, names->mlp_norm);
    osprey__tensor_name in = osprey__tensor_name_print("%s%s", block, names->mlp_in);
    osprey__tensor_name gated = osprey__tensor_name_print("%s%s", block, names->mlp_gated);
    osprey__tensor_name out = osprey__tensor_name_print("%s%s", block, names->mlp_out);
    osprey__tensor_name activation = osprey__tensor_name_print("%smlp.activation", block);
    osprey__tensor_name product = osprey__tensor_name_print("%smlp.gated", block);
    x = osprey__build_layer_norm(builder, norm.text, x, width, shape->layer_norm_epsilon);
    osprey__value_id gate = osprey__build_linear(builder, in.text, x, width, hidden);
    gate = osprey__graph_node(builder->graph, OSPREY__OP_ACTIVATION, activation.text, &gate, 1,
                              &(osprey__attributes){.activation = shape->activation});
    x = osprey__build_linear(builder, gated.text, x, width, hidden);
    x = osprey__graph_node(builder->graph, OSPREY__OP_MULTIPLY, product.text,
                           (osprey__value_id[]){gate, x}, 2, NULL);
    return osprey__build_linear(builder, out.text, x, hidden, width);
}

static osprey__value_id build_block_mlp(osprey__tower_builder *builder,
                                        const osprey__block_names *names, const char *block,
                                        const osprey__transformer_shape *shape, osprey__value_id x)
{
    if (names->mlp_gated) return build_gated_mlp(builder, names, block, shape, x);
    return osprey__build_mlp(builder,
                             &(osprey__mlp_shape){.block = block,
                                                  .in = names->mlp_in,
                                                  .out = names->mlp_out,
                                                  .name = "mlp.",
                                                  .width = shape->width,
                                                  .hidden = shape->mlp_width,
                                                  .activation = shape->activation},
                             x);
}

static osprey__value_id build_block(osprey__tower_builder *builder,
                                    const osprey__transformer_names *names, const char *block,
                                    const osprey__transformer_shape *shape, osprey__value_id x)
{
    osprey__tensor_name norm1 = osprey__tensor_name_print("%s%s", block, names->names.norm1);
    osprey__tensor_name norm2 = osprey__tensor_name_print("%s%s", block, names->names.norm2);
    const size_t width = shape->width;
    const float epsilon = shape->layer_norm_epsilon;
    osprey__value_id y = x;
    if (!shape->post_norm) y = osprey__build_layer_norm(builder, norm1.text, x, width, epsilon);
    y = build_attention(builder, names, block, shape, y);
    x = build_add(builder, block, "attention.add", y, x);
    if (shape->post_norm) x = osprey__build_layer_norm(builder, norm1.text, x, width, epsilon);
    y = x;
    if (!shape->post_norm) y = osprey__build_layer_norm(builder, norm2.text, x, width, epsilon);
    y = build_block_mlp(builder, &names->names, block, shape, y);
    x = build_add(builder, block, "mlp.add", y, x);
    if (shape->post_norm) x = osprey__build_layer_norm(builder, norm2.text, x, width, epsilon);
    return x;
}

osprey__value_id osprey__build_transformer(osprey__tower_builder *builder,
                                           const osprey__transformer_names *names,
                                           const osprey__transformer_shape *shape,
                                           osprey__value_id x)
{
    const char *separator = builder->model->names->flax ? "/" : ".";
    for (size_t layer = 0; layer < shape->layers; layer++) {
        osprey__tensor_name block =
            osprey__tensor_name_print("%s%zu%s", names->blocks, layer, separator);
        x = build_block(builder, names, block.text, shape, x);
    }
    return x;
}
