/* SPDX-License-Identifier: Apache-2.0 */
/* Transposition: rows of the result are the tasks, prepared on the way for a product behind it. */
#include "backend/cpu_internal.h"

/* Rows of a task: their results, of all columns, pass through a second-level cache. */
#define TASK_ROWS 64

/* Rows that are prepared at once: whole vectors of every instruction set. */
#define PREPARED_ROWS 16

typedef struct transposition {
    const osprey__run *run;
    const osprey__row_form *form; /* of the result */
    const float *x, *residual;
    char *out;
    size_t rows, columns; /* of the result, for each sequence */
    size_t tasks;         /* of a sequence */
} transposition;

/* Rows first..first+count-1 of the sequence's result. */
static void transpose_rows(const transposition *t, size_t sequence, size_t first, size_t count,
                           float *out)
{
    size_t elements = t->rows * t->columns;
    const float *residual =
        t->residual ? t->residual + sequence * elements + first * t->columns : NULL;
    t->run->plan->kernels->transpose_f32(t->columns, count, t->x + sequence * elements + first,
                                         t->rows, residual, out, t->columns);
}

static void transpose_task(void *context, size_t task, size_t thread)
{
    const transposition *t = context;
    size_t sequence = task / t->tasks, first = task % t->tasks * TASK_ROWS;
    size_t end = osprey__smaller(first + TASK_ROWS, t->rows);
    char *out = t->out + (sequence * t->rows + first) * t->form->stride;
    if (!t->form->prepared_for) {
        transpose_rows(t, sequence, first, end - first, (float *)out);
        return;
    }
    float *scratch = t->run->scratch + thread * t->run->scratch_floats;
    osprey__gemm_input input = {.k = t->columns,
                                .dtype = OSPREY__F32,
                                .x = scratch,
                                .stride = t->columns * sizeof(float),
                                .range = t->form->range};
    for (; first < end; first += input.m, out += input.m * t->form->stride) {
        input.m = osprey__smaller(PREPARED_ROWS, end - first);
        transpose_rows(t, sequence, first, input.m, scratch);
        t->form->prepared_for->prepare(&input, out);
    }
}

void osprey__cpu_transpose(const osprey__run *run, const osprey__step *step)
{
    const osprey__shape *shape = osprey__step_shape(run, step->node->output);
    transposition t = {.run = run,
                       .form = &run->plan->placements[step->node->output].form,
                       .x = osprey__step_input(run, step, 0),
                       .residual = osprey__step_input(run, step, 1),
                       .out = osprey__step_output(run, step),
                       .rows = shape->dims[0],
                       .columns = shape->dims[1],
                       .tasks = osprey__divide_up(shape->dims[0], TASK_ROWS)};
    osprey__thread_pool_run(run->pool, run->sequences * t.tasks, transpose_task, &t);
}

size_t osprey__cpu_transpose_scratch_floats(const osprey__plan *plan)
{
    size_t widest = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        size_t width = plan->placements[node->output].form.width;
        if (node->op == OSPREY__OP_TRANSPOSE && width > widest) widest = width;
    }
    return PREPARED_ROWS * widest;
}
