/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dtype.h"
#include "model/text_embeddings.h"
#include "model/towers.h"

/*
 * The positions of texts with the first token type added to every row: the tokens of a text alone
 * are all of that type.
 */
static osprey__value_id build_positions(osprey__tower_builder *b)
{
    const osprey__text_config *config = &b->model->config.text;
    const osprey__layout_names *names = b->model->names;
    const size_t width = config->width;
    osprey__value_id table =
        osprey__build_tensor(b, names->text_position, 2, (size_t[]){config->positions, width});
    osprey__value_id types =
        osprey__build_tensor(b, names->text_token_type, 2, (size_t[]){config->token_types, width});
    if (b->graph->failure.status != OSPREY_OK) return OSPREY__NO_VALUE;
    const size_t count = config->positions - config->first_position;
    float *rows;
    osprey__value_id sums = osprey__graph_new_constant(b->graph, names->text_position, 2,
                                                       (size_t[]){count, width}, &rows);
    if (sums == OSPREY__NO_VALUE) return sums;
    const osprey__value *from = &b->graph->values[table], *type = &b->graph->values[types];
    const size_t skipped = config->first_position * width * osprey__dtype_bytes(from->dtype);
    osprey__to_f32(from->dtype, (const char *)from->data + skipped, count * width, rows);
    for (size_t i = 0; i < width; i++) {
        float added;
        const size_t at = i * osprey__dtype_bytes(type->dtype);
        osprey__to_f32(type->dtype, (const char *)type->data + at, 1, &added);
        for (size_t row = 0; row < count; row++) rows[row * width + i] += added;
    }
    return sums;
}

/* One row a text: of its first token, or the mean of all. */
static osprey__value_id build_pooled(osprey__tower_builder *b, osprey__value_id x,
                                     osprey__value_id pooled)
{
    const osprey__text_config *config = &b->model->config.text;
    if (config->pooling == OSPREY__POOL_MEAN)
        return osprey__graph_node(b->graph, OSPREY__OP_MEAN, "mean_token", &x, 1, NULL);
    x = osprey__graph_node(b->graph, OSPREY__OP_GATHER, "pooled_token",
                           (osprey__value_id[]){x, pooled}, 2, NULL);
    if (!config->has_pooler) return x;
    x = osprey__build_linear(b, b->model->names->text_pooler, x, config->width, config->width);
    return osprey__graph_node(b->graph, OSPREY__OP_ACTIVATION, "pooler.tanh", &x, 1,
                              &(osprey__attributes){.activation = OSPREY_ACTIVATION_TANH});
}

/* One matrix, or two with GELU between them. None is stored as OpenCLIP's own projections. */
static osprey__value_id build_projected(osprey__tower_builder *b, osprey__value_id x)
{
    const osprey__text_config *config = &b->model->config.text;
    const osprey__layout_names *names = b->model->names;
    const size_t width = config->width, hidden = config->projection_width,
                 out = b->model->config.embed_dim;
    if (!names->text_projection || config->unprojected) return x;
    if (!hidden) return osprey__build_projection(b, names->text_projection, x, width, out, false);
    x = osprey__build_projection(b, names->text_mlp[0], x, width, hidden, false);
    x = osprey__graph_node(b->graph, OSPREY__OP_ACTIVATION, "projection.activation", &x, 1,
                           &(osprey__attributes){.activation = OSPREY_ACTIVATION_GELU});
    return osprey__build_projection(b, names->text_mlp[1], x, hidden, out, false);
}

osprey__value_id osprey__build_bert_text(osprey__tower_builder *b)
{
    const osprey__text_config *config = &b->model->config.text;
    const osprey__layout_names *names = b->model->names;
    osprey__text_embeddings tokens = osprey__build_text_embeddings(b, build_positions(b));
    osprey__value_id x = osprey__build_layer_norm(b, names->text_norm, tokens.x, config->width,
                                                  config->layer_norm_epsilon);
    x = osprey__build_transformer(b, &names->text_blocks,
                                  &(osprey__transformer_shape){
                                      .width = config->width,
                                      .heads = config->heads,
                                      .mlp_width = config->mlp_width,
                                      .layers = config->layers,
                                      .activation = config->activation,
                                      .layer_norm_epsilon = config->layer_norm_epsilon,
                                      .post_norm = true,
                                  },
                                  x);
    return build_projected(b, build_pooled(b, x, tokens.pooled));
}
