/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of configuration files share: values with a range, taken from a section of a
 * file, and CLIP's own preprocessing. As in base/json.h, a key that is absent or null leaves the
 * value as it was.
 */
#ifndef OSPREY_FORMAT_CONFIG_VALUES_H
#define OSPREY_FORMAT_CONFIG_VALUES_H

#include <osprey/error.h>
#include <osprey/image.h>
#include <osprey/model.h>

#include <jansson.h>
#include <stddef.h>

/* An object in a configuration file, with the name that errors give it. */
typedef struct osprey__config_section {
    json_t *object;  /* NULL: absent, so that every value keeps its default */
    char label[256]; /* "clip/config.json: vision_config" */
} osprey__config_section;

/* The file's outermost value, which has to be an object. */
osprey_status osprey__config_section_whole(json_t *root, const char *file,
                                           osprey__config_section *section, osprey_error *error);

/* The object at key; absent and null make an empty section. */
osprey_status osprey__config_section_open(const osprey__config_section *parent, const char *key,
                                          osprey__config_section *section, osprey_error *error);

/* A whole number from 1 to limit. */
osprey_status osprey__config_dimension(const osprey__config_section *section, const char *key,
                                       size_t limit, size_t *value, osprey_error *error);

/* One such number for both, or a list of two. */
osprey_status osprey__config_dimension_pair(const osprey__config_section *section, const char *key,
                                            size_t limit, size_t *height, size_t *width,
                                            osprey_error *error);

/* A finite number for each colour, or one for all. */
osprey_status osprey__config_colours(const osprey__config_section *section, const char *key,
                                     float values[3], osprey_error *error);

/* Attention needs a width that its heads divide. */
osprey_status osprey__config_check_heads(const osprey__config_section *section, size_t width,
                                         size_t heads, osprey_error *error);

/* "hidden_act" by one of transformers' names for it. */
osprey_status osprey__config_activation(const osprey__config_section *section,
                                        osprey_activation *activation, osprey_error *error);

/* A layer norm's epsilon, from 0 to below 1. */
osprey_status osprey__config_epsilon(const osprey__config_section *section, const char *key,
                                     float *epsilon, osprey_error *error);

/* OpenAI's: bicubic to the shorter side, centre crop, their mean and deviation. */
osprey_preprocessing osprey__clip_preprocessing(size_t image_height, size_t image_width);

/* SigLIP's: bicubic to both sides without a crop, pixels from -1 to 1. */
osprey_preprocessing osprey__siglip_preprocessing(size_t image_height, size_t image_width);

/* SigLIP 2's of variable resolution: bilinear to as many patches as there may be, pixels from -1 to
 * 1. */
osprey_preprocessing osprey__naflex_preprocessing(size_t patch_size, size_t max_patches);

/* Pixels along a side of the largest square that it makes. */
size_t osprey__naflex_side(const osprey_preprocessing *preprocessing);

/* A deviation, which came from key, has to be above 0 where pixels are divided by it. */
osprey_status osprey__config_check_std(const osprey__config_section *section, const char *key,
                                       const osprey_preprocessing *preprocessing,
                                       osprey_error *error);

#endif
