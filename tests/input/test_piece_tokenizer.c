/* SPDX-License-Identifier: Apache-2.0 */
/* SigLIP's, SigLIP 2's, XLM-RoBERTa's and RoBERTa's tokenizers, with open_clip's cleaning too: the
 * texts of make_piece_tokenizers.py, an engine's copy, damaged and foreign files. */
#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "input/text/piece_tokenizer_json.h"
#include "input/text/spiece_file.h"
#include "input/text/text_cleaning.h"
#include "input/text/text_tokenizer.h"
#include "memory_hooks.h"
#include "token_golden.h"

#include <string.h>

#define DATA OSPREY_TEST_DIR "/input/data/"

typedef osprey_status open_files(const char *directory, const char *cleaning,
                                 osprey_tokenizer **tokenizer, osprey__tokenizer_files *files,
                                 osprey_error *error);

static const struct {
    open_files *open;
    const char *folder, *cleaning, *texts;
    size_t texts_in_file;
    osprey_tokenizer_info info;
} published[] = {
    {osprey__tokenizer_open_siglip,
     DATA "siglip",
     "",
     DATA "siglip/texts.gz",
     2260,
     {"unigram", 626, -1, 1, 1}},
    {osprey__tokenizer_open_siglip,
     DATA "siglip_json",
     "",
     DATA "siglip_json/texts.gz",
     2279,
     {"unigram", 626, -1, 1, 0}},
    {osprey__tokenizer_open_siglip,
     DATA "siglip2",
     "",
     DATA "siglip2/texts.gz",
     2130,
     {"bpe", 498, -1, 1, 0}},
    {osprey__tokenizer_open_siglip,
     DATA "openclip_siglip",
     "canonicalize",
     DATA "openclip_siglip/openclip_texts.gz",
     714,
     {"unigram", 626, -1, 1, 1}},
    {osprey__tokenizer_open_siglip,
     DATA "siglip2",
     "canonicalize",
     DATA "siglip2/openclip_texts.gz",
     723,
     {"bpe", 498, -1, 1, 0}},
    {osprey__tokenizer_open_bert,
     DATA "xlm_roberta",
     "",
     DATA "xlm_roberta/texts.gz",
     1141,
     {"unigram", 628, 0, 2, -1}},
    {osprey__tokenizer_open_bert,
     DATA "xlm_roberta",
     "whitespace",
     DATA "xlm_roberta/openclip_texts.gz",
     724,
     {"unigram", 628, 0, 2, -1}},
    {osprey__tokenizer_open_bert,
     DATA "xlm_roberta_newer",
     "",
     DATA "xlm_roberta_newer/texts.gz",
     1143,
     {"unigram", 628, 0, 2, -1}},
    {osprey__tokenizer_open_bert,
     DATA "roberta",
     "whitespace",
     DATA "roberta/openclip_texts.gz",
     712,
     {"bpe", 805, 0, 2, -1}},
    {osprey__tokenizer_open_bert,
     DATA "roberta_files",
     "",
     DATA "roberta_files/texts.gz",
     1358,
     {"bpe", 807, 0, 2, -1}},
};

#define PUBLISHED (sizeof published / sizeof *published)

