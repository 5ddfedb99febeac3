/* SPDX-License-Identifier: Apache-2.0 */
#include "model/manifest_fields.h"

#define MANIFEST(member) offsetof(osprey__engine_manifest, member)
#define AS_SIZE(key, member, least, most)                                                          \
    {                                                                                              \
        key, OSPREY__FIELD_SIZE, MANIFEST(member), least, most, 1                                  \
    }
#define AS_ENUM(key, member, most)                                                                 \
    {                                                                                              \
        key, OSPREY__FIELD_ENUM, MANIFEST(member), 0, most, 1                                      \
    }
#define AS_FLOATS(key, member, count)                                                              \
    {                                                                                              \
        key, OSPREY__FIELD_FLOAT, MANIFEST(member), 0, 0, count                                    \
    }
#define AS_BOOL(key, member)                                                                       \
    {                                                                                              \
        key, OSPREY__FIELD_BOOL, MANIFEST(member), 0, 0, 1                                         \
    }
#define AS_TEXT(key, member)                                                                       \
    {                                                                                              \
        key, OSPREY__FIELD_TEXT, MANIFEST(member), 0, 0,                                           \
            sizeof((osprey__engine_manifest *)0)->member                                           \
    }

#define WIDTH  OSPREY__CONFIG_WIDTH_MAX
#define LAYERS OSPREY__CONFIG_LAYERS_MAX
#define PIXELS OSPREY__CONFIG_IMAGE_MAX

