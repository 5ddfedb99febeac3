/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that share what they begin with: the trie by itself, and embeddings against those of each
 * text alone, bit for bit. OSPREY_CPU, set by CTest, chooses the instruction set.
 */
#include "base/cpu/cpu_features.h"
#include "base/memory.h"
#include "cmocka_all.h"
#include "memory_hooks.h"
#include "open_model.h"
#include "plan/tower_plan.h"
#include "session/session_data.h"
#include "session/text_trie.h"
#include "test_cpu.h"

#include <osprey/osprey.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    END = 673, /* of the golden models but one, and the highest id of all */
    MOST_TEXTS = OSPREY__TEXTS_SORTED + 300,
    MOST_IDS = MOST_TEXTS * 77,
};

/* Texts with their ids one after the other. */
typedef struct text_list {
    int32_t *ids;
    size_t *lengths;
    size_t count, id_count;
} text_list;

static uint32_t random_state = 1;

static size_t random_below(size_t bound)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % bound;
}

static text_list list_new(void)
{
    return (text_list){.ids = calloc(MOST_IDS, sizeof(int32_t)),
                       .lengths = calloc(MOST_TEXTS, sizeof(size_t))};
}

static void list_free(text_list *list)
{
    free(list->ids);
    free(list->lengths);
}

/* `length` ids below alphabet, the last of which is END. */
static void add_random(text_list *list, size_t length, size_t alphabet)
{
    int32_t *ids = list->ids + list->id_count;
    for (size_t i = 0; i + 1 < length; i++) ids[i] = (int32_t)random_below(alphabet);
    ids[length - 1] = END;
    list->lengths[list->count++] = length;
    list->id_count += length;
}

/* Appends the first `length` tokens of text `of`, with an end. */
static void add_prefix(text_list *list, const int32_t *of, size_t length)
{
    int32_t *ids = list->ids + list->id_count;
    memmove(ids, of, length * sizeof *ids);
    ids[length] = END;
    list->lengths[list->count++] = length + 1;
    list->id_count += length + 1;
}

/* The list's texts for the trie, in a block that the caller frees, with as many spare ones. */
static osprey__text *texts_of(const text_list *list)
{
    osprey__text *texts = calloc(2 * list->count, sizeof *texts);
    const int32_t *ids = list->ids;
    for (size_t i = 0; i < list->count; ids += list->lengths[i++])
        texts[i] = (osprey__text){
            .ids = ids, .length = list->lengths[i], .pooled = list->lengths[i] - 1, .place = i};
    return texts;
}

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
        text_list list = list_new();
        size_t count = random_below(100), alphabet = 1 + random_below(4);
        for (size_t i = 0; i < count; i++) add_random(&list, 1 + random_below(8), alphabet);
        osprey__text *texts = texts_of(&list);
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
        list_free(&list);
    }
}

/* Different non-empty beginnings of all texts: the fewest rows that can be. */
static size_t count_beginnings(const osprey__text *sorted, size_t count)
{
    size_t beginnings = 0;
    for (size_t i = 0; i < count; i++) {
        size_t shared = 0;
        while (i > 0 && shared < sorted[i].length && shared < sorted[i - 1].length &&
               sorted[i].ids[shared] == sorted[i - 1].ids[shared])
            shared++;
        beginnings += sorted[i].length - shared;
    }
    return beginnings;
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
        text_list list = list_new();
        size_t count = 1 + random_below(100), alphabet = 1 + random_below(4);
        for (size_t i = 0; i < count; i++) add_random(&list, 1 + random_below(9), alphabet);
        osprey__text *texts = texts_of(&list);
        osprey__text_trie trie;
        assert_int_equal(osprey__text_trie_init(&trie, list.id_count, NULL), OSPREY_OK);
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
        list_free(&list);
    }
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
    assert_int_equal(osprey__text_trie_init(&trie, 7, NULL), OSPREY_OK);
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

static const char *const names[] = {
    "hf-vit-p32-quickgelu", "hf-vit-p14-bf16-sparse", /* of one layer */
    "openclip-vit-p16-gelu",                          /* context of 32 */
};
static const osprey_precision precisions[] = {OSPREY_PRECISION_FP32, OSPREY_PRECISION_BF16,
                                              OSPREY_PRECISION_INT8};
enum { MODELS = sizeof names / sizeof *names, USED_PRECISIONS = 3 };

static osprey_session *new_session(const osprey_model *model, size_t threads,
                                   osprey_precision precision)
{
    const osprey_session_options options = {
        .towers = OSPREY_TOWER_TEXT, .threads = threads, .precision = precision};
    return create_session(model, &options);
}

typedef void fill_function(text_list *list, size_t context);

