/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLIP's tokenizer on texts: examples, the files that tests/golden/make_tokenizer_golden.py wrote,
 * and random bytes.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "input/text/text_tokenizer.h"
#include "memory_hooks.h"
#include "token_golden.h"

#include <string.h>

#define DATA OSPREY_TEST_DIR "/input/data/"

#define ASSERT_IDS(text, capacity, ...)                                                            \
    token_golden_assert_ids(*state, text, sizeof(text) - 1, (const int32_t[]){__VA_ARGS__},        \
                            sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t), capacity)

static void test_examples(void **state)
{
    ASSERT_IDS("a photo of a cat", 77, 49406, 320, 1125, 539, 320, 2368, 49407);
    ASSERT_IDS("", 77, 49406, 49407);
    ASSERT_IDS(" \t\n", 2, 49406, 49407);
    token_golden_assert_ids(*state, NULL, 0, (const int32_t[]){49406, 49407}, 2, 77);
    ASSERT_IDS("x<|endoftext|>y", 77, 49406, 343, 49407, 344, 49407);
    ASSERT_IDS("<|STARTOFTEXT|>!", 77, 49406, 27, 347, 993, 6659, 4160, 91, 285, 256, 49407);
}

static void test_truncation_keeps_the_end(void **state)
{
    ASSERT_IDS("a photo of a cat", 7, 49406, 320, 1125, 539, 320, 2368, 49407);
    ASSERT_IDS("a photo of a cat", 6, 49406, 320, 1125, 539, 320, 49407);
    ASSERT_IDS("a photo of a cat", 2, 49406, 49407);
    ASSERT_IDS("<|endoftext|><|endoftext|>", 3, 49406, 49407, 49407);
    int32_t ids[2];
    size_t count;
    osprey_error error;
    assert_int_equal(osprey_tokenizer_encode(*state, "a", 1, ids, 1, &count, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "capacity");
}

static void test_info(void **state)
{
    osprey_tokenizer_info info = osprey_tokenizer_get_info(*state);
    assert_string_equal(info.kind, "clip_bpe");
    assert_int_equal(info.vocabulary, 49408);
    assert_int_equal(info.start_id, 49406);
    assert_int_equal(info.end_id, 49407);
}

static void test_texts_as_transformers(void **state)
{
    assert_int_equal(token_golden_check(*state, DATA "clip_texts.gz"), 12000);
}

static void test_vocabulary_files(void **state)
{
    (void)state;
    static const struct {
        const char *directory, *texts;
        size_t files;
        const char *last_file;
    } cases[] = {
        {DATA "small_vocab", DATA "small_vocab/texts.gz", 4, "merges.txt"},
        {DATA "small_fast", DATA "small_fast/texts.gz", 2, "tokenizer.json"},
    };
    for (size_t i = 0; i < 2; i++) {
        osprey_tokenizer *tokenizer = NULL;
        osprey__tokenizer_files files;
        osprey_error error;
        assert_int_equal(
            osprey__tokenizer_open_directory(cases[i].directory, &tokenizer, &files, &error),
            OSPREY_OK);
        assert_int_equal(files.count, cases[i].files);
        assert_string_equal(files.names[files.count - 1], cases[i].last_file);
        assert_int_equal(token_golden_check(tokenizer, cases[i].texts), 1000);
        osprey__tokenizer_free(tokenizer);
    }
}

static uint32_t random_number(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Bytes of which most are the beginnings and parts of characters that matter. */
static void fill_random(char *text, size_t length, uint64_t *seed)
{
    static const char *const parts[] = {
        "<|endoftext|>",
        "<|",
        "'s",
        "'",
        "a",
        "B",
        " ",
        "\xcc",
        "\xcc\x81",
        "\xcc\xa3",
        "\xe7\x8c\xab",
        "\xf0",
        "\x9f",
        "\xc4\xb0",
        "\xe1\xaa\xbf",
    };
    for (size_t i = 0; i < length;) {
        const char *part = parts[random_number(seed) % (sizeof parts / sizeof *parts)];
        if (random_number(seed) % 4 == 0) text[i++] = (char)random_number(seed);
        for (; *part && i < length; part++) text[i++] = *part;
    }
}

static void test_random_bytes(void **state)
{
    uint64_t seed = 1;
    int32_t whole[512], cut[512];
    for (int round = 0; round < 5000; round++) {
        size_t length = random_number(&seed) % 100, capacity = 2 + random_number(&seed) % 50;
        size_t whole_count = 0, count = 0;
        char *text = osprey__calloc(length, 1);
        fill_random(text, length, &seed);
        assert_int_equal(
            osprey_tokenizer_encode(*state, text, length, whole, 512, &whole_count, NULL),
            OSPREY_OK);
        assert_int_equal(osprey_tokenizer_encode(*state, text, length, cut, capacity, &count, NULL),
                         OSPREY_OK);
        osprey__free(text);
        assert_int_equal(count, whole_count < capacity ? whole_count : capacity);
        assert_memory_equal(cut, whole, (count - 1) * sizeof *cut);
        assert_int_equal(cut[count - 1], 49407);
        for (size_t i = 0; i < whole_count; i++) assert_in_range(whole[i], 0, 49407);
    }
}

/* A word and a heap of marks that take hours where anything is quadratic. */
static void test_long_texts(void **state)
{
    const size_t length = 400000;
    char *text = osprey__calloc(length, 1);
    int32_t ids[77];
    size_t count = 0;
    assert_non_null(text);
    for (size_t i = 0; i < length; i++) text[i] = (char)('a' + i * i % 7);
    assert_int_equal(osprey_tokenizer_encode(*state, text, length, ids, 77, &count, NULL),
                     OSPREY_OK);
    assert_int_equal(count, 77);
    for (size_t i = 0; i < length; i += 2) memcpy(text + i, i % 4 ? "\xcc\x81" : "\xcc\xa3", 2);
    assert_int_equal(osprey_tokenizer_encode(*state, text, length, ids, 77, &count, NULL),
                     OSPREY_OK);
    assert_int_equal(count, 77);
    osprey__free(text);
}

static void test_every_allocation_may_fail(void **state)
{
    const char *text = "a \xc3\xa9t\xcc\x81\xcc\xa3\xcc\x81 <|endoftext|> photograph";
    int32_t ids[77];
    size_t count;
    osprey_status status = OSPREY_OUT_OF_MEMORY;
    for (size_t nth = 0; status != OSPREY_OK; nth++) {
        size_t left = nth;
        assert_in_range(nth, 0, 100);
        osprey__set_memory_hook(fail_at, &left);
        status = osprey_tokenizer_encode(*state, text, strlen(text), ids, 77, &count, NULL);
        osprey__set_memory_hook(NULL, NULL);
        if (status != OSPREY_OK) assert_int_equal(status, OSPREY_OUT_OF_MEMORY);
    }
}

static int open_builtin(void **state)
{
    osprey_tokenizer *tokenizer = NULL;
    if (osprey__tokenizer_builtin(&tokenizer, NULL) != OSPREY_OK) return -1;
    *state = tokenizer;
    return 0;
}

static int free_tokenizer(void **state)
{
    osprey__tokenizer_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_truncation_keeps_the_end),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_texts_as_transformers),
        cmocka_unit_test(test_vocabulary_files),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, open_builtin, free_tokenizer);
}
