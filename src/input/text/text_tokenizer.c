/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/text_tokenizer.h"

#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "input/text/bert_files.h"
#include "input/text/clip_bpe_build.h"
#include "input/text/clip_bpe_store.h"
#include "input/text/piece_files.h"
#include "input/text/piece_tokenizer.h"

#define VOCABULARY_BYTES_LIMIT ((size_t)64 << 20)
/* A word's symbols are numbered in 32 bits, and normalised text is at most three times as long. */
#define TEXT_BYTES_LIMIT ((size_t)1 << 30)

/* How an engine's tokenizer begins. */
enum { STORED_CLIP = 1, STORED_WORDPIECE = 2, STORED_PIECES = 3, STORED_CLEANED_PIECES = 4 };

/* One of these. */
struct osprey_tokenizer {
    osprey__clip_bpe *clip;
    osprey__wordpiece *wordpiece;
    osprey__piece_tokenizer *pieces;
};

/* Wraps what status says was made, or frees it. */
static osprey_status wrap(osprey_status status, osprey_tokenizer made, osprey_tokenizer **tokenizer,
                          osprey_error *error)
{
    *tokenizer = status == OSPREY_OK ? osprey__calloc(1, sizeof **tokenizer) : NULL;
    if (*tokenizer) {
        **tokenizer = made;
        return OSPREY_OK;
    }
    osprey__clip_bpe_free(made.clip);
    osprey__wordpiece_free(made.wordpiece);
    osprey__piece_tokenizer_free(made.pieces);
    return status == OSPREY_OK ? osprey__fail_memory(error, sizeof **tokenizer) : status;
}

osprey_status osprey__tokenizer_open_directory(const char *directory, osprey_tokenizer **tokenizer,
                                               osprey__tokenizer_files *files, osprey_error *error)
{
    osprey_tokenizer made = {0};
    osprey_status status = osprey__clip_bpe_open_directory(directory, &made.clip, files, error);
    return wrap(status, made, tokenizer, error);
}

osprey_status osprey__tokenizer_builtin(osprey_tokenizer **tokenizer, osprey_error *error)
{
    osprey_tokenizer made = {0};
    osprey_status status = osprey__clip_bpe_builtin(&made.clip, error);
    return wrap(status, made, tokenizer, error);
}

osprey_status osprey__tokenizer_open_bert(const char *directory, const char *cleaning,
                                          osprey_tokenizer **tokenizer,
                                          osprey__tokenizer_files *files, osprey_error *error)
{
    osprey__bert_tokenizer opened;
    osprey_status status = osprey__bert_files_open(directory, cleaning, &opened, files, error);
    const osprey_tokenizer made = {.wordpiece = opened.wordpiece, .pieces = opened.pieces};
    return wrap(status, made, tokenizer, error);
}

osprey_status osprey__tokenizer_open_siglip(const char *directory, const char *cleaning,
                                            osprey_tokenizer **tokenizer,
                                            osprey__tokenizer_files *files, osprey_error *error)
{
    osprey_tokenizer made = {0};
    osprey_status status =
        osprey__siglip_tokenizer_open(directory, cleaning, &made.pieces, files, error);
    return wrap(status, made, tokenizer, error);
}

osprey_status osprey__tokenizer_open_wordpiece(const char *path,
                                               const osprey__wordpiece_options *options,
                                               osprey_tokenizer **tokenizer, osprey_error *error)
{
    osprey_tokenizer made = {0};
    char *vocabulary;
    size_t length;
    *tokenizer = NULL;
    OSPREY_TRY(osprey__file_read(path, VOCABULARY_BYTES_LIMIT, &vocabulary, &length, error));
    osprey_status status =
        osprey__wordpiece_create(vocabulary, length, path, options, &made.wordpiece, error);
    osprey__free(vocabulary);
    return wrap(status, made, tokenizer, error);
}

