/* SPDX-License-Identifier: Apache-2.0 */
#include "model/unused_weights.h"

#include "base/status.h"

#include <string.h>

/* What published files hold besides parameters: constants of their framework's modules. */
static const char *const buffers[] = {"position_ids", "num_batches_tracked", "attn_mask"};

static bool is_buffer(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        if (strcmp(last, buffers[i]) == 0) return true;
    }
    return false;
}

static bool is_in_tower(const osprey__layout_names *names, const char *name)
{
    for (const char *const *prefix = names->tower_prefixes; *prefix; prefix++) {
        if (strncmp(name, *prefix, strlen(*prefix)) == 0) return true;
    }
    return false;
}

void osprey__mark_used_weights(const osprey_model *model, const osprey__graph *graph, bool *used)
{
    size_t count;
    const osprey__tensor *tensors = osprey__weights_tensors(model->weights, &count);
    for (osprey__value_id v = 0; v < graph->value_count; v++) {
        if (graph->values[v].kind != OSPREY__CONSTANT) continue;
        const osprey__tensor *tensor = osprey__weights_find(model->weights, graph->values[v].name);
        if (tensor) used[tensor - tensors] = true;
    }
}

osprey_status osprey__check_unused_weights(const osprey_model *model, const bool *used,
                                           osprey_error *error)
{
    size_t count;
    const osprey__tensor *tensors = osprey__weights_tensors(model->weights, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = tensors[i].name;
        if (used[i] || is_buffer(name) || !is_in_tower(model->names, name)) continue;
        return osprey__fail(error, OSPREY_FORMAT, tensors[i].file,
                            "tensor \"%.200s\" has no place in the model that %s describes; its "
                            "number of layers and its options have to be those of the weights",
                            name, model->config.file);
    }
    return OSPREY_OK;
}
