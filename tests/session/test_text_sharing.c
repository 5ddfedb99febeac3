/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Embeddings of texts that share what they begin with, against those of each text alone, bit for
 * bit. OSPREY_CPU, set by CTest, chooses the instruction set.
 */
#include "base/cpu/cpu_features.h"
#include "base/memory.h"
#include "cmocka_all.h"
#include "memory_hooks.h"
#include "open_model.h"
#include "plan/tower_plan.h"
#include "session/session_data.h"
#include "test_cpu.h"
#include "text_lists.h"

#include <osprey/osprey.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    "hf-vit-p32-quickgelu", "hf-vit-p14-bf16-sparse", /* of one layer */
    "openclip-vit-p16-gelu",                          /* context of 32 */
    "openclip-coca",                                  /* a class token behind each text */
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
    text_list_add(list, context / 2, 600);
    for (size_t i = 0; i < 40; i++) text_list_add_prefix(list, list->ids, context / 2 - 1);
}

/* One a beginning of the next, up to the full context; then backwards. */
static void fill_prefixes(text_list *list, size_t context)
{
    text_list_add(list, context, 600);
    for (size_t length = 0; length < context; length++)
        text_list_add_prefix(list, list->ids, length);
    for (size_t length = context; length-- > 0;) text_list_add_prefix(list, list->ids, length);
}

static void fill_one_prefix(text_list *list, size_t context)
{
    int32_t prefix[4] = {670, 1, 2, 3};
    for (size_t i = 0; i < 50; i++) {
        size_t length = 1 + random_below(context - 5);
        text_list_add_prefix(list, prefix, 4);
        list->count--;
        list->id_count--;
        text_list_add(list, length, 600);
        list->lengths[list->count - 1] += 4;
    }
}

static void fill_nothing_shared(text_list *list, size_t context)
{
    for (int32_t i = 0; i < 60; i++) {
        text_list_add(list, 2 + random_below(context - 1), 600);
        list->ids[list->id_count - list->lengths[list->count - 1]] = i;
    }
}

static void fill_full_context(text_list *list, size_t context)
{
    for (size_t i = 0; i < 40; i++) text_list_add(list, context, 2);
}

static void fill_single_tokens(text_list *list, size_t context)
{
    (void)context;
    for (size_t i = 0; i < 5; i++) text_list_add(list, 1, 1);
    for (size_t i = 0; i < 5; i++) {
        text_list_add(list, 1, 1);
        list->ids[list->id_count - 1] = (int32_t)(i % 3);
    }
}

/* What follows the pooled token, and texts without an end. */
static void fill_tails(text_list *list, size_t context)
{
    for (size_t i = 0; i < 100; i++) {
        size_t length = 1 + random_below(context);
        text_list_add(list, length, 3);
        int32_t *ids = list->ids + list->id_count - length;
        ids[length - 1] = (int32_t)random_below(3);
        if (i % 2) ids[random_below(length)] = END;
    }
}

/* More than are sorted together, and many times more than run together. */
static void fill_many(text_list *list, size_t context)
{
    (void)context;
    while (list->count < MOST_TEXTS) text_list_add(list, 1 + random_below(12), 3);
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
    text_list shuffled = text_list_new();
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
    text_list_free(&shuffled);
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
                text_list list = text_list_new();
                lists[l].fill(&list, context);
                float *wanted = embed_one_by_one(alone, &list);
                check_list(lists[l].name, &list, sessions, wanted);
                free(wanted);
                text_list_free(&list);
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
        text_list list = text_list_new();
        lists[l].fill(&list, 20);
        osprey__text *texts = text_list_texts(&list);
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
        text_list_free(&list);
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
    text_list same = text_list_new(), different = text_list_new();
    for (size_t i = 0; i < 600; i++) text_list_add(&same, 20, 1);
    for (size_t i = 0; i < 600; i++) text_list_add(&different, 20, 600);
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
    text_list_free(&different);
    text_list_free(&same);
    osprey_session_free(session);
    osprey_model_free(model);
}

static void test_a_refused_text_leaves_the_session_usable(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(names[0]));
    osprey_session *session = new_session(model, 1, OSPREY_PRECISION_FP32);
    text_list list = text_list_new();
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
    text_list_free(&list);
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
        text_list list = text_list_new();
        fill_prefixes(&list, osprey_model_get_info(model)->context_length);
        float *wanted = embed(shared, &list), *got = embed(plain, &list);
        assert_memory_equal(got, wanted,
                            list.count * osprey_model_get_info(model)->embed_dim * sizeof *got);
        free(got);
        free(wanted);
        text_list_free(&list);
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
        cmocka_unit_test(test_sharing_changes_nothing),
        cmocka_unit_test(test_what_is_shared_is_computed_once),
        cmocka_unit_test(test_prompts),
        cmocka_unit_test(test_a_warm_run_allocates_nothing),
        cmocka_unit_test(test_a_refused_text_leaves_the_session_usable),
        cmocka_unit_test(test_towers_that_see_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
