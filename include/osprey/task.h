/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jobs: zero-shot classification against a set of labels, and a stream of preprocessed images
 * that is decoded while the model runs.
 *
 *     const char *labels[] = {"dog", "cat"}, *templates[] = {"a photo of a {}."};
 *     osprey_label_set *set = NULL;
 *     osprey_label_set_options how = {.labels = labels, .label_count = 2,
 *                                     .templates = templates, .template_count = 1};
 *     osprey_label_set_create(session, &how, &set, &error);
 *     osprey_score scores[2];
 *     osprey_label_set_score(set, image_embedding, OSPREY_SCORE_AS_TRAINED, scores, &error);
 *     // scores[i]: label i's cosine and probability
 *     osprey_label_set_free(set);
 */
#ifndef OSPREY_TASK_H
#define OSPREY_TASK_H

#include <osprey/error.h>
#include <osprey/image.h>
#include <osprey/session.h>

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Labels, encoded once. Not changed by scoring: any number of threads may score at once. */
typedef struct osprey_label_set osprey_label_set;

typedef enum osprey_ensemble {
    OSPREY_ENSEMBLE_EMBEDDING,   /* mean of the templates' unit embeddings, made unit again */
    OSPREY_ENSEMBLE_PROBABILITY, /* mean of the probabilities under each template */
} osprey_ensemble;

typedef struct osprey_label_set_options {
    const char *const *labels; /* UTF-8; none empty */
    size_t label_count;
    const char *const *templates; /* "{}" or "{label}" once in each; other braces are text */
    size_t template_count;        /* 0: the label alone */
    osprey_ensemble ensemble;
} osprey_label_set_options;

/*
 * Encodes every label in every template with the session's text tower. The session is not needed
 * afterwards. The caller frees *set with osprey_label_set_free.
 * Errors: OSPREY_INVALID_ARGUMENT (no labels, an empty label, a template that has no place for the
 * label or more than one: it is the error's subject; an unknown ensemble), OSPREY_FORMAT (weights
 * that hold NaN or infinity, and make such of a label), those of osprey_session_embed_texts.
 */
OSPREY_API osprey_status osprey_label_set_create(osprey_session *session,
                                                 const osprey_label_set_options *options,
                                                 osprey_label_set **set, osprey_error *error);

/*
 * The classes of the model's own head (osprey_model_info's head_classes), for models that were
 * trained to classify. They are scored like labels, but on embeddings as they come,
 * OSPREY_EMBED_RAW, and with the head's logits in place of scaled cosines. Labels are ImageNet's
 * names where head_labels says so, else "class 0", "class 1" and so on. The caller frees *set with
 * osprey_label_set_free. Errors: OSPREY_INVALID_ARGUMENT (the model has no head),
 * OSPREY_FORMAT (it holds NaN or infinity), OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_label_set_create_classes(const osprey_model *model,
                                                         osprey_label_set **set,
                                                         osprey_error *error);

typedef enum osprey_score_kind {
    OSPREY_SCORE_AS_TRAINED, /* sigmoid for models with a logit_bias, which were trained with one
                                (SigLIP); softmax for the others */
    OSPREY_SCORE_SOFTMAX,    /* over the labels: they sum to 1 */
    OSPREY_SCORE_SIGMOID,    /* each label's own probability, whatever the others are */
} osprey_score_kind;

typedef struct osprey_score {
    size_t label; /* index into the labels */
    float score;  /* of logit_scale * cosine + logit_bias; 0 to 1 */
    float cosine; /* of image and label; the mean over templates where probabilities are averaged;
                     of a head's class its logit */
} osprey_score;

/*
 * image: [D], unit length (for a head's classes: as it comes). scores: one for each label, in the
 * labels' order. Errors: OSPREY_INVALID_ARGUMENT (an unknown kind), OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_label_set_score(const osprey_label_set *set, const float *image,
                                                osprey_score_kind kind, osprey_score *scores,
                                                osprey_error *error);

/*
 * Sorts scores by falling score (equal ones by label), keeps at most top of those that are not
 * below threshold at the front, and returns how many these are. top 0: all. A score that is not a
 * number goes last and is never kept.
 */
OSPREY_API size_t osprey_scores_rank(osprey_score *scores, size_t count, size_t top,
                                     float threshold);

OSPREY_API size_t osprey_label_set_count(const osprey_label_set *set);

/* The label of that index, valid as long as the set; NULL behind the last. */
OSPREY_API const char *osprey_label_set_label(const osprey_label_set *set, size_t index);

/* [label_count, D]: the mean over the templates, of unit length, whatever the ensemble; or the rows
 * of a head. */
OSPREY_API const float *osprey_label_set_embeddings(const osprey_label_set *set);

/* Takes NULL. */
OSPREY_API void osprey_label_set_free(osprey_label_set *set);

/*
 * Built-in templates by name: "imagenet" (the 80 of the CLIP paper), "simple" (7 of them that do
 * nearly as well) or "none" ("{}"). Static storage. Errors: OSPREY_NOT_FOUND (another name).
 */
OSPREY_API osprey_status osprey_templates_builtin(const char *name, const char *const **templates,
                                                  size_t *count, osprey_error *error);

/*
 * Decodes and preprocesses files on its own threads, a few batches ahead of the reader, and gives
 * them out in order. Memory does not grow with the number of files. One reader at a time.
 *
 *     osprey_image_batch batch;
 *     while (osprey_image_stream_next(stream, &batch))
 *         osprey_session_embed_pixels(session, batch.pixels, batch.good, form, rows, &error);
 */
typedef struct osprey_image_stream osprey_image_stream;

typedef struct osprey_image_stream_options {
    const char *const *paths; /* have to outlive the stream */
    size_t path_count;
    const osprey_preprocessing *preprocessing; /* copied */
    osprey_image_options image;                /* as for osprey_image_open_pixels */
    size_t batch;                              /* images in a batch; 0: 8 */
    size_t threads;                            /* decoders, at most 256; 0: as many as cores */
    /* Decoders begin an image only before the first osprey_image_stream_next and while one waits:
     * for a reader that keeps the same cores busy in between, as a session of as many threads does.
     * Otherwise they also do as long as there is room. */
    bool in_turns;
} osprey_image_stream_options;

/*
 * Starts the decoders. The caller frees *stream with osprey_image_stream_free.
 * Errors: OSPREY_INVALID_ARGUMENT (more threads), OSPREY_LIMIT (a batch that no memory could
 * hold), OSPREY_OUT_OF_MEMORY (also where a thread cannot be started), OSPREY_UNSUPPORTED
 * (OSPREY_CPU names no known instruction set).
 */
OSPREY_API osprey_status osprey_image_stream_create(const osprey_image_stream_options *options,
                                                    osprey_image_stream **stream,
                                                    osprey_error *error);

/* One batch, valid until the next call. A bad image takes its place in errors, not in pixels. */
typedef struct osprey_image_batch {
    size_t first;               /* index of the first path */
    size_t count;               /* paths in this batch, at least 1 */
    const float *pixels;        /* [good] images, those that could be read, preprocessed */
    size_t good;                /* images that could be read; may be 0 */
    const osprey_error *errors; /* [count]; status OSPREY_OK where the image is in pixels */
} osprey_image_batch;

/* Waits for the next batch. False at the end, with *batch zeroed. */
OSPREY_API bool osprey_image_stream_next(osprey_image_stream *stream, osprey_image_batch *batch);

/* Takes NULL, and a stream that was not read to its end. */
OSPREY_API void osprey_image_stream_free(osprey_image_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
