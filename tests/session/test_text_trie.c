/* SPDX-License-Identifier: Apache-2.0 */
/* The trie of texts that share what they begin with. */
#include "cmocka_all.h"
#include "text_lists.h"

#include <stdlib.h>

/* Negative, 0 or positive as a belongs before b, is the same, or belongs behind it. */
static int compare(const osprey__text *a, const osprey__text *b)
{
    for (size_t i = 0; i < a->length && i < b->length; i++)
        if (a->ids[i] != b->ids[i]) return a->ids[i] < b->ids[i] ? -1 : 1;
    return a->length < b->length ? -1 : a->length > b->length;
}

static void test_sorting(void **state)
{
    (void)state;
    for (size_t repeat = 0; repeat < 60; repeat++) {
        text_list list = text_list_new();
        size_t count = random_below(100), alphabet = 1 + random_below(4);
        for (size_t i = 0; i < count; i++) text_list_add(&list, 1 + random_below(8), alphabet);
        osprey__text *texts = text_list_texts(&list);
        bool seen[100] = {false};
        osprey__texts_sort(texts, texts + count, count);
        for (size_t i = 0; i < count; i++) {
            assert_false(seen[texts[i].place]);
            seen[texts[i].place] = true;
            if (i == 0) continue;
            int order = compare(&texts[i - 1], &texts[i]);
            assert_true(order < 0 || (order == 0 && texts[i - 1].place < texts[i].place));
        }
        free(texts);
        text_list_free(&list);
    }
}

/* The text's rows, from its last upwards, are its tokens. */
static void assert_text(const osprey__text_trie *trie, const osprey__text *text)
{
    assert_true(text->branch < trie->branches);
    assert_int_equal(trie->lengths[text->branch], text->length);
    int32_t row = (int32_t)trie->starts[text->branch + 1] - 1;
    for (size_t depth = text->length; depth-- > 0; row = trie->parents[row]) {
        assert_true(row >= 0 && (size_t)row < trie->rows);
        assert_int_equal(trie->ids[row], text->ids[depth]);
        assert_int_equal(trie->positions[row], depth);
        if (depth == text->pooled) assert_int_equal(trie->pooled[text->branch], row);
    }
    assert_int_equal(row, -1);
}

static void test_rows_are_the_different_beginnings(void **state)
{
    (void)state;
    for (size_t repeat = 0; repeat < 60; repeat++) {
        text_list list = text_list_new();
        size_t count = 1 + random_below(100), alphabet = 1 + random_below(4);
        for (size_t i = 0; i < count; i++) text_list_add(&list, 1 + random_below(9), alphabet);
        osprey__text *texts = text_list_texts(&list);
        osprey__text_trie trie;
        assert_int_equal(osprey__text_trie_init(&trie, list.id_count, 0, NULL), OSPREY_OK);
        osprey__texts_sort(texts, texts + count, count);
        for (size_t i = 0; i < count; i++)
            assert_true(osprey__text_trie_add(&trie, &texts[i], true));
        assert_int_equal(trie.rows, count_beginnings(texts, count));
        for (size_t i = 0; i < count; i++) assert_text(&trie, &texts[i]);

        /* Not sorted, less is found; and without sharing only the same text, next to itself. */
        for (int share = 0; share < 2; share++) {
            osprey__text_trie_clear(&trie);
            for (size_t i = 0; i < count; i++) texts[i].place = random_below(1000);
            for (size_t i = count - 1; i > 0; i--) {
                size_t other = random_below(i + 1);
                osprey__text swapped = texts[i];
                texts[i] = texts[other];
                texts[other] = swapped;
            }
            size_t rows = 0;
            for (size_t i = 0; i < count; i++) {
                assert_true(osprey__text_trie_add(&trie, &texts[i], share == 1));
                if (i == 0 || compare(&texts[i - 1], &texts[i]) != 0) rows += texts[i].length;
            }
            for (size_t i = 0; i < count; i++) assert_text(&trie, &texts[i]);
            assert_true(share ? trie.rows <= rows : trie.rows == rows);
        }
        osprey__text_trie_free(&trie);
        free(texts);
        text_list_free(&list);
    }
}

