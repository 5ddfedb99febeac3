/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "model/towers.h"

#include <math.h>

/* q's weight or bias as floats that the caller frees; NULL after a failure. */
static float *query_floats(osprey__tower_builder *b, const osprey__pool_names *names,
                           const char *leaf, size_t rank, const size_t *dims)
{
    const osprey__tensor_name name =
        osprey__tensor_name_print("%s%s", names->q ? names->q : names->kv, leaf);
    return osprey__constant_floats(
        b, osprey__build_tensor_part(b, name.text, 0, names->q ? 1 : 3, rank, dims));
}

/* What the probe becomes, times scale: the same query for every picture, so it is computed here. */
static osprey__value_id build_query(osprey__tower_builder *b, const osprey__pool_names *names,
                                    size_t width, float scale)
{
    const size_t probe_dims[] = {1, 1, width}, square[] = {width, width}, row[] = {1, width};
    float *probe = osprey__build_floats(b, names->probe, 3, probe_dims);
    float *weight = query_floats(b, names, "weight", 2, square);
    float *bias = query_floats(b, names, "bias", 1, &width);
    float *query;
    osprey__value_id id = OSPREY__NO_VALUE;
    if (probe && weight && bias)
        id = osprey__graph_new_constant(b->graph, names->probe, 2, row, &query);
    for (size_t o = 0; id != OSPREY__NO_VALUE && o < width; o++) {
        double sum = (double)bias[o];
        for (size_t i = 0; i < width; i++) sum += (double)weight[o * width + i] * (double)probe[i];
        query[o] = (float)(sum * (double)scale);
    }
    osprey__free(bias);
    osprey__free(weight);
    osprey__free(probe);
    return id;
}

osprey__value_id osprey__build_attention_pool(osprey__tower_builder *b, osprey__value_id x)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey__pool_names *names = &b->model->names->image_pool;
    const size_t width = config->width, head_dim = width / config->heads;
    const size_t parts = names->q ? 2 : 3;
    const osprey__value_id qkv[] = {
        build_query(b, names, width, 1.0F / sqrtf((float)head_dim)),
        osprey__build_merged_part(b, names->kv, parts - 2, parts, x, width),
        osprey__build_merged_part(b, names->kv, parts - 1, parts, x, width),
    };
    x = osprey__graph_node(
        b->graph, OSPREY__OP_ATTENTION, "pool.attention", qkv, 3,
        &(osprey__attributes){.heads = config->heads, .head_dim = head_dim, .scale = 1});
    x = osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, "pooled", &x, 1,
                           &(osprey__attributes){.shape = {OSPREY__PER_SEQUENCE, 1, {width}}});
    x = osprey__build_linear(b, names->attention_out, x, width, width);
    osprey__value_id y =
        osprey__build_layer_norm(b, names->norm, x, width, config->layer_norm_epsilon);
    y = osprey__build_mlp(b,
                          &(osprey__mlp_shape){.block = "",
                                               .in = names->mlp_in,
                                               .out = names->mlp_out,
                                               .name = "pool.mlp.",
                                               .width = width,
                                               .hidden = config->mlp_width,
                                               .activation = config->activation},
                          y);
    return osprey__graph_node(b->graph, OSPREY__OP_ADD, "pool.add", (osprey__value_id[]){y, x}, 2,
                              NULL);
}
