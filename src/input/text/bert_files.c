/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/bert_files.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "input/text/gpt2_files.h"
#include "input/text/piece_files.h"

#include <limits.h>
#include <string.h>

#define FILE_BYTES_LIMIT ((size_t)128 << 20)
#define TOKENS_MAX       ((size_t)16 << 20)

/* strip_accents follows lower_case where the file has null for it, or nothing. */
static osprey_status read_options(const json_t *object, const char *lower_case_key,
                                  const char *chinese_key, const char *file,
                                  osprey__wordpiece_options *options, osprey_error *error)
{
    OSPREY_TRY(osprey__json_bool(object, lower_case_key, file, &options->lower_case, error));
    OSPREY_TRY(osprey__json_bool(object, chinese_key, file, &options->split_chinese, error));
    options->strip_accents = options->lower_case;
    return osprey__json_bool(object, "strip_accents", file, &options->strip_accents, error);
}

static osprey_status parse_config(const json_t *root, const char *file,
                                  osprey__wordpiece_options *options, osprey_error *error)
{
    bool splits = true;
    const char *kind = "BertTokenizer";
    OSPREY_TRY(osprey__json_string(root, "tokenizer_class", file, &kind, error));
    OSPREY_TRY(osprey__json_bool(root, "do_basic_tokenize", file, &splits, error));
    if (strncmp(kind, "BertTokenizer", strlen("BertTokenizer")) != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "\"tokenizer_class\" is \"%s\"; of BERT's kind osprey has "
                            "BertTokenizer",
                            kind);
    if (!splits)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "\"do_basic_tokenize\" is false; osprey's tokenizer splits texts into "
                            "words first");
    return read_options(root, "do_lower_case", "tokenize_chinese_chars", file, options, error);
}

static osprey_status read_config(const char *path, osprey__wordpiece_options *options,
                                 osprey_error *error)
{
    json_t *root;
    OSPREY_TRY(osprey__json_read(path, FILE_BYTES_LIMIT, &root, error));
    osprey_status status = parse_config(root, path, options, error);
    json_decref(root);
    return status;
}

static osprey_status open_vocabulary(const char *path, const osprey__wordpiece_options *options,
                                     osprey__wordpiece **tokenizer, osprey_error *error)
{
    char *text;
    size_t length;
    OSPREY_TRY(osprey__file_read(path, FILE_BYTES_LIMIT, &text, &length, error));
    osprey_status status = osprey__wordpiece_create(text, length, path, options, tokenizer, error);
    osprey__free(text);
    return status;
}

static osprey_status check_model(const json_t *model, const char *file, osprey_error *error)
{
    const char *type = "", *unknown = "[UNK]", *prefix = "##";
    size_t word_points = 100;
    OSPREY_TRY(osprey__json_string(model, "type", file, &type, error));
    OSPREY_TRY(osprey__json_string(model, "unk_token", file, &unknown, error));
    OSPREY_TRY(osprey__json_string(model, "continuing_subword_prefix", file, &prefix, error));
    OSPREY_TRY(osprey__json_size(model, "max_input_chars_per_word", file, &word_points, error));
    if (strcmp(type, "WordPiece") == 0 && strcmp(unknown, "[UNK]") == 0 &&
        strcmp(prefix, "##") == 0 && word_points == 100)
        return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                        "its model is \"%s\" with \"%s\", \"%s\" and words of %zu characters; "
                        "BERT's is WordPiece with \"[UNK]\", \"##\" and 100",
                        type, unknown, prefix, word_points);
}

/* One more than the highest id. */
static osprey_status count_ids(json_t *vocabulary, const char *file, size_t *count,
                               osprey_error *error)
{
    const char *token;
    json_t *value;
    *count = 0;
    json_object_foreach(vocabulary, token, value)
    {
        const json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < 0 || (uint64_t)id >= TOKENS_MAX || strchr(token, '\n'))
            return osprey__fail(error, OSPREY_FORMAT, file,
                                "the token \"%.100s\" has to be one line, with an id from 0 to %zu",
                                token, TOKENS_MAX - 1);
        if ((size_t)id >= *count) *count = (size_t)id + 1;
    }
    return OSPREY_OK;
}

/* As vocab.txt has it: a token a line; an empty one for an id that no token has. */
static osprey_status print_vocabulary(json_t *vocabulary, const char *file, osprey__buffer *text,
                                      osprey_error *error)
{
    size_t count;
    const char *token;
    json_t *value;
    OSPREY_TRY(count_ids(vocabulary, file, &count, error));
    const char **tokens = osprey__calloc(count + 1, sizeof *tokens);
    if (!tokens) return osprey__fail_memory(error, (count + 1) * sizeof *tokens);
    osprey_status status = OSPREY_OK;
    json_object_foreach(vocabulary, token, value) tokens[json_integer_value(value)] = token;
    for (size_t id = 0; id < count && status == OSPREY_OK; id++)
        status = osprey__buffer_print(text, error, "%s\n", tokens[id] ? tokens[id] : "");
    osprey__free(tokens);
    return status;
}

