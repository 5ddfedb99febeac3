/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoders take images from one counter and write into a ring of batches; the reader takes the
 * batches in order. A decoder waits when the ring is full, so memory does not grow with the number
 * of files; with in_turns also while nobody waits for what it would decode. All fields under
 * `mutex` unless they never change after creation.
 */
#include "base/cpu/cpu_features.h"
#include "base/memory.h"
#include "base/status.h"

#include <osprey/task.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_BATCH 8
#define MAX_DECODERS  256

typedef struct batch_slot {
    float *pixels;        /* [batch, image_elems] */
    osprey_error *errors; /* [batch] */
    size_t done;          /* images of the batch that are decoded or have failed */
} batch_slot;

struct osprey_image_stream {
    osprey_image_stream_options options; /* batch and threads resolved */
    osprey_preprocessing preprocessing;
    size_t image_elems;
    size_t batch_count;
    size_t slot_count;
    batch_slot *slots; /* batch b lives in slot b % slot_count */
    float *pixels;     /* of all slots */
    pthread_t *decoders;
    size_t decoders_started;

    pthread_mutex_t mutex;
    pthread_cond_t work_made;  /* a slot became free, or the reader waits, or stop */
    pthread_cond_t batch_done; /* the batch that the reader waits for is there */
    size_t images_taken;       /* by decoders */
    size_t batches_read;       /* given to the reader */
    size_t batches_released;   /* that the reader has finished with */
    bool reader_waits;         /* for batch batches_read - 1, or has not come yet for the first */
    bool stop;
};

static size_t images_in_batch(const osprey_image_stream *stream, size_t batch)
{
    size_t left = stream->options.path_count - batch * stream->options.batch;
    return left < stream->options.batch ? left : stream->options.batch;
}

static void decode_image(osprey_image_stream *stream, size_t index)
{
    size_t place = index % stream->options.batch;
    batch_slot *slot = &stream->slots[index / stream->options.batch % stream->slot_count];
    osprey_error *error = &slot->errors[place];
    const char *path = stream->options.paths[index];
    *error = (osprey_error){0};
    osprey_status status =
        osprey_image_open_pixels(path, &stream->options.image, &stream->preprocessing,
                                 slot->pixels + place * stream->image_elems, error);
    error->status = status;
    if (status != OSPREY_OK && !error->subject[0])
        snprintf(error->subject, sizeof error->subject, "%s", path);
}

static bool ring_is_full(const osprey_image_stream *stream)
{
    return stream->images_taken / stream->options.batch >=
           stream->batches_released + stream->slot_count;
}

static bool may_decode(const osprey_image_stream *stream)
{
    return !ring_is_full(stream) && (stream->reader_waits || !stream->options.in_turns);
}

/* The one that the reader waits for lets it go on, and so ends the decoders' turn. */
static void finish_image(osprey_image_stream *stream, size_t index)
{
    size_t batch = index / stream->options.batch;
    batch_slot *slot = &stream->slots[batch % stream->slot_count];
    if (++slot->done < images_in_batch(stream, batch) || batch + 1 != stream->batches_read) return;
    stream->reader_waits = false;
    pthread_cond_signal(&stream->batch_done);
}

static void *run_decoder(void *argument)
{
    osprey_image_stream *stream = argument;
    pthread_mutex_lock(&stream->mutex);
    while (!stream->stop && stream->images_taken < stream->options.path_count) {
        if (!may_decode(stream)) {
            pthread_cond_wait(&stream->work_made, &stream->mutex);
            continue;
        }
        size_t index = stream->images_taken++;
        pthread_mutex_unlock(&stream->mutex);
        decode_image(stream, index);
        pthread_mutex_lock(&stream->mutex);
        finish_image(stream, index);
    }
    pthread_mutex_unlock(&stream->mutex);
    return NULL;
}

static osprey_status resolve_options(osprey_image_stream *stream,
                                     const osprey_image_stream_options *options,
                                     osprey_error *error)
{
    if (options->threads > MAX_DECODERS)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "threads",
                            "%zu threads asked for; 1 to %d would be right, or 0 for all cores",
                            options->threads, MAX_DECODERS);
    osprey_image_stream_options *resolved = &stream->options;
    *resolved = *options;
    stream->preprocessing = *options->preprocessing;
    resolved->preprocessing = &stream->preprocessing;
    if (resolved->batch == 0) resolved->batch = DEFAULT_BATCH;
    if (resolved->batch > resolved->path_count && resolved->path_count)
        resolved->batch = resolved->path_count;
    /* Asked for in any case: a wrong OSPREY_CPU fails here, not with every image. */
    const osprey__cpu_features *features;
    OSPREY_TRY(osprey__cpu_features_get(&features, error));
    if (resolved->threads == 0) resolved->threads = features->usable_cores;
    if (resolved->threads > MAX_DECODERS) resolved->threads = MAX_DECODERS;
    if (resolved->threads > resolved->path_count) resolved->threads = resolved->path_count;
    stream->batch_count =
        resolved->path_count / resolved->batch + (resolved->path_count % resolved->batch != 0);
    /* One batch with the reader, one that fills up, and enough more that no decoder idles. */
    stream->slot_count = 2 + resolved->threads / resolved->batch;
    if (stream->slot_count > stream->batch_count) stream->slot_count = stream->batch_count;
    return OSPREY_OK;
}

