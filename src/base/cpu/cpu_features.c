/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu/cpu_features.h"

#include "base/cpu/cache_sizes.h"
#include "base/cpu/usable_cores.h"
#include "base/status.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* Of the levels, in their order: what OSPREY_CPU may say. */
static const char *const level_names[OSPREY__CPU_LEVELS] = {
    "portable",
#if defined(__aarch64__)
    "neon",     "fp16", "dotprod", "i8mm",
#else
    "avx2",     "avxvnni", "avx512", "avx512vnni", "avx512bf16", "avx512fp16", "amx",
#endif
};

const char *osprey__cpu_level_name(osprey__cpu_level level)
{
    return level_names[level];
}

static void add_level(osprey__cpu_features *features, osprey__cpu_level level)
{
    features->levels |= 1U << level;
    features->level = level;
}

#if defined(__x86_64__)

/* Bits of XCR0: the register state that the operating system saves for a thread. */
enum { XCR0_AVX = 0x6, XCR0_AVX512 = 0xe6, XCR0_AMX = 0x60000 };

/* Intel SDM volume 1, 14.3: ask for OSXSAVE first, then for the state. */
static uint64_t saved_state(unsigned leaf1_ecx)
{
    if (!(leaf1_ecx & bit_OSXSAVE)) return 0;
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool all_of(uint64_t have, uint64_t wanted)
{
    return (have & wanted) == wanted;
}

/* The tiles that kernels are written for: eight of sixteen rows of 64 bytes (SDM, palette 1). */
static bool tiles_as_expected(void)
{
    enum { LEAF_TILES = 0x1d, LEAF_MULTIPLIER = 0x1e, PALETTE = 1 };
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid_count(LEAF_TILES, 0, &eax, &ebx, &ecx, &edx) || eax < PALETTE) return false;
    if (!__get_cpuid_count(LEAF_TILES, PALETTE, &eax, &ebx, &ecx, &edx)) return false;
    if (ebx >> 16 < 8 || (ebx & 0xffff) < 64 || (ecx & 0xffff) < 16) return false;
    if (!__get_cpuid_count(LEAF_MULTIPLIER, 0, &eax, &ebx, &ecx, &edx)) return false;
    return (ebx & 0xff) >= 16 && (ebx >> 8 & 0xffff) >= 64;
}

/*
 * Linux gives a process the tile registers only when it asks (Documentation/arch/x86/xstate). It
 * refuses where a thread has an alternate signal stack that is too small for them, or a sandbox
 * stands between; the process then does without.
 */
static bool tile_permission(void)
{
    const long arch_req_xcomp_perm = 0x1023, xfeature_xtiledata = 18;
    return syscall(SYS_arch_prctl, arch_req_xcomp_perm, xfeature_xtiledata) == 0;
}

/* AMD's manual 25481 (CPUID): family 19h is Zen 3, which has no AVX-512, and Zen 4. */
static bool is_zen4(void)
{
    enum { FAMILY_ZEN4 = 0x19 };
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx) || ebx != signature_AMD_ebx ||
        ecx != signature_AMD_ecx || edx != signature_AMD_edx ||
        !__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return false;
    return (eax >> 8 & 0xf) + (eax >> 20 & 0xff) == FAMILY_ZEN4;
}

static void find_instruction_sets(osprey__cpu_features *features)
{
    enum {
        LEAF7_EBX_AVX2 = 1 << 5,
        LEAF7_EBX_AVX512F = 1 << 16,
        LEAF7_EBX_AVX512DQ = 1 << 17,
        LEAF7_EBX_AVX512CD = 1 << 28,
        LEAF7_EBX_AVX512BW = 1 << 30,
        LEAF7_ECX_VNNI = 1 << 11,
        LEAF7_EDX_AMX_BF16 = 1 << 22,
        LEAF7_EDX_AVX512FP16 = 1 << 23,
        LEAF7_EDX_AMX_TILE = 1 << 24,
        LEAF7_EDX_AMX_INT8 = 1 << 25,
        LEAF7_1_EAX_AVX_VNNI = 1 << 4,
        LEAF7_1_EAX_BF16 = 1 << 5,
    };
    const uint64_t amx = LEAF7_EDX_AMX_TILE | LEAF7_EDX_AMX_BF16 | LEAF7_EDX_AMX_INT8;
    const uint64_t avx512 = LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512DQ | LEAF7_EBX_AVX512CD |
                            LEAF7_EBX_AVX512BW | UINT64_C(1) << 31 /* VL */;
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return;
    uint64_t state = saved_state(ecx);
    bool fma_f16c = all_of(ecx, bit_AVX | bit_FMA | bit_F16C);
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return;
    unsigned extended_leaves = eax, leaf7_ebx = ebx, leaf7_ecx = ecx, leaf7_edx = edx;
    if (extended_leaves < 1 || !__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) eax = 0;
    unsigned leaf7_1_eax = eax;

    if (!fma_f16c || !all_of(leaf7_ebx, LEAF7_EBX_AVX2) || !all_of(state, XCR0_AVX)) return;
    add_level(features, OSPREY__CPU_AVX2);
    if (all_of(leaf7_1_eax, LEAF7_1_EAX_AVX_VNNI)) add_level(features, OSPREY__CPU_AVXVNNI);
    if (!all_of(leaf7_ebx, avx512) || !all_of(state, XCR0_AVX512)) return;
    add_level(features, OSPREY__CPU_AVX512);
    features->halves_avx512 = is_zen4();
    if (!all_of(leaf7_ecx, LEAF7_ECX_VNNI)) return;
    add_level(features, OSPREY__CPU_AVX512VNNI);
    if (!all_of(leaf7_1_eax, LEAF7_1_EAX_BF16)) return;
    add_level(features, OSPREY__CPU_AVX512BF16);
    if (!all_of(leaf7_edx, LEAF7_EDX_AVX512FP16)) return;
    add_level(features, OSPREY__CPU_AVX512FP16);
    if (all_of(leaf7_edx, amx) && all_of(state, XCR0_AMX) && tiles_as_expected() &&
        tile_permission())
        add_level(features, OSPREY__CPU_AMX);
}