static osprey_tokenizer *open_tokenizer(size_t i)
{
    osprey_tokenizer *tokenizer;
    osprey__tokenizer_files files;
    osprey_error error;
    if (published[i].open(published[i].folder, published[i].cleaning, &tokenizer, &files, &error) !=
        OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    assert_true(files.count > 0);
    return tokenizer;
}

static void test_texts_as_transformers(void **state)
{
    (void)state;
    for (size_t i = 0; i < PUBLISHED; i++) {
        osprey_tokenizer *tokenizer = open_tokenizer(i);
        const osprey_tokenizer_info info = osprey_tokenizer_get_info(tokenizer),
                                    *wanted = &published[i].info;
        assert_string_equal(info.kind, wanted->kind);
        assert_int_equal(info.start_id, wanted->start_id);
        assert_int_equal(info.end_id, wanted->end_id);
        assert_int_equal(info.pad_id, wanted->pad_id);
        assert_int_equal(info.vocabulary, wanted->vocabulary);
        assert_int_equal(token_golden_check(tokenizer, published[i].texts),
                         published[i].texts_in_file);
        osprey__tokenizer_free(tokenizer);
    }
}

static void test_an_engine_keeps_the_tokenizer(void **state)
{
    (void)state;
    for (size_t i = 0; i < PUBLISHED; i++) {
        osprey_tokenizer *tokenizer = open_tokenizer(i), *loaded;
        osprey__buffer bytes = {0};
        osprey_error error;
        assert_int_equal(osprey__tokenizer_store(tokenizer, &bytes, &error), OSPREY_OK);
        osprey__tokenizer_free(tokenizer);
        assert_int_equal(
            osprey__tokenizer_load(bytes.bytes, bytes.length, "engine", &loaded, &error),
            OSPREY_OK);
        assert_int_equal(token_golden_check(loaded, published[i].texts),
                         published[i].texts_in_file);
        osprey__tokenizer_free(loaded);
        const size_t step = bytes.length / 500;
        for (size_t length = 0; length < bytes.length; length += length < 300 ? 1 : step)
            if (osprey__tokenizer_load(bytes.bytes, length, "engine", &loaded, &error) == OSPREY_OK)
                fail_msg("%zu bytes make a tokenizer", length);
        osprey__buffer_free(&bytes);
    }
}

/* A text of many tokens keeps its end; one that was cut in the middle is the front of the whole. */
static void test_long_texts_are_cut(void **state)
{
    (void)state;
    static const char text[] = "a photo of a cat and a dog";
    for (size_t i = 0; i < PUBLISHED; i++) {
        osprey_tokenizer *tokenizer = open_tokenizer(i);
        int32_t whole[64], cut[64];
        size_t whole_count, cut_count;
        osprey_error error;
        assert_int_equal(
            osprey_tokenizer_encode(tokenizer, text, strlen(text), whole, 64, &whole_count, &error),
            OSPREY_OK);
        for (size_t capacity = 2; capacity < whole_count; capacity++) {
            osprey_tokenizer_encode(tokenizer, text, strlen(text), cut, capacity, &cut_count,
                                    &error);
            assert_int_equal(cut_count, capacity);
            assert_memory_equal(cut, whole, (capacity - 1) * sizeof *cut);
            assert_int_equal(cut[capacity - 1], published[i].info.end_id);
        }
        osprey__tokenizer_free(tokenizer);
    }
}

/* Every beginning of the file, and every byte of its front and its end changed: refused, or a
 * tokenizer of valid ids. */
static void test_damaged_sentencepiece_files(void **state)
{
    (void)state;
    char *bytes;
    size_t length;
    osprey_error error;
    assert_int_equal(
        osprey__file_read(DATA "siglip/spiece.model", 1 << 24, &bytes, &length, &error), OSPREY_OK);
    for (size_t n = 0; n < 1200; n++) {
        osprey__piece_tokenizer *made = osprey__calloc(1, sizeof *made);
        const size_t at = n < 800 ? n : length - (n - 799);
        const bool shorter = n % 3 == 0;
        const char before = bytes[at];
        int32_t ids[64];
        size_t count;
        error = (osprey_error){0};
        bytes[at] = (char)(before ^ (1 << n % 8));
        if (osprey__spiece_parse(bytes, shorter ? at : length, "spiece.model", true, "</s>", "</s>",
                                 made, &error) == OSPREY_OK) {
            assert_int_equal(
                osprey__piece_tokenizer_encode(made, "a \xc3\xa9 cat", 8, ids, 64, &count, &error),
                OSPREY_OK);
            for (size_t i = 0; i < count; i++)
                assert_true(ids[i] >= 0 && (size_t)ids[i] < made->vocabulary);
        } else {
            assert_true(error.message[0]);
        }
        bytes[at] = before;
        osprey__piece_tokenizer_free(made);
    }
    osprey__free(bytes);
}

#define JSON(normalizer, model)                                                                    \
    "{\"normalizer\":" normalizer ",\"pre_tokenizer\":null,\"post_processor\":null,"               \
    "\"added_tokens\":[{\"id\":0,\"content\":\"<pad>\"}],\"model\":" model "}"
#define UNIGRAM "{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<pad>\",0],[\"a\",-1]]}"
#define REPLACE(regex)                                                                             \
    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"" regex "\"},\"content\":\"\"}"

static void test_foreign_tokenizers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        osprey_status status;
        const char *part; /* of the message */
    } cases[] = {
        {JSON("null", UNIGRAM), OSPREY_OK, ""},
        {JSON(REPLACE("[a-c!\\\\-]+"), UNIGRAM), OSPREY_OK, ""},
        {JSON(REPLACE("[^a]"), UNIGRAM), OSPREY_UNSUPPORTED, "[^a]"},
        {JSON(REPLACE("[\\\\s]"), UNIGRAM), OSPREY_UNSUPPORTED, "[\\s]"},
        {JSON(REPLACE("[a"), UNIGRAM), OSPREY_UNSUPPORTED, "[a"},
        {JSON(REPLACE("a|b"), UNIGRAM), OSPREY_UNSUPPORTED, "a|b"},
        {JSON("{\"type\":\"NFKC\"}", UNIGRAM), OSPREY_UNSUPPORTED, "NFKC"},
        {JSON("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}", UNIGRAM),
         OSPREY_FORMAT, "precompiled_charsmap"},
        {JSON("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"!\"}", UNIGRAM), OSPREY_FORMAT,
         "base64"},
        {JSON("null", "{\"type\":\"WordPiece\"}"), OSPREY_UNSUPPORTED, "WordPiece"},
        {JSON("null", "{\"type\":\"Unigram\",\"vocab\":[]}"), OSPREY_FORMAT, "unk_id"},
        {JSON("null", "{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",0],[\"a\",0]]}"),
         OSPREY_FORMAT, "twice"},
        {JSON("null", "{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",\"b\"]]}"),
         OSPREY_FORMAT, "score"},
        {JSON("null", "{\"type\":\"BPE\",\"vocab\":{\"a\":0}}"), OSPREY_FORMAT, "merges"},
        {JSON("null", "{\"type\":\"BPE\",\"vocab\":{\"<pad>\":0,\"a\":1},\"merges\":[\"a b\"]}"),
         OSPREY_FORMAT, "\"b\""},
        {JSON("null", "{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{\"a\":0},"
                      "\"merges\":[]}"),
         OSPREY_FORMAT, "<0x00>"},
        {JSON("null", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}"), OSPREY_FORMAT,
         "id 0"},
        {"{\"model\":" UNIGRAM ",\"post_processor\":{\"type\":\"BertProcessing\"}}",
         OSPREY_UNSUPPORTED, "BertProcessing"},
        {"{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",0]]}}", OSPREY_FORMAT,
         "padding"},
        {"{\"model\":" UNIGRAM ",\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}", OSPREY_UNSUPPORTED,
         "ByteLevel"},
        {"[]", OSPREY_UNSUPPORTED, "(none)"},
    };
    const osprey__piece_settings settings = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        osprey__piece_tokenizer *made = osprey__calloc(1, sizeof *made);
        json_t *root;
        osprey_error error = {0};
        assert_int_equal(
            osprey__json_parse(cases[i].json, strlen(cases[i].json), "test", &root, &error),
            OSPREY_OK);
        osprey_status status =
            osprey__piece_tokenizer_parse_json(root, "test", &settings, made, &error);
        if (status != cases[i].status || !strstr(error.message, cases[i].part))
            fail_msg("%s: %d, %s", cases[i].json, (int)status, error.message);
        json_decref(root);
        osprey__piece_tokenizer_free(made);
    }
}

