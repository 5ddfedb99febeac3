/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of an engine that says what it is: the model's configuration and how it was compiled,
 * as JSON. docs/engine-format.md has the keys.
 */
#ifndef OSPREY_MODEL_ENGINE_MANIFEST_H
#define OSPREY_MODEL_ENGINE_MANIFEST_H

#include "base/checksum.h"
#include "format/model_config.h"
#include "model/prompt_templates.h"

#include <osprey/engine.h>

/* Of an exception with its NUL. */
#define OSPREY__EXCEPTION_BYTES 520

typedef struct osprey__manifest_tower {
    osprey_engine_profile profiles[OSPREY_ENGINE_BATCHES_MAX];
    size_t profile_count; /* 0: not in the engine */
    size_t parameters;
    osprey_cosines cosines, static_cosines; /* of the precision report */
    bool is_reduced;
    osprey_engine_reduction reduction;
} osprey__manifest_tower;

typedef struct osprey__engine_manifest {
    char name[256]; /* of the model */
    char osprey_version[32];
    char instruction_set[32];
    char packing[64];
    char precision[32];
    char fingerprint[OSPREY__FINGERPRINT_BYTES];
    char layout[32];
    char weight_dtype[8];
    char note[1024]; /* the model's, of several weight files; else empty */
    bool portable;
    char keep[OSPREY_KEEP_MAX][OSPREY__EXCEPTION_BYTES];
    size_t keep_count;
    double cosine_limit;                   /* of the precision report; 0: there is none */
    osprey_calibration_method calibration; /* of the static ranges in the graphs */
    size_t calibration_images;
    float logit_scale, logit_bias;
    osprey__manifest_tower image, text;
    osprey__prompt_templates templates; /* owned; whoever reads may take them out */
    osprey__model_config config;        /* its strings are not stored */
} osprey__engine_manifest;

/* *text gets length bytes of JSON, which the caller frees with osprey__free. */
osprey_status osprey__engine_manifest_print(const osprey__engine_manifest *manifest, char **text,
                                            size_t *length, osprey_error *error);

/*
 * The caller frees the manifest's templates, also on failure. file is what errors name. What is
 * accepted is within the limits of format/model_config.h. Errors: OSPREY_FORMAT,
 * OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__engine_manifest_parse(const void *bytes, size_t length, const char *file,
                                            osprey__engine_manifest *manifest, osprey_error *error);

#endif
