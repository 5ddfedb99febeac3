/* SPDX-License-Identifier: Apache-2.0 */
#include "model/towers.h"

osprey__value_id osprey__build_vit(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey__layout_names *names = b->model->names;
    osprey__graph *graph = b->graph;
    size_t width = config->width, patch = config->patch_size;
    size_t patches = (config->image_height / patch) * (config->image_width / patch);

    osprey__shape pixels = {
        OSPREY__PER_SEQUENCE, 3, {3, config->image_height, config->image_width}};
    osprey__value_id image = osprey__graph_input(graph, OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    osprey__value_id filter =
        osprey__build_tensor(b, names->image_patch, 4, (size_t[]){width, 3, patch, patch});
    osprey__value_id x =
        osprey__graph_node(graph, OSPREY__OP_CONV2D, "patches", (osprey__value_id[]){image, filter},
                           2, &(osprey__attributes){.stride = patch, .planar = true});
    osprey__attributes rows = {.shape = {OSPREY__PER_SEQUENCE, 2, {patches, width}}};
    x = osprey__graph_node(graph, OSPREY__OP_RESHAPE, "patch_tokens", &x, 1, &rows);

    osprey__value_id class_token =
        osprey__build_tensor_as(b, names->image_class, 1, &width, 2, (size_t[]){1, width});
    x = osprey__graph_node(graph, OSPREY__OP_CONCAT, "tokens", (osprey__value_id[]){class_token, x},
                           2, NULL);
    osprey__value_id position =
        osprey__build_tensor(b, names->image_position, 2, (size_t[]){patches + 1, width});
    x = osprey__graph_node(graph, OSPREY__OP_ADD, "positioned", (osprey__value_id[]){x, position},
                           2, NULL);
    x = osprey__build_layer_norm(b, names->image_pre_norm, x, width, config->layer_norm_epsilon);
    x = osprey__build_transformer(b, &names->image_blocks,
                                  &(osprey__transformer_shape){
                                      .width = width,
                                      .heads = config->heads,
                                      .mlp_width = config->mlp_width,
                                      .layers = config->layers,
                                      .activation = config->activation,
                                      .layer_norm_epsilon = config->layer_norm_epsilon,
                                  },
                                  x);

    x = osprey__graph_node(graph, OSPREY__OP_SLICE, "class_token", &x, 1,
                           &(osprey__attributes){.count = 1});
    osprey__attributes vector = {.shape = {OSPREY__PER_SEQUENCE, 1, {width}}};
    x = osprey__graph_node(graph, OSPREY__OP_RESHAPE, "pooled", &x, 1, &vector);
    x = osprey__build_layer_norm(b, names->image_post_norm, x, width, config->layer_norm_epsilon);
    return osprey__build_projection(b, names->image_projection, x, width,
                                    b->model->config.embed_dim, names->projections_transposed);
}