const osprey__manifest_field osprey__manifest_fields[] = {
    AS_TEXT("name", name),
    AS_TEXT("osprey_version", osprey_version),
    AS_TEXT("instruction_set", instruction_set),
    AS_TEXT("packing", packing),
    AS_TEXT("precision", precision),
    AS_TEXT("fingerprint", fingerprint),
    AS_TEXT("source_layout", layout),
    AS_TEXT("weight_dtype", weight_dtype),
    AS_TEXT("note", note),
    AS_BOOL("portable", portable),
    AS_ENUM("calibration", calibration, OSPREY_CALIBRATION_ENTROPY),
    AS_SIZE("calibration_images", calibration_images, 0, OSPREY_CALIBRATION_IMAGES_MAX),
    AS_FLOATS("logit_scale", logit_scale, 1),
    AS_FLOATS("logit_bias", logit_bias, 1),
    AS_SIZE("embed_dim", config.embed_dim, 1, WIDTH),
    AS_SIZE("head_classes", config.head_classes, 0, OSPREY__CONFIG_CLASSES_MAX),
    AS_SIZE("image_parameters", image.parameters, 0, INT64_MAX),
    AS_ENUM("image_kind", config.image.kind, OSPREY__IMAGE_VITAMIN),
    AS_SIZE("image_height", config.image.image_height, 0, PIXELS),
    AS_SIZE("image_width", config.image.image_width, 0, PIXELS),
    AS_SIZE("image_tower_width", config.image.width, 0, WIDTH),
    AS_SIZE("image_layers", config.image.layers, 0, LAYERS),
    AS_SIZE("image_stage_1", config.image.stage_layers[0], 0, LAYERS),
    AS_SIZE("image_stage_2", config.image.stage_layers[1], 0, LAYERS),
    AS_SIZE("image_stage_3", config.image.stage_layers[2], 0, LAYERS),
    AS_SIZE("image_stage_4", config.image.stage_layers[3], 0, LAYERS),
    AS_SIZE("image_stage_5", config.image.stage_layers[4], 0, LAYERS),
    AS_SIZE("image_heads", config.image.heads, 0, WIDTH),
    AS_SIZE("image_mlp_width", config.image.mlp_width, 0, WIDTH),
    AS_SIZE("image_token_mlp_width", config.image.token_mlp_width, 0, WIDTH),
    AS_SIZE("image_patch_size", config.image.patch_size, 0, PIXELS),
    AS_ENUM("image_activation", config.image.activation, OSPREY_ACTIVATION_SILU),
    AS_SIZE("text_parameters", text.parameters, 0, INT64_MAX),
    AS_ENUM("text_kind", config.text.kind, OSPREY__TEXT_ROBERTA),
    AS_SIZE("text_vocabulary", config.text.vocabulary, 0, OSPREY__CONFIG_VOCABULARY_MAX),
    AS_SIZE("text_context", config.text.context_length, 0, OSPREY__CONFIG_CONTEXT_MAX),
    AS_SIZE("text_width", config.text.width, 0, WIDTH),
    AS_SIZE("text_layers", config.text.layers, 0, LAYERS),
    AS_SIZE("text_heads", config.text.heads, 0, WIDTH),
    AS_SIZE("text_mlp_width", config.text.mlp_width, 0, WIDTH),
    AS_ENUM("text_activation", config.text.activation, OSPREY_ACTIVATION_SILU),
    AS_ENUM("text_pooling", config.text.pooling, OSPREY__POOL_LAST),
    AS_SIZE("text_end_id", config.text.end_id, 0, OSPREY__CONFIG_VOCABULARY_MAX),
    AS_ENUM("resize", config.preprocessing.resize, OSPREY_RESIZE_PATCHES),
    AS_SIZE("resize_height", config.preprocessing.resize_height, 0, PIXELS),
    AS_SIZE("resize_width", config.preprocessing.resize_width, 0, PIXELS),
    AS_SIZE("patch_size", config.preprocessing.patch_size, 0, PIXELS),
    AS_SIZE("max_patches", config.preprocessing.max_patches, 0, OSPREY__CONFIG_PATCHES_MAX),
    AS_ENUM("resample", config.preprocessing.resample, OSPREY_RESAMPLE_HAMMING),
    AS_BOOL("center_crop", config.preprocessing.center_crop),
    AS_BOOL("crop_rounds_half_even", config.preprocessing.crop_rounds_half_even),
    AS_SIZE("crop_height", config.preprocessing.crop_height, 0, PIXELS),
    AS_SIZE("crop_width", config.preprocessing.crop_width, 0, PIXELS),
    AS_BOOL("rescale", config.preprocessing.rescale),
    AS_FLOATS("rescale_factor", config.preprocessing.rescale_factor, 1),
    AS_BOOL("normalize", config.preprocessing.normalize),
    AS_FLOATS("mean", config.preprocessing.mean, 3),
    AS_FLOATS("std", config.preprocessing.std, 3),
    {"fill", OSPREY__FIELD_BYTE, MANIFEST(config.preprocessing.fill), 0, UINT8_MAX, 3},
};

const size_t osprey__manifest_field_count =
    sizeof osprey__manifest_fields / sizeof *osprey__manifest_fields;

#define REDUCTION(key, member, kind, count)                                                        \
    {                                                                                              \
        key, OSPREY__FIELD_##kind, offsetof(osprey_engine_reduction, member), 0, INT64_MAX, count  \
    }

/* The keys of image_reduction and text_reduction, which a whole tower does not have. */
const osprey__manifest_field osprey__manifest_reduction_fields[] = {
    REDUCTION("prune_heads", prune_heads, FLOAT, 1),
    REDUCTION("prune_mlp", prune_mlp, FLOAT, 1),
    REDUCTION("by_activation", by_activation, BOOL, 1),
    REDUCTION("token_merge", token_merge, SIZE, 1),
    REDUCTION("parameters", parameters, SIZE, 1),
    REDUCTION("samples", samples, SIZE, 1),
    REDUCTION("least_cosine", least_cosine, FLOAT, 1),
    REDUCTION("mean_cosine", mean_cosine, FLOAT, 1),
    REDUCTION("whole_ms", whole_ms, FLOAT, 2),
    REDUCTION("ms", ms, FLOAT, 2),
};

const size_t osprey__manifest_reduction_field_count =
    sizeof osprey__manifest_reduction_fields / sizeof *osprey__manifest_reduction_fields;
