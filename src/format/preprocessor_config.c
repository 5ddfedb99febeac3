/* SPDX-License-Identifier: Apache-2.0 */
/* preprocessor_config.json as transformers' CLIPImageProcessor, ChineseCLIPImageProcessor and
 * SiglipImageProcessor read it: their steps are the same, and the defaults of the first two. And as
 * Siglip2ImageProcessor does, which cuts pictures into patches. */
#include "base/json.h"
#include "base/status.h"
#include "format/config_values.h"
#include "format/model_config.h"

#include <string.h>

/* What the processor does when the file leaves a size out, whatever the model's size. */
#define DEFAULT_SIZE 224

/* Whose defaults and steps are meant. */
typedef enum processor { CLIP, SIGLIP, NAFLEX } processor;

/* Others have other defaults and steps. *kind stays as it is without the key. */
static osprey_status read_type(const osprey__config_section *root, const char *key, processor *kind,
                               osprey_error *error)
{
    static const char *const known[] = {
        "CLIPImageProcessor",           "CLIPImageProcessorFast",
        "CLIPImageProcessorPil",        "CLIPFeatureExtractor",
        "ChineseCLIPImageProcessor",    "ChineseCLIPImageProcessorFast",
        "ChineseCLIPImageProcessorPil", "ChineseCLIPFeatureExtractor",
        "SiglipImageProcessor",         "SiglipImageProcessorFast",
        "SiglipImageProcessorPil",      "Siglip2ImageProcessor",
        "Siglip2ImageProcessorFast",    "Siglip2ImageProcessorPil"};
    const char *type = NULL;
    OSPREY_TRY(osprey__json_string(root->object, key, root->label, &type, error));
    if (!type) return OSPREY_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(type, known[i]) != 0) continue;
        *kind = strncmp(type, "Siglip2", strlen("Siglip2")) == 0 ? NAFLEX
                : strncmp(type, "Siglip", strlen("Siglip")) == 0 ? SIGLIP
                                                                 : CLIP;
        return OSPREY_OK;
    }
    return osprey__fail(error, OSPREY_UNSUPPORTED, root->label,
                        "\"%s\" is \"%s\"; supported are CLIPImageProcessor, "
                        "ChineseCLIPImageProcessor, SiglipImageProcessor and Siglip2ImageProcessor",
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
    size_t resample = how->resample;
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

/* Size and number of the patches that pictures are cut into, and so the largest square. */
static osprey_status read_patches(const osprey__config_section *root, const char *model_file,
                                  osprey_preprocessing *how, osprey__image_config *image,
                                  osprey_error *error)
{
    bool resize = true;
    size_t patch_size = 16, max_patches = 256;
    OSPREY_TRY(read_step(root, "do_resize", &resize, error));
    if (!resize)
        return osprey__fail(error, OSPREY_UNSUPPORTED, root->label,
                            "\"do_resize\" is false; osprey resizes pictures to whole patches");
    OSPREY_TRY(
        osprey__config_dimension(root, "patch_size", OSPREY__CONFIG_IMAGE_MAX, &patch_size, error));
    if (patch_size != image->patch_size)
        return osprey__fail(error, OSPREY_FORMAT, root->label,
                            "\"patch_size\" is %zu, but the model in %s has patches of %zu pixels",
                            patch_size, model_file, image->patch_size);
    const size_t longest = OSPREY__CONFIG_IMAGE_MAX / patch_size, most = longest * longest;
    OSPREY_TRY(osprey__config_dimension(
        root, "max_num_patches",
        most < OSPREY__CONFIG_PATCHES_MAX ? most : OSPREY__CONFIG_PATCHES_MAX, &max_patches,
        error));
    *how = osprey__naflex_preprocessing(patch_size, max_patches);
    image->image_height = image->image_width = osprey__naflex_side(how);
    return OSPREY_OK;
}

static osprey_status read_fixed_size(const osprey__config_section *root, const char *model_file,
                                     const osprey__image_config *image, osprey_preprocessing *how,
                                     osprey_error *error)
{
    bool pad = false;
    OSPREY_TRY(read_step(root, "do_pad", &pad, error));
    if (pad)
        return osprey__fail(error, OSPREY_UNSUPPORTED, root->label,
                            "\"do_pad\": osprey does not pad pictures");
    OSPREY_TRY(read_resize(root, how, error));
    OSPREY_TRY(read_crop(root, how, error));
    return check_size(root, model_file, how, image, error);
}

osprey_status osprey__preprocessor_config_parse(json_t *root, const char *file,
                                                const char *model_file,
                                                osprey__model_config *config, osprey_error *error)
{
    osprey__config_section whole;
    OSPREY_TRY(osprey__config_section_whole(root, file, &whole, error));
    osprey__image_config *image = &config->image;
    const processor wanted = image->position_side      ? NAFLEX
                             : image->attention_pooled ? SIGLIP
                                                       : CLIP;
    processor kind = wanted;
    OSPREY_TRY(read_type(&whole, "image_processor_type", &kind, error));
    OSPREY_TRY(read_type(&whole, "feature_extractor_type", &kind, error));
    if (wanted == NAFLEX && kind != NAFLEX)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "the model in %s takes pictures in any proportions, cut into patches, "
                            "and so the \"image_processor_type\" Siglip2ImageProcessor",
                            model_file);
    if (wanted != NAFLEX && kind == NAFLEX)
        return osprey__fail(
            error, OSPREY_FORMAT, file,
            "\"image_processor_type\" is Siglip2ImageProcessor, which cuts pictures "
            "in any proportions into patches; the model in %s takes %zux%zu pixels",
            model_file, image->image_width, image->image_height);
    osprey_preprocessing how =
        kind == SIGLIP ? osprey__siglip_preprocessing(image->image_height, image->image_width)
                       : osprey__clip_preprocessing(image->image_height, image->image_width);
    if (kind == NAFLEX)
        OSPREY_TRY(read_patches(&whole, model_file, &how, image, error));
    else
        OSPREY_TRY(read_fixed_size(&whole, model_file, image, &how, error));
    OSPREY_TRY(read_resample(&whole, &how, error));
    OSPREY_TRY(read_colours(&whole, &how, error));
    config->preprocessing = how;
    return OSPREY_OK;
}
