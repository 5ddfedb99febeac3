/* SPDX-License-Identifier: Apache-2.0 */
/* osprey bench: how long a tower takes on this machine. */
#include "batch_size.h"
#include "cli_memory.h"
#include "commands.h"
#include "engine_facts.h"
#include "json_text.h"
#include "loaded_model.h"
#include "output.h"
#include "precision_text.h"
#include "stopwatch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MS_A_CASE         3000.0
#define LEAST_REPETITIONS 5
#define MOST_REPETITIONS  500

typedef struct bench_case {
    cli_loaded_model *loaded;
    osprey_tower tower;
    size_t batch;
    bool is_first;     /* of the table */
    float *pixels;     /* [batch] pictures; image tower */
    char **texts;      /* [batch]; text tower */
    float *embeddings; /* [batch, D] */
} bench_case;

/* Numbers between -2 and 2, about what normalised pixels are; the same each time. */
static void fill_pixels(float *pixels, size_t count)
{
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        pixels[i] = (float)(state >> 8) * (4.0f / (1 << 24)) - 2;
    }
}

/* Where pictures are cut into patches: as many as there can be. */
static void fill_grid(const osprey_preprocessing *how, float *pixels)
{
    if (how->resize != OSPREY_RESIZE_PATCHES) return;
    pixels[0] = 1;
    pixels[1] = (float)how->max_patches;
}

/* No two are the same: those would be computed once. */
static void fill_texts(char **texts, size_t count)
{
    static const char *const usual[] = {
        "a photo of a dog",          "a photo of a red car", "a photo of a coffee cup",
        "a photo of a sailing boat", "a photo of a tree",    "a photo of a house",
        "a photo of a goldfish",     "a photo of a bicycle",
    };
    size_t different = sizeof usual / sizeof *usual;
    for (size_t i = 0; i < count; i++)
        texts[i] = i < different ? cli_print("%s.", usual[i])
                                 : cli_print("%s %zu.", usual[i % different], i / different);
}

/* What one image or text takes here; of a text, its embedding. */
static size_t input_bytes(const bench_case *c)
{
    const osprey_model_info *info = c->loaded->info;
    return c->tower == OSPREY_TOWER_IMAGE ? cli_pixel_bytes(info)
                                          : info->embed_dim * sizeof *c->embeddings;
}

static void prepare(bench_case *c)
{
    const osprey_model_info *info = c->loaded->info;
    c->embeddings = cli_calloc(c->batch, info->embed_dim * sizeof *c->embeddings);
    if (c->tower == OSPREY_TOWER_IMAGE) {
        c->pixels = cli_calloc(c->batch, input_bytes(c));
        const size_t floats = input_bytes(c) / sizeof *c->pixels;
        fill_pixels(c->pixels, c->batch * floats);
        for (size_t i = 0; i < c->batch; i++)
            fill_grid(&info->preprocessing, c->pixels + i * floats);
    } else {
        c->texts = cli_calloc(c->batch, sizeof *c->texts);
        fill_texts(c->texts, c->batch);
    }
}

static void clean_up(bench_case *c)
{
    cli_free(c->embeddings);
    cli_free(c->pixels);
    for (size_t i = 0; c->texts && i < c->batch; i++) cli_free(c->texts[i]);
    cli_free((void *)c->texts);
}

