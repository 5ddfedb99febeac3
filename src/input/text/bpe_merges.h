/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte-pair merges and their application to one word, in O(n log n), as tokenizers' BPE does it:
 * always the pair of lowest rank, the leftmost among equals. Merges are created, inserted and
 * finished, or lie ready in an engine; they do not change then, so threads may share them. A
 * scratch belongs to one thread.
 */
#ifndef OSPREY_INPUT_TEXT_BPE_MERGES_H
#define OSPREY_INPUT_TEXT_BPE_MERGES_H

#include "base/buffer.h"
#include "base/byte_cursor.h"

#include <osprey/error.h>

#include <stddef.h>
#include <stdint.h>

/* As an engine has it, too. */
typedef struct osprey__bpe_merge {
    uint64_t pair; /* left id << 32 | right id */
    uint32_t rank;
    int32_t id; /* of the two together */
} osprey__bpe_merge;

/* A hash table: the merges of a bucket lie side by side. */
typedef struct osprey__bpe_merges {
    const osprey__bpe_merge *at; /* [count], by bucket; NULL until they are finished */
    osprey__bpe_merge *own;      /* the block of these; NULL where they are an engine's */
    uint32_t *begins;            /* [buckets + 1] */
    size_t count, mask;          /* mask: buckets - 1, a power of two less one */
} osprey__bpe_merges;

typedef struct osprey__bpe_symbol osprey__bpe_symbol;

/* Zero-initialise, use for any number of words, free. */
typedef struct osprey__bpe_scratch {
    osprey__bpe_symbol *symbols;
    uint64_t *heap;
    size_t capacity; /* symbols */
} osprey__bpe_scratch;

/* Room for count merges. */
osprey_status osprey__bpe_merges_create(osprey__bpe_merges *merges, size_t count,
                                        osprey_error *error);

/* No more than there is room for. A pair that is there already takes the new rank and id. */
void osprey__bpe_merges_insert(osprey__bpe_merges *merges, int32_t left, int32_t right,
                               uint32_t rank, int32_t id);

/* Behind the last one: makes the table. */
osprey_status osprey__bpe_merges_finish(osprey__bpe_merges *merges, osprey_error *error);

/* Merges count ids in place, and sets *count to how many are left. */
osprey_status osprey__bpe_merges_apply(const osprey__bpe_merges *merges,
                                       osprey__bpe_scratch *scratch, int32_t *ids, size_t *count,
                                       osprey_error *error);

/*
 * For an engine: appends the merges, and takes them from there, of ids below vocabulary. What is
 * loaded reads the bytes where they lie, which therefore have to outlive it. Load: OSPREY_FORMAT
 * where the bytes are damaged; file is what errors name.
 */
osprey_status osprey__bpe_merges_store(const osprey__bpe_merges *merges, osprey__buffer *bytes,
                                       osprey_error *error);
osprey_status osprey__bpe_merges_load(osprey__bpe_merges *merges, osprey__byte_cursor *at,
                                      size_t vocabulary, const char *file, osprey_error *error);

/* Both take zeroed ones. */
void osprey__bpe_merges_free(osprey__bpe_merges *merges);
void osprey__bpe_scratch_free(osprey__bpe_scratch *scratch);

#endif
