/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/bpe_merges.h"

#include "base/memory.h"
#include "base/status.h"
#include "input/text/stored_tokenizer.h"
#include "input/text/token_map.h"

#include <stdbool.h>

#define NO_RANK UINT32_MAX
#define NONE    UINT32_MAX

/* A symbol of the word, in a list that is linked by index. */
struct osprey__bpe_symbol {
    int32_t id;
    uint32_t previous, next; /* NONE at the ends */
    uint32_t rank;           /* of the merge with the next symbol; NO_RANK: none, or merged away */
    int32_t merged;          /* the id which that merge makes */
};

static uint64_t pair_of(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static size_t bucket_of(const osprey__bpe_merges *merges, uint64_t pair)
{
    uint64_t mixed = pair * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed ^ mixed >> 32) & merges->mask;
}

/* One or two merges a bucket. */
static osprey_status make_buckets(osprey__bpe_merges *merges, osprey_error *error)
{
    size_t buckets = 1;
    while (buckets <= merges->count / 2) buckets *= 2;
    merges->mask = buckets - 1;
    merges->begins = osprey__calloc(buckets + 1, sizeof *merges->begins);
    return merges->begins ? OSPREY_OK
                          : osprey__fail_memory(error, (buckets + 1) * sizeof *merges->begins);
}

osprey_status osprey__bpe_merges_create(osprey__bpe_merges *merges, size_t count,
                                        osprey_error *error)
{
    *merges = (osprey__bpe_merges){.own = osprey__calloc(count + 1, sizeof *merges->own)};
    return merges->own ? OSPREY_OK : osprey__fail_memory(error, count * sizeof *merges->own);
}

void osprey__bpe_merges_insert(osprey__bpe_merges *merges, int32_t left, int32_t right,
                               uint32_t rank, int32_t id)
{
    merges->own[merges->count++] = (osprey__bpe_merge){pair_of(left, right), rank, id};
}

osprey_status osprey__bpe_merges_finish(osprey__bpe_merges *merges, osprey_error *error)
{
    const size_t count = merges->count;
    OSPREY_TRY(make_buckets(merges, error));
    osprey__bpe_merge *sorted = osprey__calloc(count + 1, sizeof *sorted);
    if (!sorted) return osprey__fail_memory(error, count * sizeof *sorted);
    uint32_t *begins = merges->begins;
    for (size_t i = 0; i < count; i++) begins[bucket_of(merges, merges->own[i].pair)]++;
    for (size_t b = 0; b <= merges->mask; b++) begins[b + 1] += begins[b];
    /* What was each bucket's end becomes its begin; the order within a bucket stays. */
    for (size_t i = count; i-- > 0;)
        sorted[--begins[bucket_of(merges, merges->own[i].pair)]] = merges->own[i];
    osprey__free(merges->own);
    merges->at = merges->own = sorted;
    return OSPREY_OK;
}

/* The last of those inserted for the pair; NULL: none. */
static const osprey__bpe_merge *find(const osprey__bpe_merges *merges, int32_t left, int32_t right)
{
    const uint64_t pair = pair_of(left, right);
    const size_t bucket = bucket_of(merges, pair);
    for (size_t i = merges->begins[bucket + 1]; i-- > merges->begins[bucket];)
        if (merges->at[i].pair == pair) return &merges->at[i];
    return NULL;
}

/* Zeros up to the next merge that is aligned, as the bytes' beginning is. */
static size_t padding_of(uintptr_t at)
{
    return (size_t)(-at % _Alignof(osprey__bpe_merge));
}

osprey_status osprey__bpe_merges_store(const osprey__bpe_merges *merges, osprey__buffer *bytes,
                                       osprey_error *error)
{
    OSPREY_TRY(osprey__buffer_number(bytes, merges->count, 4, error));
    OSPREY_TRY(osprey__buffer_number(bytes, 0, padding_of(bytes->length), error));
    return osprey__buffer_append(bytes, merges->at, merges->count * sizeof *merges->at, error);
}

/* Where the buckets begin; false where a merge is out of its place or of another vocabulary. */
static bool find_buckets(osprey__bpe_merges *merges, size_t vocabulary)
{
    size_t found = 0;
    for (size_t i = 0; i < merges->count; i++) {
        const osprey__bpe_merge merge = merges->at[i];
        const size_t bucket = bucket_of(merges, merge.pair);
        if (merge.pair >> 32 >= vocabulary || (uint32_t)merge.pair >= vocabulary ||
            (uint32_t)merge.id >= vocabulary || merge.rank == NO_RANK || bucket + 1 < found)
            return false;
        while (found <= bucket) merges->begins[found++] = (uint32_t)i;
    }
    while (found <= merges->mask + 1) merges->begins[found++] = (uint32_t)merges->count;
    return true;
}

