/* SPDX-License-Identifier: Apache-2.0 */
#include "model/text_embeddings.h"
#include "model/towers.h"

osprey__value_id osprey__build_clip_text(osprey__tower_builder *b)
{
    const osprey__text_config *config = &b->model->config.text;
    const osprey__layout_names *names = b->model->names;
    const size_t width = config->width;
    osprey__text_embeddings tokens = osprey__build_text_embeddings(
        b, osprey__build_tensor(b, names->text_position, 2,
                                (size_t[]){osprey__text_rows_most(config), width}));
    osprey__value_id x = osprey__build_transformer(
        b, &names->text_blocks,
        &(osprey__transformer_shape){
            .width = width,
            .heads = config->heads,
            .mlp_width = config->mlp_width,
            .layers = config->layers,
            .activation = config->activation,
            .layer_norm_epsilon = config->layer_norm_epsilon,
            .causal = config->kind == OSPREY__TEXT_CLIP || config->kind == OSPREY__TEXT_COCA,
        },
        tokens.x);
    x = osprey__graph_node(b->graph, OSPREY__OP_GATHER, "pooled_token",
                           (osprey__value_id[]){x, tokens.pooled}, 2, NULL);
    x = osprey__build_layer_norm(b, names->text_norm, x, width, config->layer_norm_epsilon);
    if (config->unprojected) return x;
    return osprey__build_projection(b, names->text_projection, x, width, b->model->config.embed_dim,
                                    names->projections_transposed);
}
