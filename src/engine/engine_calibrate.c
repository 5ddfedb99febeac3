/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_calibrate.h"

#include "base/memory.h"
#include "base/status.h"
#include "engine/calibration_run.h"
#include "plan/calibration.h"
#include "session/session_data.h"

#include <assert.h>

typedef struct calibration {
    const osprey_engine_calibration *how;
    osprey__graph *graph;
    osprey__histogram **histograms; /* one a node; NULL of those that keep floats */
    osprey_error *error;
} calibration;

osprey_status osprey__calibration_check(const osprey_engine_options *options, osprey_error *error)
{
    const osprey_engine_calibration *how = &options->calibration;
    if (how->method == OSPREY_CALIBRATION_NONE) return OSPREY_OK;
    if ((unsigned)how->method > OSPREY_CALIBRATION_ENTROPY)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "calibration",
                            "%d is no value of osprey_calibration_method", (int)how->method);
    if (!(options->towers & OSPREY_TOWER_IMAGE)) return OSPREY_OK; /* it needs no images */
    if (how->image_count < 1 || how->image_count > OSPREY_CALIBRATION_IMAGES_MAX)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "calibration",
                            "%zu images; 1 to %d would be right", how->image_count,
                            OSPREY_CALIBRATION_IMAGES_MAX);
    return OSPREY_OK;
}

/* A step observer: counts what the step will read. The session's graph has the same nodes. */
static void observe(void *context, const osprey__run *run, size_t step)
{
    const calibration *c = context;
    assert(run->plan->step_count == c->graph->node_count);
    if (step == run->plan->step_count || !c->histograms[step]) return;
    /* Floats in any case, perhaps with gaps: that is how fp32 prepares them. */
    osprey__run_rows rows = osprey__run_get_rows(run, run->plan->steps[step].node->inputs[0]);
    for (size_t row = 0; row < rows.count; row++)
        osprey__histogram_add(c->histograms[step],
                              (const float *)(rows.first + row * rows.form->stride),
                              rows.form->width);
}

static bool has_range(const osprey__node *node)
{
    return node->attributes.precision >= OSPREY_PRECISION_INT8;
}

static osprey_status make_histograms(calibration *c, size_t *count)
{
    size_t nodes = c->graph->node_count;
    c->histograms = osprey__calloc(nodes, sizeof *c->histograms);
    if (!c->histograms) return osprey__fail_memory(c->error, nodes * sizeof *c->histograms);
    for (size_t n = 0; n < nodes; n++) {
        if (!has_range(&c->graph->nodes[n])) continue;
        c->histograms[n] = osprey__calloc(1, sizeof **c->histograms);
        if (!c->histograms[n]) return osprey__fail_memory(c->error, sizeof **c->histograms);
        ++*count;
    }
    return OSPREY_OK;
}

static osprey_status set_ranges(const calibration *c)
{
    for (size_t n = 0; n < c->graph->node_count; n++) {
        const osprey__histogram *seen = c->histograms[n];
        osprey__node *node = &c->graph->nodes[n];
        if (!seen) continue;
        if (seen->not_finite)
            return osprey__fail(c->error, OSPREY_INVALID_ARGUMENT,
                                c->graph->values[node->output].name,
                                "the images or prompts that calibrate give this layer NaN or "
                                "infinity in fp32");
        node->attributes.input_range = osprey__histogram_range(seen, c->how->method);
    }
    return OSPREY_OK;
}

osprey_status osprey__calibrate_graph(osprey_session *fp32, osprey_tower tower,
                                      const osprey_engine_calibration *how, osprey__graph *graph,
                                      size_t *calibrated, osprey_error *error)
{
    calibration c = {.how = how, .graph = graph, .error = error};
    size_t count = 0;
    osprey_status status = make_histograms(&c, &count);
    if (status == OSPREY_OK && count) {
        fp32->observer = observe;
        fp32->observer_context = &c;
        status = osprey__calibration_run(how, fp32, tower, error);
        fp32->observer = NULL;
        if (status == OSPREY_OK) status = set_ranges(&c);
    }
    if (status == OSPREY_OK) *calibrated += count;
    for (size_t n = 0; c.histograms && n < graph->node_count; n++) osprey__free(c.histograms[n]);
    osprey__free(c.histograms);
    return status;
}

osprey_status osprey__calibrate_tower(const osprey_model *model, osprey_tower tower,
                                      const osprey__reductions *reductions,
                                      const osprey_engine_calibration *how, osprey__graph *graph,
                                      size_t *calibrated, osprey_error *error)
{
    const osprey_session_options options = {.towers = tower};
    osprey__reductions same = *reductions;
    osprey_session *fp32;
    size_t n = 0;
    while (n < graph->node_count && !has_range(&graph->nodes[n])) n++;
    if (n == graph->node_count) return OSPREY_OK;
    same.reduced = NULL; /* which the compiler's own graph has reported */
    OSPREY_TRY(osprey__session_create(model, &options, &same, &fp32, error));
    osprey_status status = osprey__calibrate_graph(fp32, tower, how, graph, calibrated, error);
    osprey_session_free(fp32);
    return status;
}
