/* SPDX-License-Identifier: Apache-2.0 */
#include "model/text_embeddings.h"

#include "base/dtype.h"
#include "base/memory.h"
#include "model/towers.h"

static osprey__value_id build_gather(osprey__tower_builder *b, const char *name,
                                     osprey__value_id table, osprey__value_id index)
{
    return osprey__graph_node(b->graph, OSPREY__OP_GATHER, name, (osprey__value_id[]){table, index},
                              2, NULL);
}

/*
 * The positions, of which the last is the class token's, with the class token in place of the one
 * that its row is looked up as: id 0.
 */
static osprey__value_id build_class_position(osprey__tower_builder *b, osprey__value_id token_table,
                                             osprey__value_id positions)
{
    const osprey__text_config *config = &b->model->config.text;
    const size_t width = config->width, rows = osprey__text_rows_most(config);
    const size_t dims[] = {rows, width};
    float *class_token = osprey__build_floats(b, b->model->names->text_class, 1, &width), *sums;
    osprey__value_id id = OSPREY__NO_VALUE;
    if (class_token && b->graph->failure.status == OSPREY_OK)
        id = osprey__graph_new_constant(b->graph, b->model->names->text_position, 2, dims, &sums);
    if (id != OSPREY__NO_VALUE) {
        const osprey__value *from = &b->graph->values[positions],
                            *tokens = &b->graph->values[token_table];
        float *last = sums + (rows - 1) * width;
        osprey__to_f32(from->dtype, from->data, rows * width, sums);
        for (size_t i = 0; i < width; i++) {
            float first;
            const size_t at = i * osprey__dtype_bytes(tokens->dtype);
            osprey__to_f32(tokens->dtype, (const char *)tokens->data + at, 1, &first);
            last[i] += class_token[i] - first;
        }
    }
    osprey__free(class_token);
    return id;
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
    if (config->kind == OSPREY__TEXT_COCA)
        position_table = build_class_position(b, token_table, position_table);
    osprey__value_id rows[] = {build_gather(b, "tokens", token_table, ids),
                               build_gather(b, "token_positions", position_table, positions)};
    return (osprey__text_embeddings){
        osprey__graph_node(b->graph, OSPREY__OP_ADD, "positioned", rows, 2, NULL), pooled};
}
