/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded_model.h"

#include "cli_memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUNDLED_NAME "osprey-mini"

/* Where the bundled model lies, from the directory of the executable. */
static const char *const bundled_places[] = {
    "../models/" BUNDLED_NAME,                           /* build/osprey in the source tree */
    "../" OSPREY_DATADIR "/osprey/models/" BUNDLED_NAME, /* bin/osprey, installed */
};

/* The bundled model's path, which the caller frees; NULL where it is at none of its places. */
static char *find_bundled(void)
{
    char executable[4096];
    ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length < 0) return NULL;
    executable[length] = '\0';
    *strrchr(executable, '/') = '\0';
    for (size_t i = 0; i < sizeof bundled_places / sizeof *bundled_places; i++) {
        char *path = cli_print("%s/%s", executable, bundled_places[i]);
        struct stat info;
        if (stat(path, &info) == 0) return path;
        cli_free(path);
    }
    return NULL;
}

/* An engine from the cache has the precision asked for; one that was named may have another. */
static cli_exit check_precision(const cli_loaded_model *loaded, const cli_options *options)
{
    const osprey_engine_info *engine = osprey_model_get_engine(loaded->model);
    const char *asked = osprey_precision_name((osprey_precision)options->precision);
    if (!engine || !cli_option_given(options, "precision") || strcmp(asked, engine->precision) == 0)
        return CLI_DONE;
    return cli_fail(CLI_WRONG_USE, "--precision",
                    "%s is an engine in %s, which cannot be run in %s: leave it out, or "
                    "compile the model again",
                    options->model, engine->precision, asked);
}

/* Why --max-resident cannot be kept: only an engine's weights are read layer by layer. */
static cli_exit fail_uncached(const osprey_error *why)
{
    const bool limit = why->status == OSPREY_LIMIT, no_place = why->status == OSPREY_NOT_FOUND;
    /* Not the cache's fault: such a model compiles nowhere. */
    if (!limit && !no_place && why->status != OSPREY_IO) return cli_fail_error(CLI_NO_MODEL, why);
    return cli_fail(limit || no_place ? CLI_WRONG_USE : CLI_NO_MODEL, "--max-resident",
                    "needs an engine, which could not be put into the cache: %s: %s; %scompile it "
                    "elsewhere with osprey compile -o, and name it with -m",
                    why->subject, why->message, limit ? "raise --cache-limit, or " : "");
}

/* Through the cache where the command has one. */
static cli_exit open_model(cli_loaded_model *loaded)
{
    const cli_options *options = loaded->options;
    char *bundled = options->model ? NULL : find_bundled();
    const char *path = options->model ? options->model : bundled;
    if (!path)
        return cli_fail(CLI_NO_MODEL, NULL,
                        "the model that comes with osprey is neither at %s nor at %s from the "
                        "program; name a model's directory with -m",
                        bundled_places[0], bundled_places[1]);
    const osprey_model_options how = {
        .arch = options->arch, .weights = options->weights, .image_size = options->image_size};
    osprey_error error, uncached = {0};
    const bool no_cache = options->no_cache || !options->cache_limit;
    if (options->max_resident && !no_cache &&
        osprey_cache_would_compile(path, &how, (osprey_precision)options->precision,
                                   options->cache_limit))
        cli_fail(CLI_DONE, "--max-resident",
                 "compiling %s into the cache first, once, without that limit; an engine that "
                 "osprey compile made elsewhere needs no such start",
                 path);
    osprey_status status =
        no_cache ? osprey_model_open_with(path, &how, &loaded->model, &error)
                 : osprey_cache_open_model(path, &how, (osprey_precision)options->precision,
                                           options->cache_limit, &loaded->model, &uncached, &error);
    cli_free(bundled);
    if (status != OSPREY_OK)
        return cli_fail_error(status == OSPREY_INVALID_ARGUMENT ? CLI_WRONG_USE : CLI_NO_MODEL,
                              &error);
    if (options->max_resident && uncached.status != OSPREY_OK) return fail_uncached(&uncached);
    if (uncached.status == OSPREY_INVALID_ARGUMENT) cli_fail_error(CLI_DONE, &uncached);
    loaded->info = osprey_model_get_info(loaded->model);
    return CLI_DONE;
}

