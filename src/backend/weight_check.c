/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/weight_check.h"

#include "base/checksum.h"
#include "base/os/resident.h"

/* Some pieces of a section, each a task. */
typedef struct pieces {
    const osprey__engine_section *section;
    size_t first;
    bool give_back; /* their pages */
    _Atomic uint64_t *checksum;
} pieces;

static void read_piece(void *context, size_t task, size_t thread)
{
    const pieces *read = context;
    const osprey__engine_section *section = read->section;
    const size_t piece = read->first + task;
    (void)thread;
    atomic_fetch_xor(read->checksum,
                     osprey__checksum_piece(section->bytes, section->length, piece));
    if (!read->give_back) return;
    const size_t offset = piece * OSPREY__CHECKSUM_PIECE, rest = section->length - offset;
    osprey__pages_give_back(section->bytes + offset,
                            rest < OSPREY__CHECKSUM_PIECE ? rest : OSPREY__CHECKSUM_PIECE);
}

static bool has_tables(const osprey__plan *plan)
{
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        if (node->op == OSPREY__OP_GATHER &&
            plan->graph->values[node->inputs[0]].kind == OSPREY__CONSTANT)
            return true;
    }
    return false;
}

void osprey__weight_check_init(osprey__weight_check *check, const osprey__plan *plan,
                               const osprey__engine_section *weights,
                               const osprey__engine_section *constants)
{
    const bool packed_anew = plan->weights;
    check->plan = plan;
    check->weights = packed_anew ? NULL : weights;
    check->constants = packed_anew || has_tables(plan) ? constants : NULL;
}

osprey_status osprey__weight_check_begin(osprey__weight_check *check, osprey__thread_pool *pool,
                                         const char *path, osprey_error *error)
{
    const osprey__engine_section *constants = check->constants;
    check->places = check->pieces = 0;
    atomic_store(&check->checksum, 0);
    if (!constants) return OSPREY_OK;
    /* Of a table, runs read few rows: its pages need not stay. */
    _Atomic uint64_t checksum = 0;
    pieces read = {constants, 0, true, &checksum};
    osprey__thread_pool_run(pool, osprey__checksum_pieces(constants->length), read_piece, &read);
    return atomic_load(&checksum) == constants->checksum
               ? OSPREY_OK
               : osprey__engine_section_damaged(constants, path, error);
}

/* How many of the weights' pieces are read by the steps up to this one, and by no later one. */
static size_t pieces_until(osprey__weight_check *check, size_t step)
{
    const osprey__plan *plan = check->plan;
    if (step + 1 == plan->step_count) return osprey__checksum_pieces(check->weights->length);
    /* A constant stands behind the weight of the first step that reads it. */
    while (check->places < plan->weight_place_count &&
           (plan->weight_places[check->places].step <= step ||
            plan->weight_places[check->places].step == SIZE_MAX))
        check->places++;
    const size_t end = check->places < plan->weight_place_count
                           ? plan->weight_places[check->places].offset
                           : plan->weight_bytes;
    return end / OSPREY__CHECKSUM_PIECE;
}

void osprey__weight_check_follow(osprey__weight_check *check, osprey__thread_pool *pool,
                                 osprey__weight_stream *stream, size_t step)
{
    if (!check->weights) return;
    const size_t first = check->pieces, end = pieces_until(check, step);
    if (end == first) return;
    pieces read = {check->weights, first, false, &check->checksum};
    osprey__thread_pool_run(pool, end - first, read_piece, &read);
    check->pieces = end;
    if (stream)
        osprey__weight_stream_trim(stream, check->weights->bytes + first * OSPREY__CHECKSUM_PIECE);
}

osprey_status osprey__weight_check_end(osprey__weight_check *check, const char *path,
                                       osprey_error *error)
{
    if (!check->weights || atomic_load(&check->checksum) == check->weights->checksum)
        return OSPREY_OK;
    return osprey__engine_section_damaged(check->weights, path, error);
}
