/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/bpe_merges.h"

#include "base/memory.h"
#include "base/status.h"

#include <stdbool.h>

#define FREE_SLOT UINT64_MAX
#define NO_RANK   UINT32_MAX
#define NONE      UINT32_MAX

/* A symbol of the word, in a list that is linked by index. */
struct osprey__bpe_symbol {
    int32_t id;
    uint32_t previous, next; /* NONE at the ends */
    uint32_t rank;           /* of the merge with the next symbol; NO_RANK: none, or merged away */
    int32_t merged;          /* the id which that merge makes */
};

osprey_status osprey__bpe_merges_create(osprey__bpe_merges *merges, size_t count,
                                        osprey_error *error)
{
    *merges = (osprey__bpe_merges){0};
    size_t slots = 16;
    while (slots / 2 < count) {
        if (!osprey__multiply(slots, 2, &slots)) return osprey__fail_memory(error, count);
    }
    size_t bytes;
    if (!osprey__multiply(slots, sizeof *merges->slots, &bytes))
        return osprey__fail_memory(error, slots);
    /* CLIP's table just fills a huge page: one fault when a model is opened, not 512. */
    merges->slots = osprey__aligned_alloc(bytes);
    if (!merges->slots) return osprey__fail_memory(error, bytes);
    for (size_t i = 0; i < slots; i++) merges->slots[i] = (osprey__bpe_merge){.pair = FREE_SLOT};
    merges->mask = slots - 1;
    return OSPREY_OK;
}

static osprey__bpe_merge *slot_of(const osprey__bpe_merges *merges, int32_t left, int32_t right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint64_t mixed = pair * 0x9e3779b97f4a7c15u;
    size_t at = (size_t)(mixed ^ mixed >> 32) & merges->mask;
    while (merges->slots[at].pair != pair && merges->slots[at].pair != FREE_SLOT)
        at = (at + 1) & merges->mask;
    return &merges->slots[at];
}

void osprey__bpe_merges_insert(osprey__bpe_merges *merges, int32_t left, int32_t right,
                               uint32_t rank, int32_t id)
{
    *slot_of(merges, left, right) =
        (osprey__bpe_merge){(uint64_t)(uint32_t)left << 32 | (uint32_t)right, rank, id};
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
    const osprey__bpe_merge *merge = slot_of(merges, symbol->id, scratch->symbols[symbol->next].id);
    if (merge->pair == FREE_SLOT) return;
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
    osprey__aligned_free(merges->slots);
    *merges = (osprey__bpe_merges){0};
}

void osprey__bpe_scratch_free(osprey__bpe_scratch *scratch)
{
    osprey__free(scratch->symbols);
    osprey__free(scratch->heap);
    *scratch = (osprey__bpe_scratch){0};
}
