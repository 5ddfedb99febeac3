/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "plan/plan.h"

size_t osprey__value_elements(const osprey__value *value, size_t sequences, size_t tokens)
{
    size_t elements = osprey__shape_elements(&value->shape);
    switch (value->shape.extent) {
    case OSPREY__PER_SEQUENCE:
        return sequences * elements;
    case OSPREY__PER_TOKEN:
        return tokens * elements;
    case OSPREY__ONCE:
        break;
    }
    return elements;
}

static size_t value_rows(const osprey__plan *plan, osprey__value_id id, size_t sequences,
                         size_t tokens)
{
    size_t elements = osprey__value_elements(&plan->graph->values[id], sequences, tokens);
    return elements / plan->placements[id].form.width;
}

size_t osprey__value_bytes(const osprey__plan *plan, osprey__value_id id, size_t sequences,
                           size_t tokens)
{
    size_t rows = value_rows(plan, id, sequences, tokens);
    return osprey__round_up(rows * plan->placements[id].form.stride, OSPREY__ALIGNMENT);
}

size_t osprey__prepared_bytes(const osprey__plan *plan, osprey__value_id id, size_t sequences,
                              size_t tokens)
{
    size_t rows = value_rows(plan, id, sequences, tokens);
    return rows <= OSPREY__PREPARED_ROWS ? rows * plan->placements[id].prepared_row_bytes : 0;
}

typedef struct sizes {
    const osprey__plan *plan;
    size_t sequences, tokens;
} sizes;

static bool is_root(const osprey__plan *plan, osprey__value_id id)
{
    return plan->graph->values[id].kind == OSPREY__COMPUTED && plan->placements[id].root == id;
}

static size_t root_bytes(const sizes *at, osprey__value_id id)
{
    return osprey__value_bytes(at->plan, id, at->sequences, at->tokens) +
           osprey__prepared_bytes(at->plan, id, at->sequences, at->tokens);
}

/*
 * The lowest offset from `from` on at which none of the roots placed so far and alive with `id`
 * lies within bytes; `placed` are the steps whose outputs have their place.
 */
static size_t lowest_free(const sizes *at, const size_t *offsets, size_t placed,
                          osprey__value_id id, size_t bytes)
{
    const osprey__placement *mine = &at->plan->placements[id];
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t s = 0; s < placed; s++) {
            osprey__value_id other = at->plan->steps[s].node->output;
            const osprey__placement *theirs = &at->plan->placements[other];
            if (!is_root(at->plan, other) || theirs->last < mine->first) continue;
            size_t end = offsets[other] + root_bytes(at, other);
            if (offsets[other] < offset + bytes && offset < end) {
                offset = end;
                moved = true;
            }
        }
    }
    return offset;
}

size_t osprey__memory_plan(const osprey__plan *plan, size_t sequences, size_t tokens,
                           size_t *offsets)
{
    const sizes at = {plan, sequences, tokens};
    size_t arena_bytes = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        osprey__value_id id = plan->steps[s].node->output;
        if (!is_root(plan, id)) continue;
        size_t bytes = root_bytes(&at, id);
        offsets[id] = lowest_free(&at, offsets, s, id, bytes);
        if (offsets[id] + bytes > arena_bytes) arena_bytes = offsets[id] + bytes;
    }
    return arena_bytes;
}