static void fill_identical(text_list *list, size_t context)
{
    add_random(list, context / 2, 600);
    for (size_t i = 0; i < 40; i++) add_prefix(list, list->ids, context / 2 - 1);
}

/* One a beginning of the next, up to the full context; then backwards. */
static void fill_prefixes(text_list *list, size_t context)
{
    add_random(list, context, 600);
    for (size_t length = 0; length < context; length++) add_prefix(list, list->ids, length);
    for (size_t length = context; length-- > 0;) add_prefix(list, list->ids, length);
}

static void fill_one_prefix(text_list *list, size_t context)
{
    int32_t prefix[4] = {670, 1, 2, 3};
    for (size_t i = 0; i < 50; i++) {
        size_t length = 1 + random_below(context - 5);
        add_prefix(list, prefix, 4);
        list->count--;
        list->id_count--;
        add_random(list, length, 600);
        list->lengths[list->count - 1] += 4;
    }
}

static void fill_nothing_shared(text_list *list, size_t context)
{
    for (int32_t i = 0; i < 60; i++) {
        add_random(list, 2 + random_below(context - 1), 600);
        list->ids[list->id_count - list->lengths[list->count - 1]] = i;
    }
}

static void fill_full_context(text_list *list, size_t context)
{
    for (size_t i = 0; i < 40; i++) add_random(list, context, 2);
}

static void fill_single_tokens(text_list *list, size_t context)
{
    (void)context;
    for (size_t i = 0; i < 5; i++) add_random(list, 1, 1);
    for (size_t i = 0; i < 5; i++) {
        add_random(list, 1, 1);
        list->ids[list->id_count - 1] = (int32_t)(i % 3);
    }
}

/* What follows the pooled token, and texts without an end. */
static void fill_tails(text_list *list, size_t context)
{
    for (size_t i = 0; i < 100; i++) {
        size_t length = 1 + random_below(context);
        add_random(list, length, 3);
        int32_t *ids = list->ids + list->id_count - length;
        ids[length - 1] = (int32_t)random_below(3);
        if (i % 2) ids[random_below(length)] = END;
    }
}

/* More than are sorted together, and many times more than run together. */
static void fill_many(text_list *list, size_t context)
{
    (void)context;
    while (list->count < MOST_TEXTS) add_random(list, 1 + random_below(12), 3);
}

static const struct {
    const char *name;
    fill_function *fill;
} lists[] = {
    {"identical", fill_identical},
    {"prefixes", fill_prefixes},
    {"one prefix", fill_one_prefix},
    {"nothing shared", fill_nothing_shared},
    {"full context", fill_full_context},
    {"single tokens", fill_single_tokens},
    {"tails", fill_tails},
    {"many", fill_many},
};
enum { LISTS = sizeof lists / sizeof *lists };

