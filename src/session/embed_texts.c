/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "session/session_data.h"

#include <string.h>

static osprey_status grow(void **list, size_t *capacity, size_t count, size_t size,
                          osprey_error *error)
{
    if (count <= *capacity) return OSPREY_OK;
    void *grown = osprey__realloc(*list, count, size);
    if (!grown) return osprey__fail_memory(error, count * size);
    *list = grown;
    *capacity = count;
    return OSPREY_OK;
}

static osprey_status reserve(osprey__text_batch *batch, size_t context_length, osprey_error *error)
{
    size_t tokens =
        OSPREY__TOKENS_AT_ONCE > context_length ? OSPREY__TOKENS_AT_ONCE : context_length;
    size_t capacity = batch->token_capacity;
    OSPREY_TRY(grow((void **)&batch->ids, &capacity, tokens, sizeof *batch->ids, error));
    OSPREY_TRY(grow((void **)&batch->positions, &batch->token_capacity, tokens,
                    sizeof *batch->positions, error));
    capacity = batch->text_capacity;
    OSPREY_TRY(grow((void **)&batch->pooled, &capacity, OSPREY__TEXTS_AT_ONCE,
                    sizeof *batch->pooled, error));
    return grow((void **)&batch->starts, &batch->text_capacity, OSPREY__TEXTS_AT_ONCE + 1,
                sizeof *batch->starts, error);
}

/* The row within a text that its embedding is taken from. */
static size_t pooled_row(const osprey__text_config *config, const int32_t *ids, size_t length)
{
    size_t highest = 0;
    for (size_t i = 0; i < length; i++) {
        if (config->pooling == OSPREY__POOL_FIRST_END && (size_t)ids[i] == config->end_id) return i;
        if (ids[i] > ids[highest]) highest = i;
    }
    /* transformers' argmax over "no end token anywhere" is the first token */
    return config->pooling == OSPREY__POOL_FIRST_END ? 0 : highest;
}

/* Appends a text; what follows its pooled token cannot change the result and is left out. */
static void append(osprey__text_batch *batch, const osprey__text_config *config, const int32_t *ids,
                   size_t length)
{
    size_t pooled = pooled_row(config, ids, length), needed = pooled + 1;
    batch->starts[batch->texts] = batch->tokens;
    batch->pooled[batch->texts] = (int32_t)(batch->tokens + pooled);
    memcpy(batch->ids + batch->tokens, ids, needed * sizeof *ids);
    for (size_t i = 0; i < needed; i++) batch->positions[batch->tokens + i] = (int32_t)i;
    batch->tokens += needed;
    batch->starts[++batch->texts] = batch->tokens;
    if (needed > batch->longest) batch->longest = needed;
}

static osprey_status check_text(const osprey__text_config *config, const int32_t *ids,
                                size_t length, size_t index, osprey_error *error)
{
    if (length < 1 || length > config->context_length)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "lengths",
                            "text %zu has %zu tokens; 1 to %zu would be right", index, length,
                            config->context_length);
    for (size_t i = 0; i < length; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= config->vocabulary)
            return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "ids",
                                "text %zu has the id %d; 0 to %zu would be right", index, ids[i],
                                config->vocabulary - 1);
    return OSPREY_OK;
}

static osprey_status run_batch(osprey_session *session, osprey_embed form, float *embeddings,
                               osprey_error *error)
{
    osprey__text_batch *texts = &session->text_batch;
    osprey__tower_batch batch = {
        .sequences = texts->texts,
        .tokens = texts->tokens,
        .longest_text = texts->longest,
        .sequence_starts = texts->starts,
        .inputs = {texts->ids, texts->positions, texts->pooled},
    };
    osprey_status status =
        osprey__tower_run(session, &session->text, &batch, form, embeddings, error);
    texts->texts = texts->tokens = texts->longest = 0;
    return status;
}

osprey_status osprey_session_embed_tokens(osprey_session *session, const int32_t *ids,
                                          const size_t *lengths, size_t count, osprey_embed form,
                                          float *embeddings, osprey_error *error)
{
    const osprey__model_config *config = &session->model->config;
    osprey__text_batch *batch = &session->text_batch;
    if (!session->text.plan)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "session",
                            "was created without its text tower");
    OSPREY_TRY(reserve(batch, config->text.context_length, error));
    batch->texts = batch->tokens = batch->longest = 0;
    size_t done = 0;
    for (size_t i = 0; i < count; ids += lengths[i++]) {
        OSPREY_TRY(check_text(&config->text, ids, lengths[i], i, error));
        bool full = batch->texts == OSPREY__TEXTS_AT_ONCE ||
                    batch->tokens + lengths[i] > batch->token_capacity;
        if (full) {
            OSPREY_TRY(run_batch(session, form, embeddings + done * config->embed_dim, error));
            done = i;
        }
        append(batch, &config->text, ids, lengths[i]);
    }
    if (!batch->texts) return OSPREY_OK;
    return run_batch(session, form, embeddings + done * config->embed_dim, error);
}

osprey_status osprey_session_embed_texts(osprey_session *session, const char *const *texts,
                                         size_t count, osprey_embed form, float *embeddings,
                                         osprey_error *error)
{
    osprey__text_batch *batch = &session->text_batch;
    size_t context = session->model->config.text.context_length;
    size_t embed_dim = session->model->config.embed_dim;
    OSPREY_TRY(grow((void **)&batch->encoded, &batch->encoded_capacity,
                    OSPREY__TEXTS_AT_ONCE * context, sizeof *batch->encoded, error));
    OSPREY_TRY(grow((void **)&batch->lengths, &batch->lengths_capacity, OSPREY__TEXTS_AT_ONCE,
                    sizeof *batch->lengths, error));
    for (size_t done = 0; done < count;) {
        size_t chunk = count - done < OSPREY__TEXTS_AT_ONCE ? count - done : OSPREY__TEXTS_AT_ONCE;
        int32_t *ids = batch->encoded;
        for (size_t i = 0; i < chunk; i++) {
            const char *text = texts[done + i];
            OSPREY_TRY(osprey_tokenizer_encode(session->model->tokenizer, text, strlen(text), ids,
                                               context, &batch->lengths[i], error));
            ids += batch->lengths[i];
        }
        OSPREY_TRY(osprey_session_embed_tokens(session, batch->encoded, batch->lengths, chunk, form,
                                               embeddings + done * embed_dim, error));
        done += chunk;
    }
    return OSPREY_OK;
}

void osprey__text_batch_free(osprey__text_batch *batch)
{
    osprey__free(batch->ids);
    osprey__free(batch->positions);
    osprey__free(batch->pooled);
    osprey__free(batch->starts);
    osprey__free(batch->encoded);
    osprey__free(batch->lengths);
    *batch = (osprey__text_batch){0};
}
