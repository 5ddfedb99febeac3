/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checksum.h"

#include "base/memory.h"
#include "base/status.h"

#define XXH_STATIC_LINKING_ONLY /* the state's size, so that its memory is ours */
#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>
#if defined(__x86_64__)
/* The same with the widest vectors that there are: three times as fast. */
#include <xxh_x86dispatch.h>
#endif

struct osprey__checksum_stream {
    XXH3_state_t state;
};

size_t osprey__checksum_pieces(size_t length)
{
    return length / OSPREY__CHECKSUM_PIECE + (length % OSPREY__CHECKSUM_PIECE != 0);
}

uint64_t osprey__checksum_piece(const void *block, size_t length, size_t piece)
{
    const size_t offset = piece * OSPREY__CHECKSUM_PIECE, rest = length - offset;
    const size_t bytes = rest < OSPREY__CHECKSUM_PIECE ? rest : OSPREY__CHECKSUM_PIECE;
    return XXH3_128bits_withSeed((const char *)block + offset, bytes, piece).low64;
}

uint64_t osprey__checksum(const void *block, size_t length)
{
    uint64_t checksum = 0;
    for (size_t i = 0; i < osprey__checksum_pieces(length); i++)
        checksum ^= osprey__checksum_piece(block, length, i);
    return checksum;
}

osprey_status osprey__checksum_create(osprey__checksum_stream **stream, osprey_error *error)
{
    *stream = osprey__aligned_alloc(sizeof **stream);
    if (!*stream) return osprey__fail_memory(error, sizeof **stream);
    osprey__checksum_reset(*stream, 0);
    return OSPREY_OK;
}

void osprey__checksum_reset(osprey__checksum_stream *stream, uint64_t seed)
{
    XXH3_INITSTATE(&stream->state);
    XXH3_128bits_reset_withSeed(&stream->state, seed);
}

void osprey__checksum_add(osprey__checksum_stream *stream, const void *bytes, size_t length)
{
    XXH3_128bits_update(&stream->state, bytes, length);
}

uint64_t osprey__checksum_take(const osprey__checksum_stream *stream)
{
    return XXH3_128bits_digest(&stream->state).low64;
}

void osprey__checksum_print(const osprey__checksum_stream *stream,
                            char text[OSPREY__FINGERPRINT_BYTES])
{
    XXH128_hash_t hash = XXH3_128bits_digest(&stream->state);
    snprintf(text, OSPREY__FINGERPRINT_BYTES, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64,
             (uint64_t)hash.low64);
}

void osprey__checksum_free(osprey__checksum_stream *stream)
{
    osprey__aligned_free(stream);
}