/* The caller frees. */
static float *embed(osprey_session *session, const text_list *list)
{
    size_t width = osprey_model_get_info(osprey_session_get_model(session))->embed_dim;
    float *out = calloc(list->count * width, sizeof *out);
    osprey_error error;
    if (osprey_session_embed_tokens(session, list->ids, list->lengths, list->count,
                                    OSPREY_EMBED_RAW, out, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return out;
}

static float *embed_one_by_one(osprey_session *session, const text_list *list)
{
    size_t width = osprey_model_get_info(osprey_session_get_model(session))->embed_dim;
    float *out = calloc(list->count * width, sizeof *out);
    const int32_t *ids = list->ids;
    for (size_t i = 0; i < list->count; ids += list->lengths[i++])
        assert_int_equal(osprey_session_embed_tokens(session, ids, &list->lengths[i], 1,
                                                     OSPREY_EMBED_RAW, out + i * width, NULL),
                         OSPREY_OK);
    return out;
}

/* The same texts in another order; order[i] is where text i was. */
static text_list shuffle(const text_list *list, size_t *order)
{
    text_list shuffled = list_new();
    size_t *starts = calloc(list->count + 1, sizeof *starts);
    for (size_t i = 0; i < list->count; i++) {
        order[i] = i;
        starts[i + 1] = starts[i] + list->lengths[i];
    }
    for (size_t i = list->count - 1; i > 0; i--) {
        size_t other = random_below(i + 1), swapped = order[i];
        order[i] = order[other];
        order[other] = swapped;
    }
    for (size_t i = 0; i < list->count; i++) {
        size_t length = list->lengths[order[i]];
        memcpy(shuffled.ids + shuffled.id_count, list->ids + starts[order[i]],
               length * sizeof *list->ids);
        shuffled.lengths[shuffled.count++] = length;
        shuffled.id_count += length;
    }
    free(starts);
    return shuffled;
}

/* `list` on three sessions, the last of them shuffled, against `wanted`. */
static void check_list(const char *name, const text_list *list, osprey_session *const sessions[3],
                       const float *wanted)
{
    size_t width = osprey_model_get_info(osprey_session_get_model(sessions[0]))->embed_dim;
    for (size_t s = 0; s < 3; s++) {
        float *got = embed(sessions[s], list);
        if (memcmp(got, wanted, list->count * width * sizeof *got) != 0)
            fail_msg("%s: differs on %zu threads", name, s + 1);
        free(got);
    }
    size_t *order = calloc(list->count, sizeof *order);
    text_list shuffled = shuffle(list, order);
    float *got = embed(sessions[2], &shuffled);
    for (size_t i = 0; i < list->count; i++)
        assert_memory_equal(got + i * width, wanted + order[i] * width, width * sizeof *got);
    free(got);
    free(order);
    list_free(&shuffled);
}

static void test_sharing_changes_nothing(void **state)
{
    (void)state;
    for (size_t m = 0; m < MODELS; m++) {
        osprey_model *model = open_model(golden_model(names[m]));
        size_t context = osprey_model_get_info(model)->context_length;
        for (size_t p = 0; p < USED_PRECISIONS; p++) {
            osprey_session *sessions[3], *alone = new_session(model, 1, precisions[p]);
            for (size_t s = 0; s < 3; s++) sessions[s] = new_session(model, s + 1, precisions[p]);
            for (size_t l = 0; l < LISTS; l++) {
                if (lists[l].fill == fill_many && m > 0) continue; /* one model does */
                text_list list = list_new();
                lists[l].fill(&list, context);
                float *wanted = embed_one_by_one(alone, &list);
                check_list(lists[l].name, &list, sessions, wanted);
                free(wanted);
                list_free(&list);
            }
            for (size_t s = 0; s < 3; s++) osprey_session_free(sessions[s]);
            osprey_session_free(alone);
        }
        osprey_model_free(model);
    }
}

static void count_rows(void *context, const osprey__run *run, size_t step)
{
    if (step == 0) *(size_t *)context += run->tokens;
}

static void test_what_is_shared_is_computed_once(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(names[0]));
    osprey_session *session = new_session(model, 1, OSPREY_PRECISION_FP32);
    for (size_t l = 0; l + 1 < LISTS; l++) { /* but the last, which takes more than one run */
        text_list list = list_new();
        lists[l].fill(&list, 20);
        osprey__text *texts = texts_of(&list);
        osprey__texts_sort(texts, texts + list.count, list.count);
        size_t rows = 0, beginnings = count_beginnings(texts, list.count);
        session->observer = count_rows;
        session->observer_context = &rows;
        free(embed(session, &list));
        if (lists[l].fill == fill_tails)
            assert_true(rows < beginnings);
        else
            assert_int_equal(rows, beginnings);
        free(texts);
        list_free(&list);
    }
    osprey_session_free(session);
    osprey_model_free(model);
}

/* Labels as people write them, through the tokenizer. */
static void test_prompts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "a photo of a cat.",
        "a photo of a cat",
        "",
        "a photo of a cat.",
        "a",
        "a photo",
        "",
        "a photo of a catfish.",
        ("a photo of a dog. a photo of a dog. a photo of a dog. a photo of "
         "a dog. a photo of a dog. a photo of a dog. a photo of a dog. a photo of a dog. a photo "
         "of"),
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    for (size_t m = 0; m < MODELS; m++) {
        osprey_model *model = open_model(golden_model(names[m]));
        size_t width = osprey_model_get_info(model)->embed_dim;
        osprey_session *session = new_session(model, 2, OSPREY_PRECISION_FP32);
        float *together = calloc(TEXTS * width, sizeof *together);
        float *alone = calloc(width, sizeof *alone);
        osprey_error error;
        assert_int_equal(osprey_session_embed_texts(session, texts, TEXTS, OSPREY_EMBED_UNIT_LENGTH,
                                                    together, &error),
                         OSPREY_OK);
        for (size_t t = 0; t < TEXTS; t++) {
            osprey_session_embed_texts(session, &texts[t], 1, OSPREY_EMBED_UNIT_LENGTH, alone,
                                       &error);
            assert_memory_equal(alone, together + t * width, width * sizeof *alone);
        }
        free(alone);
        free(together);
        osprey_session_free(session);
        osprey_model_free(model);
    }
}

