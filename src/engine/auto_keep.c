/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/auto_keep.h"

#include "base/memory.h"
#include "base/status.h"
#include "engine/layer_errors.h"

#include <stdlib.h>

/* Every layer is run once with each of them: more make the search slower, not much better. */
#define SAMPLES_A_STEP 4

static size_t width_of(const osprey__keep_search *search)
{
    return search->tower->model->model->config.embed_dim;
}

static bool is_added(const osprey__keep_search *search, size_t sample)
{
    for (size_t i = 0; i < search->worst_count; i++)
        if (search->worst[i] == sample) return true;
    return false;
}

/* The sample farthest below the limit. SIZE_MAX where there is none but those that were added. */
static size_t find_worst(const osprey__keep_search *search, const double *cosines)
{
    size_t worst = SIZE_MAX;
    for (size_t i = 0; i < search->samples->count; i++)
        if (cosines[i] < search->limit && !is_added(search, i) &&
            (worst == SIZE_MAX || cosines[i] < cosines[worst]))
            worst = i;
    return worst;
}

osprey_status osprey__keep_search_add(osprey__keep_search *search, const double *cosines,
                                      osprey_error *error)
{
    size_t width = width_of(search), most = search->worst_count + SAMPLES_A_STEP;
    size_t *worst = osprey__realloc(search->worst, most, sizeof *worst);
    if (!worst) return osprey__fail_memory(error, most * sizeof *worst);
    search->worst = worst;
    float *wanted = osprey__realloc(search->wanted, most * width, sizeof *wanted);
    if (!wanted) return osprey__fail_memory(error, most * width * sizeof *wanted);
    search->wanted = wanted;
    while (search->worst_count < most) {
        size_t sample = find_worst(search, cosines);
        if (sample == SIZE_MAX) break;
        OSPREY_TRY(osprey__sample_embed(search->samples, sample,
                                        search->tower->sessions[OSPREY__AS_FP32],
                                        wanted + search->worst_count * width, error));
        worst[search->worst_count++] = sample;
    }
    return OSPREY_OK;
}

/* The least cosine that tower->forms reach, or, where that is enough to know, one below `enough`.
 */
static osprey_status run_forms(const osprey__keep_search *search, double enough, double *least,
                               osprey_error *error)
{
    size_t width = width_of(search);
    float *got = osprey__calloc(width, sizeof *got);
    if (!got) return osprey__fail_memory(error, width * sizeof *got);
    osprey_status status = OSPREY_OK;
    osprey__mixed_tower_apply(search->tower);
    *least = 1;
    for (size_t i = 0; i < search->worst_count && status == OSPREY_OK && *least >= enough; i++) {
        status = osprey__sample_embed(search->samples, search->worst[i], search->tower->session,
                                      got, error);
        double cosine = osprey__cosine(got, search->wanted + i * width, width);
        if (status == OSPREY_OK && cosine < *least) *least = cosine;
    }
    osprey__free(got);
    return status;
}

static osprey_status is_enough(const osprey__keep_search *search, bool *enough, osprey_error *error)
{
    double least;
    OSPREY_TRY(run_forms(search, search->limit, &least, error));
    *enough = least >= search->limit;
    return OSPREY_OK;
}

static void set_all(osprey__mixed_tower *tower, osprey__form form)
{
    for (size_t s = 0; s < tower->step_count; s++) tower->forms[s] = form;
}

static int by_cost(const void *left, const void *right)
{
    const osprey__layer_cost *a = left, *b = right;
    if (a->cost != b->cost) return a->cost < b->cost ? 1 : -1;
    return a->step < b->step ? -1 : 1;
}

osprey_status osprey__keep_search_measure(osprey__keep_search *search, const size_t *steps,
                                          size_t count, osprey_error *error)
{
    osprey__mixed_tower *tower = search->tower;
    osprey_status status = OSPREY_OK;
    search->costs = osprey__calloc(count, sizeof *search->costs);
    if (!search->costs) return osprey__fail_memory(error, count * sizeof *search->costs);
    search->cost_count = count;
    for (size_t i = 0; i < count && status == OSPREY_OK; i++) {
        double least;
        set_all(tower, OSPREY__AS_FP32);
        tower->forms[steps[i]] = OSPREY__AS_ASKED;
        status = run_forms(search, -1, &least, error);
        search->costs[i] = (osprey__layer_cost){steps[i], 1 - least};
    }
    set_all(tower, OSPREY__AS_ASKED);
    if (count) qsort(search->costs, count, sizeof *search->costs, by_cost);
    return status;
}

static osprey_status measure_all(osprey__keep_search *search, osprey_error *error)
{
    const osprey__mixed_tower *tower = search->tower;
    size_t count = 0;
    size_t *steps = osprey__calloc(tower->step_count, sizeof *steps);
    if (!steps) return osprey__fail_memory(error, tower->step_count * sizeof *steps);
    for (size_t s = 0; s < tower->step_count; s++)
        if (osprey__step_is_product(&tower->asked[s]) &&
            osprey__mixed_precision(tower, s, OSPREY__AS_ASKED) != OSPREY_PRECISION_FP32)
            steps[count++] = s;
    osprey_status status = osprey__keep_search_measure(search, steps, count, error);
    osprey__free(steps);
    return status;
}

static void keep_first(const osprey__keep_search *search, size_t count, osprey__form form)
{
    set_all(search->tower, OSPREY__AS_ASKED);
    for (size_t i = 0; i < count; i++) search->tower->forms[search->costs[i].step] = form;
}

/* Keeps the shortest prefix of the layers that is enough; keeping all of them is. */
static osprey_status bisect(const osprey__keep_search *search, osprey__form form,
                            osprey_error *error)
{
    size_t too_few = 0, enough = search->cost_count;
    while (enough - too_few > 1) {
        size_t middle = too_few + (enough - too_few) / 2;
        bool is;
        keep_first(search, middle, form);
        OSPREY_TRY(is_enough(search, &is, error));
        if (is)
            enough = middle;
        else
            too_few = middle;
    }
    keep_first(search, enough, form);
    return OSPREY_OK;
}

/* Runs every kept layer in a cheaper form, the one that costs least first, as far as it goes. */
static osprey_status lower(const osprey__keep_search *search, osprey__form form,
                           osprey_error *error)
{
    for (size_t i = search->cost_count; i-- > 0;) {
        osprey__form *own = &search->tower->forms[search->costs[i].step], before = *own;
        bool enough;
        if (before <= form) continue;
        *own = form;
        OSPREY_TRY(is_enough(search, &enough, error));
        if (!enough) *own = before;
    }
    return OSPREY_OK;
}

osprey_status osprey__keep_search_run(osprey__keep_search *search, osprey_error *error)
{
    bool has_bf16 = search->tower->sessions[OSPREY__AS_BF16] != NULL, enough = false;
    if (!search->costs) OSPREY_TRY(measure_all(search, error));
    if (has_bf16) {
        keep_first(search, search->cost_count, OSPREY__AS_BF16);
        OSPREY_TRY(is_enough(search, &enough, error));
    }
    OSPREY_TRY(bisect(search, enough ? OSPREY__AS_BF16 : OSPREY__AS_FP32, error));
    OSPREY_TRY(lower(search, OSPREY__AS_ASKED, error));
    return has_bf16 && !enough ? lower(search, OSPREY__AS_BF16, error) : OSPREY_OK;
}

void osprey__keep_search_close(osprey__keep_search *search)
{
    osprey__free(search->worst);
    osprey__free(search->wanted);
    osprey__free(search->costs);
}
