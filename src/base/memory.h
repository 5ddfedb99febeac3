/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that calls malloc: checked sizes, aligned blocks, and a hook with which tests
 * count allocations or make the n-th one fail. Any thread may call.
 */
#ifndef OSPREY_BASE_MEMORY_H
#define OSPREY_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A cache line, and the widest vector. Every block that a kernel reads starts on such a boundary.
 */
#define OSPREY__ALIGNMENT 64

/* a * b into *product; false where it does not fit. */
static inline bool osprey__multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* size rounded up to a multiple of a power of two. */
static inline size_t osprey__round_up(size_t size, size_t multiple)
{
    return (size + multiple - 1) & ~(multiple - 1);
}

static inline size_t osprey__divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static inline size_t osprey__smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* count * size zeroed bytes, or NULL. The caller frees with osprey__free. */
void *osprey__calloc(size_t count, size_t size);

/* The block grown or shrunk to count * size bytes, or NULL (the old block then stays valid). */
void *osprey__realloc(void *block, size_t count, size_t size);

/* A NUL-terminated copy of length bytes, or NULL. The caller frees with osprey__free. */
char *osprey__strndup(const char *text, size_t length);
char *osprey__strdup(const char *text);

void osprey__free(void *block);

/* bytes on an OSPREY__ALIGNMENT boundary, not zeroed, or NULL. Freed with osprey__aligned_free. */
void *osprey__aligned_alloc(size_t bytes);
void osprey__aligned_free(void *block);

/*
 * Tests only: asked before every allocation with its size; returning false makes it fail. NULL
 * takes the hook away. Not to be changed while other threads allocate.
 */
typedef bool osprey__memory_hook(size_t bytes, void *context);
void osprey__set_memory_hook(osprey__memory_hook *hook, void *context);

#endif