/* open_clip's three ways: what is left of a text, as pieces would be of it without a cleaning. */
static void test_cleanings(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *cleaned;
    } cases[] = {
        {"whitespace",
         " A\x1c \xe3\x80\x80"
         "Cat_\tB. ",
         "A Cat_ B."},
        {"lower", "\n\xce\x91\xce\xa3  It's", "\xce\xb1\xcf\x82 it's"},
        {"canonicalize", " \xce\x91\xce\xa3.  It's <b>a_B</s>", "\xce\xb1\xcf\x82 its ba bs"},
        {"canonicalize", " .!? ", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        osprey__text_steps steps = {0};
        osprey__code_points text = {0};
        osprey__buffer left = {0};
        osprey_error error = {0};
        assert_int_equal(osprey__text_cleaning_add(&steps, cases[i].name, "file", &error),
                         OSPREY_OK);
        assert_int_equal(
            osprey__code_points_decode(&text, cases[i].text, strlen(cases[i].text), &error),
            OSPREY_OK);
        assert_int_equal(osprey__text_steps_run(&steps, &text, &error), OSPREY_OK);
        assert_int_equal(osprey__code_points_print(text.at, text.count, &left, &error), OSPREY_OK);
        assert_int_equal(left.length, strlen(cases[i].cleaned));
        if (left.length) assert_memory_equal(left.bytes, cases[i].cleaned, left.length);
        osprey__buffer_free(&left);
        osprey__code_points_free(&text);
        osprey__text_steps_free(&steps);
    }
    osprey__text_steps steps = {0};
    osprey_error error = {0};
    assert_int_equal(osprey__text_cleaning_add(&steps, "stem", "file", &error), OSPREY_UNSUPPORTED);
    assert_string_equal(error.subject, "file");
    assert_non_null(strstr(error.message, "\"clean\" is \"stem\""));
    assert_int_equal(steps.count, 0);
}

