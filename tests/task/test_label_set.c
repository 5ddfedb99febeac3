/* SPDX-License-Identifier: Apache-2.0 */
/* Label sets and scores, against a straightforward computation with a tiny model. */
#include "cmocka_all.h"

#include <osprey/osprey.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL  OSPREY_TEST_DIR "/golden/models/hf-vit-p32-quickgelu"
#define LABELS 300 /* under 7 templates more than one call of the text tower */

static osprey_model *model;
static osprey_session *session;
static size_t dim;
static float *image; /* [dim], unit length */
static char label_texts[LABELS][32];
static const char *labels[LABELS];
static const char *const *simple;
static size_t simple_count;

static int open_model(void **state)
{
    (void)state;
    osprey_error error;
    osprey_session_options options = {.towers = OSPREY_TOWER_TEXT, .threads = 2};
    if (osprey_model_open(MODEL, &model, &error) != OSPREY_OK ||
        osprey_session_create(model, &options, &session, &error) != OSPREY_OK ||
        osprey_templates_builtin("simple", &simple, &simple_count, &error) != OSPREY_OK)
        return -1;
    dim = osprey_model_get_info(model)->embed_dim;
    image = calloc(dim, sizeof *image);
    /* Near some of the texts, so that the probabilities are no mere zeros and ones. */
    const char *text[] = {"a photo of thing 3"};
    if (osprey_session_embed_texts(session, text, 1, OSPREY_EMBED_UNIT_LENGTH, image, &error) !=
        OSPREY_OK)
        return -1;
    for (size_t i = 0; i < LABELS; i++) {
        snprintf(label_texts[i], sizeof label_texts[i], "thing %zu", i);
        labels[i] = label_texts[i];
    }
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    free(image);
    osprey_session_free(session);
    osprey_model_free(model);
    return 0;
}

/* The unit embedding of one label in one template, by itself. */
static void embed_prompt(const char *template, const char *label, float *embedding)
{
    char prompt[256];
    const char *place = strstr(template, "{}"), *pointer = prompt;
    snprintf(prompt, sizeof prompt, "%.*s%s%s", (int)(place - template), template, label,
             place + 2);
    assert_int_equal(
        osprey_session_embed_texts(session, &pointer, 1, OSPREY_EMBED_UNIT_LENGTH, embedding, NULL),
        OSPREY_OK);
}

static double cosine_with_image(const double *embedding)
{
    double sum = 0;
    for (size_t d = 0; d < dim; d++) sum += (double)image[d] * embedding[d];
    return sum;
}

/* [label]: the mean over the templates' unit embeddings, made unit again. */
static void expected_embedding(const char *const *templates, size_t count, const char *label,
                               double *mean)
{
    double squares = 0;
    float *row = calloc(dim, sizeof *row);
    memset(mean, 0, dim * sizeof *mean);
    for (size_t t = 0; t < count; t++) {
        embed_prompt(templates[t], label, row);
        for (size_t d = 0; d < dim; d++) mean[d] += (double)row[d] / (double)count;
    }
    for (size_t d = 0; d < dim; d++) squares += mean[d] * mean[d];
    for (size_t d = 0; d < dim; d++) mean[d] /= sqrt(squares);
    free(row);
}

static void softmax(const double *cosines, double *probabilities)
{
    double scale = (double)osprey_model_get_info(model)->logit_scale, sum = 0;
    for (size_t i = 0; i < LABELS; i++) sum += exp(scale * (cosines[i] - 1));
    for (size_t i = 0; i < LABELS; i++) probabilities[i] = exp(scale * (cosines[i] - 1)) / sum;
}

static osprey_label_set *make_set(const char *const *templates, size_t count,
                                  osprey_ensemble ensemble)
{
    osprey_label_set_options options = {.labels = labels,
                                        .label_count = LABELS,
                                        .templates = templates,
                                        .template_count = count,
                                        .ensemble = ensemble};
    osprey_label_set *set = NULL;
    osprey_error error;
    assert_int_equal(osprey_label_set_create(session, &options, &set, &error), OSPREY_OK);
    assert_int_equal(osprey_label_set_count(set), LABELS);
    return set;
}

static void assert_scores(const osprey_label_set *set, osprey_score_kind kind,
                          const double *cosines, const double *probabilities)
{
    osprey_score scores[LABELS];
    assert_int_equal(osprey_label_set_score(set, image, kind, scores, NULL), OSPREY_OK);
    for (size_t i = 0; i < LABELS; i++) {
        assert_int_equal(scores[i].label, i);
        assert_true(fabs((double)scores[i].cosine - cosines[i]) < 1e-6);
        assert_true(fabs((double)scores[i].score - probabilities[i]) < 1e-4);
    }
}