osprey_status osprey__bpe_merges_load(osprey__bpe_merges *merges, osprey__byte_cursor *at,
                                      size_t vocabulary, const char *file, osprey_error *error)
{
    uint64_t count;
    *merges = (osprey__bpe_merges){0};
    if (!osprey__cursor_number(at, 4, false, &count) || count > OSPREY__TOKEN_LIMIT ||
        !osprey__cursor_take(at, padding_of((uintptr_t)at->at)))
        return osprey__stored_tokenizer_damaged(file, error);
    merges->count = (size_t)count;
    merges->at = (const void *)osprey__cursor_take(at, merges->count * sizeof *merges->at);
    if (!merges->at) return osprey__stored_tokenizer_damaged(file, error);
    OSPREY_TRY(make_buckets(merges, error));
    return find_buckets(merges, vocabulary) ? OSPREY_OK
                                            : osprey__stored_tokenizer_damaged(file, error);
}

/* A merge that may be made: rank above, so that the smallest is the next one. */
static uint64_t candidate(uint32_t rank, uint32_t at)
{
    return (uint64_t)rank << 32 | at;
}

static void heap_push(uint64_t *heap, size_t *count, uint64_t value)
{
    size_t at = (*count)++;
    while (at > 0 && heap[(at - 1) / 2] > value) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = value;
}

static uint64_t heap_pop(uint64_t *heap, size_t *count)
{
    uint64_t top = heap[0];
    uint64_t value = heap[--*count];
    size_t at = 0;
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= *count) break;
        if (child + 1 < *count && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= value) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
    return top;
}

/* Looks up what symbol `at` and its next make, and puts that among the candidates. */
static void consider(const osprey__bpe_merges *merges, osprey__bpe_scratch *scratch,
                     size_t *waiting, uint32_t at)
{
    osprey__bpe_symbol *symbol = &scratch->symbols[at];
    symbol->rank = NO_RANK;
    if (symbol->next == NONE) return;
    const osprey__bpe_merge *merge = find(merges, symbol->id, scratch->symbols[symbol->next].id);
    /* The rank again, as the bytes of an engine that is written over change after they were
     * checked. */
    if (!merge || merge->rank == NO_RANK) return;
    symbol->rank = merge->rank;
    symbol->merged = merge->id;
    heap_push(scratch->heap, waiting, candidate(merge->rank, at));
}

static osprey_status reserve(osprey__bpe_scratch *scratch, size_t count, osprey_error *error)
{
    if (count <= scratch->capacity) return OSPREY_OK;
    size_t capacity = count < 64 ? 64 : count;
    osprey__bpe_scratch_free(scratch);
    scratch->symbols = osprey__calloc(capacity, sizeof *scratch->symbols);
    /* One candidate a symbol at first; each merge takes one out and puts at most two in. */
    scratch->heap = osprey__calloc(capacity, 2 * sizeof *scratch->heap);
    if (!scratch->symbols || !scratch->heap)
        return osprey__fail_memory(error, capacity * sizeof *scratch->symbols);
    scratch->capacity = capacity;
    return OSPREY_OK;
}

osprey_status osprey__bpe_merges_apply(const osprey__bpe_merges *merges,
                                       osprey__bpe_scratch *scratch, int32_t *ids, size_t *count,
                                       osprey_error *error)
{
    if (*count < 2) return OSPREY_OK;
    OSPREY_TRY(reserve(scratch, *count, error));
    osprey__bpe_symbol *symbols = scratch->symbols;
    uint32_t length = (uint32_t)*count;
    for (uint32_t i = 0; i < length; i++)
        symbols[i] = (osprey__bpe_symbol){ids[i], i ? i - 1 : NONE, i + 1 < length ? i + 1 : NONE,
                                          NO_RANK, 0};
    size_t waiting = 0;
    for (uint32_t i = 0; i < length; i++) consider(merges, scratch, &waiting, i);
    while (waiting) {
        uint64_t best = heap_pop(scratch->heap, &waiting);
        uint32_t at = (uint32_t)best;
        osprey__bpe_symbol *left = &symbols[at];
        /* A rank belongs to one pair, so another rank means that this pair is gone. */
        if (left->rank != best >> 32) continue;
        osprey__bpe_symbol *right = &symbols[left->next];
        left->id = left->merged;
        left->next = right->next;
        right->rank = NO_RANK;
        if (left->next != NONE) symbols[left->next].previous = at;
        consider(merges, scratch, &waiting, at);
        if (left->previous != NONE) consider(merges, scratch, &waiting, left->previous);
    }
    *count = 0;
    for (uint32_t i = 0; i != NONE; i = symbols[i].next) ids[(*count)++] = symbols[i].id;
    return OSPREY_OK;
}

void osprey__bpe_merges_free(osprey__bpe_merges *merges)
{
    osprey__free(merges->own);
    osprey__free(merges->begins);
    *merges = (osprey__bpe_merges){0};
}

void osprey__bpe_scratch_free(osprey__bpe_scratch *scratch)
{
    osprey__free(scratch->symbols);
    osprey__free(scratch->heap);
    *scratch = (osprey__bpe_scratch){0};
}
