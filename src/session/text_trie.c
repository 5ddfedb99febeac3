/* SPDX-License-Identifier: Apache-2.0 */
#include "session/text_trie.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <string.h>

/* How many tokens both begin with. */
static size_t common_prefix(const osprey__text *a, const osprey__text *b)
{
    size_t shorter = a->length < b->length ? a->length : b->length, common = 0;
    while (common < shorter && a->ids[common] == b->ids[common]) common++;
    return common;
}

/* Whether b belongs before a, which came first. */
static bool is_before(const osprey__text *b, const osprey__text *a)
{
    size_t common = common_prefix(a, b);
    if (common == a->length) return false;
    return common == b->length || b->ids[common] < a->ids[common];
}

/* from[first..middle) and from[middle..last), both sorted, into to. */
static void merge(const osprey__text *from, size_t first, size_t middle, size_t last,
                  osprey__text *to)
{
    size_t left = first, right = middle;
    for (size_t i = first; i < last; i++) {
        bool take_right = left == middle || (right < last && is_before(&from[right], &from[left]));
        to[i] = from[take_right ? right++ : left++];
    }
}

/* A merge sort, since qsort may allocate. */
void osprey__texts_sort(osprey__text *texts, osprey__text *spare, size_t count)
{
    osprey__text *from = texts, *to = spare;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t first = 0; first < count; first += 2 * run) {
            size_t middle = count - first < run ? count : first + run;
            size_t last = count - middle < run ? count : middle + run;
            merge(from, first, middle, last, to);
        }
        osprey__text *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != texts) memcpy(texts, from, count * sizeof *texts);
}

osprey_status osprey__text_trie_init(osprey__text_trie *trie, size_t row_capacity,
                                     size_t class_position, osprey_error *error)
{
    *trie = (osprey__text_trie){.row_capacity = row_capacity, .class_position = class_position};
    int32_t **numbers[] = {&trie->ids, &trie->positions, &trie->parents, &trie->pooled};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        *numbers[i] = osprey__calloc(row_capacity, sizeof **numbers[i]);
        if (!*numbers[i]) return osprey__fail_memory(error, row_capacity * sizeof **numbers[i]);
    }
    trie->lengths = osprey__calloc(row_capacity, sizeof *trie->lengths);
    trie->starts = osprey__calloc(row_capacity + 1, sizeof *trie->starts);
    if (!trie->lengths || !trie->starts)
        return osprey__fail_memory(error, (row_capacity + 1) * sizeof *trie->starts);
    if (!class_position) return OSPREY_OK;
    trie->key_bias = osprey__calloc(row_capacity, sizeof *trie->key_bias);
    if (!trie->key_bias) return osprey__fail_memory(error, row_capacity * sizeof *trie->key_bias);
    return OSPREY_OK;
}

/* Of a text with its class token. */
static size_t row_count(const osprey__text_trie *trie, const osprey__text *text)
{
    return text->length + (trie->class_position > 0);
}

/* The row of the last branch at depth. */
static int32_t row_at(const osprey__text_trie *trie, size_t depth)
{
    int32_t row = (int32_t)trie->rows - 1;
    for (size_t above = row_count(trie, trie->last) - 1; above > depth; above--)
        row = trie->parents[row];
    return row;
}

static int32_t add_row(osprey__text_trie *trie, int32_t id, size_t position, int32_t parent)
{
    const size_t row = trie->rows++;
    trie->ids[row] = id;
    trie->positions[row] = (int32_t)position;
    trie->parents[row] = parent;
    if (trie->key_bias) trie->key_bias[row] = parent >= 0 && !trie->ids[parent] ? -INFINITY : 0;
    return (int32_t)row;
}

bool osprey__text_trie_add(osprey__text_trie *trie, osprey__text *text, bool share_prefixes)
{
    size_t shared = trie->last ? common_prefix(trie->last, text) : 0;
    bool same = trie->last && shared == text->length && shared == trie->last->length &&
                trie->last->pooled == text->pooled;
    if (same) {
        text->branch = trie->branches - 1;
        return true;
    }
    if (!share_prefixes) shared = 0;
    const size_t rows = row_count(trie, text);
    if (shared == rows) shared--; /* one row at least, so that it is a branch */
    size_t added = rows - shared;
    if (added > trie->row_capacity - trie->rows) return false;
    int32_t parent = shared ? row_at(trie, shared - 1) : -1;
    for (size_t depth = shared; depth < text->length; depth++)
        parent = add_row(trie, text->ids[depth], depth, parent);
    if (rows > text->length) add_row(trie, 0, trie->class_position, parent);
    text->branch = trie->branches++;
    trie->starts[trie->branches] = trie->rows;
    trie->lengths[text->branch] = rows;
    trie->last = text;
    trie->pooled[text->branch] = row_at(trie, text->pooled);
    return true;
}

void osprey__text_trie_clear(osprey__text_trie *trie)
{
    trie->rows = trie->branches = 0;
    trie->last = NULL;
}

void osprey__text_trie_free(osprey__text_trie *trie)
{
    osprey__free(trie->ids);
    osprey__free(trie->positions);
    osprey__free(trie->parents);
    osprey__free(trie->pooled);
    osprey__free(trie->lengths);
    osprey__free(trie->starts);
    osprey__free(trie->key_bias);
    *trie = (osprey__text_trie){0};
}
