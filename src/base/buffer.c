/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include "base/memory.h"
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static osprey_status reserve(osprey__buffer *buffer, size_t more, osprey_error *error)
{
    if (more <= buffer->capacity - buffer->length) return OSPREY_OK;
    size_t needed;
    if (__builtin_add_overflow(buffer->length, more, &needed) || needed > SIZE_MAX / 2)
        return osprey__fail_memory(error, more);
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    while (capacity < needed) capacity *= 2;
    char *grown = osprey__realloc(buffer->bytes, capacity, 1);
    if (!grown) return osprey__fail_memory(error, capacity);
    buffer->bytes = grown;
    buffer->capacity = capacity;
    return OSPREY_OK;
}

osprey_status osprey__buffer_append(osprey__buffer *buffer, const void *bytes, size_t length,
                                    osprey_error *error)
{
    OSPREY_TRY(reserve(buffer, length, error));
    if (length) memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return OSPREY_OK;
}

osprey_status osprey__buffer_number(osprey__buffer *buffer, uint64_t number, size_t bytes,
                                    osprey_error *error)
{
    uint8_t little_endian[8];
    for (size_t i = 0; i < bytes; i++) little_endian[i] = (uint8_t)(number >> 8 * i);
    return osprey__buffer_append(buffer, little_endian, bytes, error);
}

osprey_status osprey__buffer_float(osprey__buffer *buffer, float number, osprey_error *error)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return osprey__buffer_number(buffer, bits, sizeof bits, error);
}

osprey_status osprey__buffer_print(osprey__buffer *buffer, osprey_error *error, const char *format,
                                   ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) return osprey__fail(error, OSPREY_INVALID_ARGUMENT, NULL, "bad format");
    OSPREY_TRY(reserve(buffer, (size_t)length + 1, error));
    va_start(arguments, format);
    vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
    return OSPREY_OK;
}

void osprey__buffer_free(osprey__buffer *buffer)
{
    osprey__free(buffer->bytes);
    *buffer = (osprey__buffer){0};
}
