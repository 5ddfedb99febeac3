/* SPDX-License-Identifier: Apache-2.0 */
#include "model/position_grid.h"
#include "model/towers.h"

static osprey__value_id build_class_token(osprey__tower_builder *b, osprey__value_id x)
{
    const size_t width = b->model->config.image.width;
    const size_t published[] = {1, 1, width}, row[] = {1, width};
    const bool batched = b->model->names->batched;
    osprey__value_id class_token = osprey__build_tensor_as(
        b, b->model->names->image_class, batched ? 3 : 1, batched ? published : &width, 2, row);
    return osprey__graph_node(b->graph, OSPREY__OP_CONCAT, "tokens",
                              (osprey__value_id[]){class_token, x}, 2, NULL);
}

/* [tokens][width]: the class token before the patches, and the positions added. cell: pixels along
 * a side of a patch. */
static osprey__value_id build_tokens(osprey__tower_builder *b, osprey__value_id x, size_t cell)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey__layout_names *names = b->model->names;
    const bool has_class = !config->mean_pooled && !config->attention_pooled;
    const bool placed = has_class && config->kind != OSPREY__IMAGE_CONV_STEM_VIT;
    if (placed) x = build_class_token(b, x);
    osprey__value_id position = osprey__build_positions(
        b, names->image_position, names->batched ? 3 : 2, placed, cell, config->width);
    x = osprey__graph_node(b->graph, OSPREY__OP_ADD, "positioned",
                           (osprey__value_id[]){x, position}, 2, NULL);
    return has_class && !placed ? build_class_token(b, x) : x;
}

/* One row of all tokens, or what attention makes of them, behind the last norm, as a vector. */
static osprey__value_id build_pooled(osprey__tower_builder *b, osprey__value_id x)
{
    const osprey__image_config *config = &b->model->config.image;
    const char *norm = b->model->names->image_post_norm;
    const osprey__attributes vector = {.shape = {OSPREY__PER_SEQUENCE, 1, {config->width}}};
    if (config->pool_queries) return osprey__build_query_pool(b, x);
    if (config->attention_pooled) {
        x = osprey__build_layer_norm(b, norm, x, config->width, config->layer_norm_epsilon);
        return osprey__build_attention_pool(b, x, config->heads, config->mlp_width);
    }
    if (config->mean_pooled) {
        x = osprey__build_layer_norm(b, norm, x, config->width, config->layer_norm_epsilon);
        x = osprey__graph_node(b->graph, OSPREY__OP_MEAN, "mean_token", &x, 1, NULL);
        return osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, "pooled", &x, 1, &vector);
    }
    x = osprey__graph_node(b->graph, OSPREY__OP_SLICE, "class_token", &x, 1,
                           &(osprey__attributes){.count = 1});
    x = osprey__graph_node(b->graph, OSPREY__OP_RESHAPE, "pooled", &x, 1, &vector);
    return osprey__build_layer_norm(b, norm, x, config->width, config->layer_norm_epsilon);
}

static osprey__value_id build_pre_logits(osprey__tower_builder *b, osprey__value_id x)
{
    x = osprey__build_linear(b, b->model->names->image_pre_logits, x, b->model->config.image.width,
                             b->model->config.embed_dim);
    return osprey__graph_node(b->graph, OSPREY__OP_ACTIVATION, "pre_logits.tanh", &x, 1,
                              &(osprey__attributes){.activation = OSPREY_ACTIVATION_TANH});
}

/* NaFlex's tokens, of patches that are rows already: the first row of pixels is the grid that they
 * lie in. */
static osprey__value_id build_grid_tokens(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey_preprocessing *how = &b->model->config.preprocessing;
    const size_t patches = how->max_patches, side = config->position_side, width = config->width;
    const size_t elements = 3 * how->patch_size * how->patch_size;
    const osprey__shape pixels = {OSPREY__PER_SEQUENCE, 2, {1 + patches, elements}};
    b->grid = osprey__graph_input(b->graph, OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    osprey__value_id positions =
        osprey__build_tensor(b, b->model->names->image_position, 2, (size_t[]){side * side, width});
    positions = osprey__graph_node(b->graph, OSPREY__OP_GRID_POSITIONS, "positions",
                                   (osprey__value_id[]){positions, b->grid}, 2,
                                   &(osprey__attributes){.size = side, .count = patches});
    osprey__value_id x = osprey__graph_node(b->graph, OSPREY__OP_SLICE, "patch_pixels", &b->grid, 1,
                                            &(osprey__attributes){.start = 1, .count = patches});
    x = osprey__build_linear(b, b->model->names->image_patch, x, elements, width);
    return osprey__graph_node(b->graph, OSPREY__OP_ADD, "positioned",
                              (osprey__value_id[]){x, positions}, 2, NULL);
}

/* The tokens of pictures of one size. */
static osprey__value_id build_patch_tokens(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    const size_t patch = config->patch_size, cell = patch * osprey__stem_reduction(config);
    const size_t patches = (config->image_height / cell) * (config->image_width / cell);
    const osprey__shape pixels = {
        OSPREY__PER_SEQUENCE, 3, {3, config->image_height, config->image_width}};
    osprey__value_id x = osprey__graph_input(b->graph, OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    if (config->kind == OSPREY__IMAGE_HYBRID) x = osprey__build_resnet_stem(b, x);
    if (config->kind == OSPREY__IMAGE_CONV_STEM_VIT) x = osprey__build_conv_stem(b, x);
    x = osprey__build_patches(b, b->model->names->image_patch, x, patches, config->width, patch);
    return build_tokens(b, x, cell);
}

osprey__value_id osprey__build_vit(osprey__tower_builder *b)
{
    const osprey__image_config *config = &b->model->config.image;
    const osprey__layout_names *names = b->model->names;
    const size_t width = config->width;
    osprey__value_id x = config->position_side ? build_grid_tokens(b) : build_patch_tokens(b);
    if (names->image_pre_norm)
        x = osprey__build_layer_norm(b, names->image_pre_norm, x, width,
                                     config->layer_norm_epsilon);
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
    x = build_pooled(b, x);
    if (config->has_pre_logits) return build_pre_logits(b, x);
    if (!names->image_projection || (names->flax && !config->has_projection)) return x;
    const size_t out = b->model->config.embed_dim;
    return osprey__build_projection(b, names->image_projection, x,
                                    config->pool_queries ? out : width, out,
                                    names->projections_transposed);
}
