/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each published layout calls its tensors, so that the builders are written once.
 *
 * A name that ends in ".", "_" or "/" is a prefix of "weight" and "bias", or of what flax calls
 * them.
 */
#ifndef OSPREY_MODEL_TENSOR_NAMES_H
#define OSPREY_MODEL_TENSOR_NAMES_H

#include <stdbool.h>

/* Of one transformer block; relative to its prefix. */
typedef struct osprey__block_names {
    const char *norm1, *norm2;
    const char *q, *k, *v; /* NULL where they are one matrix: */
    const char *qkv;       /* the rows of q, then k, then v; or NULL */
    const char *attention_out;
    const char *mlp_in, *mlp_out;
    const char *mlp_norm, *mlp_gated; /* ViTamin: a norm before the MLP of its own, and what the
                                         activation of mlp_in's result multiplies; else NULL */
} osprey__block_names;

typedef struct osprey__transformer_names {
    const char *blocks; /* followed by the number of the block and a "." (flax: "/") */
    osprey__block_names names;
    bool heads_joined; /* flax: attention's kernels are matrices, as flaxformer keeps them */
} osprey__transformer_names;

/* What pools the tokens of a ViT by attention. */
typedef struct osprey__pool_names {
    const char *probe; /* the query's input, [1][1][width] */
    const char *q;     /* NULL where its rows are the first of `kv`: */
    const char *kv;    /* the rows of k, then v */
    const char *attention_out, *norm, *mlp_in, *mlp_out;
} osprey__pool_names;

/* The same of CoCa's pool. The projections of q, k and v are one matrix where the tokens are as
 * wide as the embedding. */
typedef struct osprey__query_pool_names {
    const char *queries; /* [queries][embed_dim] */
    const char *query_norm, *key_norm;
    const char *q, *k, *v; /* whole names: [embed_dim][embed_dim] or [embed_dim][width] */
    const char *qkv;       /* a prefix */
    const char *attention_out;
} osprey__query_pool_names;

typedef struct osprey__layout_names {
    osprey__transformer_names image_blocks, text_blocks;
    const char *image_class, *image_patch, *image_position;
    const char *image_pre_norm; /* NULL where there is none, as */
    const char *image_post_norm;
    osprey__pool_names image_pool;             /* SigLIP, the Perception Encoder */
    osprey__query_pool_names image_query_pool; /* CoCa */
    const char *image_projection; /* NULL: image_pre_logits, where the model has them; a prefix
                                     where it is a linear with a bias */
    const char *image_pre_logits, *head;
    const char *text_token, *text_position;
    const char *text_class;      /* CoCa */
    const char *text_token_type; /* BERT */
    const char *text_norm;       /* CLIP: behind the blocks; BERT: before them */
    const char *text_pooler;     /* BERT: NULL where no model of the layout has one, as */
    const char *text_mlp[2];     /* the matrices of a projection that is an MLP */
    const char *text_projection; /* NULL: the width of the text tower is the embedding's; a prefix
                                    in SigLIP, whose projection has a bias */
    const char *temperature;     /* the logarithm of what cosines are multiplied by */
    bool projections_transposed; /* stored as [width][embed_dim] */
    bool batched;                /* what is added to a batch begins with a dimension of 1 */
    bool flax; /* parameters as flax.linen has them: linears' "kernel" is [in][out], with the
                  heads of attention as a dimension of its own, filters are [ky][kx][in][out],
                  norms have a "scale" */
    const char *const *tower_prefixes; /* what begins so is part of a tower; ends with NULL */
} osprey__layout_names;

extern const osprey__layout_names osprey__huggingface_names;
extern const osprey__layout_names osprey__chinese_clip_names; /* ChineseCLIPModel */
extern const osprey__layout_names osprey__siglip_names;       /* SiglipModel */
extern const osprey__layout_names osprey__bert_names;         /* BertModel */
extern const osprey__layout_names osprey__openclip_names;
extern const osprey__layout_names osprey__openclip_prefixed_names;  /* custom_text */
extern const osprey__layout_names osprey__openclip_conv_stem_names; /* the same, MobileCLIP-B */
extern const osprey__layout_names osprey__openclip_trunk_vit_names; /* the same, MobileCLIP2-L */
extern const osprey__layout_names osprey__openclip_siglip_names;    /* the same, SigLIP */
extern const osprey__layout_names osprey__openclip_hf_text_names; /* HFTextEncoder, (XLM-)RoBERTa */
extern const osprey__layout_names osprey__flax_names; /* google-research/vision_transformer */
/* Its LiT models, with the blocks' names of before flax.linen, and since. */
#define OSPREY__LIT_NAMES 2u
extern const osprey__layout_names osprey__lit_names[OSPREY__LIT_NAMES];

#endif
