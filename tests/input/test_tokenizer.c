/* SPDX-License-Identifier: Apache-2.0 */
/* CLIP's tokenizer: what it makes of texts. */
#include "cmocka_all.h"
#include "input/text/clip_bpe.h"

#include <string.h>

static void assert_ids(const osprey_tokenizer *tokenizer, const char *text, size_t text_bytes,
                       const int32_t *ids, size_t count, size_t capacity)
{
    int32_t got[128];
    size_t got_count = 0;
    osprey_error error;
    assert_int_equal(
        osprey_tokenizer_encode(tokenizer, text, text_bytes, got, capacity, &got_count, &error),
        OSPREY_OK);
    assert_int_equal(got_count, count);
    assert_memory_equal(got, ids, count * sizeof *ids);
}

#define ASSERT_IDS(text, capacity, ...)                                                            \
    assert_ids(*state, text, sizeof(text) - 1, (const int32_t[]){__VA_ARGS__},                     \
               sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t), capacity)

static void test_examples(void **state)
{
    ASSERT_IDS("a photo of a cat", 77, 49406, 320, 1125, 539, 320, 2368, 49407);
    ASSERT_IDS("", 77, 49406, 49407);
    ASSERT_IDS(" \t\n", 2, 49406, 49407);
    ASSERT_IDS("x<|endoftext|>y", 77, 49406, 343, 49407, 344, 49407);
    ASSERT_IDS("<|STARTOFTEXT|>!", 77, 49406, 27, 347, 993, 6659, 4160, 91, 285, 256, 49407);
}

static void test_truncation_keeps_the_end(void **state)
{
    ASSERT_IDS("a photo of a cat", 7, 49406, 320, 1125, 539, 320, 2368, 49407);
    ASSERT_IDS("a photo of a cat", 6, 49406, 320, 1125, 539, 320, 49407);
    ASSERT_IDS("a photo of a cat", 2, 49406, 49407);
    int32_t ids[2];
    size_t count;
    osprey_error error;
    assert_int_equal(osprey_tokenizer_encode(*state, "a", 1, ids, 1, &count, &error),
                     OSPREY_INVALID_ARGUMENT);
}

static void test_info(void **state)
{
    osprey_tokenizer_info info = osprey_tokenizer_get_info(*state);
    assert_string_equal(info.kind, "clip_bpe");
    assert_int_equal(info.vocabulary, 49408);
    assert_int_equal(info.start_id, 49406);
    assert_int_equal(info.end_id, 49407);
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
    };
    return cmocka_run_group_tests(tests, open_builtin, free_tokenizer);
}
