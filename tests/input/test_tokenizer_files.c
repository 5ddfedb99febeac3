/* SPDX-License-Identifier: Apache-2.0 */
/* Tokenizer files that are malformed, contradict each other or are not CLIP's: a clear error. */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "input/text/text_tokenizer.h"
#include "memory_hooks.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA OSPREY_TEST_DIR "/input/data/"

static const char *const file_names[] = {"tokenizer.json", "vocab.json", "merges.txt",
                                         "special_tokens_map.json", "tokenizer_config.json"};

static int make_directory(void **state)
{
    *state = strdup("/tmp/osprey_test_XXXXXX");
    return *state && mkdtemp(*state) ? 0 : -1;
}

static void empty_directory(const char *directory)
{
    char path[128];
    for (size_t i = 0; i < sizeof file_names / sizeof *file_names; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, file_names[i]);
        unlink(path);
    }
}

static int remove_directory(void **state)
{
    empty_directory(*state);
    int result = rmdir(*state);
    free(*state);
    return result;
}

static void put(const char *directory, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(osprey__file_write(path, text, strlen(text), NULL), OSPREY_OK);
}

static void put_json(const char *directory, const char *name, const json_t *json)
{
    char *text = json_dumps(json, 0);
    put(directory, name, text);
    free(text);
}

/* Opens the directory, which has to fail with that status and with words in the message. */
static void assert_refused(const char *directory, osprey_status status, const char *words)
{
    osprey_tokenizer *tokenizer = NULL;
    osprey__tokenizer_files files;
    osprey_error error = {0};
    osprey_status got = osprey__tokenizer_open_directory(directory, &tokenizer, &files, &error);
    if (got != status || !strstr(error.message, words))
        print_error("%s: %s (\"%s\" wanted)\n", error.subject, error.message, words);
    assert_int_equal(got, status);
    assert_non_null(strstr(error.message, words));
    assert_non_null(strstr(error.subject, directory));
    assert_null(tokenizer);
    assert_int_equal(files.count, 0);
}

static osprey_tokenizer *open_directory(const char *directory)
{
    osprey_tokenizer *tokenizer = NULL;
    osprey__tokenizer_files files;
    osprey_error error;
    if (osprey__tokenizer_open_directory(directory, &tokenizer, &files, &error) != OSPREY_OK)
        print_error("%s: %s\n", error.subject, error.message);
    assert_non_null(tokenizer);
    return tokenizer;
}

static json_t *load(const char *path)
{
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    return root;
}

/* Replaces what lies at path ("model/merges/0") by the JSON text, or removes it for NULL. */
static void replace(json_t *root, const char *path, const char *text)
{
    char key[64];
    const char *slash;
    while ((slash = strchr(path, '/'))) {
        snprintf(key, sizeof key, "%.*s", (int)(slash - path), path);
        root = json_is_array(root) ? json_array_get(root, strtoul(key, NULL, 10))
                                   : json_object_get(root, key);
        assert_non_null(root);
        path = slash + 1;
    }
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    assert_true(value || !text);
    if (!text)
        assert_int_equal(json_object_del(root, path), 0);
    else if (json_is_array(root))
        assert_int_equal(json_array_set_new(root, strtoul(path, NULL, 10), value), 0);
    else
        assert_int_equal(json_object_set_new(root, path, value), 0);
}