static cli_exit run_once(const bench_case *c)
{
    return c->tower == OSPREY_TOWER_IMAGE
               ? cli_model_embed_pixels(c->loaded, c->pixels, c->batch, OSPREY_EMBED_UNIT_LENGTH,
                                        c->embeddings)
               : cli_model_embed_texts(c->loaded, (const char *const *)c->texts, c->batch,
                                       OSPREY_EMBED_UNIT_LENGTH, c->embeddings);
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

typedef struct measurement {
    double times[MOST_REPETITIONS]; /* ms, sorted */
    size_t count;
    double read_bytes; /* of weights, a run */
} measurement;

/* Runs the case again and again, and fills *m. */
static cli_exit measure(const bench_case *c, measurement *m)
{
    m->count = 0;
    cli_exit code = run_once(c); /* warms up: work space is allocated, pages are touched */
    if (code != CLI_DONE) return code;
    uint64_t read_before = osprey_session_get_info(c->loaded->session).read_bytes;
    double start = cli_now_ms(), before = start;
    while (code == CLI_DONE && m->count < MOST_REPETITIONS &&
           (m->count < LEAST_REPETITIONS || before - start < MS_A_CASE)) {
        code = run_once(c);
        double after = cli_now_ms();
        m->times[m->count++] = after - before;
        before = after;
    }
    uint64_t read = osprey_session_get_info(c->loaded->session).read_bytes - read_before;
    m->read_bytes = m->count ? (double)read / (double)m->count : 0;
    qsort(m->times, m->count, sizeof *m->times, by_size);
    return code;
}

static double median(const double *sorted, size_t count)
{
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static uint64_t peak_rss_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

/* Above the table: in its column the exceptions would have no room. */
static void write_exceptions(cli_output *output, const osprey_engine_info *engine)
{
    if (!engine || !engine->keep_count) return;
    char *precision = cli_engine_precision(engine);
    cli_output_visible(output, precision);
    cli_output_print(output, "\n");
    cli_free(precision);
}

static void write_case(cli_output *output, const cli_options *options, const bench_case *c,
                       const measurement *m)
{
    osprey_session_info session = osprey_session_get_info(c->loaded->session);
    const osprey_engine_info *engine = osprey_model_get_engine(c->loaded->model);
    const char *tower = c->tower == OSPREY_TOWER_IMAGE ? "image" : "text";
    if (!options->json && c->is_first) {
        write_exceptions(output, engine);
        cli_output_print(output, "%-6s %6s %-9s %8s %10s %10s %10s %9s%s\n", "tower", "batch",
                         "precision", "threads", "ms_min", "ms_median", "a second", "peak_MiB",
                         options->max_resident ? "  read_MiB" : "");
    }
    double ms_median = median(m->times, m->count);
    if (!options->json) {
        cli_output_print(output, "%-6s %6zu %-9s %8zu %10.3f %10.3f %10.1f %9.1f", tower, c->batch,
                         session.precision, session.threads, m->times[0], ms_median,
                         (double)c->batch * 1000 / ms_median, (double)peak_rss_bytes() / (1 << 20));
        if (options->max_resident) cli_output_print(output, " %9.1f", m->read_bytes / (1 << 20));
        cli_output_print(output, "\n");
        return;
    }
    json_t *line = json_object();
    json_object_set_new(line, "model",
                        cli_json_text(c->loaded->info->name, strlen(c->loaded->info->name)));
    json_object_set_new(line, "tower", json_string(tower));
    json_object_set_new(line, "batch", json_integer((json_int_t)c->batch));
    json_object_set_new(line, "precision", json_string(session.precision));
    if (engine && engine->keep_count) json_object_set_new(line, "keep", cli_keep_json(engine));
    json_object_set_new(line, "static_ranges", json_boolean(session.static_ranges));
    json_object_set_new(line, "threads", json_integer((json_int_t)session.threads));
    json_object_set_new(line, "instruction_set", json_string(session.instruction_set));
    json_object_set_new(line, "repetitions", json_integer((json_int_t)m->count));
    json_object_set_new(line, "ms_min", cli_json_number(m->times[0]));
    json_object_set_new(line, "ms_median", cli_json_number(ms_median));
    json_object_set_new(line, "peak_rss_bytes", json_integer((json_int_t)peak_rss_bytes()));
    if (options->max_resident)
        json_object_set_new(line, "read_bytes_a_run", json_integer((json_int_t)m->read_bytes));
    cli_output_json(output, line);
}

static cli_exit bench_tower(const cli_options *options, cli_loaded_model *loaded,
                            osprey_tower tower, bool is_first, cli_output *output)
{
    /* A tower at a time, so that memory tells what this one needs. */
    osprey_session_free(loaded->session);
    loaded->session = NULL;
    cli_exit code = cli_model_start(loaded, tower);
    for (size_t i = 0; i < options->batches.count && code == CLI_DONE; i++) {
        bench_case c = {.loaded = loaded,
                        .tower = tower,
                        .batch = options->batches.items[i],
                        .is_first = is_first && i == 0};
        measurement m;
        code = cli_check_batch(options, c.batch, input_bytes(&c));
        if (code != CLI_DONE) break;
        prepare(&c);
        code = measure(&c, &m);
        if (code == CLI_DONE) write_case(output, options, &c, &m);
        cli_output_flush(output);
        clean_up(&c);
    }
    return code;
}

/* An engine may have one tower only, and so may a model. */
static bool has_tower(const cli_loaded_model *loaded, osprey_tower tower)
{
    const osprey_engine_info *engine = osprey_model_get_engine(loaded->model);
    bool image = tower == OSPREY_TOWER_IMAGE;
    if (engine) return (image ? engine->image : engine->text).profile_count > 0;
    return (image ? loaded->info->image : loaded->info->text).architecture;
}

/* Whether the tower was asked for, or is there where any will do. */
static bool is_wanted(const cli_options *options, const cli_loaded_model *loaded,
                      osprey_tower tower)
{
    if (options->tower == CLI_TOWER_BOTH) return has_tower(loaded, tower);
    return (options->tower == CLI_TOWER_IMAGE) == (tower == OSPREY_TOWER_IMAGE);
}

static cli_exit run(const cli_options *options)
{
    if (options->inputs.count)
        return cli_fail(CLI_WRONG_USE, options->inputs.items[0],
                        "bench takes no inputs; it makes its own");
    cli_loaded_model loaded;
    cli_output output = {0};
    cli_exit code = cli_model_load(&loaded, options);
    if (code == CLI_DONE) code = cli_output_open(&output, options->output);
    const bool images = code == CLI_DONE && is_wanted(options, &loaded, OSPREY_TOWER_IMAGE);
    if (images) code = bench_tower(options, &loaded, OSPREY_TOWER_IMAGE, true, &output);
    if (code == CLI_DONE && is_wanted(options, &loaded, OSPREY_TOWER_TEXT))
        code = bench_tower(options, &loaded, OSPREY_TOWER_TEXT, !images, &output);
    if (code != CLI_DONE) cli_output_abandon(&output);
    code = cli_output_close(&output, code);
    cli_model_unload(&loaded);
    return code;
}

const cli_command cli_bench_command = {
    .name = "bench",
    .bit = CLI_BENCH,
    .arguments = "",
    .summary = "Measure how long the model takes on this machine.",
    .details = "Measures how long the model takes on this machine, from pixels or texts to "
               "embeddings: three seconds or 500 repetitions a case, at least five, after one that "
               "does not count. The precision is that of the model; layers that an engine keeps in "
               "another (--keep) are told above the table, and as \"keep\" with --json. Peak "
               "memory is that of the whole process up to then; with "
               "--max-resident also what each run reads back from the engine's file.",
    .example = "  osprey bench --tower image --batch 1,8 --threads 2\n",
    .run = run,
};
