/* SPDX-License-Identifier: Apache-2.0 */
#include "model/towers.h"

#include "base/status.h"

osprey_status osprey__model_build_graph(const osprey_model *model, osprey_tower tower,
                                        osprey__graph **graph, uint64_t *parameters,
                                        osprey_error *error)
{
    bool image = tower == OSPREY_TOWER_IMAGE;
    OSPREY_TRY(osprey__graph_create(image ? "image" : "text", graph, error));
    osprey__tower_builder builder = {model, *graph, 0};
    osprey__value_id output;
    if (!image)
        output = osprey__build_clip_text(&builder);
    else if (model->config.image.kind == OSPREY__IMAGE_MODIFIED_RESNET)
        output = osprey__build_modified_resnet(&builder);
    else
        output = osprey__build_vit(&builder);
    osprey_status status = osprey__graph_finish(*graph, output, error);
    if (status != OSPREY_OK) {
        osprey__graph_free(*graph);
        *graph = NULL;
        return status;
    }
    if (parameters) *parameters = builder.parameters;
    return OSPREY_OK;
}
