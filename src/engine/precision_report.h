/* SPDX-License-Identifier: Apache-2.0 */
/* An osprey_precision_report while it grows. */
#ifndef OSPREY_ENGINE_PRECISION_REPORT_H
#define OSPREY_ENGINE_PRECISION_REPORT_H

#include <osprey/engine.h>

/* What the report points to. */
typedef struct osprey__report {
    osprey_precision_report report; /* first: the caller frees it by this address */
    osprey_layer_loss *layers;
    size_t layer_capacity;
    char *keep[OSPREY_KEEP_MAX];
    char *advice;
} osprey__report;

/* With the options' precision and exceptions, and passed. Errors: OSPREY_INVALID_ARGUMENT (more
 * than OSPREY_KEEP_MAX), OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__report_create(const osprey_engine_options *options, osprey__report **report,
                                    osprey_error *error);

/* The name is copied. */
osprey_status osprey__report_add_layer(osprey__report *report, const char *name,
                                       const osprey_layer_loss *loss, osprey_error *error);

/* Adds the exception for the layer of that name. Errors: OSPREY_LIMIT. */
osprey_status osprey__report_add_found(osprey__report *report, const char *name,
                                       osprey_precision precision, osprey_error *error);

/* The exception for the layer of that name becomes the advice. */
osprey_status osprey__report_advise(osprey__report *report, const char *name,
                                    osprey_precision precision, osprey_error *error);

/* Puts the layers in order. */
void osprey__report_finish(osprey__report *report);

#endif
