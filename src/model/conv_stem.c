/* SPDX-License-Identifier: Apache-2.0 */
#include "model/conv_branches.h"
#include "model/mobile_weights.h"
#include "model/towers.h"

#define STEM OSPREY__MOBILE_TRUNK "patch_embed.backbone."

/* Patches that do not overlap, a batch norm and GELU. */
static osprey__value_id build_layer(osprey__tower_builder *b, const char *prefix, size_t in,
                                    size_t size, osprey__value_id x)
{
    osprey__conv_branches conv = {
        .builder = b, .in = in, .out = b->model->config.image.stem_width, .size = size};
    osprey__tensor_name name = osprey__tensor_name_print("%sgelu", prefix);
    osprey__branches_add_conv(&conv, prefix, size);
    x = osprey__branches_build(&conv, prefix, size, 0, x);
    return osprey__graph_node(b->graph, OSPREY__OP_ACTIVATION, name.text, &x, 1,
                              &(osprey__attributes){.activation = OSPREY_ACTIVATION_GELU});
}

osprey__value_id osprey__build_conv_stem(osprey__tower_builder *b, osprey__value_id pixels)
{
    osprey__value_id x = build_layer(b, STEM "0.", 3, 4, pixels);
    return build_layer(b, STEM "1.", b->model->config.image.stem_width, 2, x);
}
