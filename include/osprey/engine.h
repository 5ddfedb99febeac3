/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine: a model compiled for a machine, in one file. osprey_model_open takes it like a
 * directory; a session is then made in milliseconds, and processes share the weights' pages.
 *
 * An engine holds the rewritten graph of each tower, the weights in the order in which the kernels
 * of one instruction set read them, the tokenizer and the preprocessing. It gives the same results
 * as the directory that it was compiled from, bit for bit, on that instruction set. Any thread may
 * call.
 *
 *     osprey_model_open("clip-vit-base-patch32", &model, &error);
 *     osprey_engine_compile(model, NULL, "clip.osprey", &error);
 *     osprey_model_free(model);
 *     osprey_model_open("clip.osprey", &model, &error);
 *     printf("%s\n", osprey_model_get_engine(model)->instruction_set);
 */
#ifndef OSPREY_ENGINE_H
#define OSPREY_ENGINE_H

#include <osprey/error.h>
#include <osprey/model.h>
#include <osprey/session.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OSPREY_ENGINE_BATCHES_MAX 16   /* of one engine */
#define OSPREY_ENGINE_BATCH_MAX   1024 /* the largest of them */

/* Zero-initialised, or NULL, means: both towers, batches of 1, 8 and 16, fp32, for this machine. */
typedef struct osprey_engine_options {
    osprey_tower towers;
    const size_t *batches; /* the memory of each is planned; the largest is how many images run at
                              once */
    size_t batch_count;
    osprey_precision precision; /* these three as in osprey_session_options */
    const char *const *keep;
    size_t keep_count;
    bool portable;              /* keeps the weights as published too, so that another machine can
                                   pack them anew in memory */
    const char *dump_directory; /* an existing directory for the text of each tower's graph, as
                                   built and after each pass; NULL: none */
} osprey_engine_options;

/*
 * Compiles for the instruction set that osprey_session_create would use, and writes path in one
 * step: temporary file beside it, synced, renamed. Weights are packed and written one by one.
 * Errors: OSPREY_INVALID_ARGUMENT (a batch; the model is an engine already), OSPREY_IO,
 * OSPREY_UNSUPPORTED (as osprey_session_create), OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_engine_compile(const osprey_model *model,
                                               const osprey_engine_options *options,
                                               const char *path, osprey_error *error);

/* The memory of a run of batch images, or texts (of the context's length, as many as run at once).
 */
typedef struct osprey_engine_profile {
    size_t batch;
    size_t arena_bytes;   /* what lies between operators at the peak */
    size_t scratch_bytes; /* of each thread */
} osprey_engine_profile;

typedef struct osprey_engine_tower {
    size_t weight_bytes;                   /* packed weights and float constants */
    size_t constant_bytes;                 /* gather tables; portable: all tensors as published */
    const osprey_engine_profile *profiles; /* by rising batch */
    size_t profile_count;                  /* 0: the engine lacks this tower */
} osprey_engine_tower;

/* All strings live as long as the model. */
typedef struct osprey_engine_info {
    const char *osprey_version;  /* that compiled it */
    unsigned format_version;     /* of the file */
    const char *instruction_set; /* that its weights are packed for */
    const char *packing;         /* the form in which that one's kernels read them */
    const char *precision;       /* "fp32", ...: of all layers but those kept */
    const char *fingerprint;     /* of the files that it was compiled from: 32 hexadecimal digits */
    const char *source_layout;   /* of these: "huggingface" or "openclip" */
    bool portable;
    osprey_engine_tower image, text;
} osprey_engine_info;

/* NULL where the model is no engine. */
OSPREY_API const osprey_engine_info *osprey_model_get_engine(const osprey_model *model);

/*
 * Reads the whole engine and holds it against its checksums. Opening does that for everything but
 * sections above 4 MiB, which are weights.
 * Errors: OSPREY_FORMAT (the section is named), OSPREY_INVALID_ARGUMENT (no engine).
 */
OSPREY_API osprey_status osprey_engine_verify(const osprey_model *model, osprey_error *error);

#ifdef __cplusplus
}
#endif

#endif
