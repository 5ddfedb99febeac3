/* SPDX-License-Identifier: Apache-2.0 */
#include "model/finite_weights.h"

#include "base/status.h"
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

static bool is_finite(const osprey__value *value)
{
    const size_t count = osprey__shape_elements(&value->shape);
    const size_t stride = osprey__dtype_bytes(value->dtype);
    if (value->dtype == OSPREY__F32 || value->dtype == OSPREY__BF16)
        return halves_are_finite(value->data, count, stride, EXPONENT_BF16);
    if (value->dtype == OSPREY__F16)
        return halves_are_finite(value->data, count, stride, EXPONENT_F16);
    return true;
}

static osprey_status check_tower(const osprey_model *model, osprey_tower tower, osprey_error *error)
{
    osprey__graph *graph;
    osprey_status status = OSPREY_OK;
    OSPREY_TRY(osprey__model_build_graph(model, tower, &graph, NULL, error));
    for (osprey__value_id v = 0; v < graph->value_count && status == OSPREY_OK; v++) {
        const osprey__value *value = &graph->values[v];
        if (value->kind != OSPREY__CONSTANT || is_finite(value)) continue;
        const osprey__tensor *tensor = osprey__weights_find(model->weights, value->name);
        status = osprey__fail(error, OSPREY_FORMAT, tensor ? tensor->file : model->name,
                              "tensor \"%.200s\" holds NaN or infinity: the weights are damaged",
                              value->name);
    }
    osprey__graph_free(graph);
    return status;
}

osprey_status osprey__check_finite_weights(const osprey_model *model, osprey_tower towers,
                                           osprey_error *error)
{
    if (towers & OSPREY_TOWER_IMAGE) OSPREY_TRY(check_tower(model, OSPREY_TOWER_IMAGE, error));
    if (towers & OSPREY_TOWER_TEXT) OSPREY_TRY(check_tower(model, OSPREY_TOWER_TEXT, error));
    return OSPREY_OK;
}
