/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model_tokenizer.h"

#include "base/os/file_map.h"
#include "base/status.h"
#include "input/text/text_tokenizer.h"
#include "model/weight_choice.h"

#include <stdio.h>

/* Rows that an embedding table may have more than there are tokens: some are filled up to a round
 * number. */
#define TABLE_PADDING 128

osprey_status osprey__check_tokenizer(const osprey_model *model, const char *subject,
                                      osprey_error *error)
{
    size_t ids = osprey_tokenizer_get_info(model->tokenizer).vocabulary;
    if (ids <= model->config.text.vocabulary) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, subject,
                        "the tokenizer has %zu tokens, but %s gives the text tower %zu", ids,
                        model->config.file, model->config.text.vocabulary);
}

/* LiT's vocabulary, which is published beside the weights: LiT-B16B_2.npz and LiT-B16B_2.txt. */
static osprey_status open_lit_tokenizer(osprey_model *model, const char *directory,
                                        osprey_error *error)
{
    char own[OSPREY__PATH_BYTES], path[OSPREY__PATH_BYTES];
    osprey__wordpiece_options options = OSPREY__WORDPIECE_DEFAULTS;
    options.ends_with_separator = false;
    const int joined = snprintf(own, sizeof own, "%s.txt", model->name);
    if (joined < 0 || (size_t)joined >= sizeof own)
        return osprey__fail(error, OSPREY_LIMIT, directory, "the path is too long");
    const char *const names[] = {own, "vocab.txt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        OSPREY_TRY(osprey__path_join(path, sizeof path, directory, names[i], error));
        if (!osprey__file_exists(path)) continue;
        OSPREY_TRY(osprey__tokenizer_open_wordpiece(path, &options, &model->tokenizer, error));
        return osprey__model_add_file(model, path, error);
    }
    return osprey__fail(error, OSPREY_NOT_FOUND, model->files[0],
                        "the vocabulary of its text tower is missing: put %s, or vocab.txt, with a "
                        "token of BERT's vocabulary a line, beside it",
                        own);
}

/* BERT's kind or XLM-RoBERTa's, whose tokens are in files of their own. */
static osprey_status open_bert_tokenizer(osprey_model *model, const char *directory,
                                         osprey__tokenizer_files *files, osprey_error *error)
{
    const size_t trained = model->config.text.vocabulary;
    files->count = 0;
    OSPREY_TRY(model->names->flax
                   ? open_lit_tokenizer(model, directory, error)
                   : osprey__tokenizer_open_bert(directory, model->config.text_cleaning,
                                                 &model->tokenizer, files, error));
    const size_t ids = osprey_tokenizer_get_info(model->tokenizer).vocabulary;
    if (ids + TABLE_PADDING > trained) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, directory,
                        "the vocabulary has %zu tokens, but the text tower was trained with %zu: "
                        "it is that of another model",
                        ids, trained);
}

static osprey_status open_clip_tokenizer(osprey_model *model, const char *directory,
                                         osprey__tokenizer_files *files, osprey_error *error)
{
    osprey_error reason;
    const bool has_own = model->names == &osprey__huggingface_names ||
                         model->config.foreign_tokenizer; /* then CLIP's would be a wrong one */
    osprey_status status =
        osprey__tokenizer_open_directory(directory, &model->tokenizer, files, &reason);
    if (status == OSPREY_NOT_FOUND && !has_own) {
        files->count = 0;
        return osprey__tokenizer_builtin(&model->tokenizer, error);
    }
    if (status != OSPREY_OK && error) *error = reason;
    return status;
}

osprey_status osprey__open_tokenizer(osprey_model *model, const char *directory,
                                     osprey_error *error)
{
    osprey__tokenizer_files files;
    const osprey__text_kind kind = model->config.text.kind;
    if (kind == OSPREY__TEXT_SIGLIP)
        OSPREY_TRY(osprey__tokenizer_open_siglip(directory, model->config.text_cleaning,
                                                 &model->tokenizer, &files, error));
    else if (kind == OSPREY__TEXT_BERT || kind == OSPREY__TEXT_ROBERTA ||
             model->config.piece_tokenizer)
        OSPREY_TRY(open_bert_tokenizer(model, directory, &files, error));
    else
        OSPREY_TRY(open_clip_tokenizer(model, directory, &files, error));
    for (size_t i = 0; i < files.count; i++)
        OSPREY_TRY(osprey__model_add_file_in(model, directory, files.names[i], error));
    return osprey__check_tokenizer(model, directory, error);
}