static void test_mean_of_embeddings(void **state)
{
    (void)state;
    osprey_label_set *set = make_set(simple, simple_count, OSPREY_ENSEMBLE_EMBEDDING);
    const float *embeddings = osprey_label_set_embeddings(set);
    double *expected = calloc(dim, sizeof *expected);
    double cosines[LABELS], probabilities[LABELS];
    for (size_t i = 0; i < LABELS; i++) {
        expected_embedding(simple, simple_count, labels[i], expected);
        for (size_t d = 0; d < dim; d++)
            assert_true(fabs((double)embeddings[i * dim + d] - expected[d]) < 1e-6);
        cosines[i] = cosine_with_image(expected);
        assert_string_equal(osprey_label_set_label(set, i), labels[i]);
    }
    softmax(cosines, probabilities);
    assert_scores(set, OSPREY_SCORE_SOFTMAX, cosines, probabilities);
    double scale = (double)osprey_model_get_info(model)->logit_scale;
    for (size_t i = 0; i < LABELS; i++) probabilities[i] = 1 / (1 + exp(-scale * cosines[i]));
    assert_scores(set, OSPREY_SCORE_SIGMOID, cosines, probabilities);
    free(expected);
    osprey_label_set_free(set);
}

static void test_mean_of_probabilities(void **state)
{
    (void)state;
    osprey_label_set *set = make_set(simple, simple_count, OSPREY_ENSEMBLE_PROBABILITY);
    double *one = calloc(dim, sizeof *one);
    double mean_cosines[LABELS] = {0}, mean_probabilities[LABELS] = {0};
    for (size_t t = 0; t < simple_count; t++) {
        double cosines[LABELS], probabilities[LABELS];
        for (size_t i = 0; i < LABELS; i++) {
            expected_embedding(&simple[t], 1, labels[i], one);
            cosines[i] = cosine_with_image(one);
        }
        softmax(cosines, probabilities);
        for (size_t i = 0; i < LABELS; i++) {
            mean_cosines[i] += cosines[i] / (double)simple_count;
            mean_probabilities[i] += probabilities[i] / (double)simple_count;
        }
    }
    assert_scores(set, OSPREY_SCORE_SOFTMAX, mean_cosines, mean_probabilities);

    osprey_label_set *by_embedding = make_set(simple, simple_count, OSPREY_ENSEMBLE_EMBEDDING);
    assert_memory_equal(osprey_label_set_embeddings(set), osprey_label_set_embeddings(by_embedding),
                        LABELS * dim * sizeof(float));
    osprey_label_set_free(by_embedding);
    free(one);
    osprey_label_set_free(set);
}

static void test_without_templates_the_label_alone(void **state)
{
    (void)state;
    static const char *const alone[] = {"{label}"};
    osprey_label_set *plain = make_set(NULL, 0, OSPREY_ENSEMBLE_PROBABILITY);
    osprey_label_set *named = make_set(alone, 1, OSPREY_ENSEMBLE_EMBEDDING);
    assert_memory_equal(osprey_label_set_embeddings(plain), osprey_label_set_embeddings(named),
                        LABELS * dim * sizeof(float));
    osprey_label_set_free(plain);
    osprey_label_set_free(named);
    osprey_label_set_free(NULL);
}

static void test_softmax_sums_to_one(void **state)
{
    (void)state;
    osprey_label_set *set = make_set(simple, 1, OSPREY_ENSEMBLE_EMBEDDING);
    osprey_score scores[LABELS];
    double sum = 0;
    assert_int_equal(osprey_label_set_score(set, image, OSPREY_SCORE_SOFTMAX, scores, NULL),
                     OSPREY_OK);
    for (size_t i = 0; i < LABELS; i++) sum += (double)scores[i].score;
    assert_true(fabs(sum - 1) < 1e-5);

    /* A vector that is far from unit length must not overflow exp. */
    float *far = calloc(dim, sizeof *far);
    for (size_t d = 0; d < dim; d++) far[d] = 1e6f * image[d];
    for (int kind = OSPREY_SCORE_SOFTMAX; kind <= OSPREY_SCORE_SIGMOID; kind++) {
        assert_int_equal(osprey_label_set_score(set, far, (osprey_score_kind)kind, scores, NULL),
                         OSPREY_OK);
        for (size_t i = 0; i < LABELS; i++)
            assert_true(scores[i].score >= 0 && scores[i].score <= 1);
    }
    free(far);
    osprey_label_set_free(set);
}

/* Scores of two labels and one embedding by one of the golden models. */
static void score_with(const char *path, osprey_score_kind kind, osprey_score scores[2])
{
    osprey_error error;
    osprey_model *other;
    osprey_session *its;
    osprey_label_set *set;
    const osprey_session_options options = {.towers = OSPREY_TOWER_TEXT, .threads = 1};
    const osprey_label_set_options how = {.labels = labels, .label_count = 2};
    float given[64] = {0.6F, 0.8F};
    assert_int_equal(osprey_model_open(path, &other, &error), OSPREY_OK);
    assert_int_equal(osprey_session_create(other, &options, &its, &error), OSPREY_OK);
    assert_int_equal(osprey_label_set_create(its, &how, &set, &error), OSPREY_OK);
    assert_int_equal(osprey_label_set_score(set, given, kind, scores, &error), OSPREY_OK);
    osprey_label_set_free(set);
    osprey_session_free(its);
    osprey_model_free(other);
}