/* Each step makes 64 characters of each, which would soon be more than there is memory. */
static void test_steps_that_never_end_are_refused(void **state)
{
    (void)state;
    osprey__text_step step = {
        .kind = OSPREY__STEP_REPLACE, .from = {'a'}, .from_count = 1, .to_count = 64};
    osprey__text_steps steps = {0};
    osprey__code_points text = {0};
    osprey_error error = {0};
    for (size_t i = 0; i < step.to_count; i++) step.to[i] = 'a';
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(osprey__text_steps_add(&steps, &step, "file", &error), OSPREY_OK);
    assert_int_equal(osprey__code_points_decode(&text, "a", 1, &error), OSPREY_OK);
    assert_int_equal(osprey__text_steps_run(&steps, &text, &error), OSPREY_LIMIT);
    assert_string_equal(error.subject, "text");
    osprey__code_points_free(&text);
    osprey__text_steps_free(&steps);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static const char text[] = "A caf\xc3\xa9, a \xe7\x8c\xab </s> and <table> \xf0\x9f\xa6\x85";
    for (size_t i = 0; i < PUBLISHED; i++) {
        osprey_status status = OSPREY_OUT_OF_MEMORY;
        for (size_t n = 0; status != OSPREY_OK; n++) {
            size_t left = n, count;
            int32_t ids[64];
            osprey_tokenizer *tokenizer = NULL;
            osprey__tokenizer_files files;
            osprey__set_memory_hook(fail_at, &left);
            status = published[i].open(published[i].folder, published[i].cleaning, &tokenizer,
                                       &files, NULL);
            if (status == OSPREY_OK)
                status =
                    osprey_tokenizer_encode(tokenizer, text, strlen(text), ids, 64, &count, NULL);
            osprey__set_memory_hook(NULL, NULL);
            osprey__tokenizer_free(tokenizer);
            assert_true(status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_as_transformers),
        cmocka_unit_test(test_an_engine_keeps_the_tokenizer),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_damaged_sentencepiece_files),
        cmocka_unit_test(test_foreign_tokenizers),
        cmocka_unit_test(test_cleanings),
        cmocka_unit_test(test_steps_that_never_end_are_refused),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
