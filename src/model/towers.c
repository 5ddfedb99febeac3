/* SPDX-License-Identifier: Apache-2.0 */
#include "model/towers.h"

#include "base/status.h"

osprey_tower osprey__model_towers(const osprey_model *model)
{
    const osprey__model_config *config = &model->config;
    if (!config->image.layers) return OSPREY_TOWER_TEXT;
    return config->text.layers ? OSPREY_TOWER_BOTH : OSPREY_TOWER_IMAGE;
}

osprey_status osprey__model_choose_towers(const osprey_model *model, osprey_tower asked,
                                          osprey_tower *towers, osprey_error *error)
{
    const osprey_tower all = osprey__model_towers(model);
    *towers = asked ? asked : all;
    if (*towers & ~(unsigned)OSPREY_TOWER_BOTH)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "towers",
                            "%d is no tower; OSPREY_TOWER_IMAGE, OSPREY_TOWER_TEXT or "
                            "OSPREY_TOWER_BOTH would be right",
                            (int)asked);
    if (*towers & ~(unsigned)all)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, model->name,
                            all == OSPREY_TOWER_IMAGE
                                ? "the model has no text tower: it takes pictures only"
                                : "the model has no image tower: it takes texts only");
    return OSPREY_OK;
}

osprey_status osprey__model_build_graph(const osprey_model *model, osprey_tower tower,
                                        osprey__graph **graph, uint64_t *parameters,
                                        osprey_error *error)
{
    bool image = tower == OSPREY_TOWER_IMAGE;
    OSPREY_TRY(osprey__graph_create(image ? "image" : "text", graph, error));
    osprey__tower_builder builder = {.model = model, .graph = *graph, .grid = OSPREY__NO_VALUE};
    osprey__value_id output;
    const osprey__image_kind kind = model->config.image.kind;
    const osprey__text_kind text = model->config.text.kind;
    if (!image && (text == OSPREY__TEXT_BERT || text == OSPREY__TEXT_ROBERTA))
        output = osprey__build_bert_text(&builder);
    else if (!image)
        output = osprey__build_clip_text(&builder);
    else if (kind == OSPREY__IMAGE_MODIFIED_RESNET)
        output = osprey__build_modified_resnet(&builder);
    else if (kind == OSPREY__IMAGE_MIXER)
        output = osprey__build_mixer(&builder);
    else if (kind == OSPREY__IMAGE_EVA || kind == OSPREY__IMAGE_PE)
        output = osprey__build_eva(&builder);
    else if (kind == OSPREY__IMAGE_FASTVIT)
        output = osprey__build_fastvit(&builder);
    else if (kind == OSPREY__IMAGE_CONVNEXT)
        output = osprey__build_convnext(&builder);
    else if (kind == OSPREY__IMAGE_VITAMIN)
        output = osprey__build_vitamin(&builder);
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
