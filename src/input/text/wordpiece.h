/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BERT's tokenizer (Devlin et al., 2019; Wu et al., 2016): the text is cleaned, its Chinese
 * characters are set apart, accents and case dropped where the model wants it so, it is split at
 * white space and punctuation, and each word is cut into the longest pieces of the vocabulary from
 * left to right. The same ids as transformers' BertTokenizerFast.
 *
 * Never changed once it is made; any thread may call.
 */
#ifndef OSPREY_INPUT_TEXT_WORDPIECE_H
#define OSPREY_INPUT_TEXT_WORDPIECE_H

#include "base/buffer.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct osprey__wordpiece osprey__wordpiece;

typedef struct osprey__wordpiece_options {
    bool lower_case;
    bool strip_accents;
    bool split_chinese;
    bool ends_with_separator; /* [SEP] closes a text; LiT's texts have [CLS] only */
} osprey__wordpiece_options;

/* What transformers does without a tokenizer_config.json. */
#define OSPREY__WORDPIECE_DEFAULTS                                                                 \
    ((osprey__wordpiece_options){.lower_case = true,                                               \
                                 .strip_accents = true,                                            \
                                 .split_chinese = true,                                            \
                                 .ends_with_separator = true})

/*
 * Of a vocabulary's text: a token a line, numbered from 0, [UNK], [CLS] and [SEP] among them (and
 * [PAD], [MASK] where it has them). file is what errors name. The caller frees *tokenizer with
 * osprey__wordpiece_free. Errors: OSPREY_FORMAT, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__wordpiece_create(const char *vocabulary, size_t length, const char *file,
                                       const osprey__wordpiece_options *options,
                                       osprey__wordpiece **tokenizer, osprey_error *error);

/* As osprey_tokenizer_encode, which checks capacity and text_bytes. */
osprey_status osprey__wordpiece_encode(const osprey__wordpiece *tokenizer, const char *text,
                                       size_t text_bytes, int32_t *ids, size_t capacity,
                                       size_t *count, osprey_error *error);

/* end_id: -1 where texts have none. */
typedef struct osprey__wordpiece_info {
    size_t vocabulary;
    int32_t start_id, end_id;
} osprey__wordpiece_info;
osprey__wordpiece_info osprey__wordpiece_get_info(const osprey__wordpiece *tokenizer);

/* For an engine: appends the tokenizer, and makes it anew. */
osprey_status osprey__wordpiece_store(const osprey__wordpiece *tokenizer, osprey__buffer *bytes,
                                      osprey_error *error);
osprey_status osprey__wordpiece_load(const void *bytes, size_t length, const char *file,
                                     osprey__wordpiece **tokenizer, osprey_error *error);

/* Takes NULL. */
void osprey__wordpiece_free(osprey__wordpiece *tokenizer);

#endif
