/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts to embeddings: those of a call are sorted and run as tries (text_trie.h), so that what they
 * begin with in common is computed once. What follows the pooled token is left out where it cannot
 * change the result. Texts of a model that was trained on padded ones (SigLIP, MobileCLIP-S) are
 * filled up to its context: there the padding's tokens are tokens like others. Of CoCa's texts the
 * first of the padding's tokens counts, and the class token behind them. A token with the padding's
 * id is left out of texts for OpenCLIP's RoBERTa, where no other sees it, and none counts it.
 */
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

static bool has_class_token(const osprey__text_config *config)
{
    return config->kind == OSPREY__TEXT_COCA;
}

static bool masks_padding(const osprey__text_config *config)
{
    return config->kind == OSPREY__TEXT_ROBERTA;
}

static osprey_status reserve(osprey__text_batch *batch, size_t texts,
                             const osprey__text_config *config, osprey_error *error)
{
    OSPREY_TRY(
        grow((void **)&batch->texts, &batch->text_capacity, texts, sizeof *batch->texts, error));
    OSPREY_TRY(
        grow((void **)&batch->spare, &batch->spare_capacity, texts, sizeof *batch->spare, error));
    if (batch->trie.row_capacity) return OSPREY_OK;
    const size_t most = osprey__text_rows_most(config);
    const size_t rows = OSPREY__TOKENS_AT_ONCE > most ? OSPREY__TOKENS_AT_ONCE : most;
    const size_t class_position = has_class_token(config) ? config->context_length : 0;
    osprey_status status = osprey__text_trie_init(&batch->trie, rows, class_position, error);
    if (status != OSPREY_OK) osprey__text_trie_free(&batch->trie);
    return status;
}

/* The token of a text that its embedding is taken from; any, where it is the mean of all. */
static size_t pooled_token(const osprey__text_config *config, const int32_t *ids, size_t length)
{
    if (config->pooling == OSPREY__POOL_LAST) return length - 1;
    if (config->pooling == OSPREY__POOL_FIRST || config->pooling == OSPREY__POOL_MEAN) return 0;
    size_t highest = 0;
    for (size_t i = 0; i < length; i++) {
        if (config->pooling == OSPREY__POOL_FIRST_END && (size_t)ids[i] == config->end_id) return i;
        if (ids[i] > ids[highest]) highest = i;
    }
    /* transformers' argmax over "no end token anywhere" is the first token */
    return config->pooling == OSPREY__POOL_FIRST_END ? 0 : highest;
}

static osprey_status check_tower(const osprey_session *session, osprey_error *error)
{
    if (session->text.plan) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "session",
                        "was created without its text tower");
}

static osprey_status check_text(const osprey__text_config *config, const int32_t *ids,
                                size_t length, size_t index, osprey_error *error)
{
    if (length < 1 || length > config->context_length)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "lengths",
                            "text %zu has %zu tokens; 1 to %zu would be right", index, length,
                            config->context_length);
    bool is_empty = masks_padding(config);
    for (size_t i = 0; i < length; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= config->vocabulary)
            return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "ids",
                                "text %zu has the id %d; 0 to %zu would be right", index, ids[i],
                                config->vocabulary - 1);
        if (ids[i] != OSPREY__ROBERTA_PADDING) is_empty = false;
    }
    if (!is_empty) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "ids",
                        "text %zu has no token but the padding's, of id %d", index,
                        OSPREY__ROBERTA_PADDING);
}

/* The text filled up with pad_id to the context, at `padded`. */
static const int32_t *fill_up(const int32_t *ids, size_t length, int32_t pad_id, size_t context,
                              int32_t *padded)
{
    memcpy(padded, ids, length * sizeof *padded);
    for (size_t i = length; i < context; i++) padded[i] = pad_id;
    return padded;
}

/* The text without its padding, but for the first of it, at `padded`; returns its length. */
static size_t end_in_padding(const int32_t *ids, size_t length, size_t context, int32_t *padded)
{
    while (length > 0 && ids[length - 1] == 0) length--;
    memcpy(padded, ids, length * sizeof *padded);
    if (length < context) padded[length++] = 0;
    return length;
}

/* The text without the tokens that are the padding's, at `padded`; returns its length. */
static size_t leave_out_padding(const int32_t *ids, size_t length, int32_t *padded)
{
    size_t kept = 0;
    for (size_t i = 0; i < length; i++)
        if (ids[i] != OSPREY__ROBERTA_PADDING) padded[kept++] = ids[i];
    return kept;
}

/* Which tokens of a text the tower runs, and the pooled one. padded: room for the context, where
 * the text is filled up, ends in its padding, or is left without it. */
static osprey__text choose_tokens(const osprey_session *session, const int32_t *ids, size_t length,
                                  int32_t pad_id, int32_t *padded)
{
    const osprey__text_config *config = &session->model->config.text;
    const size_t context = config->context_length;
    osprey__text text = {.ids = ids, .length = length};
    if (has_class_token(config)) {
        text.ids = padded;
        text.length = text.pooled = end_in_padding(ids, length, context, padded);
        return text;
    }
    if (masks_padding(config)) {
        text.ids = padded;
        text.length = leave_out_padding(ids, length, padded);
    } else if (pad_id >= 0) {
        text.ids = fill_up(ids, length, pad_id, context, padded);
        text.length = context;
    }
    text.pooled = pooled_token(config, text.ids, text.length);
    if (!session->text.plan->sees_ahead) text.length = text.pooled + 1;
    return text;
}

