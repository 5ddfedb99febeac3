/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/guarded.h"

#include "cmocka_all.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CANARY_BYTES = 256, CANARY = 0xa5 };

static guarded guarded_new(size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = count * sizeof(float);
    size_t usable = (CANARY_BYTES + bytes + page - 1) / page * page;
    guarded array = {.count = count, .map_bytes = usable + page};
    array.map =
        mmap(NULL, array.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(array.map != MAP_FAILED);
    assert_int_equal(mprotect(array.map + usable, page, PROT_NONE), 0);
    char *floats = array.map + usable - bytes;
    memset(array.map, CANARY, (size_t)(floats - array.map));
    array.floats = (float *)(void *)floats;
    return array;
}

guarded guarded_random(size_t count, float limit)
{
    guarded array = guarded_new(count);
    for (size_t i = 0; i < count; i++) array.floats[i] = random_float(limit);
    return array;
}

guarded guarded_copy(const guarded *source)
{
    guarded array = guarded_new(source->count);
    memcpy(array.floats, source->floats, source->count * sizeof(float));
    return array;
}

void guarded_free(guarded *array)
{
    for (const char *byte = array->map; byte < (const char *)array->floats; byte++)
        assert_int_equal((unsigned char)*byte, CANARY);
    munmap(array->map, array->map_bytes);
    *array = (guarded){0};
}

static uint64_t next_random(void)
{
    static uint64_t state = 20240229;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 33;
}

size_t random_below(size_t bound)
{
    return next_random() % bound;
}

float random_float(float limit)
{
    return ((float)next_random() / (float)(1u << 30) - 1) * limit;
}

bool level_runs(osprey__cpu_level level)
{
#if defined(KERNELS_EMULATED)
    if (level == OSPREY__CPU_AVXVNNI) level = OSPREY__CPU_AVX2;
    if (level > OSPREY__CPU_AVX512BF16) level = OSPREY__CPU_AVX512BF16;
#endif
    return osprey__cpu_level_supported(level);
}

const osprey__kernels *kernels_or_say_so(const char *test, osprey__cpu_level level)
{
    const osprey__kernels *kernels = osprey__kernels_for(level);
    if (level_runs(level) && strcmp(kernels->instruction_set, osprey__cpu_level_name(level)) == 0)
        return kernels;
    print_message("%s: NOT RUN for %s, which this machine lacks\n", test,
                  osprey__cpu_level_name(level));
    return NULL;
}

void assert_same_bits(const float *left, const float *right, size_t count)
{
    assert_memory_equal(left, right, count * sizeof(float));
}

void assert_near(const float *left, const float *right, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++) {
        if (isnan(left[i]) && isnan(right[i])) continue;
        if (left[i] == right[i]) continue;
        if (!(fabs((double)left[i] - (double)right[i]) <= tolerance))
            fail_msg("element %zu of %zu: %.9g and %.9g differ by more than %.3g", i, count,
                     (double)left[i], (double)right[i], tolerance);
    }
}
