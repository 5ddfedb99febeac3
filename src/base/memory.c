/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

static osprey__memory_hook *memory_hook;
static void *memory_hook_context;

void osprey__set_memory_hook(osprey__memory_hook *hook, void *context)
{
    memory_hook = hook;
    memory_hook_context = context;
}

static bool allowed(size_t bytes)
{
    return !memory_hook || memory_hook(bytes, memory_hook_context);
}

void *osprey__calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!osprey__multiply(count, size, &bytes) || !allowed(bytes)) return NULL;
    return calloc(bytes ? bytes : 1, 1);
}

void *osprey__realloc(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (!osprey__multiply(count, size, &bytes) || !allowed(bytes)) return NULL;
    return realloc(block, bytes ? bytes : 1);
}

char *osprey__strndup(const char *text, size_t length)
{
    if (length == SIZE_MAX) return NULL;
    char *copy = osprey__calloc(length + 1, 1);
    if (copy) memcpy(copy, text, length);
    return copy;
}

char *osprey__strdup(const char *text)
{
    return osprey__strndup(text, strlen(text));
}

void osprey__free(void *block)
{
    free(block);
}

/* Weights, arenas, tables: fewer pages are fewer misses of the address cache while they stream by,
 * and fewer faults when they are first written. */
static void *huge_page_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX - HUGE_PAGE) return NULL;
    void *block = aligned_alloc(HUGE_PAGE, osprey__round_up(bytes, HUGE_PAGE));
#if defined(MADV_HUGEPAGE)
    /* Only a wish: where it is not granted, small pages serve. A last page that would be less than
     * half full stays small, so that it takes no memory for nothing. */
    const size_t huge = (bytes + HUGE_PAGE / 2) & ~((size_t)HUGE_PAGE - 1);
    if (block) madvise(block, huge, MADV_HUGEPAGE);
#endif
    return block;
}

void *osprey__aligned_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX - OSPREY__ALIGNMENT || !allowed(bytes)) return NULL;
    if (bytes >= HUGE_PAGE) return huge_page_alloc(bytes);
    size_t rounded = osprey__round_up(bytes ? bytes : 1, OSPREY__ALIGNMENT);
    return aligned_alloc(OSPREY__ALIGNMENT, rounded);
}

void osprey__aligned_free(void *block)
{
    free(block);
}
