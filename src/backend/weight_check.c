/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/weight_check.h"

#include "base/checksum.h"
#include "base/os/resident.h"

/* Some pieces of a section, each a task. */
typedef struct pieces {
    const osprey__engine_section *section;
    size_t first;
    bool give_back;                      /* their pages */
    const osprey__weight_blocks *blocks; /* NULL, or what is read already */
    _Atomic uint64_t *checksum;
} pieces;

/* Whether a task has read the piece: it lies in one block. */
static bool is_in_block(const osprey__weight_blocks *blocks, size_t piece)
{
    const size_t begin = piece * OSPREY__CHECKSUM_PIECE, last = begin + OSPREY__CHECKSUM_PIECE - 1;
    if (!blocks->block_bytes || piece < blocks->first || piece >= blocks->end) return false;
    return begin >= blocks->offset && last < blocks->offset + blocks->bytes &&
           (begin - blocks->offset) / blocks->block_bytes ==
               (last - blocks->offset) / blocks->block_bytes;
}

static void read_piece(void *context, size_t task, size_t thread)
{
    const pieces *read = context;
    const osprey__engine_section *section = read->section;
    const size_t piece = read->first + task;
    (void)thread;
    if (read->blocks && is_in_block(read->blocks, piece)) return;
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
    check->blocks.block_bytes = 0;
    atomic_store(&check->checksum, 0);
    if (!constants) return OSPREY_OK;
    /* Of a table, runs read few rows: its pages need not stay. */
    _Atomic uint64_t checksum = 0;
    pieces read = {constants, 0, true, NULL, &checksum};
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

void osprey__weight_check_split(osprey__weight_check *check, size_t step, const void *weights,
                                size_t bytes, size_t block_bytes)
{
    if (!check->weights) return;
    check->blocks = (osprey__weight_blocks){
        .offset = (size_t)((const uint8_t *)weights - check->weights->bytes),
        .bytes = bytes,
        .block_bytes = block_bytes,
        .first = check->pieces,
        .end = pieces_until(check, step),
    };
}

void osprey__weight_check_block(osprey__weight_check *check, size_t block)
{
    const osprey__weight_blocks *blocks = &check->blocks;
    if (!blocks->block_bytes) return;
    const size_t begin = block * blocks->block_bytes, left = blocks->bytes - begin;
    const size_t end = begin + (left < blocks->block_bytes ? left : blocks->block_bytes);
    uint64_t checksum = 0;
    for (size_t piece = (blocks->offset + begin) / OSPREY__CHECKSUM_PIECE;
         piece * OSPREY__CHECKSUM_PIECE < blocks->offset + end; piece++)
        if (is_in_block(blocks, piece))
            checksum ^=
                osprey__checksum_piece(check->weights->bytes, check->weights->length, piece);
    atomic_fetch_xor(&check->checksum, checksum);
}

void osprey__weight_check_follow(osprey__weight_check *check, osprey__thread_pool *pool,
                                 osprey__weight_stream *stream, size_t step)
{
    if (!check->weights) return;
    const size_t first = check->pieces, end = pieces_until(check, step);
    if (end == first) return;
    pieces read = {check->weights, first, false, &check->blocks, &check->checksum};
    osprey__thread_pool_run(pool, end - first, read_piece, &read);
    check->pieces = end;
    check->blocks.block_bytes = 0;
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
