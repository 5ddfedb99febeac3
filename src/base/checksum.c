/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checksum.h"

#include "base/memory.h"
#include "base/status.h"

#define XXH_STATIC_LINKING_ONLY /* the state's size, so that its memory is ours */
#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

struct osprey__checksum_stream {
    XXH3_state_t state;
};

uint64_t osprey__checksum(const void *bytes, size_t length)
{
    return XXH3_128bits(bytes, length).low64;
}

osprey_status osprey__checksum_create(osprey__checksum_stream **stream, osprey_error *error)
{
    *stream = osprey__aligned_alloc(sizeof **stream);
    if (!*stream) return osprey__fail_memory(error, sizeof **stream);
    osprey__checksum_reset(*stream);
    return OSPREY_OK;
}

void osprey__checksum_reset(osprey__checksum_stream *stream)
{
    XXH3_INITSTATE(&stream->state);
    XXH3_128bits_reset(&stream->state);
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
