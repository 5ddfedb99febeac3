/* SPDX-License-Identifier: Apache-2.0 */
/*
 * osprey as one of the programs that run.py times; peer_loop.py describes the protocol. The job
 * also names the "engine", and label sets are encoded as `osprey classify` does it: from strings,
 * all labels in all templates, tokenized within the time.
 */
#include <osprey/osprey.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { LINE_BYTES = 4096, MOST_LINES = 1024, MOST_RUNS = 100000 };

typedef struct line_list {
    char *text;
    const char *lines[MOST_LINES];
    size_t count;
} line_list;

typedef struct peer {
    json_t *job;
    osprey_model *model;
    const osprey_model_info *info;
    osprey_session *session;
    line_list labels, prompts;
    bool is_image;
    float *pixels;
    size_t pixel_images;
    float *embeddings; /* of the last run; [batch, D] */
} peer;

/* What one request repeats. */
typedef struct work {
    peer *peer;
    size_t batch;
    const char *const *templates; /* NULL: a batch, no label set */
    size_t template_count;
} work;

static void stop(const char *subject, const char *reason)
{
    fprintf(stderr, "osprey_peer: %s: %s\n", subject, reason);
    exit(1);
}

static void check(osprey_status status, const osprey_error *error)
{
    if (status != OSPREY_OK) stop(error->subject, error->message);
}

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static const char *job_string(const peer *p, const char *key)
{
    const char *value = json_string_value(json_object_get(p->job, key));
    if (!value) stop(key, "is missing in the job");
    return value;
}

/* A file of the job's folder, with a NUL behind its end. */
static char *read_file(const peer *p, const char *name)
{
    char path[LINE_BYTES];
    snprintf(path, sizeof path, "%s/%s", job_string(p, "folder"), name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) stop(path, "cannot be read");
    long size = ftell(file);
    rewind(file);
    char *data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) stop(path, "cannot be read");
    fclose(file);
    data[size] = '\0';
    return data;
}

static void read_lines(const peer *p, const char *name, line_list *list)
{
    list->text = read_file(p, name);
    for (char *line = list->text, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (list->count == MOST_LINES) stop(name, "has too many lines");
        *end = '\0';
        list->lines[list->count++] = line;
    }
}

static void start(peer *p, const char *job)
{
    json_error_t bad;
    p->job = json_loads(job, 0, &bad);
    if (!p->job) stop("the job", bad.text);
    osprey_error error;
    check(osprey_model_open(job_string(p, "engine"), &p->model, &error), &error);
    p->info = osprey_model_get_info(p->model);
    bool image = strcmp(job_string(p, "tower"), "image") == 0;
    const osprey_session_options options = {
        .towers = image ? OSPREY_TOWER_IMAGE : OSPREY_TOWER_TEXT,
        .threads = (size_t)json_integer_value(json_object_get(p->job, "threads")),
    };
    check(osprey_session_create(p->model, &options, &p->session, &error), &error);
    p->is_image = image;
    if (image) return;
    read_lines(p, "labels.txt", &p->labels);
    read_lines(p, "prompts.txt", &p->prompts);
}

/* The first photographs, as many as are asked for: a cold start reads one. */
static void read_pixels(peer *p, size_t images)
{
    if (images <= p->pixel_images) return;
    char path[LINE_BYTES];
    snprintf(path, sizeof path, "%s/pixels.f32", job_string(p, "folder"));
    const size_t image_floats = osprey_preprocessing_floats(&p->info->preprocessing);
    FILE *file = fopen(path, "rb");
    p->pixels = realloc(p->pixels, images * image_floats * sizeof *p->pixels);
    if (!file || !p->pixels ||
        fread(p->pixels, image_floats * sizeof *p->pixels, images, file) != images)
        stop(path, "cannot be read, or has fewer images than the batch");
    fclose(file);
    p->pixel_images = images;
}

