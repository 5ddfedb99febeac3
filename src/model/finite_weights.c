/* SPDX-License-Identifier: Apache-2.0 */
#include "model/finite_weights.h"

#include "base/status.h"
#include "model/class_head.h"
#include "model/model_data.h"
#include "model/towers.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The upper halves of float32, and bfloat16s, have their exponents at the same place. */
#define EXPONENT_BF16 0x7f80U
#define EXPONENT_F16  0x7c00U

/* Elements of two bytes, the last of each `stride`, are without the exponent of NaN and infinity.
 */
static bool halves_are_finite(const unsigned char *bytes, size_t count, size_t stride,
                              unsigned exponent)
{
    unsigned found = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + (i + 1) * stride - sizeof half, sizeof half);
        found |= (half & exponent) == exponent;
    }
    return !found;
}

static bool is_finite(osprey__dtype dtype, const void *data, size_t count)
{
    const size_t stride = osprey__dtype_bytes(dtype);
    if (dtype == OSPREY__F32 || dtype == OSPREY__BF16)
        return halves_are_finite(data, count, stride, EXPONENT_BF16);
    if (dtype == OSPREY__F16) return halves_are_finite(data, count, stride, EXPONENT_F16);
    return true;
}

static osprey_status not_finite(const char *file, const char *tensor, osprey_error *error)
{
    return osprey__fail(error, OSPREY_FORMAT, file,
                        "tensor \"%.200s\" holds NaN or infinity: the weights are damaged", tensor);
}

static osprey_status check_tower(const osprey_model *model, osprey_tower tower, osprey_error *error)
{
    osprey__graph *graph;
    osprey_status status = OSPREY_OK;
    OSPREY_TRY(osprey__model_build_graph(model, tower, &graph, NULL, error));
    for (osprey__value_id v = 0; v < graph->value_count && status == OSPREY_OK; v++) {
        const osprey__value *value = &graph->values[v];
        if (value->kind != OSPREY__CONSTANT ||
            is_finite(value->dtype, value->data, osprey__shape_elements(&value->shape)))
            continue;
        const osprey__tensor *tensor = osprey__weights_find(model->weights, value->name);
        status = not_finite(tensor ? tensor->file : model->name, value->name, error);
    }
    osprey__graph_free(graph);
    return status;
}

static osprey_status check_head(const osprey_model *model, osprey_error *error)
{
    if (!model->config.head_classes) return OSPREY_OK;
    const osprey__class_head head = osprey__class_head_find(model);
    const osprey__tensor *const tensors[] = {head.kernel, head.bias};
    for (size_t i = 0; i < 2; i++)
        if (!is_finite(tensors[i]->dtype, tensors[i]->data, tensors[i]->elements))
            return not_finite(tensors[i]->file, tensors[i]->name, error);
    return OSPREY_OK;
}

osprey_status osprey__check_finite_weights(const osprey_model *model, osprey_tower towers,
                                           osprey_error *error)
{
    if (towers & OSPREY_TOWER_IMAGE) OSPREY_TRY(check_tower(model, OSPREY_TOWER_IMAGE, error));
    if (towers & OSPREY_TOWER_TEXT) OSPREY_TRY(check_tower(model, OSPREY_TOWER_TEXT, error));
    return check_head(model, error);
}