static void test_tokenizer_json_is_checked(void **state)
{
    static const struct {
        const char *path, *text;
        osprey_status status;
        const char *words;
    } cases[] = {
        {"model", NULL, OSPREY_UNSUPPORTED, "\"BPE\""},
        {"model", "[]", OSPREY_FORMAT, "\"model\" has to be an object"},
        {"model/type", "\"WordPiece\"", OSPREY_UNSUPPORTED, "\"WordPiece\""},
        {"model/dropout", "0.5", OSPREY_UNSUPPORTED, "dropout"},
        {"model/fuse_unk", "true", OSPREY_UNSUPPORTED, "\"fuse_unk\""},
        {"model/byte_fallback", "true", OSPREY_UNSUPPORTED, "\"byte_fallback\""},
        {"model/ignore_merges", "true", OSPREY_UNSUPPORTED, "\"ignore_merges\""},
        {"model/end_of_word_suffix", "\"\"", OSPREY_UNSUPPORTED, "end_of_word_suffix"},
        {"model/continuing_subword_prefix", "\"##\"", OSPREY_UNSUPPORTED, "\"##\""},
        {"model/unk_token", "\"<unk>\"", OSPREY_FORMAT, "unknown token \"<unk>\""},
        {"model/vocab", NULL, OSPREY_FORMAT, "no \"vocab\""},
        {"model/merges", NULL, OSPREY_FORMAT, "no \"merges\""},
        {"model/vocab", "[\"a\"]", OSPREY_FORMAT, "\"vocab\" has to be an object"},
        {"model/vocab/a", "-1", OSPREY_FORMAT, "id -1"},
        {"model/vocab/a", "1.5", OSPREY_FORMAT, "whole number"},
        {"model/vocab/a", "3", OSPREY_FORMAT, "which another token has too"},
        {"model/vocab/a", "9223372036854775807", OSPREY_FORMAT, "ids go from 0"},
        {"model/vocab/a", "1048576", OSPREY_FORMAT, "ids go from 0"},
        {"model/merges/2", "[\"a\"]", OSPREY_FORMAT, "merge 2 has to be"},
        {"model/merges/2", "\"ab\"", OSPREY_FORMAT, "merge 2 has to be"},
        {"model/merges/2", "[\"a\", 1]", OSPREY_FORMAT, "merge 2 has to be"},
        {"model/merges/2", "[\"zzz\", \"a\"]", OSPREY_FORMAT, "merge 2: \"zzz\""},
        {"model/merges/2", "\"a zzz\"", OSPREY_FORMAT, "merge 2: \"zzz\""},
        {"model/merges/2", "\"z z\"", OSPREY_FORMAT, "merge 2: \"zz\""},
        {"normalizer", NULL, OSPREY_UNSUPPORTED, "normalizer \"\""},
        {"normalizer/type", "\"BertNormalizer\"", OSPREY_UNSUPPORTED, "\"BertNormalizer\""},
        {"normalizer/normalizers/2", "{\"type\": \"NFD\"}", OSPREY_UNSUPPORTED, "Lowercase"},
        {"pre_tokenizer/type", "\"Whitespace\"", OSPREY_UNSUPPORTED, "\"Whitespace\""},
        {"pre_tokenizer/pretokenizers/0/invert", "false", OSPREY_UNSUPPORTED, "pre_tokenizer"},
        {"pre_tokenizer/pretokenizers/0/pattern/Regex", "\"a+\"", OSPREY_UNSUPPORTED, "\"a+\""},
        {"pre_tokenizer/pretokenizers/1/add_prefix_space", "true", OSPREY_UNSUPPORTED, "prefix"},
        {"post_processor", NULL, OSPREY_UNSUPPORTED, "\"RobertaProcessing\""},
        {"post_processor/type", "\"TemplateProcessing\"", OSPREY_UNSUPPORTED, "TemplateProc"},
        {"post_processor/cls", "\"a\"", OSPREY_FORMAT, "\"cls\""},
        {"post_processor/cls/1", "7", OSPREY_FORMAT, "is given id 7"},
        {"post_processor/sep/0", "\"</s>\"", OSPREY_FORMAT, "end token \"</s>\""},
        {"added_tokens/0/id", "5", OSPREY_FORMAT, "is given id 5"},
        {"added_tokens/0/id", NULL, OSPREY_FORMAT, "has no \"id\""},
        {"added_tokens/0/content", NULL, OSPREY_FORMAT, "no \"content\""},
        {"added_tokens/0/lstrip", "true", OSPREY_UNSUPPORTED, "\"lstrip\""},
        {"added_tokens/0", "7", OSPREY_FORMAT, "no \"id\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *root = load(DATA "small_fast/tokenizer.json");
        replace(root, cases[i].path, cases[i].text);
        put_json(*state, "tokenizer.json", root);
        json_decref(root);
        assert_refused(*state, cases[i].status, cases[i].words);
    }
    put(*state, "tokenizer.json", "[1, 2");
    assert_refused(*state, OSPREY_FORMAT, "not valid JSON");
    put(*state, "tokenizer.json", "[1, 2]");
    assert_refused(*state, OSPREY_UNSUPPORTED, "\"BPE\"");
    put(*state, "tokenizer.json", "");
    assert_refused(*state, OSPREY_FORMAT, "not valid JSON");
    empty_directory(*state);
}

static void test_vocabulary_and_merges_are_checked(void **state)
{
    static const struct {
        const char *vocabulary, *merges;
        osprey_status status;
        const char *words;
    } cases[] = {
        {"{\"a\": 0, \"<|endoftext|>\": 1}", "", OSPREY_FORMAT, "start token"},
        {"{\"a\": 0, \"<|startoftext|>\": 1}", "", OSPREY_FORMAT, "end token"},
        {"{\"a\": 0, \"a\": 1}", "", OSPREY_FORMAT, "not valid JSON"},
        {"[]", "", OSPREY_FORMAT, "object of token to id"},
        {"{\"a\": 0, \"<|startoftext|>\": 1, \"<|endoftext|>\": 2}", "#version\na", OSPREY_FORMAT,
         "line 2 has to be two tokens"},
        {"{\"a\": 0, \"<|startoftext|>\": 1, \"<|endoftext|>\": 2}", "a b\n", OSPREY_FORMAT,
         "merge 1: \"b\""},
        {"{\"a\": 0, \"<|startoftext|>\": 1, \"<|endoftext|>\": 2}", "a a a\n", OSPREY_FORMAT,
         "merge 1: \"a a\""},
        {"{\"a\": 0, \"<|startoftext|>\": 1, \"<|endoftext|>\": 2}", "\n\na a", OSPREY_FORMAT,
         "merge 3: \"aa\""},
        {"{\"a\": 0, \"aa\": 3, \"<|startoftext|>\": 1, \"<|endoftext|>\": 2}", "", OSPREY_FORMAT,
         "no merge makes token 3, \"aa\", of "},
        {NULL, "a b", OSPREY_FORMAT, "without vocab.json"},
        {"{}", NULL, OSPREY_FORMAT, "without merges.txt"},
        {NULL, NULL, OSPREY_NOT_FOUND, "tokenizer.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].vocabulary) put(*state, "vocab.json", cases[i].vocabulary);
        if (cases[i].merges) put(*state, "merges.txt", cases[i].merges);
        assert_refused(*state, cases[i].status, cases[i].words);
        empty_directory(*state);
    }
}

static void test_special_tokens_are_checked(void **state)
{
    static const struct {
        const char *name, *text;
        osprey_status status;
        const char *words;
    } cases[] = {
        {"tokenizer_config.json", "[]", OSPREY_FORMAT, "a JSON object"},
        {"tokenizer_config.json", "{\"bos_token\": 1}", OSPREY_FORMAT, "\"bos_token\""},
        {"special_tokens_map.json", "{\"eos_token\": {}}", OSPREY_FORMAT, "\"eos_token\""},
        {"special_tokens_map.json", "{\"eos_token\": \"!\"}", OSPREY_FORMAT, "special_tokens_map"},
        {"special_tokens_map.json", "{\"pad_token\": {\"content\": \"!\", \"rstrip\": true}}",
         OSPREY_UNSUPPORTED, "\"rstrip\""},
        {"special_tokens_map.json", "{\"additional_special_tokens\": [1]}", OSPREY_FORMAT,
         "additional_special_tokens"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\": {\"a\": {\"content\": \"!\"}}}",
         OSPREY_FORMAT, "has to be an id"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\": {\"7\": {\"content\": \"!\"}}}",
         OSPREY_FORMAT, "is given id 7"},
        {"tokenizer_config.json",
         "{\"added_tokens_decoder\": {\"99999999\": {\"content\": \"q!\"}}}", OSPREY_FORMAT,
         "ids go from 0"},
    };
    json_t *root = load(DATA "small_fast/tokenizer.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_json(*state, "tokenizer.json", root);
        put(*state, cases[i].name, cases[i].text);
        assert_refused(*state, cases[i].status, cases[i].words);
        empty_directory(*state);
    }
    json_decref(root);
}

static void assert_encodes(const char *directory, const char *text, const int32_t *ids,
                           size_t count)
{
    osprey_tokenizer *tokenizer = open_directory(directory);
    int32_t got[77];
    size_t got_count = 0;
    assert_int_equal(
        osprey_tokenizer_encode(tokenizer, text, strlen(text), got, 77, &got_count, NULL),
        OSPREY_OK);
    assert_int_equal(got_count, count);
    assert_memory_equal(got, ids, count * sizeof *ids);
    osprey__tokenizer_free(tokenizer);
}

/* Merges as "a b", as transformers before 4.45 wrote them, are those as ["a", "b"]. */
static void test_both_spellings_of_merges(void **state)
{
    const char *text = "a photo of the cat, isn't it? <|endoftext|>";
    osprey_tokenizer *pairs = open_directory(DATA "small_fast");
    int32_t ids[77];
    size_t count = 0, i;
    assert_int_equal(osprey_tokenizer_encode(pairs, text, strlen(text), ids, 77, &count, NULL),
                     OSPREY_OK);
    osprey__tokenizer_free(pairs);
    json_t *root = load(DATA "small_fast/tokenizer.json");
    json_t *merges = json_object_get(json_object_get(root, "model"), "merges"), *pair;
    json_array_foreach(merges, i, pair)
    {
        json_t *line = json_sprintf("%s %s", json_string_value(json_array_get(pair, 0)),
                                    json_string_value(json_array_get(pair, 1)));
        assert_int_equal(json_array_set_new(merges, i, line), 0);
    }
    put_json(*state, "tokenizer.json", root);
    json_decref(root);
    assert_encodes(*state, text, ids, count);
    empty_directory(*state);
}

/* The special tokens' names, in both forms; special_tokens_map.json counts before the other. */
static void test_special_tokens_come_from_both_files(void **state)
{
    put(*state, "vocab.json",
        "{\"a\": 0, \"a</w>\": 1, \"aa\": 2, \"aa</w>\": 3, \"[x]\": 4, \"<s>\": 6, \"</s>\": 5, "
        "\"<u>\": 7}");
    put(*state, "merges.txt", "#version: 0.2\na a\na a</w>\n");
    put(*state, "tokenizer_config.json",
        "{\"bos_token\": \"<s>\", \"eos_token\": \"a</w>\", \"unk_token\": \"<u>\","
        " \"pad_token\": \"<u>\", \"additional_special_tokens\": [\"[x]\"]}");
    put(*state, "special_tokens_map.json",
        "{\"eos_token\": {\"content\": \"</s>\", \"normalized\": true}}");
    /* "aaa" merges from the left; z is in no token; only "</s>" is found after normalisation. */
    assert_encodes(*state, "aaa [x] z </S> <S>", (const int32_t[]){6, 2, 1, 4, 7, 5, 7, 7, 7, 5},
                   10);
    empty_directory(*state);
}

/* The split pattern of files before transformers 5 does not begin with the special tokens. */
static void test_the_pattern_of_the_file_counts(void **state)
{
    json_t *root = load(DATA "small_fast/tokenizer.json");
    replace(root, "added_tokens", "[]");
    put_json(*state, "tokenizer.json", root);
    osprey_tokenizer *newer = open_directory(*state);
    replace(root, "pre_tokenizer/pretokenizers/0/pattern/Regex",
            "\"'s|'t|'re|'ve|'m|'ll|'d|[\\\\p{L}]+|[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+\"");
    put_json(*state, "tokenizer.json", root);
    osprey_tokenizer *older = open_directory(*state);
    json_decref(root);
    /* In the older one "|>." is one piece; in the newer one "|>" and "." are two. */
    int32_t ids[2][77];
    size_t counts[2];
    const char *text = "<|ENDOFTEXT|>.";
    osprey_tokenizer_encode(newer, text, strlen(text), ids[0], 77, &counts[0], NULL);
    osprey_tokenizer_encode(older, text, strlen(text), ids[1], 77, &counts[1], NULL);
    assert_int_equal(counts[0], counts[1]);
    assert_int_not_equal(ids[0][counts[0] - 3], ids[1][counts[1] - 3]);
    assert_int_equal(ids[0][counts[0] - 2], ids[1][counts[1] - 2]);
    osprey__tokenizer_free(newer);
    osprey__tokenizer_free(older);
    empty_directory(*state);
}

/* Files with a few bytes changed, or cut, are read or refused with a message. */
static void test_damaged_files(void **state)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json"};
    uint32_t seed = 1;
    for (int round = 0; round < 120; round++) {
        for (size_t i = 0; i < 2; i++) {
            char path[128], *text = NULL;
            size_t length = 0;
            snprintf(path, sizeof path, DATA "small_fast/%s", names[i]);
            assert_int_equal(osprey__file_read(path, 1 << 20, &text, &length, NULL), OSPREY_OK);
            for (int change = round % 4; change > 0; change--) {
                seed = seed * 1664525 + 1013904223;
                text[(seed >> 8) % length] = (char)('"' + seed % 100);
            }
            if (round % 16 == 15) text[(seed >> 8) % length] = '\0';
            put(*state, names[i], text);
            osprey__free(text);
        }
        osprey_tokenizer *tokenizer = NULL;
        osprey__tokenizer_files files;
        osprey_error error = {0};
        if (osprey__tokenizer_open_directory(*state, &tokenizer, &files, &error) != OSPREY_OK)
            assert_string_not_equal(error.message, "");
        osprey__tokenizer_free(tokenizer);
    }
    empty_directory(*state);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const directories[] = {DATA "small_fast", DATA "small_vocab", NULL};
    for (size_t i = 0; i < 3; i++) {
        osprey_tokenizer *tokenizer = NULL;
        osprey__tokenizer_files files;
        osprey_status status = OSPREY_OUT_OF_MEMORY;
        for (size_t nth = 0; status != OSPREY_OK; nth++) {
            size_t left = nth;
            assert_in_range(nth, 0, 1000);
            osprey__set_memory_hook(fail_at, &left);
            status = directories[i] ? osprey__tokenizer_open_directory(directories[i], &tokenizer,
                                                                       &files, NULL)
                                    : osprey__tokenizer_builtin(&tokenizer, NULL);
            osprey__set_memory_hook(NULL, NULL);
            if (status != OSPREY_OK) assert_int_equal(status, OSPREY_OUT_OF_MEMORY);
            if (status != OSPREY_OK) assert_null(tokenizer);
        }
        osprey__tokenizer_free(tokenizer);
    }
    osprey__tokenizer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokenizer_json_is_checked),
        cmocka_unit_test(test_vocabulary_and_merges_are_checked),
        cmocka_unit_test(test_special_tokens_are_checked),
        cmocka_unit_test(test_both_spellings_of_merges),
        cmocka_unit_test(test_special_tokens_come_from_both_files),
        cmocka_unit_test(test_the_pattern_of_the_file_counts),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