static osprey_status parse_tokenizer(const json_t *root, const char *file,
                                     osprey__wordpiece **tokenizer, osprey_error *error)
{
    json_t *normalizer = NULL, *model = NULL, *vocabulary = NULL;
    const char *normalizer_type = "";
    osprey__wordpiece_options options = OSPREY__WORDPIECE_DEFAULTS;
    OSPREY_TRY(osprey__json_object(root, "normalizer", file, &normalizer, error));
    OSPREY_TRY(osprey__json_object(root, "model", file, &model, error));
    OSPREY_TRY(check_model(model, file, error));
    OSPREY_TRY(osprey__json_object(model, "vocab", file, &vocabulary, error));
    OSPREY_TRY(osprey__json_string(normalizer, "type", file, &normalizer_type, error));
    if (strcmp(normalizer_type, "BertNormalizer") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "its normalizer is \"%s\"; BERT's is \"BertNormalizer\"",
                            normalizer_type);
    OSPREY_TRY(
        read_options(normalizer, "lowercase", "handle_chinese_chars", file, &options, error));
    osprey__buffer text = {0};
    osprey_status status = print_vocabulary(vocabulary, file, &text, error);
    if (status == OSPREY_OK)
        status = osprey__wordpiece_create((const char *)text.bytes, text.length, file, &options,
                                          tokenizer, error);
    osprey__buffer_free(&text);
    return status;
}

/* Of XLM-RoBERTa's or RoBERTa's kind. */
static bool is_of_pieces(const json_t *root)
{
    const char *type = json_string_value(json_object_get(json_object_get(root, "model"), "type"));
    return type && (strcmp(type, "Unigram") == 0 || strcmp(type, "BPE") == 0);
}

typedef struct opening {
    const char *directory, *cleaning;
    osprey__bert_tokenizer *tokenizer;
    osprey__tokenizer_files *files;
    osprey_error *error;
} opening;

/* Where name lies in the directory. */
static osprey_status look_for(const opening *o, const char *name, char path[PATH_MAX], bool *there)
{
    OSPREY_TRY(osprey__path_join(path, PATH_MAX, o->directory, name, o->error));
    *there = osprey__file_exists(path);
    return OSPREY_OK;
}

/* Where there is a configuration of the tokenizer. */
static osprey_status look_for_options(const opening *o, osprey__wordpiece_options *options)
{
    char path[PATH_MAX];
    bool there;
    OSPREY_TRY(look_for(o, "tokenizer_config.json", path, &there));
    if (!there) return OSPREY_OK;
    o->files->names[o->files->count++] = "tokenizer_config.json";
    return read_config(path, options, o->error);
}

static osprey_status open_tokenizer_json(const opening *o, const char *path)
{
    json_t *root;
    osprey__wordpiece_options options = OSPREY__WORDPIECE_DEFAULTS;
    osprey_status status;
    OSPREY_TRY(osprey__json_read(path, FILE_BYTES_LIMIT, &root, o->error));
    o->files->names[o->files->count++] = "tokenizer.json";
    if (*o->cleaning || is_of_pieces(root)) {
        status = osprey__roberta_tokenizer_open(root, path, o->directory, o->cleaning,
                                                &o->tokenizer->pieces, o->files, o->error);
    } else {
        status = look_for_options(o, &options);
        if (status == OSPREY_OK)
            status = parse_tokenizer(root, path, &o->tokenizer->wordpiece, o->error);
    }
    json_decref(root);
    return status;
}

/* RoBERTa's two files, of which the first lies at path. */
static osprey_status open_gpt2(const opening *o, const char *path)
{
    char merges_path[PATH_MAX];
    json_t *root;
    bool there;
    OSPREY_TRY(look_for(o, "merges.txt", merges_path, &there));
    if (!there)
        return osprey__fail(o->error, OSPREY_FORMAT, o->directory,
                            "vocab.json lies there without merges.txt; both are needed, or "
                            "tokenizer.json");
    OSPREY_TRY(osprey__gpt2_files_read(path, merges_path, &root, o->error));
    o->files->names[o->files->count++] = "vocab.json";
    o->files->names[o->files->count++] = "merges.txt";
    osprey_status status = osprey__roberta_tokenizer_open(
        root, path, o->directory, o->cleaning, &o->tokenizer->pieces, o->files, o->error);
    json_decref(root);
    return status;
}

osprey_status osprey__bert_files_open(const char *directory, const char *cleaning,
                                      osprey__bert_tokenizer *tokenizer,
                                      osprey__tokenizer_files *files, osprey_error *error)
{
    const opening o = {directory, cleaning, tokenizer, files, error};
    char path[PATH_MAX];
    bool there = false;
    osprey__wordpiece_options options = OSPREY__WORDPIECE_DEFAULTS;
    *tokenizer = (osprey__bert_tokenizer){0};
    *files = (osprey__tokenizer_files){0};
    if (!*cleaning) OSPREY_TRY(look_for(&o, "vocab.txt", path, &there));
    if (there) {
        files->names[files->count++] = "vocab.txt";
        OSPREY_TRY(look_for_options(&o, &options));
        return open_vocabulary(path, &options, &tokenizer->wordpiece, error);
    }
    OSPREY_TRY(look_for(&o, "tokenizer.json", path, &there));
    if (there) return open_tokenizer_json(&o, path);
    OSPREY_TRY(look_for(&o, "vocab.json", path, &there));
    if (there) return open_gpt2(&o, path);
    OSPREY_TRY(look_for(&o, "sentencepiece.bpe.model", path, &there));
    if (there)
        return osprey__fail(error, OSPREY_NOT_FOUND, directory,
                            "sentencepiece.bpe.model lies there without tokenizer.json, which is "
                            "what is read; save_pretrained of transformers' AutoTokenizer writes "
                            "it");
    return osprey__fail(error, OSPREY_NOT_FOUND, directory,
                        "no tokenizer: %stokenizer.json is missing (RoBERTa may have vocab.json "
                        "with merges.txt instead)",
                        *cleaning ? ""
                                  : "vocab.txt, with a token of BERT's vocabulary a line, or ");
}
