/* SPDX-License-Identifier: Apache-2.0 */
/* Labels to text embeddings, once; scoring is in label_score.c. */
#include "task/label_set.h"

#include "base/memory.h"
#include "base/status.h"
#include "input/text/templates.h"
#include "plan/plan.h"

#include <math.h>
#include <string.h>

/* The prompts of all labels under all templates: prompt p is label p % label_count under template
 * p / label_count, so that neighbours share what stands before the label. */
typedef struct prompt_list {
    const osprey_label_set *set;
    osprey__template *templates; /* [template_count] */
    size_t count;
} prompt_list;

static osprey_status copy_labels(osprey_label_set *set, const osprey_label_set_options *options,
                                 osprey_error *error)
{
    if (options->label_count == 0)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, NULL,
                            "there are no labels; give at least one");
    set->labels = osprey__calloc(options->label_count, sizeof *set->labels);
    if (!set->labels) return osprey__fail_memory(error, options->label_count * sizeof *set->labels);
    set->label_count = options->label_count;
    for (size_t i = 0; i < set->label_count; i++) {
        if (!options->labels[i][0])
            return osprey__fail(error, OSPREY_INVALID_ARGUMENT, NULL, "label %zu is empty", i + 1);
        set->labels[i] = osprey__strdup(options->labels[i]);
        if (!set->labels[i]) return osprey__fail_memory(error, strlen(options->labels[i]));
    }
    return OSPREY_OK;
}

static osprey_status parse_templates(prompt_list *prompts, const osprey_label_set_options *options,
                                     osprey_error *error)
{
    static const char *const label_alone[] = {"{}"};
    size_t count = options->template_count ? options->template_count : 1;
    const char *const *texts = options->template_count ? options->templates : label_alone;
    prompts->templates = osprey__calloc(count, sizeof *prompts->templates);
    if (!prompts->templates) return osprey__fail_memory(error, count * sizeof *prompts->templates);
    if (!osprey__multiply(count, options->label_count, &prompts->count))
        return osprey__fail_memory(error, SIZE_MAX);
    for (size_t i = 0; i < count; i++)
        OSPREY_TRY(osprey__template_parse(texts[i], &prompts->templates[i], error));
    return OSPREY_OK;
}

/* rows * dim zeroed floats. */
static osprey_status allocate_rows(size_t rows, size_t dim, float **block, osprey_error *error)
{
    size_t bytes;
    if (!osprey__multiply(rows, dim, &bytes) || !osprey__multiply(bytes, sizeof **block, &bytes))
        return osprey__fail_memory(error, SIZE_MAX);
    *block = osprey__calloc(bytes, 1);
    return *block ? OSPREY_OK : osprey__fail_memory(error, bytes);
}

/* Embeds prompts first to first + count into embeddings: [count, D]. */
static osprey_status embed_prompts(osprey_session *session, const prompt_list *prompts,
                                   size_t first, size_t count, float *embeddings,
                                   osprey_error *error)
{
    char *texts[OSPREY__TEXTS_SORTED] = {0};
    osprey_status status = OSPREY_OK;
    size_t labels = prompts->set->label_count;
    for (size_t i = 0; i < count && status == OSPREY_OK; i++) {
        size_t prompt = first + i;
        status = osprey__template_fill(&prompts->templates[prompt / labels],
                                       prompts->set->labels[prompt % labels], &texts[i], error);
    }
    if (status == OSPREY_OK)
        status = osprey_session_embed_texts(session, (const char *const *)texts, count,
                                            OSPREY_EMBED_UNIT_LENGTH, embeddings, error);
    for (size_t i = 0; i < count; i++) osprey__free(texts[i]);
    return status;
}

static void add_to(float *sum, const float *row, size_t dim)
{
    for (size_t d = 0; d < dim; d++) sum[d] += row[d];
}

static void make_unit(float *row, size_t dim)
{
    double squares = 0;
    for (size_t d = 0; d < dim; d++) squares += (double)row[d] * row[d];
    if (squares == 0) return; /* templates that cancel each other: the label is like nothing */
    float scale = (float)(1 / sqrt(squares));
    for (size_t d = 0; d < dim; d++) row[d] *= scale;
}

