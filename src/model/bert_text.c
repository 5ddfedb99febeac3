/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dtype.h"
#include "model/text_embeddings.h"
#include "model/towers.h"

/*
 * The table of positions with the first token type added to every row: the tokens of a text alone
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
    float *rows = osprey__graph_edit_constant(b->graph, &table);
    if (!rows) return OSPREY__NO_VALUE;
    const osprey__value *type = &b->graph->values[types];
    const size_t element_bytes = osprey__dtype_bytes(type->dtype);
    for (size_t i = 0; i < width; i++) {
        float added;
        osprey__to_f32(type->dtype, (const char *)type->data + i * element_bytes, 1, &added);
        for (size_t row = 0; row < config->positions; row++) rows[row * width + i] += added;
    }
    return table;
}

/* One row a text: of its first token, or the mean of all. */
static osprey__value_id build_pooled(osprey__tower_builder *b, osprey__value_id x,
                                     osprey__value_id pooled)
{
    if (b->model->config.text.pooling == OSPREY__POOL_MEAN)
        return osprey__graph_node(b->graph, OSPREY__OP_MEAN, "mean_token", &x, 1, NULL);
    return osprey__graph_node(b->graph, OSPREY__OP_GATHER, "pooled_token",
                              (osprey__value_id[]){x, pooled}, 2, NULL);
}

osprey__value_id osprey__build_bert_text(osprey__tower_builder *b)
{
    const osprey__model_config *model = &b->model->config;
    const osprey__text_config *config = &model->text;
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
    x = build_pooled(b, x, tokens.pooled);
    if (!names->text_projection) return x;
    return osprey__build_projection(b, names->text_projection, x, config->width, model->embed_dim,
                                    names->projections_transposed);
}