#elif defined(__aarch64__)

static void find_instruction_sets(osprey__cpu_features *features)
{
    /* Linux's Documentation/arm64/elf_hwcaps */
    const unsigned long hwcap_asimdhp = 1UL << 10, hwcap_asimddp = 1UL << 20;
    const unsigned long hwcap2_i8mm = 1UL << 13;
    add_level(features, OSPREY__CPU_NEON);
    if (!(getauxval(AT_HWCAP) & hwcap_asimdhp)) return;
    add_level(features, OSPREY__CPU_FP16);
    if (!(getauxval(AT_HWCAP) & hwcap_asimddp)) return;
    add_level(features, OSPREY__CPU_DOTPROD);
    if (getauxval(AT_HWCAP2) & hwcap2_i8mm) add_level(features, OSPREY__CPU_I8MM);
}

#else

static void find_instruction_sets(osprey__cpu_features *features)
{
    (void)features;
}

#endif

static struct {
    pthread_once_t once;
    osprey__cpu_features machine;
    osprey__cpu_features features;
    osprey_status status;
    osprey_error error;
} found = {.once = PTHREAD_ONCE_INIT};

static void find_features(void)
{
    size_t cache_bytes[3] = {(size_t)32 << 10, (size_t)512 << 10, 0};
    osprey__cache_sizes(cache_bytes);
    found.machine = (osprey__cpu_features){
        .l1d_bytes = cache_bytes[0],
        .l2_bytes = cache_bytes[1],
        .l3_bytes = cache_bytes[2],
        .usable_cores = osprey__usable_cores(),
    };
    add_level(&found.machine, OSPREY__CPU_PORTABLE);
    find_instruction_sets(&found.machine);
    found.machine.level_name = osprey__cpu_level_name(found.machine.level);
    found.features = found.machine;
    const char *name = getenv("OSPREY_CPU");
    if (name && *name)
        found.status =
            osprey__cpu_features_restrict(&found.machine, name, &found.features, &found.error);
}

osprey_status osprey__cpu_features_get(const osprey__cpu_features **features, osprey_error *error)
{
    pthread_once(&found.once, find_features);
    *features = &found.features;
    if (found.status != OSPREY_OK && error) *error = found.error;
    return found.status;
}

bool osprey__cpu_level_supported(osprey__cpu_level level)
{
    pthread_once(&found.once, find_features);
    return found.machine.levels >> level & 1;
}

bool osprey__cpu_level_find(const char *name, osprey__cpu_level most, osprey__cpu_level *level)
{
    for (int at = 0; at <= (int)most; at++) {
        *level = (osprey__cpu_level)at;
        if (strcmp(level_names[at], name) == 0) return osprey__cpu_level_supported(*level);
    }
    return false;
}

/* "portable, avx2": those that a machine has. */
static void list_levels(const osprey__cpu_features *machine, char *text, size_t capacity)
{
    for (size_t level = 0, used = 0; level < OSPREY__CPU_LEVELS && used < capacity; level++)
        if (machine->levels >> level & 1)
            used += (size_t)snprintf(text + used, capacity - used, "%s%s", level ? ", " : "",
                                     level_names[level]);
}

osprey_status osprey__cpu_features_restrict(const osprey__cpu_features *machine, const char *name,
                                            osprey__cpu_features *features, osprey_error *error)
{
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (strcmp(name, level_names[level]) != 0) continue;
        if (!(machine->levels >> level & 1)) {
            char has[128];
            list_levels(machine, has, sizeof has);
            return osprey__fail(error, OSPREY_UNSUPPORTED, "OSPREY_CPU",
                                "this machine does not have \"%s\"; leave the variable out, or "
                                "name a set that it has: %s",
                                name, has);
        }
        *features = *machine;
        features->level = (osprey__cpu_level)level;
        features->levels &= (2U << level) - 1;
        features->level_name = level_names[level];
        return OSPREY_OK;
    }
    return osprey__fail(error, OSPREY_UNSUPPORTED, "OSPREY_CPU",
                        "\"%s\" is no known instruction set; known are %s", name,
                        OSPREY__CPU_NAMES);
}
