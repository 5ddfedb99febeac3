/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/pass_graphs.h"

#include "backend/cpu_backend.h"
#include "base/memory.h"
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCES = 2, TOKENS = 7, LONGEST = 4 };
static const size_t starts[SEQUENCES + 1] = {0, 3, TOKENS}, lengths[SEQUENCES] = {3, LONGEST};

osprey__graph *new_graph(void)
{
    osprey__graph *graph = NULL;
    assert_int_equal(osprey__graph_create("test", &graph, NULL), OSPREY_OK);
    return graph;
}

static osprey__value_id new_constant(osprey__graph *graph, const char *name, size_t rank,
                                     const size_t *dims, float **data)
{
    osprey__value_id id = osprey__graph_new_constant(graph, name, rank, dims, data);
    assert_int_not_equal(id, OSPREY__NO_VALUE);
    return id;
}

osprey__value_id ascending_constant(osprey__graph *graph, const char *name, size_t rank,
                                    const size_t *dims, float first)
{
    float *data = NULL;
    osprey__value_id id = new_constant(graph, name, rank, dims, &data);
    size_t elements = osprey__shape_elements(&graph->values[id].shape);
    for (size_t i = 0; i < elements; i++) data[i] = first + (float)i;
    return id;
}

/* Numbers between -1 and 1 that hang on the name (Knuth's linear congruences). */
static void fill_random(const char *name, size_t count, float *out)
{
    uint64_t state = 0;
    for (; *name; name++) state = state * 31 + (unsigned char)*name;
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        out[i] = (float)(int32_t)(state >> 32) / 2147483648.0F;
    }
}

osprey__value_id random_constant(osprey__graph *graph, const char *name, size_t rank,
                                 const size_t *dims)
{
    float *data = NULL;
    osprey__value_id id = new_constant(graph, name, rank, dims, &data);
    fill_random(name, osprey__shape_elements(&graph->values[id].shape), data);
    return id;
}

void assert_dump(const osprey__graph *graph, const char *wanted)
{
    char *text = NULL;
    assert_int_equal(osprey__graph_dump(graph, &text, NULL), OSPREY_OK);
    assert_string_equal(text, wanted);
    osprey__free(text);
}

static void *new_input(const osprey__value *value)
{
    size_t elements = osprey__value_elements(value, SEQUENCES, TOKENS);
    void *block = calloc(elements, sizeof(float));
    if (value->dtype == OSPREY__F32)
        fill_random(value->name, elements, block);
    else
        for (size_t i = 0; i < elements; i++) ((int32_t *)block)[i] = (int32_t)starts[i + 1] - 1;
    return block;
}

float *run_graph(osprey__graph *graph, size_t *count)
{
    osprey__plan *plan = NULL;
    assert_int_equal(osprey__plan_create(graph, OSPREY__CPU_PORTABLE, &plan, NULL), OSPREY_OK);
    assert_int_equal(osprey__plan_pack(plan, NULL), OSPREY_OK);
    size_t values = graph->value_count;
    size_t *offsets = calloc(values, sizeof *offsets);
    void **inputs = calloc(values, sizeof *inputs);
    for (size_t v = 0; v < values; v++)
        if (graph->values[v].kind == OSPREY__INPUT) inputs[v] = new_input(&graph->values[v]);
    osprey__thread_pool *pool = NULL;
    assert_int_equal(osprey__thread_pool_create(1, &pool, NULL), OSPREY_OK);
    size_t scratch_floats = osprey__cpu_scratch_floats(plan, LONGEST);
    osprey__run run = {
        .plan = plan,
        .pool = pool,
        .sequences = SEQUENCES,
        .tokens = TOKENS,
        .texts = &(osprey__text_rows){.starts = starts, .lengths = lengths},
        .inputs = (const void *const *)inputs,
        .arena = osprey__aligned_alloc(osprey__memory_plan(plan, SEQUENCES, TOKENS, offsets)),
        .offsets = offsets,
        .scratch = osprey__aligned_alloc((scratch_floats + 1) * sizeof(float)),
        .scratch_floats = scratch_floats,
    };
    osprey__cpu_run(&run);
    *count = osprey__value_elements(&graph->values[graph->output], SEQUENCES, TOKENS);
    float *result = calloc(*count, sizeof *result);
    memcpy(result, osprey__run_value(&run, graph->output), *count * sizeof *result);
    for (size_t v = 0; v < values; v++) free(inputs[v]);
    free(inputs);
    free(offsets);
    osprey__aligned_free(run.arena);
    osprey__aligned_free(run.scratch);
    osprey__thread_pool_free(pool);
    osprey__plan_free(plan);
    return result;
}

void assert_pass_keeps_function(osprey__graph *(*build)(void), osprey__pass *pass)
{
    size_t count, count_after;
    float *before = run_graph(build(), &count);
    osprey__graph *graph = build();
    assert_int_equal(pass(graph, NULL), OSPREY_OK);
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    float *after = run_graph(graph, &count_after);
    assert_int_equal(count_after, count);
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmaxf(largest, fabsf(before[i]));
        assert_true(fabsf(after[i] - before[i]) <= 2e-6F * fmaxf(1, fabsf(before[i])));
    }
    assert_true(largest > 0.01F);
    free(before);
    free(after);
}
