/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/resident.h"

#include "base/memory.h"
#include "base/os/file_map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
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

size_t osprey__available_bytes(void)
{
    static const char key[] = "MemAvailable:";
    char *text;
    size_t length;
    if (osprey__file_read("/proc/meminfo", 65536, &text, &length, NULL) != OSPREY_OK)
        return SIZE_MAX;
    const char *line = strstr(text, key);
    size_t kib = line ? strtoul(line + sizeof key - 1, NULL, 10) : SIZE_MAX / 1024;
    osprey__free(text);
    return kib * 1024;
}

uint64_t osprey__disk_read_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_inblock * 512 : 0;
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

void osprey__pages_read_ahead(const void *begin, size_t bytes)
{
    advise(begin, bytes, MADV_WILLNEED);
}

void osprey__pages_bring(const void *begin, size_t bytes, const atomic_bool *stop)
{
    size_t page = osprey__page_bytes();
    for (size_t at = 0; at < bytes && !atomic_load(stop); at += page)
        (void)*((const volatile char *)begin + at);
}

void osprey__pages_are_large(const void *begin, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    advise(begin, bytes, MADV_HUGEPAGE);
#endif
}

void osprey__pages_give_back(const void *begin, size_t bytes)
{
    advise(begin, bytes, MADV_DONTNEED);
}

void osprey__pages_drop(const void *begin, size_t bytes)
{
#ifdef MADV_PAGEOUT
    advise(begin, bytes, MADV_PAGEOUT);
#endif
    advise(begin, bytes, MADV_DONTNEED);
}
