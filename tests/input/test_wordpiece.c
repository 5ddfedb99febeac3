/* SPDX-License-Identifier: Apache-2.0 */
/* BERT's tokenizer: the texts of make_wordpiece_golden.py, an engine's copy, wrong vocabularies. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "input/text/text_tokenizer.h"
#include "memory_hooks.h"
#include "token_golden.h"

#include <stdio.h>
#include <string.h>

#define DATA OSPREY_TEST_DIR "/input/data/wordpiece/"

static osprey_tokenizer *open_vocabulary(osprey__wordpiece_options options)
{
    osprey_tokenizer *tokenizer;
    osprey_error error;
    assert_int_equal(
        osprey__tokenizer_open_wordpiece(DATA "vocab.txt", &options, &tokenizer, &error),
        OSPREY_OK);
    return tokenizer;
}

static void test_texts_as_transformers(void **state)
{
    (void)state;
    osprey__wordpiece_options uncased = OSPREY__WORDPIECE_DEFAULTS, cased = {0}, accents = uncased;
    cased.ends_with_separator = true;
    accents.strip_accents = false;
    const struct {
        osprey__wordpiece_options options;
        const char *texts;
        size_t texts_in_file;
    } cases[] = {{uncased, DATA "uncased.gz", 3129},
                 {cased, DATA "cased.gz", 2077},
                 {accents, DATA "accents.gz", 2078}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        osprey_tokenizer *tokenizer = open_vocabulary(cases[i].options);
        assert_true(token_golden_check(tokenizer, cases[i].texts) == cases[i].texts_in_file);
        osprey__tokenizer_free(tokenizer);
    }
}

static void test_engine_keeps_the_tokenizer(void **state)
{
    (void)state;
    osprey__wordpiece_options options = OSPREY__WORDPIECE_DEFAULTS;
    osprey_tokenizer *tokenizer = open_vocabulary(options), *loaded;
    osprey__buffer bytes = {0};
    osprey_error error;
    assert_int_equal(osprey__tokenizer_store(tokenizer, &bytes, &error), OSPREY_OK);
    osprey__tokenizer_free(tokenizer);
    assert_int_equal(osprey__tokenizer_load(bytes.bytes, bytes.length, "engine", &loaded, &error),
                     OSPREY_OK);
    assert_true(token_golden_check(loaded, DATA "uncased.gz") > 0);
    osprey__tokenizer_free(loaded);
    bytes.bytes[1] = 2; /* no flag */
    for (size_t length = 0; length <= bytes.length; length += length < 32 ? 1 : bytes.length - 32)
        if (osprey__tokenizer_load(bytes.bytes, length, "engine", &loaded, &error) == OSPREY_OK)
            fail_msg("%zu bytes make a tokenizer", length);
    osprey__buffer_free(&bytes);
}

static void test_texts_without_separator(void **state)
{
    (void)state;
    osprey__wordpiece_options options = OSPREY__WORDPIECE_DEFAULTS;
    osprey_tokenizer *with = open_vocabulary(options);
    options.ends_with_separator = false;
    osprey_tokenizer *without = open_vocabulary(options);
    int32_t a[64], b[64];
    size_t a_count, b_count;
    osprey_error error;
    const char *text = "a photo of a cat";
    assert_int_equal(osprey_tokenizer_encode(with, text, strlen(text), a, 64, &a_count, &error),
                     OSPREY_OK);
    assert_int_equal(osprey_tokenizer_encode(without, text, strlen(text), b, 64, &b_count, &error),
                     OSPREY_OK);
    assert_int_equal(a_count, b_count + 1);
    assert_memory_equal(a, b, b_count * sizeof *b);
    assert_int_equal(a[b_count], osprey_tokenizer_get_info(with).end_id);
    assert_int_equal(osprey_tokenizer_get_info(without).end_id, -1);
    assert_int_equal(osprey_tokenizer_encode(with, text, strlen(text), b, 3, &b_count, &error),
                     OSPREY_OK);
    assert_int_equal(b_count, 3);
    assert_int_equal(b[2], osprey_tokenizer_get_info(with).end_id);
    osprey__tokenizer_free(with);
    osprey__tokenizer_free(without);
}

static void test_wrong_vocabularies(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        osprey_status status;
        const char *part; /* of the message */
    } cases[] = {
        {"", OSPREY_FORMAT, "[CLS]"},
        {"[CLS]\n[UNK]\na\n", OSPREY_FORMAT, "[SEP]"},
        {"[CLS]\n[SEP]\n[UNK]\na\na\n", OSPREY_FORMAT, "\"a\" is there twice"},
    };
    osprey__wordpiece_options options = OSPREY__WORDPIECE_DEFAULTS;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        osprey__wordpiece *made;
        osprey_error error = {0};
        const char *text = cases[i].text;
        assert_int_equal(
            osprey__wordpiece_create(text, strlen(text), "vocab.txt", &options, &made, &error),
            cases[i].status);
        assert_non_null(strstr(error.message, cases[i].part));
        assert_string_equal(error.subject, "vocab.txt");
    }
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    const char *text = "A cafe\xcc\x81 \xe7\x8c\xab";
    osprey__wordpiece_options options = OSPREY__WORDPIECE_DEFAULTS;
    osprey_status status = OSPREY_OUT_OF_MEMORY;
    for (size_t n = 0; status != OSPREY_OK; n++) {
        size_t left = n, count;
        int32_t ids[64];
        osprey_tokenizer *tokenizer = NULL;
        osprey__set_memory_hook(fail_at, &left);
        status = osprey__tokenizer_open_wordpiece(DATA "vocab.txt", &options, &tokenizer, NULL);
        if (status == OSPREY_OK)
            status = osprey_tokenizer_encode(tokenizer, text, strlen(text), ids, 64, &count, NULL);
        osprey__set_memory_hook(NULL, NULL);
        osprey__tokenizer_free(tokenizer);
        assert_true(status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_as_transformers),
        cmocka_unit_test(test_engine_keeps_the_tokenizer),
        cmocka_unit_test(test_texts_without_separator),
        cmocka_unit_test(test_wrong_vocabularies),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
