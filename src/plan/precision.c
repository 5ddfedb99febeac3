/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/precision.h"

#include "base/memory.h"
#include "base/status.h"
#include "model/engine_manifest.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define PATTERN_BYTES  OSPREY__EXCEPTION_BYTES
#define SMALL_ELEMENTS 65536 /* of a weight */

/* The rule's pattern, NUL-terminated, and its precision. */
static osprey_status parse_rule(const char *rule, char pattern[PATTERN_BYTES],
                                osprey_precision *precision, osprey_error *error)
{
    const char *equals = strrchr(rule, '=');
    size_t length = equals ? (size_t)(equals - rule) : 0;
    bool fits = strlen(rule) < OSPREY__EXCEPTION_BYTES; /* into an engine's manifest, too */
    for (int p = 0; length && fits && p < OSPREY_PRECISIONS; p++) {
        *precision = (osprey_precision)p;
        if (strcmp(equals + 1, osprey_precision_name(*precision)) != 0) continue;
        memcpy(pattern, rule, length);
        pattern[length] = '\0';
        return OSPREY_OK;
    }
    if (!fits)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "keep",
                            "\"%.40s...\" has %zu bytes; at most %d would be right", rule,
                            strlen(rule), OSPREY__EXCEPTION_BYTES - 1);
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, rule,
                        "PATTERN=PRECISION would be right, with one of fp32, bf16, fp16, int8, "
                        "int4");
}

osprey_status osprey__precision_rules_init(osprey__precision_rules *rules,
                                           osprey_precision precision, const char *const *keep,
                                           size_t keep_count, osprey_error *error)
{
    *rules = (osprey__precision_rules){precision, keep, keep_count};
    if ((unsigned)precision >= OSPREY_PRECISIONS)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "precision",
                            "%d is no value of osprey_precision", (int)precision);
    if (keep_count > OSPREY_KEEP_MAX)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "keep",
                            "%zu exceptions; at most %d would be right", keep_count,
                            OSPREY_KEEP_MAX);
    for (size_t i = 0; i < keep_count; i++) {
        char pattern[PATTERN_BYTES];
        osprey_precision parsed;
        OSPREY_TRY(parse_rule(keep[i], pattern, &parsed, error));
    }
    return OSPREY_OK;
}

static bool is_product(const osprey__node *node)
{
    return node->op == OSPREY__OP_LINEAR || node->op == OSPREY__OP_CONV2D;
}

static bool reads_pixels(const osprey__graph *graph, const osprey__node *node)
{
    osprey__value_id x = node->inputs[0];
    const size_t producer = osprey__graph_producer(graph, x);
    if (producer != SIZE_MAX && graph->nodes[producer].op == OSPREY__OP_SLICE)
        x = graph->nodes[producer].inputs[0];
    return graph->values[x].kind == OSPREY__INPUT;
}

/* A window of few pixels, one of many that see the same: not a ViT's patch, which is a long row. */
static bool has_overlapping_windows(const osprey__graph *graph, const osprey__node *node)
{
    return node->op == OSPREY__OP_CONV2D &&
           graph->values[node->inputs[1]].shape.dims[2] > node->attributes.stride;
}

/* Four bits more of so few weights are soon paid for: the first stages of a ResNet are such. */
static bool is_small(const osprey__graph *graph, const osprey__node *node)
{
    return osprey__shape_elements(&graph->values[node->inputs[1]].shape) <= SMALL_ELEMENTS;
}

/* One step finer where nothing before evens an error out, or nothing comes behind that would. */
static osprey_precision usual_precision(osprey_precision asked, const osprey__graph *graph,
                                        const osprey__node *node)
{
    bool last = node->output == graph->output, first = reads_pixels(graph, node);
    if (asked == OSPREY_PRECISION_INT8 && first && has_overlapping_windows(graph, node))
        return OSPREY_PRECISION_BF16;
    if (asked == OSPREY_PRECISION_INT4 && (first || last || is_small(graph, node)))
        return OSPREY_PRECISION_INT8;
    return asked;
}

