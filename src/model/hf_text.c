/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hf_text.h"

#include "base/status.h"
#include "model/shape_reader.h"

#include <string.h>

#define TOWER      "text.transformer."
#define EMBEDDINGS TOWER "embeddings."
#define LAYERS     TOWER "encoder.layer."

bool osprey__is_hf_text(const osprey__weights *weights)
{
    return osprey__weights_find(weights, EMBEDDINGS "word_embeddings.weight");
}

static osprey_status check_name(const osprey__model_config *config, osprey_error *error)
{
    static const char *const names[] = {"xlm-roberta-base", "xlm-roberta-large", "roberta-base",
                                        "roberta-large"};
    const char *name = config->hf_text.name, *slash = strchr(name, '/');
    /* "FacebookAI/roberta-base" is the same model. */
    if (slash) name = slash + 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, config->file,
                        "\"hf_model_name\" is \"%s\"; of transformers' text towers there are %s, "
                        "%s, %s and %s",
                        config->hf_text.name, names[0], names[1], names[2], names[3]);
}

static osprey_status read_pooler(const osprey__model_config *config, osprey__text_config *text,
                                 osprey_error *error)
{
    const char *pooler = config->hf_text.pooler;
    /* Without a name, null, it is the architecture's own. */
    const bool mean = !*pooler || strcmp(pooler, "mean_pooler") == 0;
    text->has_pooler = strcmp(pooler, "cls_pooler") == 0;
    text->pooling = mean ? OSPREY__POOL_MEAN : OSPREY__POOL_FIRST;
    if (mean || text->has_pooler || strcmp(pooler, "cls_last_hidden_state_pooler") == 0)
        return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, config->file,
                        "\"hf_pooler_type\" is \"%s\"; supported are mean_pooler, cls_pooler and "
                        "cls_last_hidden_state_pooler",
                        pooler);
}

static osprey_status read_projection(const osprey__model_config *config, osprey__text_config *text,
                                     osprey_error *error)
{
    const char *proj = config->hf_text.proj;
    const bool mlp = strcmp(proj, "mlp") == 0;
    text->unprojected = !*proj;
    text->projection_width = mlp ? (text->width + config->embed_dim) / 2 : 0;
    if (text->unprojected && text->width != config->embed_dim)
        return osprey__fail(error, OSPREY_FORMAT, config->file,
                            "\"embed_dim\" is %zu, but the text tower is %zu wide, as its "
                            "embeddings without a projection are",
                            config->embed_dim, text->width);
    if (mlp || text->unprojected || strcmp(proj, "linear") == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, config->file,
                        "\"hf_proj_type\" is \"%s\"; supported are mlp, linear and null", proj);
}

static osprey_status read_sizes(const osprey__shape_reader *shapes, osprey__text_config *text)
{
    static const char words[] = EMBEDDINGS "word_embeddings.weight",
                      positions[] = EMBEDDINGS "position_embeddings.weight",
                      types[] = EMBEDDINGS "token_type_embeddings.weight",
                      mlp[] = LAYERS "0.intermediate.dense.weight";
    const size_t widest = OSPREY__CONFIG_WIDTH_MAX;
    OSPREY_TRY(
        osprey__shape_dim(shapes, words, 2, 0, OSPREY__CONFIG_VOCABULARY_MAX, &text->vocabulary));
    OSPREY_TRY(osprey__shape_dim(shapes, words, 2, 1, widest, &text->width));
    OSPREY_TRY(
        osprey__shape_dim(shapes, positions, 2, 0, OSPREY__CONFIG_CONTEXT_MAX, &text->positions));
    OSPREY_TRY(osprey__shape_dim(shapes, types, 2, 0, widest, &text->token_types));
    OSPREY_TRY(osprey__shape_dim(shapes, mlp, 2, 0, widest, &text->mlp_width));
    text->layers = osprey__shape_blocks(shapes, LAYERS, 0, ".attention.self.query.weight");
    return OSPREY_OK;
}

osprey_status osprey__hf_text_config(const osprey__weights *weights, osprey__model_config *config,
                                     osprey_error *error)
{
    size_t count;
    const osprey__shape_reader shapes = {weights, osprey__weights_files(weights, &count)[0], error};
    osprey__text_config *text = &config->text;
    OSPREY_TRY(check_name(config, error));
    if (*config->trunk.name)
        return osprey__fail(error, OSPREY_UNSUPPORTED, config->file,
                            "\"hf_model_name\" and \"timm_model_name\": osprey has text towers of "
                            "transformers beside OpenCLIP's own image towers");
    OSPREY_TRY(read_sizes(&shapes, text));
    OSPREY_TRY(read_pooler(config, text, error));
    OSPREY_TRY(read_projection(config, text, error));
    text->activation = OSPREY_ACTIVATION_GELU;
    text->layer_norm_epsilon = OSPREY__ROBERTA_NORM_EPSILON;
    text->first_position = OSPREY__ROBERTA_FIRST_POSITION;
    text->heads = text->width / OSPREY__ROBERTA_HEAD_WIDTH;
    if (text->width % OSPREY__ROBERTA_HEAD_WIDTH)
        return osprey__fail(error, OSPREY_FORMAT, shapes.file,
                            "the text tower is %zu wide, which the heads of %s, %d wide, do not "
                            "divide",
                            text->width, config->hf_text.name, OSPREY__ROBERTA_HEAD_WIDTH);
    if (text->positions >= text->context_length + text->first_position) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, shapes.file,
                        "the text tower has %zu positions, but texts have up to %zu tokens, the "
                        "first at position %zu",
                        text->positions, text->context_length, text->first_position);
}