/* Neither texts that share all, nor as many of the same lengths that share nothing. */
static void test_a_warm_run_allocates_nothing(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(names[0]));
    osprey_session *session = new_session(model, 2, OSPREY_PRECISION_BF16);
    text_list same = list_new(), different = list_new();
    for (size_t i = 0; i < 600; i++) add_random(&same, 20, 1);
    for (size_t i = 0; i < 600; i++) add_random(&different, 20, 600);
    float *first = embed(session, &same);
    float *out = calloc(600, osprey_model_get_info(model)->embed_dim * sizeof *out);
    size_t allocations = 0;
    osprey__set_memory_hook(count_allocation, &allocations);
    osprey_status status = osprey_session_embed_tokens(
        session, different.ids, different.lengths, different.count, OSPREY_EMBED_RAW, out, NULL);
    if (status == OSPREY_OK)
        status = osprey_session_embed_tokens(session, same.ids, same.lengths, same.count,
                                             OSPREY_EMBED_RAW, out, NULL);
    osprey__set_memory_hook(NULL, NULL);
    assert_int_equal(status, OSPREY_OK);
    assert_int_equal(allocations, 0);
    assert_memory_equal(out, first, 600 * osprey_model_get_info(model)->embed_dim * sizeof *out);
    free(out);
    free(first);
    list_free(&different);
    list_free(&same);
    osprey_session_free(session);
    osprey_model_free(model);
}

static void test_a_refused_text_leaves_the_session_usable(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(names[0]));
    osprey_session *session = new_session(model, 1, OSPREY_PRECISION_FP32);
    text_list list = list_new();
    fill_many(&list, 77);
    float *wanted = embed(session, &list);
    int32_t last = list.ids[list.id_count - 1];
    list.ids[list.id_count - 1] = 1 << 20;
    osprey_error error;
    float *out = calloc(list.count, osprey_model_get_info(model)->embed_dim * sizeof *out);
    assert_int_equal(osprey_session_embed_tokens(session, list.ids, list.lengths, list.count,
                                                 OSPREY_EMBED_RAW, out, &error),
                     OSPREY_INVALID_ARGUMENT);
    char text[32];
    snprintf(text, sizeof text, "text %zu has", list.count - 1);
    assert_non_null(strstr(error.message, text));
    list.ids[list.id_count - 1] = last;
    float *again = embed(session, &list);
    assert_memory_equal(again, wanted,
                        list.count * osprey_model_get_info(model)->embed_dim * sizeof *again);
    free(again);
    free(out);
    free(wanted);
    list_free(&list);
    osprey_session_free(session);
    osprey_model_free(model);
}

/* A tower in which tokens see those behind them shares nothing; whether one does, its plan says. */
static void test_towers_that_see_ahead(void **state)
{
    (void)state;
    for (size_t m = 0; m < MODELS; m++) {
        osprey_model *model = open_model(golden_model(names[m]));
        osprey_session *shared = new_session(model, 2, OSPREY_PRECISION_FP32);
        osprey_session *plain = new_session(model, 2, OSPREY_PRECISION_FP32);
        assert_false(plain->text.plan->sees_ahead);
        plain->text.plan->sees_ahead = true;
        text_list list = list_new();
        fill_prefixes(&list, osprey_model_get_info(model)->context_length);
        float *wanted = embed(shared, &list), *got = embed(plain, &list);
        assert_memory_equal(got, wanted,
                            list.count * osprey_model_get_info(model)->embed_dim * sizeof *got);
        free(got);
        free(wanted);
        list_free(&list);
        osprey_session_free(plain);
        osprey_session_free(shared);

        osprey__graph *graph;
        osprey__plan *plan;
        assert_int_equal(
            osprey__tower_graph(model, OSPREY_TOWER_TEXT, NULL, NULL, NULL, &graph, NULL),
            OSPREY_OK);
        bool has_mask = false;
        for (size_t n = 0; n < graph->node_count; n++) {
            has_mask |= graph->nodes[n].attributes.causal;
            graph->nodes[n].attributes.causal = false;
        }
        assert_int_equal(osprey__plan_create(graph, OSPREY__CPU_PORTABLE, &plan, NULL), OSPREY_OK);
        assert_int_equal(plan->sees_ahead, has_mask);
        osprey__plan_free(plan);
        osprey_model_free(model);
    }
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorting),
        cmocka_unit_test(test_rows_are_the_different_beginnings),
        cmocka_unit_test(test_a_full_trie_stays_as_it_is),
        cmocka_unit_test(test_sharing_changes_nothing),
        cmocka_unit_test(test_what_is_shared_is_computed_once),
        cmocka_unit_test(test_prompts),
        cmocka_unit_test(test_a_warm_run_allocates_nothing),
        cmocka_unit_test(test_a_refused_text_leaves_the_session_usable),
        cmocka_unit_test(test_towers_that_see_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