cli_exit cli_model_load(cli_loaded_model *loaded, const cli_options *options)
{
    *loaded = (cli_loaded_model){.path = options->model ? options->model : BUNDLED_NAME,
                                 .options = options};
    const cli_exit code = open_model(loaded);
    if (code != CLI_DONE) return code;
    if (loaded->info->note) cli_fail(CLI_DONE, loaded->info->name, "%s", loaded->info->note);
    if (!options->model)
        fputs("osprey: " BUNDLED_NAME " is a small demonstration model; for real work download a "
              "published one, such as openai/clip-vit-base-patch32 from huggingface.co, and name "
              "its directory with -m\n",
              stderr);
    return check_precision(loaded, options);
}

cli_exit cli_model_start(cli_loaded_model *loaded, osprey_tower towers)
{
    const cli_options *options = loaded->options;
    const osprey_engine_info *engine = osprey_model_get_engine(loaded->model);
    if (options->static_ranges && (!engine || engine->calibration == OSPREY_CALIBRATION_NONE))
        return cli_fail(CLI_WRONG_USE, "--static",
                        "%s has no static ranges; they come with an engine that osprey compile "
                        "made in int8 or int4, with --calibrate",
                        loaded->path);
    if (options->max_resident && !engine)
        return cli_fail(CLI_WRONG_USE, "--max-resident",
                        "needs an engine, whose weights can be read layer by layer; compile %s "
                        "first",
                        loaded->path);
    const osprey_session_options how = {
        .towers = towers,
        .threads = options->threads,
        .precision = (osprey_precision)options->precision,
        .max_resident_bytes = options->max_resident,
        .static_ranges = options->static_ranges,
    };
    loaded->towers = towers;
    osprey_error error;
    osprey_status status = osprey_session_create(loaded->model, &how, &loaded->session, &error);
    if (status == OSPREY_OK) return CLI_DONE;
    return cli_fail_error(status == OSPREY_INVALID_ARGUMENT ? CLI_WRONG_USE : CLI_NO_MODEL, &error);
}

cli_exit cli_model_renew(cli_loaded_model *loaded, const osprey_error *error)
{
    if (error->status != OSPREY_STALE || loaded->damaged) return cli_fail_run(error);
    cli_fail(CLI_DONE, error->subject,
             "the cache's engine was damaged, and has been removed; compiling the model anew");
    osprey_session_free(loaded->session);
    loaded->session = NULL;
    loaded->damaged = loaded->model;
    loaded->model = NULL;
    const cli_exit code = open_model(loaded);
    return code == CLI_DONE ? cli_model_start(loaded, loaded->towers) : code;
}

cli_exit cli_model_embed_pixels(cli_loaded_model *loaded, const float *pixels, size_t count,
                                osprey_embed form, float *embeddings)
{
    osprey_error error;
    cli_exit code = CLI_DONE;
    while (code == CLI_DONE && osprey_session_embed_pixels(loaded->session, pixels, count, form,
                                                           embeddings, &error) != OSPREY_OK)
        code = cli_model_renew(loaded, &error);
    return code;
}

cli_exit cli_model_embed_texts(cli_loaded_model *loaded, const char *const *texts, size_t count,
                               osprey_embed form, float *embeddings)
{
    osprey_error error;
    cli_exit code = CLI_DONE;
    while (code == CLI_DONE && osprey_session_embed_texts(loaded->session, texts, count, form,
                                                          embeddings, &error) != OSPREY_OK)
        code = cli_model_renew(loaded, &error);
    return code;
}

void cli_model_unload(cli_loaded_model *loaded)
{
    osprey_session_free(loaded->session);
    osprey_model_free(loaded->model);
    osprey_model_free(loaded->damaged);
    *loaded = (cli_loaded_model){0};
}
