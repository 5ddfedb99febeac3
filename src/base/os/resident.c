/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/resident.h"

#include "base/memory.h"
#include "base/os/file_map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t osprey__page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* /proc/self/statm: the program's size, then what of it is in memory, in pages. */
size_t osprey__resident_bytes(void)
{
    char *text;
    size_t length;
    if (osprey__file_read("/proc/self/statm", 4096, &text, &length, NULL) != OSPREY_OK) return 0;
    const char *second = strchr(text, ' ');
    size_t pages = second ? strtoul(second, NULL, 10) : 0;
    osprey__free(text);
    return pages * osprey__page_bytes();
}

/* Advises on the whole pages in the range. */
static void advise(const void *begin, size_t bytes, int advice)
{
    uintptr_t page = osprey__page_bytes();
    uintptr_t first = osprey__round_up((uintptr_t)begin, page);
    uintptr_t last = ((uintptr_t)begin + bytes) & ~(page - 1);
    if (first < last) madvise((void *)first, last - first, advice);
}

void osprey__pages_pass_once(const void *begin, size_t bytes)
{
    advise(begin, bytes, MADV_SEQUENTIAL);
}

void osprey__pages_bring(const void *begin, size_t bytes, const atomic_bool *stop)
{
    size_t page = osprey__page_bytes();
    advise(begin, bytes, MADV_WILLNEED);
    for (size_t at = 0; at < bytes && !atomic_load(stop); at += page)
        (void)*((const volatile char *)begin + at);
}

void osprey__pages_give_back(const void *begin, size_t bytes)
{
    advise(begin, bytes, MADV_DONTNEED);
}
