/* SPDX-License-Identifier: Apache-2.0 */
/* preprocessor_config.json as transformers' CLIPImageProcessor, ChineseCLIPImageProcessor and
 * SiglipImageProcessor read it: their steps are the same, and the defaults of the first two. */
#include "base/json.h"
#include "base/status.h"
#include "format/config_values.h"
#include "format/model_config.h"

#include <string.h>

/* What the processor does when the file leaves a size out, whatever the model's size. */
#define DEFAULT_SIZE 224

/* Others have other defaults and steps. *siglip: which defaults are meant; stays as it is without
 * the key. */
static osprey_status read_type(const osprey__config_section *root, const char *key, bool *siglip,
                               osprey_error *error)
{
    static const char *const known[] = {
        "CLIPImageProcessor",           "CLIPImageProcessorFast",
        "CLIPImageProcessorPil",        "CLIPFeatureExtractor",
        "ChineseCLIPImageProcessor",    "ChineseCLIPImageProcessorFast",
        "ChineseCLIPImageProcessorPil", "ChineseCLIPFeatureExtractor",
        "SiglipImageProcessor",         "SiglipImageProcessorFast",
        "SiglipImageProcessorPil"};
    const char *type = NULL;
    OSPREY_TRY(osprey__json_string(root->object, key, root->label, &type, error));
    if (!type) return OSPREY_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(type, known[i]) != 0) continue;
        *siglip = strncmp(type, "Siglip", strlen("Siglip")) == 0;
        return OSPREY_OK;
    }
    return osprey__fail(error, OSPREY_UNSUPPORTED, root->label,
                        "\"%s\" is \"%s\"; supported are CLIPImageProcessor, "
                        "ChineseCLIPImageProcessor and SiglipImageProcessor",
                        key, type);
}

/* A step is on unless the file says false, or null, which transformers takes for false. */
static osprey_status read_step(const osprey__config_section *root, const char *key, bool *step,
                               osprey_error *error)
{
    if (json_is_null(json_object_get(root->object, key))) *step = false;
    return osprey__json_bool(root->object, key, root->label, step, error);
}

/* The height and width at key, where they are both its members and nothing else is. */
static osprey_status read_height_width(const osprey__config_section *root, const char *key,
                                       size_t *height, size_t *width, osprey_error *error)
{
    osprey__config_section section;
    OSPREY_TRY(osprey__config_section_open(root, key, &section, error));
    if (json_object_size(section.object) != 2 || !json_object_get(section.object, "height") ||
        !json_object_get(section.object, "width"))
        return osprey__fail(error, OSPREY_UNSUPPORTED, root->label,
                            "\"%s\" has to be a whole number, or hold \"height\" and \"width\"%s",
                            key, strcmp(key, "size") == 0 ? ", or \"shortest_edge\"" : "");
    OSPREY_TRY(
        osprey__config_dimension(&section, "height", OSPREY__CONFIG_IMAGE_MAX, height, error));
    return osprey__config_dimension(&section, "width", OSPREY__CONFIG_IMAGE_MAX, width, error);
}

static osprey_status read_resize(const osprey__config_section *root, osprey_preprocessing *how,
                                 osprey_error *error)
{
    bool resize = true;
    OSPREY_TRY(read_step(root, "do_resize", &resize, error));
    if (!resize) {
        how->resize = OSPREY_RESIZE_NONE;
        return OSPREY_OK;
    }
    how->resize_height = how->resize_width = DEFAULT_SIZE;
    const json_t *size = json_object_get(root->object, "size");
    if (how->resize == OSPREY_RESIZE_EXACT && (!size || json_is_null(size))) return OSPREY_OK;
    how->resize = OSPREY_RESIZE_SHORTEST;
    if (!json_is_object(size)) {
        OSPREY_TRY(osprey__config_dimension(root, "size", OSPREY__CONFIG_IMAGE_MAX,
                                            &how->resize_height, error));
    } else if (json_object_size(size) == 1 && json_object_get(size, "shortest_edge")) {
        osprey__config_section section;
        OSPREY_TRY(osprey__config_section_open(root, "size", &section, error));
        OSPREY_TRY(osprey__config_dimension(&section, "shortest_edge", OSPREY__CONFIG_IMAGE_MAX,
                                            &how->resize_height, error));
    } else {
        how->resize = OSPREY_RESIZE_EXACT;
        return read_height_width(root, "size", &how->resize_height, &how->resize_width, error);
    }
    how->resize_width = how->resize_height;
    return OSPREY_OK;
}