/* The class token's rows: none shared but by the same texts, and none seen behind an id of 0. */
static void test_class_tokens_end_texts(void **state)
{
    (void)state;
    enum { CLASS = 76, ROWS = 32 };
    static const int32_t ids[][4] = {
        {7, 0}, {7, 0, 0, 8}, {7, 0, 5, 0}, {7, 0, 5, 0}, {7, 9, 5, 3}};
    static const size_t lengths[] = {2, 4, 4, 4, 4};
    enum { TEXTS = sizeof ids / sizeof *ids };
    osprey__text texts[TEXTS], spare[TEXTS];
    osprey__text_trie trie;
    for (size_t i = 0; i < TEXTS; i++)
        texts[i] =
            (osprey__text){.ids = ids[i], .length = lengths[i], .pooled = lengths[i], .place = i};
    osprey__texts_sort(texts, spare, TEXTS);
    assert_int_equal(osprey__text_trie_init(&trie, ROWS, CLASS, NULL), OSPREY_OK);
    for (int share = 1; share >= 0; share--) {
        osprey__text_trie_clear(&trie);
        for (size_t i = 0; i < TEXTS; i++)
            assert_true(osprey__text_trie_add(&trie, &texts[i], share));
        assert_int_equal(trie.branches, 4);
        assert_int_equal(trie.rows, share ? 2 + 2 + 2 + 3 + 4 : 2 + 3 * 4 + 4);
        assert_int_equal(texts[2].branch, texts[3].branch);
        for (size_t i = 0; i < TEXTS; i++) {
            const int32_t class_row = trie.pooled[texts[i].branch];
            assert_int_equal(class_row, trie.starts[texts[i].branch + 1] - 1);
            assert_int_equal(trie.positions[class_row], CLASS);
            assert_int_equal(trie.lengths[texts[i].branch], texts[i].length + 1);
            int32_t row = trie.parents[class_row];
            for (size_t depth = texts[i].length; depth-- > 0; row = trie.parents[row]) {
                const bool hidden = depth > 0 && texts[i].ids[depth - 1] == 0;
                assert_int_equal(trie.ids[row], texts[i].ids[depth]);
                assert_int_equal(trie.positions[row], depth);
                assert_true(hidden == (trie.key_bias[row] < 0));
            }
            assert_int_equal(row, -1);
            const bool ends_in_padding = texts[i].ids[texts[i].length - 1] == 0;
            assert_true(ends_in_padding == (trie.key_bias[class_row] < 0));
        }
    }
    osprey__text_trie_free(&trie);
}

static void test_a_full_trie_stays_as_it_is(void **state)
{
    (void)state;
    static const int32_t ids[] = {1, 2, 3, 4, 5, 6};
    static const int32_t other[] = {1, 2, 9, 9};
    osprey__text first = {.ids = ids, .length = 6, .pooled = 5};
    osprey__text second = {.ids = other, .length = 4, .pooled = 3};
    osprey__text shorter = {.ids = other, .length = 3, .pooled = 2};
    osprey__text_trie trie;
    assert_int_equal(osprey__text_trie_init(&trie, 7, 0, NULL), OSPREY_OK);
    assert_true(osprey__text_trie_add(&trie, &first, true));
    assert_false(osprey__text_trie_add(&trie, &second, true));
    assert_int_equal(trie.rows, 6);
    assert_int_equal(trie.branches, 1);
    assert_true(osprey__text_trie_add(&trie, &shorter, true));
    assert_int_equal(trie.rows, 7);
    assert_text(&trie, &first);
    assert_text(&trie, &shorter);
    osprey__text_trie_free(&trie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorting),
        cmocka_unit_test(test_rows_are_the_different_beginnings),
        cmocka_unit_test(test_class_tokens_end_texts),
        cmocka_unit_test(test_a_full_trie_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