/* A model with a bias was trained with sigmoids: each label by itself, as transformers' and
 * OpenCLIP's logits. */
static void test_scores_as_trained(void **state)
{
    (void)state;
    static const char *const siglips[] = {OSPREY_TEST_DIR "/golden/models/hf-siglip",
                                          OSPREY_TEST_DIR "/golden/models/openclip-siglip"};
    osprey_score trained[2], asked[2];
    for (size_t m = 0; m < 2; m++) {
        score_with(siglips[m], OSPREY_SCORE_AS_TRAINED, trained);
        score_with(siglips[m], OSPREY_SCORE_SIGMOID, asked);
        for (size_t i = 0; i < 2; i++) {
            const double logit = 40 * (double)trained[i].cosine - 12.5;
            /* The second has its weights, the logarithm of 40 too, in half precision. */
            assert_true(fabs((double)trained[i].score - 1 / (1 + exp(-logit))) < (m ? 1e-3 : 1e-6));
            assert_true(trained[i].score == asked[i].score);
        }
    }
    score_with(MODEL, OSPREY_SCORE_AS_TRAINED, trained);
    score_with(MODEL, OSPREY_SCORE_SOFTMAX, asked);
    for (size_t i = 0; i < 2; i++) assert_true(trained[i].score == asked[i].score);
}

static void assert_refused(const osprey_label_set_options *options, const char *subject,
                           const char *reason)
{
    osprey_label_set *set = (osprey_label_set *)&dim;
    osprey_error error;
    assert_int_equal(osprey_label_set_create(session, options, &set, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_null(set);
    assert_string_equal(error.subject, subject);
    assert_non_null(strstr(error.message, reason));
}

static void test_wrong_options(void **state)
{
    (void)state;
    const char *holed[] = {"cat", ""};
    const char *templates[] = {"a {}", "a photo"};
    assert_refused(&(osprey_label_set_options){0}, "", "no labels");
    assert_refused(&(osprey_label_set_options){.labels = holed, .label_count = 2}, "",
                   "label 2 is empty");
    assert_refused(
        &(osprey_label_set_options){
            .labels = labels, .label_count = 1, .templates = templates, .template_count = 2},
        "a photo", "no place for the label");
    assert_refused(&(osprey_label_set_options){.labels = labels,
                                               .label_count = 1,
                                               .ensemble = (osprey_ensemble)9},
                   "ensemble", "9 is no way");
}

static void test_wrong_calls(void **state)
{
    (void)state;
    osprey_label_set_options options = {.labels = labels, .label_count = 2};
    osprey_label_set *set = NULL;
    osprey_score scores[2];
    osprey_error error;
    assert_int_equal(osprey_label_set_create(session, &options, &set, &error), OSPREY_OK);
    assert_string_equal(osprey_label_set_label(set, 1), labels[1]);
    assert_null(osprey_label_set_label(set, 2));
    assert_int_equal(osprey_label_set_score(set, image, (osprey_score_kind)9, scores, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "kind");
    osprey_label_set_free(set);
}

static void assert_order(const osprey_score *scores, const size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) assert_int_equal(scores[i].label, order[i]);
}

static void test_rank(void **state)
{
    (void)state;
    static const osprey_score given[] = {{0, 0.1f, 0}, {1, 0.3f, 0}, {2, 0.1f, 0},
                                         {3, NAN, 0},  {4, 0.3f, 0}, {5, 0.2f, 0}};
    static const size_t order[] = {1, 4, 5, 0, 2, 3};
    static const struct {
        size_t top;
        float threshold;
        size_t kept;
    } cases[] = {
        {0, 0, 5}, {2, 0, 2}, {100, 0, 5}, {0, 0.1f, 5}, {0, 0.2f, 3}, {2, 0.2f, 2}, {0, 0.9f, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        osprey_score scores[6];
        memcpy(scores, given, sizeof given);
        assert_int_equal(osprey_scores_rank(scores, 6, cases[i].top, cases[i].threshold),
                         cases[i].kept);
        assert_order(scores, order, 6);
    }
    assert_int_equal(osprey_scores_rank(NULL, 0, 5, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_of_embeddings),
        cmocka_unit_test(test_mean_of_probabilities),
        cmocka_unit_test(test_without_templates_the_label_alone),
        cmocka_unit_test(test_softmax_sums_to_one),
        cmocka_unit_test(test_scores_as_trained),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_wrong_calls),
        cmocka_unit_test(test_rank),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