static bool is_for_tables(osprey_precision precision)
{
    return precision == OSPREY_PRECISION_FP32 || precision == OSPREY_PRECISION_FP16;
}

/* The last exception that fits a node's name or its weight's takes *precision's place. */
static osprey_status apply_rules(osprey__precision_rules *rules, const char *name,
                                 const char *weight, bool is_table, osprey_precision *precision,
                                 osprey_error *error)
{
    for (size_t i = 0; i < rules->keep_count; i++) {
        char pattern[PATTERN_BYTES];
        osprey_precision kept;
        OSPREY_TRY(parse_rule(rules->keep[i], pattern, &kept, error));
        if (fnmatch(pattern, name, 0) != 0 && fnmatch(pattern, weight, 0) != 0) continue;
        *precision = kept;
        if (is_table) rules->fits_table[i] = true;
        if (!is_table || is_for_tables(kept)) rules->used[i] = true;
    }
    return OSPREY_OK;
}

/* A table of floats gives way to one of F16, from which rows are read as from those that were
 * published so. */
static osprey_status round_table(osprey__graph *graph, osprey__value_id id, osprey_error *error)
{
    osprey__value *table = &graph->values[id];
    const size_t elements = osprey__shape_elements(&table->shape);
    uint16_t *rounded = osprey__aligned_alloc(elements * sizeof *rounded);
    if (!rounded) return osprey__fail_memory(error, elements * sizeof *rounded);
    float floats[1024];
    for (size_t at = 0; at < elements; at += sizeof floats / sizeof *floats) {
        size_t left = elements - at, most = sizeof floats / sizeof *floats;
        size_t count = left < most ? left : most;
        memcpy(floats, (const char *)table->data + at * sizeof *floats, count * sizeof *floats);
        osprey__from_f32(OSPREY__F16, floats, count, rounded + at);
    }
    osprey__graph_release(graph, id);
    table->dtype = OSPREY__F16;
    table->data = table->owned = rounded;
    return OSPREY_OK;
}

/* Rows that are looked up are few, so that a table costs no time, only room: half is F16's, whose
 * error is an eighth of bfloat16's. */
static osprey_status assign_table(osprey__precision_rules *rules, osprey__graph *graph,
                                  const osprey__node *node, osprey_error *error)
{
    const osprey__value_id id = node->inputs[0];
    const osprey__value *table = &graph->values[id];
    osprey_precision precision = rules->precision;
    if (table->kind != OSPREY__CONSTANT) return OSPREY_OK;
    OSPREY_TRY(
        apply_rules(rules, graph->values[node->output].name, table->name, true, &precision, error));
    if (precision == OSPREY_PRECISION_FP32 || table->dtype != OSPREY__F32) return OSPREY_OK;
    return round_table(graph, id, error);
}

osprey_status osprey__precision_assign(osprey__precision_rules *rules, osprey__graph *graph,
                                       osprey_error *error)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        osprey__node *node = &graph->nodes[n];
        if (node->op == OSPREY__OP_GATHER) OSPREY_TRY(assign_table(rules, graph, node, error));
        if (!is_product(node)) continue;
        osprey_precision precision = usual_precision(rules->precision, graph, node);
        OSPREY_TRY(apply_rules(rules, graph->values[node->output].name,
                               graph->values[node->inputs[1]].name, false, &precision, error));
        node->attributes.precision = precision;
    }
    return OSPREY_OK;
}

osprey_status osprey__precision_rules_check(const osprey__precision_rules *rules,
                                            osprey_error *error)
{
    for (size_t i = 0; i < rules->keep_count; i++) {
        if (rules->used[i]) continue;
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, rules->keep[i], "%s",
                            rules->fits_table[i]
                                ? "fits only tables that rows are looked up in; tables know fp32 "
                                  "and fp16"
                                : "fits no linear, convolution or table of the towers asked for; "
                                  "osprey compile --dump-graph writes their names");
    }
    return OSPREY_OK;
}
