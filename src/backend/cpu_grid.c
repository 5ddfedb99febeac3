/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures in any proportions: how many patches each has, and the positions of these. */
#include "backend/cpu_internal.h"
#include "model/position_grid.h"

#include <string.h>

/* NaN is 1. */
static size_t count_of(float number, size_t most)
{
    if (!(number >= 1)) return 1;
    return number < (float)most ? (size_t)number : most;
}

osprey__patch_grid osprey__cpu_grid(const osprey__run *run, osprey__value_id id, size_t sequence,
                                    size_t most)
{
    const float *numbers = osprey__run_value(run, id);
    numbers += sequence * osprey__shape_elements(osprey__step_shape(run, id));
    const size_t rows = count_of(numbers[0], most);
    return (osprey__patch_grid){rows, count_of(numbers[1], most / rows)};
}

size_t osprey__cpu_keys(const osprey__run *run, const osprey__step *step, size_t sequence)
{
    const size_t all = osprey__step_shape(run, step->node->inputs[1])->dims[0];
    const osprey__value_id id = step->node->inputs[5];
    if (id == OSPREY__NO_VALUE) return all;
    const osprey__patch_grid grid = osprey__cpu_grid(run, id, sequence, all);
    return grid.rows * grid.columns;
}

typedef struct positions {
    const osprey__run *run;
    const osprey__step *step;
    const float *table;
    float *out;
    size_t side, count, width;
} positions;

/* to = sum of weights[i] * from[i], each so many floats. */
static void mix(const float *weights, size_t count, size_t floats, const float *from, float *to)
{
    memset(to, 0, floats * sizeof *to);
    for (size_t i = 0; i < count; i++) {
        if (weights[i] == 0) continue;
        for (size_t f = 0; f < floats; f++) to[f] += weights[i] * from[i * floats + f];
    }
}

static void positions_task(void *context, size_t task, size_t thread)
{
    const positions *p = context;
    const size_t sequence = task / p->count, row = task % p->count;
    const osprey__patch_grid grid =
        osprey__cpu_grid(p->run, p->step->node->inputs[1], sequence, p->count);
    if (row >= grid.rows) return;
    float *weights = p->run->scratch + thread * p->run->scratch_floats;
    float *table_row = weights + p->side, *out = p->out + sequence * p->count * p->width;
    osprey__grid_weights_of(OSPREY__GRID_LINEAR_SMOOTH, p->side, grid.rows, row, weights);
    mix(weights, p->side, p->side * p->width, p->table, table_row);
    for (size_t column = 0; column < grid.columns; column++) {
        osprey__grid_weights_of(OSPREY__GRID_LINEAR_SMOOTH, p->side, grid.columns, column, weights);
        mix(weights, p->side, p->width, table_row, out + (row * grid.columns + column) * p->width);
    }
    /* Nothing reads the padding; but it has to be of the size of what there is, not to be in the
     * way of those that are rounded with it. */
    if (row == 0)
        for (size_t i = grid.rows * grid.columns; i < p->count; i++)
            memcpy(out + i * p->width, out, p->width * sizeof *out);
}

/* A row of a grid is a task. */
void osprey__cpu_grid_positions(const osprey__run *run, const osprey__step *step)
{
    positions p = {
        .run = run,
        .step = step,
        .table = osprey__step_input(run, step, 0),
        .out = osprey__step_output(run, step),
        .side = step->node->attributes.size,
        .count = step->node->attributes.count,
        .width = osprey__step_shape(run, step->node->output)->dims[1],
    };
    osprey__thread_pool_run(run->pool, run->sequences * p.count, positions_task, &p);
}

size_t osprey__cpu_grid_scratch_floats(const osprey__plan *plan)
{
    size_t most = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        if (node->op != OSPREY__OP_GRID_POSITIONS) continue;
        const size_t width = plan->graph->values[node->output].shape.dims[1];
        const size_t floats = node->attributes.size * (1 + width);
        if (floats > most) most = floats;
    }
    return most;
}
