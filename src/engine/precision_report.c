/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/precision_report.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/status.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

osprey_status osprey__report_create(const osprey_engine_options *options, osprey__report **report,
                                    osprey_error *error)
{
    *report = NULL;
    if (options->keep_count > OSPREY_KEEP_MAX)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "keep",
                            "%zu exceptions; at most %d would be right", options->keep_count,
                            OSPREY_KEEP_MAX);
    osprey__report *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    made->report.precision = options->precision;
    made->report.passed = true;
    made->report.keep = (const char *const *)made->keep;
    for (size_t i = 0; i < options->keep_count; i++) {
        made->keep[i] = osprey__strdup(options->keep[i]);
        if (!made->keep[i]) {
            osprey_precision_report_free(&made->report);
            return osprey__fail_memory(error, strlen(options->keep[i]));
        }
        made->report.keep_count++;
    }
    *report = made;
    return OSPREY_OK;
}

osprey_status osprey__report_add_layer(osprey__report *report, const char *name,
                                       const osprey_layer_loss *loss, osprey_error *error)
{
    size_t count = report->report.layer_count;
    if (count == report->layer_capacity) {
        size_t larger = count ? 2 * count : 64;
        osprey_layer_loss *grown = osprey__realloc(report->layers, larger, sizeof *grown);
        if (!grown) return osprey__fail_memory(error, larger * sizeof *grown);
        report->report.layers = report->layers = grown;
        report->layer_capacity = larger;
    }
    char *copy = osprey__strdup(name);
    if (!copy) return osprey__fail_memory(error, strlen(name));
    report->layers[count] = *loss;
    report->layers[count].name = copy;
    report->report.layer_count++;
    return OSPREY_OK;
}

/* "NAME=PRECISION" that fits this name alone. */
static osprey_status make_exception(const char *name, osprey_precision precision, char **exception,
                                    osprey_error *error)
{
    osprey__buffer text = {0};
    osprey_status status = OSPREY_OK;
    for (; *name && status == OSPREY_OK; name++)
        status =
            osprey__buffer_print(&text, error, "%s%c", strchr("*?[\\", *name) ? "\\" : "", *name);
    if (status == OSPREY_OK)
        status = osprey__buffer_print(&text, error, "=%s", osprey_precision_name(precision));
    *exception = status == OSPREY_OK ? osprey__strndup(text.bytes, text.length) : NULL;
    if (status == OSPREY_OK && !*exception) status = osprey__fail_memory(error, text.length);
    osprey__buffer_free(&text);
    return status;
}

osprey_status osprey__report_add_found(osprey__report *report, const char *name,
                                       osprey_precision precision, osprey_error *error)
{
    osprey_precision_report *r = &report->report;
    if (r->keep_count == OSPREY_KEEP_MAX)
        return osprey__fail(error, OSPREY_LIMIT, osprey_precision_name(r->precision),
                            "more than %d layers would have to be kept to reach a cosine of %g; a "
                            "better precision for all would be right",
                            OSPREY_KEEP_MAX, r->limit);
    OSPREY_TRY(make_exception(name, precision, &report->keep[r->keep_count], error));
    r->keep_count++;
    r->found_count++;
    return OSPREY_OK;
}

osprey_status osprey__report_advise(osprey__report *report, const char *name,
                                    osprey_precision precision, osprey_error *error)
{
    osprey__free(report->advice);
    report->report.advice = report->advice = NULL;
    OSPREY_TRY(make_exception(name, precision, &report->advice, error));
    report->report.advice = report->advice;
    return OSPREY_OK;
}

static int by_own_cosine(const void *left, const void *right)
{
    const osprey_layer_loss *a = left, *b = right;
    if (a->own_cosine != b->own_cosine) return a->own_cosine < b->own_cosine ? -1 : 1;
    return strcmp(a->name, b->name);
}

void osprey__report_finish(osprey__report *report)
{
    if (report->layers)
        qsort(report->layers, report->report.layer_count, sizeof *report->layers, by_own_cosine);
}

void osprey_precision_report_free(osprey_precision_report *report)
{
    if (!report) return;
    osprey__report *made = (osprey__report *)report; /* its first member */
    for (size_t i = 0; i < report->layer_count; i++)
        osprey__free((char *)(uintptr_t)made->layers[i].name);
    for (size_t i = 0; i < report->keep_count; i++) osprey__free(made->keep[i]);
    osprey__free(made->layers);
    osprey__free(made->advice);
    osprey__free(made);
}
