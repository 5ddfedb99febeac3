/* SPDX-License-Identifier: Apache-2.0 */
#include "format/config_values.h"

#include "base/json.h"
#include "base/status.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

osprey_status osprey__config_section_whole(json_t *root, const char *file,
                                           osprey__config_section *section, osprey_error *error)
{
    if (!json_is_object(root))
        return osprey__fail(error, OSPREY_FORMAT, file, "it has to hold a JSON object");
    section->object = root;
    snprintf(section->label, sizeof section->label, "%s", file);
    return OSPREY_OK;
}

osprey_status osprey__config_section_open(const osprey__config_section *parent, const char *key,
                                          osprey__config_section *section, osprey_error *error)
{
    json_t *object = NULL;
    OSPREY_TRY(osprey__json_object(parent->object, key, parent->label, &object, error));
    section->object = object;
    snprintf(section->label, sizeof section->label, "%.190s: %.60s", parent->label, key);
    return OSPREY_OK;
}

static osprey_status check_range(const osprey__config_section *section, const char *key,
                                 size_t limit, size_t value, osprey_error *error)
{
    if (value >= 1 && value <= limit) return OSPREY_OK;
    return osprey__fail(error, value ? OSPREY_LIMIT : OSPREY_FORMAT, section->label,
                        "\"%s\" is %zu; it has to be between 1 and %zu", key, value, limit);
}

osprey_status osprey__config_dimension(const osprey__config_section *section, const char *key,
                                       size_t limit, size_t *value, osprey_error *error)
{
    OSPREY_TRY(osprey__json_size(section->object, key, section->label, value, error));
    return check_range(section, key, limit, *value, error);
}

osprey_status osprey__config_dimension_pair(const osprey__config_section *section, const char *key,
                                            size_t limit, size_t *height, size_t *width,
                                            osprey_error *error)
{
    const json_t *found = json_object_get(section->object, key);
    if (!json_is_array(found)) {
        OSPREY_TRY(osprey__config_dimension(section, key, limit, height, error));
        *width = *height;
        return OSPREY_OK;
    }
    const json_t *first = json_array_get(found, 0), *second = json_array_get(found, 1);
    if (json_array_size(found) != 2 || !json_is_integer(first) || !json_is_integer(second))
        return osprey__fail(error, OSPREY_FORMAT, section->label,
                            "\"%s\" has to be a whole number or a list of two", key);
    *height = (size_t)json_integer_value(first);
    *width = (size_t)json_integer_value(second);
    OSPREY_TRY(check_range(section, key, limit, *height, error));
    return check_range(section, key, limit, *width, error);
}

osprey_status osprey__config_colours(const osprey__config_section *section, const char *key,
                                     float values[3], osprey_error *error)
{
    const json_t *found = json_object_get(section->object, key);
    if (!found || json_is_null(found)) return OSPREY_OK;
    const bool list = json_is_array(found) && json_array_size(found) == 3;
    for (size_t i = 0; i < 3; i++) {
        const json_t *number = list ? json_array_get(found, i) : found;
        values[i] = (float)json_number_value(number);
        if (!json_is_number(number) || !isfinite(values[i]))
            return osprey__fail(error, OSPREY_FORMAT, section->label,
                                "\"%s\" has to be a number or a list of three", key);
    }
    return OSPREY_OK;
}

osprey_status osprey__config_check_heads(const osprey__config_section *section, size_t width,
                                         size_t heads, osprey_error *error)
{
    if (heads >= 1 && width % heads == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, section->label,
                        "a width of %zu cannot be divided into %zu attention heads", width, heads);
}

/* transformers' ACT2FN has several names for one function. */
static const struct {
    const char *name;
    osprey_activation activation;
} activations[] = {
    {"quick_gelu", OSPREY_ACTIVATION_QUICK_GELU},
    {"gelu", OSPREY_ACTIVATION_GELU},
    {"gelu_python", OSPREY_ACTIVATION_GELU},
    {"gelu_new", OSPREY_ACTIVATION_GELU_TANH},
    {"gelu_fast", OSPREY_ACTIVATION_GELU_TANH},
    {"gelu_accurate", OSPREY_ACTIVATION_GELU_TANH},
    {"gelu_pytorch_tanh", OSPREY_ACTIVATION_GELU_TANH},
    {"gelu_python_tanh", OSPREY_ACTIVATION_GELU_TANH},
    {"relu", OSPREY_ACTIVATION_RELU},
};

osprey_status osprey__config_activation(const osprey__config_section *section,
                                        osprey_activation *activation, osprey_error *error)
{
    const char *name = NULL;
    OSPREY_TRY(osprey__json_string(section->object, "hidden_act", section->label, &name, error));
    if (!name) return OSPREY_OK;
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(activations[i].name, name) != 0) continue;
        *activation = activations[i].activation;
        return OSPREY_OK;
    }
    return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                        "\"hidden_act\" is \"%s\"; supported are quick_gelu, gelu, "
                        "gelu_pytorch_tanh and relu",
                        name);
}

osprey_status osprey__config_epsilon(const osprey__config_section *section, const char *key,
                                     float *epsilon, osprey_error *error)
{
    OSPREY_TRY(osprey__json_float(section->object, key, section->label, epsilon, error));
    if (*epsilon >= 0 && *epsilon < 1) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, section->label,
                        "\"%s\" is %g; it has to be at least 0 and below 1", key, (double)*epsilon);
}

osprey_preprocessing osprey__clip_preprocessing(size_t image_height, size_t image_width)
{
    return (osprey_preprocessing){
        .resize = OSPREY_RESIZE_SHORTEST,
        .resize_height = image_height,
        .resize_width = image_width,
        .resample = OSPREY_RESAMPLE_BICUBIC,
        .center_crop = true,
        .crop_height = image_height,
        .crop_width = image_width,
        .rescale = true,
        .rescale_factor = 1.0F / 255,
        .normalize = true,
        .mean = {0.48145466F, 0.4578275F, 0.40821073F},
        .std = {0.26862954F, 0.26130258F, 0.27577711F},
    };
}

osprey_preprocessing osprey__siglip_preprocessing(size_t image_height, size_t image_width)
{
    osprey_preprocessing how = osprey__clip_preprocessing(image_height, image_width);
    how.resize = OSPREY_RESIZE_EXACT;
    how.center_crop = false;
    for (size_t i = 0; i < 3; i++) how.mean[i] = how.std[i] = 0.5F;
    return how;
}

osprey_preprocessing osprey__naflex_preprocessing(size_t patch_size, size_t max_patches)
{
    osprey_preprocessing how = osprey__siglip_preprocessing(0, 0);
    how.resize = OSPREY_RESIZE_PATCHES;
    how.patch_size = patch_size;
    how.max_patches = max_patches;
    how.resample = OSPREY_RESAMPLE_BILINEAR;
    return how;
}

size_t osprey__naflex_side(const osprey_preprocessing *preprocessing)
{
    size_t patches = 1;
    while ((patches + 1) * (patches + 1) <= preprocessing->max_patches) patches++;
    return patches * preprocessing->patch_size;
}

osprey_status osprey__config_check_std(const osprey__config_section *section, const char *key,
                                       const osprey_preprocessing *preprocessing,
                                       osprey_error *error)
{
    for (size_t i = 0; i < 3; i++) {
        if (preprocessing->normalize && !(preprocessing->std[i] > 0))
            return osprey__fail(error, OSPREY_FORMAT, section->label,
                                "\"%s\" has a standard deviation of %g; it has to be above 0", key,
                                (double)preprocessing->std[i]);
    }
    return OSPREY_OK;
}
