/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the architectures are built with: checked tensors as constants, layer norm, linear layers
 * and transformer blocks. Failures are kept by the graph (see graph.h).
 */
#ifndef OSPREY_MODEL_TOWER_BUILDER_H
#define OSPREY_MODEL_TOWER_BUILDER_H

#include "graph/graph.h"
#include "model/model_data.h"

typedef struct osprey__tower_builder {
    const osprey_model *model;
    osprey__graph *graph;
    uint64_t parameters;   /* elements of the tensors used so far */
    osprey__value_id grid; /* that attention is given; or OSPREY__NO_VALUE */
} osprey__tower_builder;

/* A dense layer's output, its kind of weight, and what follows it. */
typedef struct osprey__transformer_shape {
    size_t width, heads, mlp_width, layers;
    osprey_activation activation;
    float layer_norm_epsilon;
    bool causal;
    bool post_norm; /* BERT: norms stand behind the additions, not before attention and MLP */
} osprey__transformer_shape;

/* Formats into a static-size name; names longer than the buffer are a failure of the graph. */
typedef struct osprey__tensor_name {
    char text[256];
} osprey__tensor_name;
osprey__tensor_name osprey__tensor_name_print(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* The tensor of that name and exactly those dims; counts as parameters. */
osprey__value_id osprey__build_tensor(osprey__tower_builder *builder, const char *name, size_t rank,
                                      const size_t *dims);

/* The same tensor with its elements seen as other dims. */
osprey__value_id osprey__build_tensor_as(osprey__tower_builder *builder, const char *name,
                                         size_t rank, const size_t *dims, size_t seen_rank,
                                         const size_t *seen_dims);

/* Part `part` of the tensor of that name, of as many equal parts along its first dimension; dims
 * are the part's. */
osprey__value_id osprey__build_tensor_part(osprey__tower_builder *builder, const char *name,
                                           size_t part, size_t parts, size_t rank,
                                           const size_t *dims);

/* The elements of a constant, which the caller frees with osprey__free; NULL on failure, and of
 * OSPREY__NO_VALUE. */
float *osprey__constant_floats(osprey__tower_builder *builder, osprey__value_id id);

/* The elements of the tensor of that name and exactly those dims, which the caller frees with
 * osprey__free; NULL on failure. The tensor counts as used, and as parameters. */
float *osprey__build_floats(osprey__tower_builder *builder, const char *name, size_t rank,
                            const size_t *dims);

/* weight [out][in] and bias [out] of `prefix`, or as flax has them, applied to x. */
osprey__value_id osprey__build_linear(osprey__tower_builder *builder, const char *prefix,
                                      osprey__value_id x, size_t in, size_t out);

/* A linear whose outputs a layer scale multiplies (Touvron et al., 2021): both in one. */
typedef struct osprey__scaled_linear {
    const char *prefix;             /* of weight [out][in] and bias [out] */
    const char *scale;              /* name of the scales, [out] */
    size_t weight_rank, scale_rank; /* published with dimensions of 1 behind, up to 4 and 3 */
    size_t in, out;
} osprey__scaled_linear;

osprey__value_id osprey__build_scaled_linear(osprey__tower_builder *builder,
                                             const osprey__scaled_linear *linear,
                                             osprey__value_id x);

/*
 * Of the last `parts` of q, k and v, which are one matrix [parts * width][width], row block `part`,
 * applied to x.
 */
osprey__value_id osprey__build_merged_part(osprey__tower_builder *builder, const char *prefix,
                                           size_t part, size_t parts, osprey__value_id x,
                                           size_t width);

/* A filter of flax's, [size][size][in][out], as a constant of the graph's own:
 * [out][in][size][size]. */
osprey__value_id osprey__build_flax_filter(osprey__tower_builder *builder, const char *name,
                                           size_t out, size_t in, size_t size);

/*
 * The patches of pixels, or of a feature map, as rows: [patches][width]. The filter is published as
 * [width][channels][patch][patch] without a bias, or, where name is a prefix, with one; or in
 * flax's way.
 */
osprey__value_id osprey__build_patches(osprey__tower_builder *builder, const char *name,
                                       osprey__value_id image, size_t patches, size_t width,
                                       size_t patch);

/* A projection: a matrix without bias, whose name is whole; a linear like any other where the name
 * is a prefix. */
osprey__value_id osprey__build_projection(osprey__tower_builder *builder, const char *name,
                                          osprey__value_id x, size_t in, size_t out,
                                          bool transposed);

osprey__value_id osprey__build_layer_norm(osprey__tower_builder *builder, const char *prefix,
                                          osprey__value_id x, size_t width, float epsilon);

/* A linear, an activation and a linear back to the width of x. */
typedef struct osprey__mlp_shape {
    const char *block;    /* a prefix of all names */
    const char *in, *out; /* prefixes of the linears, within the block */
    const char *name;     /* of the activation, the same */
    size_t width, hidden;
    osprey_activation activation;
} osprey__mlp_shape;

osprey__value_id osprey__build_mlp(osprey__tower_builder *builder, const osprey__mlp_shape *mlp,
                                   osprey__value_id x);

/* shape->layers blocks (attention, MLP) after x. */
osprey__value_id osprey__build_transformer(osprey__tower_builder *builder,
                                           const osprey__transformer_names *names,
                                           const osprey__transformer_shape *shape,
                                           osprey__value_id x);

#endif
