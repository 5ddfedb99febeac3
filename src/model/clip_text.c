/* SPDX-License-Identifier: Apache-2.0 */
#include "model/towers.h"

osprey__value_id osprey__build_clip_text(osprey__tower_builder *b)
{
    const osprey__text_config *config = &b->model->config.text;
    const osprey__layout_names *names = b->model->names;
    osprey__graph *graph = b->graph;
    size_t width = config->width;

    osprey__shape a_token = {OSPREY__PER_TOKEN, 0, {0}}, a_text = {OSPREY__PER_SEQUENCE, 0, {0}};
    osprey__value_id ids = osprey__graph_input(graph, OSPREY__INPUT_IDS, OSPREY__I32, a_token);
    osprey__value_id positions =
        osprey__graph_input(graph, OSPREY__INPUT_POSITIONS, OSPREY__I32, a_token);
    osprey__value_id pooled = osprey__graph_input(graph, OSPREY__INPUT_POOLED, OSPREY__I32, a_text);

    osprey__value_id token_table =
        osprey__build_tensor(b, names->text_token, 2, (size_t[]){config->vocabulary, width});
    osprey__value_id position_table =
        osprey__build_tensor(b, names->text_position, 2, (size_t[]){config->context_length, width});
    osprey__value_id token = osprey__graph_node(graph, OSPREY__OP_GATHER, "tokens",
                                                (osprey__value_id[]){token_table, ids}, 2, NULL);
    osprey__value_id position =
        osprey__graph_node(graph, OSPREY__OP_GATHER, "token_positions",
                           (osprey__value_id[]){position_table, positions}, 2, NULL);
    osprey__value_id x = osprey__graph_node(graph, OSPREY__OP_ADD, "positioned",
                                            (osprey__value_id[]){token, position}, 2, NULL);
    x = osprey__build_transformer(b, &names->text_blocks,
                                  &(osprey__transformer_shape){
                                      .width = width,
                                      .heads = config->heads,
                                      .mlp_width = config->mlp_width,
                                      .layers = config->layers,
                                      .activation = config->activation,
                                      .layer_norm_epsilon = config->layer_norm_epsilon,
                                      .causal = true,
                                  },
                                  x);
    x = osprey__graph_node(graph, OSPREY__OP_GATHER, "pooled_token",
                           (osprey__value_id[]){x, pooled}, 2, NULL);
    x = osprey__build_layer_norm(b, names->text_norm, x, width, config->layer_norm_epsilon);
    return osprey__build_projection(b, names->text_projection, x, width, b->model->config.embed_dim,
                                    names->projections_transposed);
}