static osprey_status encode(osprey_label_set *set, osprey_session *session,
                            const prompt_list *prompts, osprey_error *error)
{
    size_t dim = set->embed_dim;
    float *rows = NULL;
    osprey_status status;
    OSPREY_TRY_GOTO(allocate_rows(OSPREY__TEXTS_SORTED, dim, &rows, error));
    OSPREY_TRY_GOTO(allocate_rows(set->label_count, dim, &set->embeddings, error));
    if (set->template_count > 1)
        OSPREY_TRY_GOTO(allocate_rows(prompts->count, dim, &set->prompt_embeddings, error));
    for (size_t first = 0; first < prompts->count; first += OSPREY__TEXTS_SORTED) {
        size_t left = prompts->count - first;
        size_t count = left < OSPREY__TEXTS_SORTED ? left : OSPREY__TEXTS_SORTED;
        OSPREY_TRY_GOTO(embed_prompts(session, prompts, first, count, rows, error));
        for (size_t i = 0; i < count; i++) {
            size_t label = (first + i) % set->label_count;
            add_to(set->embeddings + label * dim, rows + i * dim, dim);
        }
        if (set->prompt_embeddings)
            memcpy(set->prompt_embeddings + first * dim, rows, count * dim * sizeof *rows);
    }
    for (size_t label = 0; label < set->label_count; label++)
        make_unit(set->embeddings + label * dim, dim);
fail:
    osprey__free(rows);
    return status;
}

osprey_status osprey_label_set_create(osprey_session *session,
                                      const osprey_label_set_options *options,
                                      osprey_label_set **set, osprey_error *error)
{
    const osprey_model_info *model = osprey_model_get_info(osprey_session_get_model(session));
    *set = NULL;
    if (options->ensemble != OSPREY_ENSEMBLE_EMBEDDING &&
        options->ensemble != OSPREY_ENSEMBLE_PROBABILITY)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "ensemble",
                            "%d is no way to join templates; OSPREY_ENSEMBLE_EMBEDDING or "
                            "OSPREY_ENSEMBLE_PROBABILITY would be right",
                            (int)options->ensemble);
    osprey_label_set *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    made->embed_dim = model->embed_dim;
    made->logit_scale = model->logit_scale;
    made->logit_bias = model->logit_bias;
    made->template_count =
        options->ensemble == OSPREY_ENSEMBLE_PROBABILITY && options->template_count
            ? options->template_count
            : 1;
    prompt_list prompts = {.set = made};
    osprey_status status;
    OSPREY_TRY_GOTO(copy_labels(made, options, error));
    OSPREY_TRY_GOTO(parse_templates(&prompts, options, error));
    OSPREY_TRY_GOTO(encode(made, session, &prompts, error));
    OSPREY_TRY_GOTO(osprey__label_set_check(made, model->name, error));
    osprey__free(prompts.templates);
    *set = made;
    return OSPREY_OK;
fail:
    osprey__free(prompts.templates);
    osprey_label_set_free(made);
    return status;
}

osprey_status osprey__label_set_check(const osprey_label_set *set, const char *model,
                                      osprey_error *error)
{
    for (size_t label = 0; label < set->label_count; label++) {
        const float *row = set->embeddings + label * set->embed_dim;
        bool finite = !set->biases || isfinite(set->biases[label]);
        for (size_t d = 0; finite && d < set->embed_dim; d++) finite = isfinite(row[d]);
        if (!finite)
            return osprey__fail(error, OSPREY_FORMAT, model,
                                "what it makes of label \"%.100s\" is not finite: its weights hold "
                                "NaN or infinity, which osprey compile finds, or numbers too large",
                                set->labels[label]);
    }
    return OSPREY_OK;
}

size_t osprey_label_set_count(const osprey_label_set *set)
{
    return set->label_count;
}

const char *osprey_label_set_label(const osprey_label_set *set, size_t index)
{
    return index < set->label_count ? set->labels[index] : NULL;
}

const float *osprey_label_set_embeddings(const osprey_label_set *set)
{
    return set->embeddings;
}

void osprey_label_set_free(osprey_label_set *set)
{
    if (!set) return;
    for (size_t i = 0; i < set->label_count; i++) osprey__free(set->labels[i]);
    osprey__free(set->labels);
    osprey__free(set->embeddings);
    osprey__free(set->prompt_embeddings);
    osprey__free(set);
}
