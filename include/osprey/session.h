/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a model's towers: pixels or texts in, embeddings out.
 *
 * Creating a session packs the weights of the towers asked for; an engine's are packed already. A
 * session is used by one thread at a time and brings its own worker threads; several sessions may
 * share a model. After the first run of a given size, a run allocates nothing. An embedding depends
 * neither on the batch that it came in with nor on the number of threads.
 *
 *     osprey_session_options options = {.towers = OSPREY_TOWER_TEXT, .threads = 2};
 *     osprey_session *session = NULL;
 *     osprey_session_create(model, &options, &session, &error);
 *     const char *texts[] = {"a dog", "a cat"};
 *     float embeddings[2 * 512]; // [2, D]
 *     osprey_session_embed_texts(session, texts, 2, OSPREY_EMBED_UNIT_LENGTH, embeddings, &error);
 *     osprey_session_free(session);
 */
#ifndef OSPREY_SESSION_H
#define OSPREY_SESSION_H

#include <osprey/error.h>
#include <osprey/model.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct osprey_session osprey_session;

typedef enum osprey_tower {
    OSPREY_TOWER_IMAGE = 1,
    OSPREY_TOWER_TEXT = 2,
    OSPREY_TOWER_BOTH = 3,
} osprey_tower;

typedef enum osprey_embed {
    OSPREY_EMBED_UNIT_LENGTH, /* divided by their Euclidean length */
    OSPREY_EMBED_RAW,         /* as they leave the projection */
} osprey_embed;

/* Of one session or engine. */
#define OSPREY_KEEP_MAX 64

/*
 * Zero-initialised, or NULL, means: both towers, all cores that this process may use, fp32. An
 * engine has its own precision, which is used; any other but fp32, or layers to keep, are refused.
 */
typedef struct osprey_session_options {
    osprey_tower towers;
    size_t threads;             /* 1 to 256, the calling one included; 0: as many as cores */
    osprey_precision precision; /* of linears and convolutions */
    /*
     * Exceptions "PATTERN=PRECISION", the last that fits counts: layers whose name, or whose
     * weight's name, fits the pattern (fnmatch's *, ? and [...]), such as "*.mlp.*=bf16". Without
     * one, int8 keeps a ResNet's first convolution in bf16, and int4 keeps the first convolution of
     * any model, the last projection and weights of at most 65,536 elements in int8. The text
     * tower's tables know fp32 and, in all but fp32, fp16: a pattern that fits nothing else says
     * one of these.
     */
    const char *const *keep;
    size_t keep_count; /* at most OSPREY_KEEP_MAX */
    /*
     * What the process may hold in memory while the session runs; 0: no limit. Weights of an engine
     * that do not fit are read from its file as they are used, and given back. What the process
     * takes already counts, and 32 MiB are left for what the caller takes later. The least that
     * will do is these two, the work space of one image or of the texts that run at once, and
     * the weights that have to be in memory at once.
     */
    size_t max_resident_bytes;
    /*
     * int8 and int4 layers quantize their inputs by the ranges that the engine was calibrated with
     * (osprey_engine_calibration), instead of each row by its own: less work, and less exact.
     */
    bool static_ranges;
} osprey_session_options;

/*
 * The caller frees *session with osprey_session_free, before the model.
 * Errors: OSPREY_INVALID_ARGUMENT (a pattern to keep that fits no layer, or
 * just tables, which do not know its precision, a tower that an engine
 * lacks, static ranges of a model that has none, a max_resident_bytes that is too low, with the
 * least that would do, ...), OSPREY_UNSUPPORTED (OSPREY_CPU names no known instruction set, or one
 * that this machine lacks; an engine is for another one), OSPREY_FORMAT (a damaged engine),
 * OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_session_create(const osprey_model *model,
                                               const osprey_session_options *options,
                                               osprey_session **session, osprey_error *error);

/*
 * pixels: count images as osprey_image_preprocess writes them, osprey_preprocessing_floats each.
 * embeddings: [count, D]. Errors of this and of the next two: OSPREY_INVALID_ARGUMENT,
 * OSPREY_OUT_OF_MEMORY, OSPREY_FORMAT (an engine whose weights are not as they were written, which
 * a tower's first run finds: the file is the subject, and no later run succeeds), OSPREY_STALE (the
 * same of an engine of the cache, which has been removed: osprey_cache_open_model compiles the
 * model anew).
 */
OSPREY_API osprey_status osprey_session_embed_pixels(osprey_session *session, const float *pixels,
                                                     size_t count, osprey_embed form,
                                                     float *embeddings, osprey_error *error);

/*
 * ids: the texts' tokens one after the other, start and end tokens included, as
 * osprey_tokenizer_encode gives them; lengths[i]: the number of text i's, 1 to context_length.
 * Without padding: where the model wants it (osprey_tokenizer_info's pad_id), it is added here.
 * embeddings: [count, D].
 * Errors: OSPREY_INVALID_ARGUMENT (a length, or an id outside the vocabulary).
 */
OSPREY_API osprey_status osprey_session_embed_tokens(osprey_session *session, const int32_t *ids,
                                                     const size_t *lengths, size_t count,
                                                     osprey_embed form, float *embeddings,
                                                     osprey_error *error);

/*
 * Tokenizes and embeds NUL-terminated UTF-8 texts. embeddings: [count, D]. The texts of a call
 * share what they begin with (docs/text-tower.md): a thousand in one call take less time than in
 * ten.
 */
OSPREY_API osprey_status osprey_session_embed_texts(osprey_session *session,
                                                    const char *const *texts, size_t count,
                                                    osprey_embed form, float *embeddings,
                                                    osprey_error *error);

typedef struct osprey_session_info {
    size_t threads;
    const char *instruction_set; /* "portable", "avx2", "avxvnni", "avx512", "avx512vnni",
                                    "avx512bf16", "avx512fp16", "amx"; on arm64 "portable", "neon",
                                    "fp16", "dotprod", "i8mm" */
    const char
        *precision;      /* "fp32", ...: of all layers but those kept; lives as long as the model */
    bool static_ranges;  /* as asked for */
    size_t weight_bytes; /* packed weights */
    size_t arena_bytes;  /* working memory so far */
    uint64_t read_bytes; /* weights read by all runs so far under max_resident_bytes; 0 without */
} osprey_session_info;

OSPREY_API osprey_session_info osprey_session_get_info(const osprey_session *session);

OSPREY_API const osprey_model *osprey_session_get_model(const osprey_session *session);

/* Takes NULL. */
OSPREY_API void osprey_session_free(osprey_session *session);

#ifdef __cplusplus
}
#endif

#endif