static work prepare(peer *p, const json_t *request)
{
    work w = {.peer = p,
              .batch = (size_t)json_integer_value(json_object_get(request, "batch")),
              .template_count = (size_t)json_integer_value(json_object_get(request, "templates"))};
    if (p->is_image)
        read_pixels(p, w.batch);
    else if (w.batch > p->prompts.count)
        stop("batch", "is larger than what there is to embed");
    if (w.template_count == 1) {
        static const char *const photo[] = {"a photo of a {}."};
        w.templates = photo;
    } else if (w.template_count) {
        osprey_error error;
        size_t count;
        check(osprey_templates_builtin("imagenet", &w.templates, &count, &error), &error);
        if (count != w.template_count) stop("templates", "are neither 1 nor ImageNet's 80");
    }
    size_t rows = w.batch ? w.batch : 1;
    p->embeddings = realloc(p->embeddings, rows * p->info->embed_dim * sizeof *p->embeddings);
    if (!p->embeddings) stop("embeddings", "out of memory");
    return w;
}

static void run_label_set(const work *w)
{
    peer *p = w->peer;
    const osprey_label_set_options options = {.labels = p->labels.lines,
                                              .label_count = p->labels.count,
                                              .templates = w->templates,
                                              .template_count = w->template_count};
    osprey_label_set *set = NULL;
    osprey_error error;
    check(osprey_label_set_create(p->session, &options, &set, &error), &error);
    memcpy(p->embeddings, osprey_label_set_embeddings(set),
           p->info->embed_dim * sizeof *p->embeddings);
    osprey_label_set_free(set);
}

static void run(const work *w)
{
    peer *p = w->peer;
    osprey_error error;
    if (w->templates)
        run_label_set(w);
    else if (p->is_image)
        check(osprey_session_embed_pixels(p->session, p->pixels, w->batch, OSPREY_EMBED_UNIT_LENGTH,
                                          p->embeddings, &error),
              &error);
    else
        check(osprey_session_embed_texts(p->session, p->prompts.lines, w->batch,
                                         OSPREY_EMBED_UNIT_LENGTH, p->embeddings, &error),
              &error);
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void measure(const work *w, const json_t *request)
{
    static double times_ms[MOST_RUNS];
    double seconds = json_number_value(json_object_get(request, "seconds"));
    size_t min_runs = (size_t)json_integer_value(json_object_get(request, "min_runs")), count = 0;
    size_t warm_ups = (size_t)json_integer_value(json_object_get(request, "warm_ups"));
    for (size_t i = 0; i < warm_ups; i++) run(w);
    double end = now_ms() + 1e3 * seconds;
    while (count < MOST_RUNS && (count < min_runs || now_ms() < end)) {
        double before = now_ms();
        run(w);
        times_ms[count++] = now_ms() - before;
    }
    qsort(times_ms, count, sizeof *times_ms, by_size);

    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    json_t *embedding = json_array();
    for (size_t i = 0; i < w->peer->info->embed_dim; i++)
        json_array_append_new(embedding, json_real((double)w->peer->embeddings[i]));
    json_t *answer = json_pack("{s:f, s:f, s:I, s:i, s:o, s:I}", "ms_min", times_ms[0], "ms_median",
                               (times_ms[(count - 1) / 2] + times_ms[count / 2]) / 2, "runs",
                               (json_int_t)count, "scale", 1, "embedding", embedding,
                               "peak_rss_bytes", (json_int_t)usage.ru_maxrss * 1024);
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(answer);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s JOB; peer_loop.py says what that is\n", argv[0]);
        return 2;
    }
    printf("{\"version\": \"osprey %s\"}\n", OSPREY_VERSION);
    fflush(stdout);
    peer p = {0};
    start(&p, argv[1]);
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        json_error_t bad;
        json_t *request = json_loads(line, 0, &bad);
        if (!request) stop("a request", bad.text);
        work w = prepare(&p, request);
        measure(&w, request);
        json_decref(request);
    }
    osprey_session_free(p.session);
    osprey_model_free(p.model);
    json_decref(p.job);
    free(p.labels.text);
    free(p.prompts.text);
    free(p.pixels);
    free(p.embeddings);
    return 0;
}