static osprey_status read_crop(const osprey__config_section *root, osprey_preprocessing *how,
                               osprey_error *error)
{
    OSPREY_TRY(read_step(root, "do_center_crop", &how->center_crop, error));
    if (!how->center_crop) return OSPREY_OK;
    how->crop_height = how->crop_width = DEFAULT_SIZE;
    if (json_is_object(json_object_get(root->object, "crop_size")))
        return read_height_width(root, "crop_size", &how->crop_height, &how->crop_width, error);
    OSPREY_TRY(osprey__config_dimension(root, "crop_size", OSPREY__CONFIG_IMAGE_MAX,
                                        &how->crop_height, error));
    how->crop_width = how->crop_height;
    return OSPREY_OK;
}

static osprey_status read_resample(const osprey__config_section *root, osprey_preprocessing *how,
                                   osprey_error *error)
{
    size_t resample = OSPREY_RESAMPLE_BICUBIC;
    OSPREY_TRY(osprey__json_size(root->object, "resample", root->label, &resample, error));
    if (resample > OSPREY_RESAMPLE_HAMMING)
        return osprey__fail(error, OSPREY_FORMAT, root->label,
                            "\"resample\" is %zu; Pillow's filters have the numbers 0 to 5",
                            resample);
    how->resample = (osprey_resample)resample;
    return OSPREY_OK;
}

static osprey_status read_colours(const osprey__config_section *root, osprey_preprocessing *how,
                                  osprey_error *error)
{
    OSPREY_TRY(read_step(root, "do_rescale", &how->rescale, error));
    OSPREY_TRY(osprey__json_float(root->object, "rescale_factor", root->label, &how->rescale_factor,
                                  error));
    OSPREY_TRY(read_step(root, "do_normalize", &how->normalize, error));
    OSPREY_TRY(osprey__config_colours(root, "image_mean", how->mean, error));
    OSPREY_TRY(osprey__config_colours(root, "image_std", how->std, error));
    return osprey__config_check_std(root, "image_std", how, error);
}

/* The last step that fixes a size has to give the one that the model was built for. */
static osprey_status check_size(const osprey__config_section *root, const char *model_file,
                                const osprey_preprocessing *how, const osprey__image_config *image,
                                osprey_error *error)
{
    size_t height = how->crop_height, width = how->crop_width;
    if (!how->center_crop) {
        if (how->resize == OSPREY_RESIZE_NONE) return OSPREY_OK;
        if (how->resize == OSPREY_RESIZE_SHORTEST)
            return osprey__fail(error, OSPREY_UNSUPPORTED, root->label,
                                "\"do_center_crop\" is false, but \"size\" fixes only the shortest "
                                "edge: a crop, or a \"size\" of height and width, would be right");
        height = how->resize_height;
        width = how->resize_width;
    }
    if (height == image->image_height && width == image->image_width) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, root->label,
                        "\"%s\" gives pictures of %zux%zu, but the model in %s takes %zux%zu",
                        how->center_crop ? "crop_size" : "size", width, height, model_file,
                        image->image_width, image->image_height);
}

osprey_status osprey__preprocessor_config_parse(json_t *root, const char *file,
                                                const char *model_file,
                                                osprey__model_config *config, osprey_error *error)
{
    osprey__config_section whole;
    OSPREY_TRY(osprey__config_section_whole(root, file, &whole, error));
    const osprey__image_config *image = &config->image;
    bool pad = false, siglip = image->attention_pooled;
    OSPREY_TRY(read_type(&whole, "image_processor_type", &siglip, error));
    OSPREY_TRY(read_type(&whole, "feature_extractor_type", &siglip, error));
    osprey_preprocessing how =
        siglip ? osprey__siglip_preprocessing(image->image_height, image->image_width)
               : osprey__clip_preprocessing(image->image_height, image->image_width);
    OSPREY_TRY(read_step(&whole, "do_pad", &pad, error));
    if (pad)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "\"do_pad\": osprey does not pad pictures");
    OSPREY_TRY(read_resize(&whole, &how, error));
    OSPREY_TRY(read_resample(&whole, &how, error));
    OSPREY_TRY(read_crop(&whole, &how, error));
    OSPREY_TRY(read_colours(&whole, &how, error));
    OSPREY_TRY(check_size(&whole, model_file, &how, image, error));
    config->preprocessing = how;
    return OSPREY_OK;
}
