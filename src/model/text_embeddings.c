/* SPDX-License-Identifier: Apache-2.0 */
#include "model/text_embeddings.h"

#include "model/towers.h"

static osprey__value_id build_gather(osprey__tower_builder *b, const char *name,
                                     osprey__value_id table, osprey__value_id index)
{
    return osprey__graph_node(b->graph, OSPREY__OP_GATHER, name, (osprey__value_id[]){table, index},
                              2, NULL);
}

osprey__text_embeddings osprey__build_text_embeddings(osprey__tower_builder *b,
                                                      osprey__value_id position_table)
{
    const osprey__text_config *config = &b->model->config.text;
    const osprey__shape a_token = {OSPREY__PER_TOKEN, 0, {0}},
                        a_text = {OSPREY__PER_SEQUENCE, 0, {0}};
    osprey__value_id ids = osprey__graph_input(b->graph, OSPREY__INPUT_IDS, OSPREY__I32, a_token);
    osprey__value_id positions =
        osprey__graph_input(b->graph, OSPREY__INPUT_POSITIONS, OSPREY__I32, a_token);
    osprey__value_id pooled =
        osprey__graph_input(b->graph, OSPREY__INPUT_POOLED, OSPREY__I32, a_text);
    osprey__value_id token_table = osprey__build_tensor(
        b, b->model->names->text_token, 2, (size_t[]){config->vocabulary, config->width});
    osprey__value_id rows[] = {build_gather(b, "tokens", token_table, ids),
                               build_gather(b, "token_positions", position_table, positions)};
    return (osprey__text_embeddings){
        osprey__graph_node(b->graph, OSPREY__OP_ADD, "positioned", rows, 2, NULL), pooled};
}
