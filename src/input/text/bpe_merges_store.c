/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
#include "input/text/bpe_merges.h"
#include "input/text/stored_tokenizer.h"
#include "input/text/token_map.h"

#define MERGE_BYTES 16

osprey_status osprey__bpe_merges_store(const osprey__bpe_merges *merges, osprey__buffer *bytes,
                                       osprey_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i <= merges->mask; i++) count += merges->slots[i].pair != UINT64_MAX;
    OSPREY_TRY(osprey__buffer_number(bytes, count, 4, error));
    for (size_t i = 0; i <= merges->mask; i++) {
        const osprey__bpe_merge *merge = &merges->slots[i];
        if (merge->pair == UINT64_MAX) continue;
        OSPREY_TRY(osprey__buffer_number(bytes, merge->pair, 8, error));
        OSPREY_TRY(osprey__buffer_number(bytes, merge->rank, 4, error));
        OSPREY_TRY(osprey__buffer_number(bytes, (uint32_t)merge->id, 4, error));
    }
    return OSPREY_OK;
}

static bool take(osprey__byte_cursor *at, size_t bound, uint64_t *number)
{
    return osprey__cursor_number(at, 4, false, number) && *number < bound;
}

osprey_status osprey__bpe_merges_load(osprey__bpe_merges *merges, osprey__byte_cursor *at,
                                      size_t vocabulary, const char *file, osprey_error *error)
{
    uint64_t count, left, right, rank, id;
    bool whole = take(at, OSPREY__TOKEN_LIMIT + 1, &count) && count <= at->remaining / MERGE_BYTES;
    if (whole) OSPREY_TRY(osprey__bpe_merges_create(merges, (size_t)count, error));
    for (size_t i = 0; whole && i < count; i++) {
        whole = take(at, vocabulary, &right) && take(at, vocabulary, &left) &&
                take(at, UINT32_MAX, &rank) && take(at, vocabulary, &id);
        if (whole)
            osprey__bpe_merges_insert(merges, (int32_t)left, (int32_t)right, (uint32_t)rank,
                                      (int32_t)id);
    }
    if (whole) return OSPREY_OK;
    return osprey__stored_tokenizer_damaged(file, error);
}
