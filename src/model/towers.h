/* SPDX-License-Identifier: Apache-2.0 */
/* The architectures: each builds its graph out of an opened model's tensors. */
#ifndef OSPREY_MODEL_TOWERS_H
#define OSPREY_MODEL_TOWERS_H

#include "graph/graph.h"
#include "model/tower_builder.h"

#include <osprey/session.h>

/*
 * Names of the inputs. Image towers have one, a float [sequence][3][height][width] or, of pictures
 * in any proportions, [sequence][1 + patches][pixels of a patch]. The text tower
 * has three lists of int32: the id and the position of each token, and, for each text, the row
 * among all tokens that its embedding is taken from, where it is taken from one. Of a causal tower
 * that has to be the text's last.
 */
#define OSPREY__INPUT_PIXELS    "pixels"
#define OSPREY__INPUT_IDS       "ids"
#define OSPREY__INPUT_POSITIONS "positions"
#define OSPREY__INPUT_POOLED    "pooled"

/* Vision transformer (Dosovitskiy et al., 2021), also over a ResNet's feature map, and over
 * pictures in any proportions (NaFlex: Tschannen et al., "SigLIP 2", 2025). */
osprey__value_id osprey__build_vit(osprey__tower_builder *builder);

#define OSPREY__STEM_GROUPS 32 /* of channels that a group norm of a hybrid normalises together */

/*
 * What stands before the ViT of a hybrid: a ResNet with group norms and standardised weights
 * (Kolesnikov et al., 2020), of config.stage_layers stages, over pixels. A feature map.
 */
osprey__value_id osprey__build_resnet_stem(osprey__tower_builder *builder, osprey__value_id pixels);

/* EVA (Fang et al., 2022 and 2023), as EVA-CLIP has it (Sun et al., 2023), and the Perception
 * Encoder (Bolya et al., 2025), as timm builds them. */
osprey__value_id osprey__build_eva(osprey__tower_builder *builder);

/*
 * SigLIP's pooling (Zhai et al., 2023, after Lee et al., "Set Transformer", 2019): a learned query
 * attends to the normalised tokens x, and an MLP with a residual follows. A vector a sequence.
 */
osprey__value_id osprey__build_attention_pool(osprey__tower_builder *builder, osprey__value_id x,
                                              size_t heads, size_t mlp_width);

/*
 * CoCa's pooling (Yu et al., 2022) as OpenCLIP has it: of the learned queries, which see the tokens
 * x and not each other, only the first one's result becomes an embedding, and only that is
 * computed. The last norm is done. A vector of the embedding's width a sequence.
 */
osprey__value_id osprey__build_query_pool(osprey__tower_builder *builder, osprey__value_id x);

/* FastViT (Vasu et al., 2023) as MobileCLIP has it (Vasu et al., 2024) and timm builds it. */
osprey__value_id osprey__build_fastvit(osprey__tower_builder *builder);

/* ConvNeXt (Liu et al., 2022) as timm builds it, with OpenCLIP's projection. */
osprey__value_id osprey__build_convnext(osprey__tower_builder *builder);

/* ViTamin (Chen et al., 2024) as timm builds it, with OpenCLIP's projection. */
osprey__value_id osprey__build_vitamin(osprey__tower_builder *builder);

/* What stands before the ViT of MobileCLIP-B: two convolutions over pixels. A feature map. */
osprey__value_id osprey__build_conv_stem(osprey__tower_builder *builder, osprey__value_id pixels);

/* CLIP's modified ResNet (Radford et al., 2021, section 2.4). */
osprey__value_id osprey__build_modified_resnet(osprey__tower_builder *builder);

/* MLP-Mixer (Tolstikhin et al., 2021). */
osprey__value_id osprey__build_mixer(osprey__tower_builder *builder);

/* CLIP's text transformer (the same), causal or not, SigLIP's, where every token sees all, and
 * CoCa's (Yu et al., 2022), whose texts end in a class token. */
osprey__value_id osprey__build_clip_text(osprey__tower_builder *builder);

/* BERT (Devlin et al., 2019): each token sees all of its text, norms stand behind the additions. */
osprey__value_id osprey__build_bert_text(osprey__tower_builder *builder);

/* Those that the model has. */
osprey_tower osprey__model_towers(const osprey_model *model);

/*
 * The towers asked for; 0 asks for all that the model has. Errors: OSPREY_INVALID_ARGUMENT (one
 * that it does not have).
 */
osprey_status osprey__model_choose_towers(const osprey_model *model, osprey_tower asked,
                                          osprey_tower *towers, osprey_error *error);

/*
 * The graph of OSPREY_TOWER_IMAGE or OSPREY_TOWER_TEXT; its output is [sequence][embed_dim], not
 * normalised. *parameters, which may be NULL, gets the number of elements used. The graph refers to
 * the model's mapped tensors. The caller frees *graph with osprey__graph_free.
 * Errors: OSPREY_NOT_FOUND, OSPREY_FORMAT, OSPREY_UNSUPPORTED (the tensor is named).
 */
osprey_status osprey__model_build_graph(const osprey_model *model, osprey_tower tower,
                                        osprey__graph **graph, uint64_t *parameters,
                                        osprey_error *error);

#endif
