/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of configuration files, each on the same JSON: what they accept makes sense. */
#include "base/json.h"
#include "format/model_config.h"
#include "fuzz/fuzz_target.h"
#include "input/text/templates.h"
#include "model/prompt_templates.h"

static void check_image(const osprey__image_config *image)
{
    FUZZ_PROMISE(image->image_height > 0 && image->image_width > 0);
    FUZZ_PROMISE(!image->position_side || image->patch_size <= OSPREY__CONFIG_IMAGE_MAX);
    FUZZ_PROMISE(image->heads > 0 && image->width * 32 % image->heads == 0);
    FUZZ_PROMISE(image->kind == OSPREY__IMAGE_MODIFIED_RESNET ||
                 (image->patch_size > 0 &&
                  (image->position_side || image->patch_size <= image->image_height) &&
                  image->mlp_width > 0 && image->width % image->heads == 0));
}

static void check_model(const osprey__model_config *config)
{
    const osprey__image_config *image = &config->image;
    const osprey__text_config *text = &config->text;
    FUZZ_PROMISE(config->layout && config->file && config->embed_dim > 0);
    if (image->layers) check_image(image);
    FUZZ_PROMISE(text->heads > 0 && text->width % text->heads == 0);
    FUZZ_PROMISE(text->layers > 0 && text->mlp_width > 0 && text->context_length > 0);
    FUZZ_PROMISE(text->end_id < text->vocabulary);
    FUZZ_PROMISE(text->kind != OSPREY__TEXT_BERT ||
                 (text->token_types > 0 && text->context_length <= text->positions));
}

static void check_preprocessing(const osprey__model_config *config)
{
    const osprey_preprocessing *how = &config->preprocessing;
    const osprey__image_config *image = &config->image;
    const bool patches = how->resize == OSPREY_RESIZE_PATCHES;
    FUZZ_PROMISE(patches == (image->position_side > 0));
    FUZZ_PROMISE(patches ? how->patch_size == image->patch_size && osprey_preprocessing_floats(how)
                         : how->crop_height == image->image_height &&
                               how->crop_width == image->image_width);
    FUZZ_PROMISE(how->resize == OSPREY_RESIZE_NONE || patches || how->resize_height > 0);
    for (size_t i = 0; i < 3; i++) FUZZ_PROMISE(!how->normalize || how->std[i] != 0);
}

/* What is accepted has one place for a label. */
static void check_templates(const json_t *root, osprey_error *error)
{
    osprey__prompt_templates templates = {0};
    osprey__template parsed;
    if (osprey__prompt_templates_parse(&templates, root, "fuzz", error) != OSPREY_OK)
        FUZZ_PROMISE(error->message[0]);
    for (size_t i = 0; i < templates.count; i++)
        FUZZ_PROMISE(osprey__template_parse(templates.texts[i], &parsed, error) == OSPREY_OK);
    osprey__prompt_templates_free(&templates);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    json_t *root = NULL;
    osprey_error error = {0};
    if (osprey__json_parse((const char *)bytes, length, "fuzz", &root, &error) != OSPREY_OK) {
        FUZZ_PROMISE(error.message[0] && !root);
        return 0;
    }
    osprey__model_config config = {0};
    if (osprey__hf_config_parse(root, "fuzz", &config, &error) == OSPREY_OK) check_model(&config);
    if (osprey__openclip_config_parse(root, "fuzz", &config, &error) == OSPREY_OK) {
        check_model(&config);
        check_preprocessing(&config);
    }
    check_templates(root, &error);
    config.image.image_height = config.image.image_width = 224;
    if (osprey__preprocessor_config_parse(root, "fuzz", "config.json", &config, &error) ==
        OSPREY_OK)
        check_preprocessing(&config);
    json_decref(root);
    return 0;
}
