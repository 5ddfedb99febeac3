/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to token ids, exactly as the model's own tokenizer does it.
 *
 * A tokenizer is made by osprey_model_open and belongs to the model; it is never changed
 * afterwards, so any number of threads may use it at once.
 *
 *     const osprey_tokenizer *tokenizer = osprey_model_tokenizer(model);
 *     int32_t ids[77];
 *     size_t count = 0;
 *     osprey_tokenizer_encode(tokenizer, "a photo of a cat", 16, ids, 77, &count, NULL);
 *     // count == 7: 49406 320 1125 539 320 2368 49407
 */
#ifndef OSPREY_TOKENIZER_H
#define OSPREY_TOKENIZER_H

#include <osprey/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct osprey_tokenizer osprey_tokenizer;

typedef struct osprey_tokenizer_info {
    const char *kind;  /* "clip_bpe", "wordpiece", "unigram" or "bpe"; static storage */
    size_t vocabulary; /* number of ids */
    int32_t start_id;  /* <|startoftext|>, [CLS] or <s>; -1: texts have none */
    int32_t end_id;    /* <|endoftext|>, [SEP], </s> or <eos>; -1: texts have none */
    int32_t pad_id; /* what a session fills texts up with to the model's context length, as SigLIP
                       was trained: it changes their embedding; -1: texts are not filled up */
} osprey_tokenizer_info;

/*
 * text_bytes of UTF-8 to at most capacity ids, start and end token included; a longer text is
 * truncated so that the end token is still the last (pass the model's context length, at least
 * 2). No padding. Invalid UTF-8 becomes U+FFFD as Python's errors="replace" does it. NUL bytes are
 * text like any other.
 *
 * CLIP's follows transformers' CLIPTokenizerFast: NFC, white space, lower case, the split pattern,
 * byte alphabet, byte-pair merges with </w>. BERT's follows BertTokenizerFast; characters that
 * Unicode assigned after version 8 may be cut otherwise there, whose tables are that old. SigLIP's
 * "unigram" follows SiglipTokenizer (lower case, no ASCII punctuation, then SentencePiece),
 * XLM-RoBERTa's XLMRobertaTokenizer, SigLIP 2's "bpe" GemmaTokenizer, RoBERTa's RobertaTokenizer.
 * Errors: OSPREY_INVALID_ARGUMENT (capacity below 2), OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_tokenizer_encode(const osprey_tokenizer *tokenizer,
                                                 const char *text, size_t text_bytes, int32_t *ids,
                                                 size_t capacity, size_t *count,
                                                 osprey_error *error);

OSPREY_API osprey_tokenizer_info osprey_tokenizer_get_info(const osprey_tokenizer *tokenizer);

#ifdef __cplusplus
}
#endif

#endif
