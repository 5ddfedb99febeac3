/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times a label set: labels in a file, one a line, under templates, on one session. Prints one JSON
 * object; the first of the runs counts too, since a label set is made once.
 *
 *     bench_texts MODEL LABELS.txt TEMPLATES PRECISION THREADS RUNS
 *
 * TEMPLATES: imagenet, simple or none, or a template such as "a photo of a {}.".
 */
#include <osprey/osprey.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct bench {
    osprey_model *model;
    osprey_session *session;
    osprey_label_set_options options;
} bench;

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* The file's lines; it lives as long as the program. */
static const char **read_lines(const char *path, size_t *count)
{
    FILE *file = fopen(path, "r");
    const char **lines = NULL;
    char *line = NULL;
    size_t capacity = 0;
    *count = 0;
    while (file && getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        lines = realloc((void *)lines, (*count + 1) * sizeof *lines);
        if (!lines) abort();
        lines[(*count)++] = line;
        line = NULL;
        capacity = 0;
    }
    free(line);
    if (file) fclose(file);
    return lines;
}

static osprey_status choose_precision(const char *name, osprey_precision *precision,
                                      osprey_error *error)
{
    for (int i = 0; i < OSPREY_PRECISIONS; i++) {
        *precision = (osprey_precision)i;
        if (strcmp(name, osprey_precision_name(*precision)) == 0) return OSPREY_OK;
    }
    snprintf(error->subject, sizeof error->subject, "%s", name);
    snprintf(error->message, sizeof error->message, "is no precision");
    return error->status = OSPREY_INVALID_ARGUMENT;
}

static osprey_status open_bench(bench *b, char **arguments, osprey_error *error)
{
    static const char *template[1];
    osprey_session_options options = {.towers = OSPREY_TOWER_TEXT,
                                      .threads = strtoul(arguments[5], NULL, 10)};
    osprey_status status = osprey_model_open(arguments[1], &b->model, error);
    if (status == OSPREY_OK) status = choose_precision(arguments[4], &options.precision, error);
    if (status == OSPREY_OK) status = osprey_session_create(b->model, &options, &b->session, error);
    b->options.labels = read_lines(arguments[2], &b->options.label_count);
    template[0] = arguments[3];
    b->options.templates = template;
    b->options.template_count = 1;
    if (status == OSPREY_OK && !strchr(arguments[3], '{'))
        status = osprey_templates_builtin(arguments[3], &b->options.templates,
                                          &b->options.template_count, error);
    return status;
}

int main(int count, char **arguments)
{
    bench b = {0};
    osprey_error error;
    if (count != 7) {
        fprintf(stderr, "bench_texts MODEL LABELS.txt TEMPLATES PRECISION THREADS RUNS\n");
        return 2;
    }
    osprey_status status = open_bench(&b, arguments, &error);
    double least = 0, first = 0;
    size_t runs = strtoul(arguments[6], NULL, 10);
    for (size_t run = 0; run < runs && status == OSPREY_OK; run++) {
        osprey_label_set *set = NULL;
        double start = now_ms();
        status = osprey_label_set_create(b.session, &b.options, &set, &error);
        double ms = now_ms() - start;
        osprey_label_set_free(set);
        if (run == 0) first = ms;
        if (run == 0 || ms < least) least = ms;
    }
    if (status != OSPREY_OK) {
        fprintf(stderr, "%s: %s\n", error.subject, error.message);
        return 1;
    }
    osprey_session_info info = osprey_session_get_info(b.session);
    size_t prompts = b.options.label_count * b.options.template_count;
    printf(
        "{\"precision\": \"%s\", \"instruction_set\": \"%s\", \"threads\": %zu, \"prompts\": %zu, "
        "\"runs\": %zu, \"ms_first\": %.1f, \"ms_least\": %.1f, \"ms_a_prompt\": %.4f, "
        "\"arena_bytes\": %zu}\n",
        info.precision, info.instruction_set, info.threads, prompts, runs, first, least,
        least / (double)prompts, info.arena_bytes);
    osprey_session_free(b.session);
    osprey_model_free(b.model);
    return 0;
}
