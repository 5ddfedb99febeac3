/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-pair merges by themselves: as they are built, and as an engine has them. */
#include "cmocka_all.h"
#include "input/text/bpe_merges.h"

#include <stdint.h>
#include <string.h>

enum { VOCABULARY = 1000, LETTERS = 10 };

/* Every pair of letters makes a token of its own, the higher pairs first; and "01" does so twice.
 */
static void build(osprey__bpe_merges *merges)
{
    assert_int_equal(osprey__bpe_merges_create(merges, LETTERS * LETTERS + 1, NULL), OSPREY_OK);
    osprey__bpe_merges_insert(merges, 0, 1, 0, 999);
    for (int32_t left = 0; left < LETTERS; left++)
        for (int32_t right = 0; right < LETTERS; right++)
            osprey__bpe_merges_insert(merges, left, right, (uint32_t)(1000 - 10 * left - right),
                                      100 + 10 * left + right);
    assert_int_equal(osprey__bpe_merges_finish(merges, NULL), OSPREY_OK);
}

static void assert_merged(const osprey__bpe_merges *merges, const int32_t *word, size_t length,
                          const int32_t *wanted, size_t wanted_length)
{
    int32_t ids[8];
    osprey__bpe_scratch scratch = {0};
    memcpy(ids, word, length * sizeof *ids);
    assert_int_equal(osprey__bpe_merges_apply(merges, &scratch, ids, &length, NULL), OSPREY_OK);
    assert_int_equal(length, wanted_length);
    assert_memory_equal(ids, wanted, length * sizeof *ids);
    osprey__bpe_scratch_free(&scratch);
}

static void assert_all_are_found(const osprey__bpe_merges *merges)
{
    for (int32_t left = 0; left < LETTERS; left++)
        for (int32_t right = 0; right < LETTERS; right++) {
            const int32_t both = 100 + 10 * left + right;
            assert_merged(merges, (int32_t[]){left, right}, 2, &both, 1);
        }
    assert_merged(merges, (int32_t[]){1, 9, 8}, 3, (int32_t[]){1, 198}, 2);
    assert_merged(merges, (int32_t[]){3, LETTERS}, 2, (int32_t[]){3, LETTERS}, 2);
}

/* Where an engine's begin: behind bytes of other things. */
static void store(const osprey__bpe_merges *merges, size_t before, osprey__buffer *bytes)
{
    assert_int_equal(osprey__buffer_append(bytes, "1234567", before, NULL), OSPREY_OK);
    assert_int_equal(osprey__bpe_merges_store(merges, bytes, NULL), OSPREY_OK);
}

static osprey_status load(osprey__bpe_merges *merges, const osprey__buffer *bytes, size_t before,
                          size_t length, osprey_error *error)
{
    osprey__byte_cursor at = osprey__cursor_over(bytes->bytes + before, length - before);
    osprey_status status = osprey__bpe_merges_load(merges, &at, VOCABULARY, "an engine", error);
    if (status == OSPREY_OK) assert_int_equal(at.remaining, 0);
    return status;
}

static void test_built_and_stored(void **state)
{
    (void)state;
    osprey__bpe_merges merges, loaded;
    build(&merges);
    assert_all_are_found(&merges);
    for (size_t before = 0; before < 8; before++) {
        osprey__buffer bytes = {0};
        store(&merges, before, &bytes);
        assert_int_equal(load(&loaded, &bytes, before, bytes.length, NULL), OSPREY_OK);
        assert_all_are_found(&loaded);
        osprey__bpe_merges_free(&loaded);
        osprey__buffer_free(&bytes);
    }
    osprey__bpe_merges_free(&merges);
}

static void test_none(void **state)
{
    (void)state;
    osprey__bpe_merges merges, loaded;
    osprey__buffer bytes = {0};
    assert_int_equal(osprey__bpe_merges_create(&merges, 0, NULL), OSPREY_OK);
    assert_int_equal(osprey__bpe_merges_finish(&merges, NULL), OSPREY_OK);
    assert_merged(&merges, (int32_t[]){1, 2}, 2, (int32_t[]){1, 2}, 2);
    store(&merges, 0, &bytes);
    assert_int_equal(load(&loaded, &bytes, 0, bytes.length, NULL), OSPREY_OK);
    assert_merged(&loaded, (int32_t[]){1, 2}, 2, (int32_t[]){1, 2}, 2);
    osprey__bpe_merges_free(&loaded);
    osprey__bpe_merges_free(&merges);
    osprey__buffer_free(&bytes);
}

static void assert_damaged(const osprey__buffer *bytes, size_t length)
{
    osprey__bpe_merges loaded;
    osprey_error error;
    assert_int_equal(load(&loaded, bytes, 0, length, &error), OSPREY_FORMAT);
    assert_string_equal(error.subject, "an engine");
    osprey__bpe_merges_free(&loaded);
}

static void test_damage(void **state)
{
    (void)state;
    osprey__bpe_merges merges;
    osprey__buffer bytes = {0};
    build(&merges);
    store(&merges, 0, &bytes);
    for (size_t length = 0; length < bytes.length; length++) assert_damaged(&bytes, length);
    const size_t count = merges.count;
    char *first = bytes.bytes + bytes.length - count * sizeof(osprey__bpe_merge);
    for (size_t i = 0; i < count; i++) {
        char *at = first + i * sizeof(osprey__bpe_merge);
        osprey__bpe_merge whole;
        memcpy(&whole, at, sizeof whole);
        const osprey__bpe_merge wrong[] = {
            {whole.pair + ((uint64_t)VOCABULARY << 32), whole.rank, whole.id},
            {whole.pair | VOCABULARY, whole.rank, whole.id},
            {whole.pair, UINT32_MAX, whole.id},
            {whole.pair, whole.rank, VOCABULARY},
            {whole.pair, whole.rank, -1},
        };
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
            memcpy(at, &wrong[w], sizeof whole);
            assert_damaged(&bytes, bytes.length);
        }
        memcpy(at, &whole, sizeof whole);
    }
    /* The last bucket's first: each in its range, but where none looks for it. */
    osprey__bpe_merge ends[2];
    char *last = first + (count - 1) * sizeof(osprey__bpe_merge);
    memcpy(&ends[0], first, sizeof *ends);
    memcpy(&ends[1], last, sizeof *ends);
    memcpy(first, &ends[1], sizeof *ends);
    memcpy(last, &ends[0], sizeof *ends);
    assert_damaged(&bytes, bytes.length);
    osprey__bpe_merges_free(&merges);
    osprey__buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_and_stored),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
