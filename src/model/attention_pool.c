/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "model/towers.h"

#include <math.h>

/*
 * The linear of constants weight [width][width] and bias [width] applied to probe, which is freed,
 * times scale: the same query for every picture, so it is computed here. [1][width].
 */
static osprey__value_id build_query(osprey__tower_builder *b, const char *name, float *probe,
                                    osprey__value_id weight, osprey__value_id bias, size_t width,
                                    float scale)
{
    const size_t row[] = {1, width};
    float *w = osprey__constant_floats(b, weight), *shift = osprey__constant_floats(b, bias);
    float *query;
    osprey__value_id id = OSPREY__NO_VALUE;
    if (probe && w && shift) id = osprey__graph_new_constant(b->graph, name, 2, row, &query);
    for (size_t o = 0; id != OSPREY__NO_VALUE && o < width; o++) {
        double sum = (double)shift[o];
        for (size_t i = 0; i < width; i++) sum += (double)w[o * width + i] * (double)probe[i];
        query[o] = (float)(sum * (double)scale);
    }
    osprey__free(shift);
    osprey__free(w);
    osprey__free(probe);
    return id;
}

/* SigLIP's query: q's weight and bias stand by themselves, or before those of k and v. */
static osprey__value_id build_probe_query(osprey__tower_builder *b, const osprey__pool_names *names,
                                          size_t width, float scale)
{
    const char *prefix = names->q ? names->q : names->kv;
    const osprey__tensor_name weight = osprey__tensor_name_print("%sweight", prefix);
    const osprey__tensor_name bias = osprey__tensor_name_print("%sbias", prefix);
    const size_t parts = names->q ? 1 : 3;
    return build_query(
        b, names->probe, osprey__build_floats(b, names->probe, 3, (size_t[]){1, 1, width}),
        osprey__build_tensor_part(b, weight.text, 0, parts, 2, (size_t[]){width, width}),
        osprey__build_tensor_part(b, bias.text, 0, parts, 1, &width), width, scale);
}

/* What the one query finds in the tokens, as a vector: [width]. */
static osprey__value_id build_attention(osprey__tower_builder *b, const osprey__value_id qkv[3],
                                        size_t heads, size_t width)
{
    const osprey__value_id none = OSPREY__NO_VALUE;
    osprey__value_id x = osprey__graph_node(
        b->graph, OSPREY__OP_ATTENTION, "pool.attention",
        (osprey__value_id[]){qkv[0], qkv[1], qkv[2], none, none, b->grid}, 6,
        &(osprey__attributes){.heads = heads, .head_dim = width / heads, .scale = 1});
    return osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, "pooled", &x, 1,
                              &(osprey__attributes){.shape = {OSPREY__PER_SEQUENCE, 1, {width}}});
}

osprey__value_id osprey__build_attention_pool(osprey__tower_builder *b, osprey__value_id x,
                                              size_t heads, size_t mlp_width)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey__pool_names *names = &b->model->names->image_pool;
    const size_t width = config->width, head_dim = width / heads;
    const size_t parts = names->q ? 2 : 3;
    const osprey__value_id qkv[] = {
        build_probe_query(b, names, width, 1.0F / sqrtf((float)head_dim)),
        osprey__build_merged_part(b, names->kv, parts - 2, parts, x, width),
        osprey__build_merged_part(b, names->kv, parts - 1, parts, x, width),
    };
    x = build_attention(b, qkv, heads, width);
    x = osprey__build_linear(b, names->attention_out, x, width, width);
    osprey__value_id y =
        osprey__build_layer_norm(b, names->norm, x, width, config->layer_norm_epsilon);
    y = osprey__build_mlp(b,
                          &(osprey__mlp_shape){.block = "",
                                               .in = names->mlp_in,
                                               .out = names->mlp_out,
                                               .name = "pool.mlp.",
                                               .width = width,
                                               .hidden = mlp_width,
                                               .activation = config->activation},
                          y);
    return osprey__graph_node(b->graph, OSPREY__OP_ADD, "pool.add", (osprey__value_id[]){y, x}, 2,
                              NULL);
}

/* The first of the learned queries behind its norm; the caller frees. NULL after a failure. */
static float *first_query(osprey__tower_builder *b, size_t width)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey__query_pool_names *names = &b->model->names->image_query_pool;
    const osprey__tensor_name scale_name = osprey__tensor_name_print("%sweight", names->query_norm);
    const osprey__tensor_name shift_name = osprey__tensor_name_print("%sbias", names->query_norm);
    float *query =
        osprey__build_floats(b, names->queries, 2, (size_t[]){config->pool_queries, width});
    float *scale = osprey__build_floats(b, scale_name.text, 1, &width);
    float *shift = osprey__build_floats(b, shift_name.text, 1, &width);
    if (query && scale && shift) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < width; i++) mean += (double)query[i] / (double)width;
        for (size_t i = 0; i < width; i++) {
            const double apart = (double)query[i] - mean;
            variance += apart * apart / (double)width;
        }
        const double factor = 1 / sqrt(variance + (double)config->layer_norm_epsilon);
        for (size_t i = 0; i < width; i++)
            query[i] =
                (float)(((double)query[i] - mean) * factor * (double)scale[i] + (double)shift[i]);
    }
    osprey__free(shift);
    osprey__free(scale);
    return query;
}

/* The weight of q, k or v, whose inputs are so many. */
static osprey__value_id pool_weight(osprey__tower_builder *b, size_t part, size_t in, size_t out)
{
    const osprey__query_pool_names *names = &b->model->names->image_query_pool;
    const char *const separate[] = {names->q, names->k, names->v};
    const size_t dims[] = {out, in};
    if (b->model->config.image.width != out)
        return osprey__build_tensor(b, separate[part], 2, dims);
    const osprey__tensor_name merged = osprey__tensor_name_print("%sweight", names->qkv);
    return osprey__build_tensor_part(b, merged.text, part, 3, 2, dims);
}

osprey__value_id osprey__build_query_pool(osprey__tower_builder *b, osprey__value_id x)
{
    static const char *const linears[] = {NULL, "pool.k", "pool.v"};
    const osprey__image_config *config = &b->model->config.image;
    const osprey__query_pool_names *names = &b->model->names->image_query_pool;
    const osprey__tensor_name bias_name = osprey__tensor_name_print("%sbias", names->qkv);
    const size_t in = config->width, out = b->model->config.embed_dim;
    osprey__value_id qkv[3], biases[3];
    x = osprey__build_layer_norm(b, names->key_norm, x, in, config->layer_norm_epsilon);
    for (size_t part = 0; part < 3; part++)
        biases[part] = osprey__build_tensor_part(b, bias_name.text, part, 3, 1, &out);
    qkv[0] = build_query(b, names->queries, first_query(b, out), pool_weight(b, 0, out, out),
                         biases[0], out, 1.0F / sqrtf((float)(out / config->pool_heads)));
    for (size_t part = 1; part < 3; part++)
        qkv[part] = osprey__graph_node(
            b->graph, OSPREY__OP_LINEAR, linears[part],
            (osprey__value_id[]){x, pool_weight(b, part, in, out), biases[part]}, 3, NULL);
    x = build_attention(b, qkv, config->pool_heads, out);
    x = osprey__build_linear(b, names->attention_out, x, out, out);
    return osprey__build_layer_norm(b, b->model->names->image_post_norm, x, out,
                                    config->layer_norm_epsilon);
}