static osprey_status allocate_slots(osprey_image_stream *stream, osprey_error *error)
{
    size_t batch = stream->options.batch, elems, batch_elems, bytes;
    stream->image_elems = osprey_preprocessing_floats(&stream->preprocessing);
    if (!stream->image_elems || !osprey__multiply(stream->image_elems, batch, &batch_elems) ||
        !osprey__multiply(batch_elems, stream->slot_count, &elems) ||
        !osprey__multiply(elems, sizeof(float), &bytes))
        return osprey__fail(error, OSPREY_LIMIT, NULL,
                            "a batch of %zu images of the model's size does not fit into memory",
                            batch);
    stream->slots = osprey__calloc(stream->slot_count, sizeof *stream->slots);
    if (!stream->slots) return osprey__fail_memory(error, sizeof *stream->slots);
    stream->pixels = osprey__aligned_alloc(bytes);
    if (!stream->pixels) return osprey__fail_memory(error, bytes);
    for (size_t i = 0; i < stream->slot_count; i++) {
        stream->slots[i].pixels = stream->pixels + i * batch_elems;
        stream->slots[i].errors = osprey__calloc(batch, sizeof(osprey_error));
        if (!stream->slots[i].errors)
            return osprey__fail_memory(error, batch * sizeof(osprey_error));
    }
    return OSPREY_OK;
}

static osprey_status start_decoders(osprey_image_stream *stream, osprey_error *error)
{
    size_t threads = stream->options.threads;
    stream->decoders = osprey__calloc(threads, sizeof *stream->decoders);
    if (!stream->decoders) return osprey__fail_memory(error, threads * sizeof *stream->decoders);
    for (; stream->decoders_started < threads; stream->decoders_started++) {
        pthread_t *decoder = &stream->decoders[stream->decoders_started];
        int reason = pthread_create(decoder, NULL, run_decoder, stream);
        if (reason != 0)
            return osprey__fail(error, OSPREY_OUT_OF_MEMORY, NULL,
                                "decoder thread %zu could not be started: %s",
                                stream->decoders_started + 1, strerror(reason));
    }
    return OSPREY_OK;
}

osprey_status osprey_image_stream_create(const osprey_image_stream_options *options,
                                         osprey_image_stream **stream, osprey_error *error)
{
    *stream = NULL;
    osprey_image_stream *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->work_made, NULL);
    pthread_cond_init(&made->batch_done, NULL);
    made->reader_waits = true;
    osprey_status status;
    OSPREY_TRY_GOTO(resolve_options(made, options, error));
    OSPREY_TRY_GOTO(allocate_slots(made, error));
    OSPREY_TRY_GOTO(start_decoders(made, error));
    *stream = made;
    return OSPREY_OK;
fail:
    osprey_image_stream_free(made);
    return status;
}

/* Waits for the next batch; NULL at the end. */
static batch_slot *take_batch(osprey_image_stream *stream, size_t *batch)
{
    batch_slot *slot = NULL;
    pthread_mutex_lock(&stream->mutex);
    if (stream->batches_released < stream->batches_read) {
        stream->slots[stream->batches_released % stream->slot_count].done = 0;
        stream->batches_released++;
        if (!stream->options.in_turns) pthread_cond_broadcast(&stream->work_made);
    }
    if (stream->batches_read < stream->batch_count) {
        *batch = stream->batches_read++;
        slot = &stream->slots[*batch % stream->slot_count];
        stream->reader_waits = slot->done < images_in_batch(stream, *batch);
        if (stream->reader_waits) pthread_cond_broadcast(&stream->work_made);
        while (stream->reader_waits) pthread_cond_wait(&stream->batch_done, &stream->mutex);
    }
    pthread_mutex_unlock(&stream->mutex);
    return slot;
}

bool osprey_image_stream_next(osprey_image_stream *stream, osprey_image_batch *batch)
{
    size_t index = 0, elems = stream->image_elems, good = 0;
    *batch = (osprey_image_batch){0};
    const batch_slot *slot = take_batch(stream, &index);
    if (!slot) return false;
    size_t count = images_in_batch(stream, index);
    for (size_t i = 0; i < count; i++) {
        if (slot->errors[i].status != OSPREY_OK) continue;
        if (good != i)
            memcpy(slot->pixels + good * elems, slot->pixels + i * elems,
                   elems * sizeof *slot->pixels);
        good++;
    }
    *batch = (osprey_image_batch){.first = index * stream->options.batch,
                                  .count = count,
                                  .pixels = slot->pixels,
                                  .good = good,
                                  .errors = slot->errors};
    return true;
}

void osprey_image_stream_free(osprey_image_stream *stream)
{
    if (!stream) return;
    pthread_mutex_lock(&stream->mutex);
    stream->stop = true;
    pthread_cond_broadcast(&stream->work_made);
    pthread_mutex_unlock(&stream->mutex);
    for (size_t i = 0; i < stream->decoders_started; i++) pthread_join(stream->decoders[i], NULL);
    for (size_t i = 0; stream->slots && i < stream->slot_count; i++)
        osprey__free(stream->slots[i].errors);
    osprey__free(stream->slots);
    osprey__aligned_free(stream->pixels);
    osprey__free(stream->decoders);
    pthread_cond_destroy(&stream->batch_done);
    pthread_cond_destroy(&stream->work_made);
    pthread_mutex_destroy(&stream->mutex);
    osprey__free(stream);
}