osprey_status osprey__tokenizer_store(const osprey_tokenizer *tokenizer, osprey__buffer *bytes,
                                      osprey_error *error)
{
    const int kind = tokenizer->clip                     ? STORED_CLIP
                     : tokenizer->wordpiece              ? STORED_WORDPIECE
                     : tokenizer->pieces->cleaning.count ? STORED_CLEANED_PIECES
                                                         : STORED_PIECES;
    OSPREY_TRY(osprey__buffer_number(bytes, (uint64_t)kind, 1, error));
    if (tokenizer->clip) return osprey__clip_bpe_store(tokenizer->clip, bytes, error);
    return tokenizer->wordpiece ? osprey__wordpiece_store(tokenizer->wordpiece, bytes, error)
                                : osprey__piece_tokenizer_store(tokenizer->pieces, bytes, error);
}

osprey_status osprey__tokenizer_load(const void *bytes, size_t length, const char *file,
                                     osprey_tokenizer **tokenizer, osprey_error *error)
{
    osprey_tokenizer made = {0};
    const uint8_t *kind = bytes;
    osprey_status status;
    if (length && *kind == STORED_CLIP)
        status = osprey__clip_bpe_load(kind + 1, length - 1, file, &made.clip, error);
    else if (length && *kind == STORED_WORDPIECE)
        status = osprey__wordpiece_load(kind + 1, length - 1, file, &made.wordpiece, error);
    else if (length && (*kind == STORED_PIECES || *kind == STORED_CLEANED_PIECES))
        status = osprey__piece_tokenizer_load(kind + 1, length - 1, *kind == STORED_CLEANED_PIECES,
                                              file, &made.pieces, error);
    else
        status =
            osprey__fail(error, OSPREY_FORMAT, file,
                         "the engine's tokenizer is of no known kind; compile the model again");
    return wrap(status, made, tokenizer, error);
}

osprey_status osprey_tokenizer_encode(const osprey_tokenizer *tokenizer, const char *text,
                                      size_t text_bytes, int32_t *ids, size_t capacity,
                                      size_t *count, osprey_error *error)
{
    if (capacity < 2)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "capacity",
                            "%zu; the start and the end token alone take 2", capacity);
    if (text_bytes > TEXT_BYTES_LIMIT)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "text_bytes",
                            "%zu; at most %zu are taken", text_bytes, TEXT_BYTES_LIMIT);
    if (tokenizer->pieces)
        return osprey__piece_tokenizer_encode(tokenizer->pieces, text, text_bytes, ids, capacity,
                                              count, error);
    return tokenizer->clip ? osprey__clip_bpe_encode(tokenizer->clip, text, text_bytes, ids,
                                                     capacity, count, error)
                           : osprey__wordpiece_encode(tokenizer->wordpiece, text, text_bytes, ids,
                                                      capacity, count, error);
}

osprey_tokenizer_info osprey_tokenizer_get_info(const osprey_tokenizer *tokenizer)
{
    if (tokenizer->clip)
        return (osprey_tokenizer_info){.kind = "clip_bpe",
                                       .vocabulary = tokenizer->clip->vocabulary,
                                       .start_id = tokenizer->clip->start_id,
                                       .end_id = tokenizer->clip->end_id,
                                       .pad_id = -1};
    const osprey__piece_tokenizer *pieces = tokenizer->pieces;
    if (pieces)
        return (osprey_tokenizer_info){.kind = pieces->is_unigram ? "unigram" : "bpe",
                                       .vocabulary = pieces->vocabulary,
                                       .start_id = pieces->start_id,
                                       .end_id = pieces->end_id,
                                       .pad_id = pieces->pad_id};
    osprey__wordpiece_info info = osprey__wordpiece_get_info(tokenizer->wordpiece);
    return (osprey_tokenizer_info){.kind = "wordpiece",
                                   .vocabulary = info.vocabulary,
                                   .start_id = info.start_id,
                                   .end_id = info.end_id,
                                   .pad_id = -1};
}

void osprey__tokenizer_free(osprey_tokenizer *tokenizer)
{
    if (!tokenizer) return;
    osprey__clip_bpe_free(tokenizer->clip);
    osprey__wordpiece_free(tokenizer->wordpiece);
    osprey__piece_tokenizer_free(tokenizer->pieces);
    osprey__free(tokenizer);
}
