/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/run_plan.h"

#include "backend/cpu_backend.h"
#include "base/memory.h"
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

static guarded run(const osprey__plan *plan, const float *x, size_t sequences, size_t threads)
{
    const osprey__graph *graph = plan->graph;
    size_t *offsets = osprey__calloc(graph->value_count, sizeof *offsets);
    const void **inputs = osprey__calloc(graph->value_count, sizeof *inputs);
    osprey__thread_pool *pool = NULL;
    assert_int_equal(osprey__thread_pool_create(threads, &pool, NULL), OSPREY_OK);
    for (size_t v = 0; v < graph->value_count; v++)
        if (graph->values[v].kind == OSPREY__INPUT) inputs[v] = x;
    size_t scratch_floats = osprey__cpu_scratch_floats(plan, 0);
    guarded scratch = guarded_random(threads * scratch_floats, NAN);
    osprey__run r = {.plan = plan,
                     .pool = pool,
                     .sequences = sequences,
                     .inputs = inputs,
                     .arena =
                         osprey__aligned_alloc(osprey__memory_plan(plan, sequences, 0, offsets)),
                     .offsets = offsets,
                     .scratch = scratch.floats,
                     .scratch_floats = scratch_floats};
    osprey__cpu_run(&r);
    const osprey__value *y = &graph->values[graph->output];
    guarded out = guarded_random(osprey__value_elements(y, sequences, 0), NAN);
    memcpy(out.floats, osprey__run_value(&r, graph->output), out.count * sizeof *out.floats);
    guarded_free(&scratch);
    osprey__aligned_free(r.arena);
    osprey__thread_pool_free(pool);
    osprey__free(inputs);
    osprey__free(offsets);
    return out;
}

void assert_plan_computes(const osprey__plan *plan, const float *x, size_t sequences,
                          const guarded *expected, double tolerance)
{
    float largest = 0;
    for (size_t i = 0; i < expected->count; i++)
        largest = fmaxf(largest, fabsf(expected->floats[i]));
    guarded together = run(plan, x, sequences, 1);
    assert_near(together.floats, expected->floats, expected->count, tolerance * (double)largest);
    for (size_t threads = 1; threads <= 9; threads += 4)
        for (size_t count = 1; count <= sequences; count += (sequences - 1) / 2) {
            guarded out = run(plan, x, count, threads);
            assert_same_bits(out.floats, together.floats, out.count);
            guarded_free(&out);
        }
    guarded_free(&together);
}

const float *constant_data(const osprey__graph *graph, const char *name)
{
    for (size_t v = 0; v < graph->value_count; v++)
        if (strcmp(graph->values[v].name, name) == 0) return graph->values[v].data;
    fail_msg("no constant %s", name);
    return NULL;
}
