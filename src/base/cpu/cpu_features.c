/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu/cpu_features.h"

#include "base/cpu/cache_sizes.h"
#include "base/cpu/usable_cores.h"
#include "base/status.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* What OSPREY_CPU may say; the levels come first, in their order. */
static const struct {
    const char *name;
    osprey__cpu_level level;
    bool amx;
} sets[] = {
    {"portable", OSPREY__CPU_PORTABLE, false},
#if defined(__aarch64__)
    {"neon", OSPREY__CPU_NEON, false},
    {"dotprod", OSPREY__CPU_DOTPROD, false},
    {"i8mm", OSPREY__CPU_I8MM, false},
#else
    {"avx2", OSPREY__CPU_AVX2, false},
    {"avx512", OSPREY__CPU_AVX512, false},
    {"avx512vnni", OSPREY__CPU_AVX512VNNI, false},
    {"avx512bf16", OSPREY__CPU_AVX512BF16, false},
    {"amx", OSPREY__CPU_AVX512BF16, true},
#endif
};

const char *osprey__cpu_level_name(osprey__cpu_level level)
{
    return sets[level].name;
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

/* Linux gives a process the tile registers only when it asks (Documentation/arch/x86/xstate). */
static bool tile_permission(void)
{
    const long arch_req_xcomp_perm = 0x1023, xfeature_xtiledata = 18;
    return syscall(SYS_arch_prctl, arch_req_xcomp_perm, xfeature_xtiledata) == 0;
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
        LEAF7_EDX_AMX_TILE = 1 << 24,
        LEAF7_EDX_AMX_INT8 = 1 << 25,
        LEAF7_1_EAX_BF16 = 1 << 5,
    };
    const uint64_t avx512 = LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512DQ | LEAF7_EBX_AVX512CD |
                            LEAF7_EBX_AVX512BW | UINT64_C(1) << 31 /* VL */;
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return;
    uint64_t state = saved_state(ecx);
    bool fma_f16c = all_of(ecx, bit_AVX | bit_FMA | bit_F16C);
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return;
    unsigned extended_leaves = eax;

    if (!fma_f16c || !all_of(ebx, LEAF7_EBX_AVX2) || !all_of(state, XCR0_AVX)) return;
    features->level = OSPREY__CPU_AVX2;
    if (!all_of(ebx, avx512) || !all_of(state, XCR0_AVX512)) return;
    features->level = OSPREY__CPU_AVX512;
    bool vnni = all_of(ecx, LEAF7_ECX_VNNI);
    if (vnni) features->level = OSPREY__CPU_AVX512VNNI;
    if (all_of(edx, LEAF7_EDX_AMX_TILE) && all_of(state, XCR0_AMX) && tile_permission()) {
        features->amx_bf16 = all_of(edx, LEAF7_EDX_AMX_BF16);
        features->amx_int8 = all_of(edx, LEAF7_EDX_AMX_INT8);
    }
    if (vnni && extended_leaves >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) &&
        all_of(eax, LEAF7_1_EAX_BF16))
        features->level = OSPREY__CPU_AVX512BF16;
}

#elif defined(__aarch64__)

static void find_instruction_sets(osprey__cpu_features *features)
{
    /* Linux's Documentation/arm64/elf_hwcaps */
    const unsigned long hwcap_asimddp = 1UL << 20, hwcap2_i8mm = 1UL << 13;
    features->level = OSPREY__CPU_NEON;
    if (!(getauxval(AT_HWCAP) & hwcap_asimddp)) return;
    features->level = OSPREY__CPU_DOTPROD;
    if (getauxval(AT_HWCAP2) & hwcap2_i8mm) features->level = OSPREY__CPU_I8MM;
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
    return level <= found.machine.level;
}

osprey_status osprey__cpu_features_restrict(const osprey__cpu_features *machine, const char *name,
                                            osprey__cpu_features *features, osprey_error *error)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (strcmp(name, sets[i].name) != 0) continue;
        bool amx = machine->amx_bf16 && machine->amx_int8;
        if (sets[i].level > machine->level || (sets[i].amx && !amx))
            return osprey__fail(error, OSPREY_UNSUPPORTED, "OSPREY_CPU",
                                "this machine does not have \"%s\"; leave the variable out, or "
                                "name a set that it has (%s)",
                                name, OSPREY__CPU_NAMES);
        *features = *machine;
        features->level = sets[i].level;
        features->level_name = osprey__cpu_level_name(features->level);
        features->amx_bf16 &= sets[i].amx;
        features->amx_int8 &= sets[i].amx;
        return OSPREY_OK;
    }
    return osprey__fail(error, OSPREY_UNSUPPORTED, "OSPREY_CPU",
                        "\"%s\" is no known instruction set; known are %s", name,
                        OSPREY__CPU_NAMES);
}
