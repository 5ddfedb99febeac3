/* SPDX-License-Identifier: Apache-2.0 */
/* Who takes bytes one piece after the other, such as a file that is being written. */
#ifndef OSPREY_BASE_BYTE_SINK_H
#define OSPREY_BASE_BYTE_SINK_H

#include <osprey/error.h>

#include <stddef.h>

typedef struct osprey__byte_sink {
    osprey_status (*write)(void *context, const void *bytes, size_t length, osprey_error *error);
    void *context;
} osprey__byte_sink;

#endif
