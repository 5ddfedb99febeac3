/* SPDX-License-Identifier: Apache-2.0 */
#include "model/lit_weights.h"

#include "base/status.h"
#include "model/flax_weights.h"
#include "model/shape_reader.h"
#include "model/tower_builder.h"

#define HEAD_WIDTH  64 /* of BERT-base and BERT-large */
#define TEXT_TOKENS 16 /* that texts are cut to, [CLS] included */

bool osprey__is_lit(const osprey__weights *weights)
{
    return osprey__weights_find(weights, "img/embedding/kernel");
}

/* The names of which the file has the first block's. */
static const osprey__layout_names *find_names(const osprey__shape_reader *r)
{
    for (size_t i = 0; i < OSPREY__LIT_NAMES; i++) {
        const osprey__transformer_names *blocks = &osprey__lit_names[i].image_blocks;
        osprey__tensor_name name =
            osprey__tensor_name_print("%s0/%skernel", blocks->blocks, blocks->names.q);
        if (osprey__shape_has(r, name.text)) return &osprey__lit_names[i];
    }
    return &osprey__lit_names[0]; /* what is missing of these will be named */
}

static osprey_status read_text(const osprey__shape_reader *r, const osprey__layout_names *names,
                               osprey__text_config *text)
{
    const osprey__transformer_names *blocks = &names->text_blocks;
    osprey__tensor_name norm = osprey__tensor_name_print("/%sscale", blocks->names.norm1);
    osprey__tensor_name mlp =
        osprey__tensor_name_print("%s0/%skernel", blocks->blocks, blocks->names.mlp_in);
    *text = (osprey__text_config){.kind = OSPREY__TEXT_BERT,
                                  .context_length = TEXT_TOKENS,
                                  .layers = osprey__shape_blocks(r, blocks->blocks, 0, norm.text),
                                  .activation = OSPREY_ACTIVATION_GELU_TANH,
                                  .layer_norm_epsilon = 1e-12F,
                                  .pooling = OSPREY__POOL_FIRST};
    if (osprey__shape_has(r, "txt/Embed_0/embedding"))
        return osprey__fail(r->error, OSPREY_UNSUPPORTED, r->file,
                            "its text tower is a small transformer with a SentencePiece tokenizer "
                            "(LiT-L16S, LiT-L16Ti); of LiT osprey has those with BERT (LiT-B16B, "
                            "LiT-B16B_2, LiT-L16L)");
    OSPREY_TRY(osprey__shape_dim(r, names->text_token, 2, 0, OSPREY__CONFIG_VOCABULARY_MAX,
                                 &text->vocabulary));
    OSPREY_TRY(
        osprey__shape_dim(r, names->text_token, 2, 1, OSPREY__CONFIG_WIDTH_MAX, &text->width));
    OSPREY_TRY(osprey__shape_dim(r, names->text_position, 2, 0, OSPREY__CONFIG_CONTEXT_MAX,
                                 &text->positions));
    OSPREY_TRY(osprey__shape_dim(r, names->text_token_type, 2, 0, OSPREY__CONFIG_WIDTH_MAX,
                                 &text->token_types));
    OSPREY_TRY(osprey__shape_dim(r, mlp.text, 2, 1, OSPREY__CONFIG_WIDTH_MAX, &text->mlp_width));
    text->heads = text->width / HEAD_WIDTH;
    if (text->width % HEAD_WIDTH != 0)
        return osprey__fail(r->error, OSPREY_UNSUPPORTED, r->file,
                            "its text tower is %zu wide, which heads of %d, as BERT has them, do "
                            "not divide",
                            text->width, HEAD_WIDTH);
    if (text->positions >= TEXT_TOKENS) return OSPREY_OK;
    return osprey__fail(r->error, OSPREY_FORMAT, r->file,
                        "tensor \"%s\" has %zu positions; texts have %d tokens",
                        names->text_position, text->positions, TEXT_TOKENS);
}

/* Either tower's projection; without one an embedding is as wide as its tower. */
static osprey_status read_projection(const osprey__shape_reader *r, const char *prefix,
                                     size_t width, size_t *embed_dim, bool *found)
{
    osprey__tensor_name name = osprey__tensor_name_print("%skernel", prefix);
    *found = osprey__shape_has(r, name.text);
    *embed_dim = width;
    return *found ? osprey__shape_dim(r, name.text, 2, 1, OSPREY__CONFIG_WIDTH_MAX, embed_dim)
                  : OSPREY_OK;
}

osprey_status osprey__lit_weights_config(const osprey__weights *weights,
                                         osprey__model_config *config,
                                         const osprey__layout_names **names, osprey_error *error)
{
    size_t count, of_text = 0;
    bool found;
    const osprey__shape_reader r = {weights, osprey__weights_files(weights, &count)[0], error};
    osprey__image_config *image = &config->image;
    *config = (osprey__model_config){
        .layout = "vision_transformer",
        .file = "the rest of the file",
        .bare = true,
    };
    *names = find_names(&r);
    OSPREY_TRY(osprey__flax_read_vit(&r, *names, image));
    OSPREY_TRY(read_text(&r, *names, &config->text));
    OSPREY_TRY(read_projection(&r, (*names)->image_projection, image->width, &config->embed_dim,
                               &image->has_projection));
    OSPREY_TRY(
        read_projection(&r, (*names)->text_projection, config->text.width, &of_text, &found));
    if (of_text != config->embed_dim)
        return osprey__fail(error, OSPREY_FORMAT, r.file,
                            "its embeddings of images have %zu elements, and those of texts %zu",
                            config->embed_dim, of_text);
    config->preprocessing = osprey__flax_preprocessing(image->image_height);
    return OSPREY_OK;
}
