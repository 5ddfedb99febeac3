/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processor can do, found once: instruction sets, cache sizes, cores that this process
 * may use. Kernels are chosen by it. Any thread may call.
 *
 * The environment variable OSPREY_CPU restricts it to one of the names in OSPREY__CPU_NAMES, each
 * of which takes in those before it (of avxvnni that a machine with AVX-512 may lack: what it
 * needs). Nothing can make the answer promise more than there is.
 *
 *     const osprey__cpu_features *features;
 *     OSPREY_TRY(osprey__cpu_features_get(&features, error));
 *     kernel = features->level >= OSPREY__CPU_AVX512 ? kernel__avx512 : kernel_portable;
 */
#ifndef OSPREY_BASE_CPU_FEATURES_H
#define OSPREY_BASE_CPU_FEATURES_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>

/* The levels of the architecture that this is compiled for, and the values of OSPREY_CPU. */
#if defined(__aarch64__)

typedef enum osprey__cpu_level {
    OSPREY__CPU_PORTABLE, /* what the compiler assumes of every machine */
    OSPREY__CPU_NEON,     /* every aarch64 has it */
    OSPREY__CPU_FP16,     /* and arithmetic on half-precision vectors: optional in Armv8.2 */
    OSPREY__CPU_DOTPROD,  /* and sdot of bytes: optional in Armv8.2, required from 8.4 on */
    OSPREY__CPU_I8MM,     /* and smmla: optional in Armv8.2, required from 8.6 on */
} osprey__cpu_level;

#define OSPREY__CPU_LEVELS 5
#define OSPREY__CPU_NAMES  "portable, neon, fp16, dotprod, i8mm"

#else

typedef enum osprey__cpu_level {
    OSPREY__CPU_PORTABLE, /* what the compiler assumes of every machine */
    OSPREY__CPU_AVX2,     /* AVX2, FMA, F16C */
    OSPREY__CPU_AVXVNNI,  /* and VNNI without AVX-512; a machine that has that may lack this */
    OSPREY__CPU_AVX512,   /* AVX2 and AVX-512 F, BW, DQ, VL, CD */
    OSPREY__CPU_AVX512VNNI,
    OSPREY__CPU_AVX512BF16,
    OSPREY__CPU_AVX512FP16,
    OSPREY__CPU_AMX, /* and tiles of bfloat16s and of bytes, which the system has permitted */
} osprey__cpu_level;

#define OSPREY__CPU_LEVELS 8
#define OSPREY__CPU_NAMES  "portable, avx2, avxvnni, avx512, avx512vnni, avx512bf16, avx512fp16, amx"

#endif

typedef struct osprey__cpu_features {
    osprey__cpu_level level; /* the best */
    const char *level_name;  /* as osprey__cpu_level_name gives it */
    unsigned levels;         /* bit L: level L can be run */
    size_t l1d_bytes;        /* of one core; never 0 */
    size_t l2_bytes;         /* of one core; never 0 */
    size_t l3_bytes;         /* 0 where there is none */
    size_t usable_cores;     /* by affinity and cgroup quota (rounded up); at least 1 */
    /* Operations of 512 bits take two turns of units of 256 (Zen 4): caches then keep up better. */
    bool halves_avx512;
} osprey__cpu_features;

/*
 * *features: static storage.
 * Errors: OSPREY_UNSUPPORTED (OSPREY_CPU holds an unknown name, or one that this machine lacks).
 */
osprey_status osprey__cpu_features_get(const osprey__cpu_features **features, osprey_error *error);

/* As in OSPREY__CPU_NAMES. Static storage. */
const char *osprey__cpu_level_name(osprey__cpu_level level);

/* Whether this machine can run level, whatever OSPREY_CPU says. With it a test visits them all. */
bool osprey__cpu_level_supported(osprey__cpu_level level);

/* Whether name is that of a level up to `most` that this machine can run: *level. */
bool osprey__cpu_level_find(const char *name, osprey__cpu_level most, osprey__cpu_level *level);

/*
 * *features: machine without what lies above name, one of OSPREY__CPU_NAMES.
 * Errors: as osprey__cpu_features_get, which passes OSPREY_CPU's value.
 */
osprey_status osprey__cpu_features_restrict(const osprey__cpu_features *machine, const char *name,
                                            osprey__cpu_features *features, osprey_error *error);

#endif
