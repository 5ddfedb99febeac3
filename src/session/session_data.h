/* SPDX-License-Identifier: Apache-2.0 */
/* What a session is made of, and what its image and text sides share. */
#ifndef OSPREY_SESSION_SESSION_DATA_H
#define OSPREY_SESSION_SESSION_DATA_H

#include "backend/cpu_backend.h"
#include "base/thread_pool.h"
#include "model/model_data.h"
#include "model/towers.h"
#include "passes/reductions.h"
#include "plan/plan.h"
#include "session/text_trie.h"

#include <osprey/session.h>

#define OSPREY__TOWER_INPUTS 3

typedef struct osprey__tower {
    osprey__plan *plan;                               /* NULL: this session was not asked for it */
    osprey__value_id input_ids[OSPREY__TOWER_INPUTS]; /* in the order of the graph */
    size_t input_count;
    size_t *offsets;               /* one a value of the graph */
    const void **inputs;           /* one a value of the graph */
    osprey__weight_stream *stream; /* NULL without a limit on what is in memory */
    osprey__weight_check check;    /* of an engine */
    atomic_bool *is_verified;      /* of that engine's tower; NULL: no engine */
} osprey__tower;

/* Texts of one call. Grows, and is kept between calls. */
typedef struct osprey__text_batch {
    osprey__text_trie trie;      /* of one run */
    osprey__text *texts, *spare; /* to be sorted */
    int32_t *encoded;            /* ids of the texts being tokenized */
    size_t *lengths;
    int32_t *padded; /* ids of the texts being embedded, where they are filled up */
    size_t text_capacity, spare_capacity, encoded_capacity, lengths_capacity, padded_capacity;
} osprey__text_batch;

struct osprey_session {
    const osprey_model *model;
    const char *precision; /* as osprey_session_info has it */
    bool static_ranges;
    osprey__thread_pool *pool;
    osprey__tower image, text;
    osprey__text_batch text_batch;
    void *arena, *scratch;
    size_t arena_bytes, scratch_bytes;
    const osprey__kernels *kernels;
    size_t images_at_once;
    osprey__step_observer *observer; /* of every run; or NULL */
    void *observer_context;
};

/* osprey_session_create of a model with something left out; reductions may be NULL. */
osprey_status osprey__session_create(const osprey_model *model,
                                     const osprey_session_options *options,
                                     const osprey__reductions *reductions, osprey_session **session,
                                     osprey_error *error);

/* What one run of a tower works on. */
typedef struct osprey__tower_batch {
    size_t sequences;
    size_t tokens, longest_text; /* texts */
    osprey__text_rows text_rows; /* texts */
    const void *inputs[OSPREY__TOWER_INPUTS];
    size_t room_sequences, room_tokens; /* where later runs of the call may be larger than this */
} osprey__tower_batch;

/* Runs the tower; *rows are then [sequences, D], which the next run overwrites. */
osprey_status osprey__tower_run(osprey_session *session, osprey__tower *tower,
                                const osprey__tower_batch *batch, const float **rows,
                                osprey_error *error);

osprey_status osprey__check_form(osprey_embed form, osprey_error *error);

/* How many images can run at once before what lies between operators is too much. */
size_t osprey__images_that_fit(const osprey_session *session);

/* How many images a run of the image tower takes. */
size_t osprey__images_at_once(const osprey_session *session);

/* Images whose values stay in the threads' caches, at least 1; more at once are slower. */
size_t osprey__images_near_cores(const osprey_session *session);

/*
 * Makes the towers read their weights as they run, so that the process keeps below max_bytes in
 * memory; lowers images_at_once where their values would take too much of that. Errors:
 * OSPREY_INVALID_ARGUMENT (too little; no engine), OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__session_limit(osprey_session *session, size_t max_bytes, osprey_error *error);

/* Copies count rows of width floats, divided by their length where form asks for it. */
void osprey__copy_embeddings(const float *rows, size_t count, size_t width, osprey_embed form,
                             float *embeddings);

void osprey__text_batch_free(osprey__text_batch *batch);

#endif