/* Texts of one call that are sorted together. */
typedef struct text_window {
    osprey_session *session;
    osprey__text *texts; /* sorted */
    size_t count;
    size_t longest, tokens; /* tokens: if nothing is shared */
    osprey_embed form;
    float *embeddings; /* of the call */
} text_window;

/* Runs the trie, which holds the texts first to last - 1, and writes their embeddings. */
static osprey_status run_trie(const text_window *window, size_t first, size_t last,
                              osprey_error *error)
{
    osprey_session *session = window->session;
    osprey__text_trie *trie = &session->text_batch.trie;
    size_t embed_dim = session->model->config.embed_dim, capacity = trie->row_capacity;
    osprey__tower_batch batch = {
        .sequences = trie->branches,
        .tokens = trie->rows,
        .longest_text = window->longest,
        .text_rows = {trie->starts, trie->lengths, trie->parents, trie->key_bias},
        .inputs = {trie->ids, trie->positions, trie->pooled},
        .room_sequences = window->count < capacity ? window->count : capacity,
        .room_tokens = window->tokens < capacity ? window->tokens : capacity,
    };
    const float *rows;
    OSPREY_TRY(osprey__tower_run(session, &session->text, &batch, &rows, error));
    for (size_t i = first; i < last; i++)
        osprey__copy_embeddings(rows + window->texts[i].branch * embed_dim, 1, embed_dim,
                                window->form,
                                window->embeddings + window->texts[i].place * embed_dim);
    osprey__text_trie_clear(trie);
    return OSPREY_OK;
}

static osprey_status run_window(const text_window *window, osprey_error *error)
{
    const osprey__plan *plan = window->session->text.plan;
    osprey__text_trie *trie = &window->session->text_batch.trie;
    size_t first = 0;
    osprey__text_trie_clear(trie);
    for (size_t i = 0; i < window->count; i++) {
        if (osprey__text_trie_add(trie, &window->texts[i], !plan->sees_ahead)) continue;
        OSPREY_TRY(run_trie(window, first, i, error));
        osprey__text_trie_add(trie, &window->texts[i], !plan->sees_ahead);
        first = i;
    }
    return run_trie(window, first, window->count, error);
}

osprey_status osprey_session_embed_tokens(osprey_session *session, const int32_t *ids,
                                          const size_t *lengths, size_t count, osprey_embed form,
                                          float *embeddings, osprey_error *error)
{
    const osprey__text_config *config = &session->model->config.text;
    osprey__text_batch *batch = &session->text_batch;
    OSPREY_TRY(check_tower(session, error));
    OSPREY_TRY(osprey__check_form(form, error));
    const bool zeros = config->kind == OSPREY__TEXT_CLIP_FILLED;
    const int32_t pad_id = zeros ? 0 : osprey_tokenizer_get_info(session->model->tokenizer).pad_id;
    const size_t context = config->context_length;
    const bool is_copied = pad_id >= 0 || has_class_token(config) || masks_padding(config);
    for (size_t done = 0; done < count;) {
        size_t most = OSPREY__TEXTS_SORTED;
        size_t texts = count - done < most ? count - done : most;
        OSPREY_TRY(reserve(batch, texts, config, error));
        if (is_copied)
            OSPREY_TRY(grow((void **)&batch->padded, &batch->padded_capacity, texts * context,
                            sizeof *batch->padded, error));
        text_window window = {
            .session = session,
            .texts = batch->texts,
            .count = texts,
            .form = form,
            .embeddings = embeddings,
        };
        for (size_t i = 0; i < window.count; ids += lengths[done + i++]) {
            size_t length = lengths[done + i];
            OSPREY_TRY(check_text(config, ids, length, done + i, error));
            osprey__text *text = &batch->texts[i];
            *text = choose_tokens(session, ids, length, pad_id,
                                  is_copied ? batch->padded + i * context : NULL);
            text->place = done + i;
            const size_t rows = text->length + has_class_token(config);
            window.tokens += rows;
            if (rows > window.longest) window.longest = rows;
        }
        osprey__texts_sort(batch->texts, batch->spare, window.count);
        OSPREY_TRY(run_window(&window, error));
        done += window.count;
    }
    return OSPREY_OK;
}

osprey_status osprey_session_embed_texts(osprey_session *session, const char *const *texts,
                                         size_t count, osprey_embed form, float *embeddings,
                                         osprey_error *error)
{
    osprey__text_batch *batch = &session->text_batch;
    size_t context = session->model->config.text.context_length;
    size_t embed_dim = session->model->config.embed_dim;
    OSPREY_TRY(check_tower(session, error));
    size_t most = count < OSPREY__TEXTS_SORTED ? count : OSPREY__TEXTS_SORTED;
    OSPREY_TRY(grow((void **)&batch->encoded, &batch->encoded_capacity, most * context,
                    sizeof *batch->encoded, error));
    OSPREY_TRY(grow((void **)&batch->lengths, &batch->lengths_capacity, most,
                    sizeof *batch->lengths, error));
    for (size_t done = 0; done < count;) {
        size_t chunk = count - done < most ? count - done : most;
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
    osprey__text_trie_free(&batch->trie);
    osprey__free(batch->texts);
    osprey__free(batch->spare);
    osprey__free(batch->encoded);
    osprey__free(batch->lengths);
    osprey__free(batch->padded);
    *batch = (osprey__text_batch){0};
}
