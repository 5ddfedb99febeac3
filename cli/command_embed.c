/* SPDX-License-Identifier: Apache-2.0 */
/* osprey embed: pictures or texts to vectors. */
#include "batch_size.h"
#include "cli_memory.h"
#include "commands.h"
#include "embedding_writer.h"
#include "finite.h"
#include "image_job.h"
#include "lines.h"
#include "npy.h"
#include "progress.h"

#include <string.h>

typedef struct embedding_run {
    const cli_options *options;
    cli_loaded_model loaded;
    osprey_embed form;
    cli_output output;
    cli_embedding_writer writer;
    bool failed; /* a text, or a row of the pixels */
} embedding_run;

static cli_exit embed_image_row(void *context, const char *path, const float *row,
                                const osprey_error *failure)
{
    embedding_run *run = context;
    cli_embedding_name name = {.key = "input", .text = path, .length = strlen(path)};
    cli_embedding_write(&run->writer, &name, row, failure);
    return CLI_DONE;
}

static cli_exit start_model(embedding_run *run, osprey_tower tower)
{
    cli_exit code = cli_model_load(&run->loaded, run->options);
    if (code == CLI_DONE) code = cli_model_start(&run->loaded, tower);
    return code;
}

/* Opens the output for `count` rows; columns: what a CSV line has before the embedding. */
static cli_exit begin_output(embedding_run *run, const char *columns, size_t count)
{
    cli_exit code = cli_output_open(&run->output, run->options->output);
    if (code != CLI_DONE) return code;
    return cli_embedding_begin(&run->writer, &run->output, (cli_format)run->options->format,
                               columns, count, run->loaded.info->embed_dim);
}

static cli_exit embed_images(embedding_run *run)
{
    cli_image_inputs inputs;
    cli_exit code = cli_image_inputs_find(&inputs, &run->options->inputs);
    if (code == CLI_DONE) code = start_model(run, OSPREY_TOWER_IMAGE);
    if (code == CLI_DONE) code = begin_output(run, "input", inputs.count);
    if (code == CLI_DONE) {
        cli_image_job job = {.options = run->options,
                             .inputs = &inputs,
                             .loaded = &run->loaded,
                             .form = run->form,
                             .output = &run->output,
                             .row = embed_image_row,
                             .context = run};
        code = cli_image_job_run(&job);
    }
    cli_image_inputs_free(&inputs);
    return code;
}

/* The texts of --text or --texts. */
static cli_exit find_texts(const cli_options *options, cli_lines *texts)
{
    if (options->texts) {
        cli_exit code = cli_lines_read_value(texts, "--texts", options->texts);
        return code == CLI_DONE ? cli_lines_check_strings(texts) : code;
    }
    for (size_t i = 0; i < options->text.count; i++)
        cli_lines_add(texts, options->text.items[i], strlen(options->text.items[i]));
    return CLI_DONE;
}

/* The input's row, of which there is an error instead. */
static void write_failure(embedding_run *run, const cli_embedding_name *name,
                          const osprey_error *error)
{
    run->failed = true;
    cli_fail_error(CLI_INPUTS_FAILED, error);
    cli_embedding_write(&run->writer, name, NULL, error);
}

/* One call of the model, and its rows. */
static cli_exit embed_text_batch(embedding_run *run, const cli_line *texts, size_t count,
                                 const char **pointers, float *rows)
{
    osprey_error error;
    for (size_t i = 0; i < count; i++) pointers[i] = texts[i].text;
    const cli_exit code = cli_model_embed_texts(&run->loaded, pointers, count, run->form, rows);
    if (code != CLI_DONE) {
        cli_output_abandon(&run->output);
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        const float *row = rows + i * run->writer.embed_dim;
        cli_embedding_name name = {.key = "text", .text = texts[i].text, .length = texts[i].length};
        if (cli_all_finite(row, run->writer.embed_dim)) {
            cli_embedding_write(&run->writer, &name, row, NULL);
            continue;
        }
        cli_say_not_finite(texts[i].text, &error);
        write_failure(run, &name, &error);
    }
    cli_output_flush(&run->output);
    return CLI_DONE;
}

static cli_exit embed_texts(embedding_run *run)
{
    cli_lines texts = {0};
    cli_exit code = find_texts(run->options, &texts);
    if (code == CLI_DONE) code = start_model(run, OSPREY_TOWER_TEXT);
    if (code == CLI_DONE) code = begin_output(run, "text", texts.count);
    if (code == CLI_DONE) {
        size_t row_bytes = run->writer.embed_dim * sizeof(float);
        size_t batch = cli_batch_size(run->options, CLI_TEXTS_A_BATCH, row_bytes);
        float *rows = cli_calloc(batch, row_bytes);
        const char **pointers = cli_calloc(batch, sizeof *pointers);
        cli_progress_start(texts.count, !run->output.path);
        for (size_t at = 0; at < texts.count && code == CLI_DONE && cli_output_usable(&run->output);
             at += batch) {
            size_t count = texts.count - at < batch ? texts.count - at : batch;
            code = embed_text_batch(run, texts.items + at, count, pointers, rows);
            cli_progress_update(at + count);
        }
        cli_progress_clear();
        cli_free((void *)pointers);
        cli_free(rows);
    }
    cli_lines_free(&texts);
    return code == CLI_DONE && run->failed ? CLI_INPUTS_FAILED : code;
}

static void write_shape(char *text, size_t size, const size_t *shape, size_t rank)
{
    text[0] = '\0';
    for (size_t i = 0, used = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%zu", i ? "," : "", shape[i]);
}

static cli_exit check_pixels(const cli_npy *npy, const osprey_model_info *info)
{
    size_t wanted[CLI_PIXEL_RANK_MAX];
    const size_t rank = cli_pixel_shape(info, wanted);
    if (npy->rank == 1 + rank && memcmp(npy->shape + 1, wanted, rank * sizeof *wanted) == 0)
        return CLI_DONE;
    char shape[CLI_NPY_MAX_RANK * 24], takes[CLI_NPY_MAX_RANK * 24];
    write_shape(shape, sizeof shape, npy->shape, npy->rank);
    write_shape(takes, sizeof takes, wanted, rank);
    return cli_fail(CLI_INPUTS_FAILED, npy->path, "its shape is [%s], the model takes [N,%s]",
                    shape, takes);
}

static cli_exit embed_pixel_batch(embedding_run *run, cli_npy *npy, size_t at, size_t count,
                                  float *pixels, float *rows)
{
    const size_t elems = cli_pixel_bytes(run->loaded.info) / sizeof *pixels;
    osprey_error error;
    cli_exit code = cli_npy_read(npy, pixels, count * elems);
    if (code == CLI_DONE)
        code = cli_model_embed_pixels(&run->loaded, pixels, count, run->form, rows);
    if (code != CLI_DONE) {
        cli_output_abandon(&run->output);
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        const float *row = rows + i * run->writer.embed_dim;
        cli_embedding_name name = {.key = "input",
                                   .text = npy->path,
                                   .length = strlen(npy->path),
                                   .has_row = true,
                                   .row = at + i};
        const bool has_pixels = cli_all_finite(pixels + i * elems, elems);
        if (has_pixels && cli_all_finite(row, run->writer.embed_dim)) {
            cli_embedding_write(&run->writer, &name, row, NULL);
            continue;
        }
        char *input = cli_print("%s: row %zu (from 0)", npy->path, at + i);
        cli_say_not_finite(input, &error);
        cli_free(input);
        if (!has_pixels)
            snprintf(error.message, sizeof error.message, "has pixels that are NaN or infinite");
        write_failure(run, &name, &error);
    }
    cli_output_flush(&run->output);
    return CLI_DONE;
}

static cli_exit embed_pixels(embedding_run *run)
{
    cli_npy npy;
    cli_exit code = cli_npy_open(&npy, run->options->pixels);
    if (code == CLI_DONE) code = start_model(run, OSPREY_TOWER_IMAGE);
    if (code == CLI_DONE) code = check_pixels(&npy, run->loaded.info);
    if (code == CLI_DONE) code = begin_output(run, "input,row", npy.shape[0]);
    if (code == CLI_DONE) {
        size_t total = npy.shape[0];
        size_t image_bytes = cli_pixel_bytes(run->loaded.info);
        size_t batch = cli_batch_size(run->options, CLI_IMAGES_A_BATCH, image_bytes);
        if (batch > total) batch = total;
        float *pixels = cli_calloc(batch, image_bytes);
        float *rows = cli_calloc(batch * run->writer.embed_dim, sizeof *rows);
        cli_progress_start(total, !run->output.path);
        for (size_t at = 0; at < total && code == CLI_DONE && cli_output_usable(&run->output);
             at += batch) {
            size_t count = total - at < batch ? total - at : batch;
            code = embed_pixel_batch(run, &npy, at, count, pixels, rows);
            cli_progress_update(at + count);
        }
        cli_progress_clear();
        cli_free(rows);
        cli_free(pixels);
    }
    cli_npy_close(&npy);
    return code == CLI_DONE && run->failed ? CLI_INPUTS_FAILED : code;
}

static cli_exit run(const cli_options *options)
{
    bool has_texts = options->text.count || options->texts;
    if (!has_texts && !options->pixels && !options->inputs.count)
        return cli_fail(CLI_WRONG_USE, NULL,
                        "embed takes one kind of input: images, --text, --texts or --pixels");
    embedding_run run = {
        .options = options,
        .form = options->raw ? OSPREY_EMBED_RAW : OSPREY_EMBED_UNIT_LENGTH,
    };
    cli_exit code = options->pixels ? embed_pixels(&run)
                    : has_texts     ? embed_texts(&run)
                                    : embed_images(&run);
    cli_embedding_end(&run.writer);
    code = cli_output_close(&run.output, code);
    cli_model_unload(&run.loaded);
    return code;
}

const cli_command cli_embed_command = {
    .name = "embed",
    .bit = CLI_EMBED,
    .arguments = "IMAGE... | --text TEXT... | --texts @FILE | --pixels FILE.npy",
    .summary = "Turn pictures or texts into vectors that can be compared.",
    .details = "Turns pictures or texts into vectors that can be compared: of unit length, so that "
               "their products are cosines. IMAGE is a JPEG, PNG or WebP file, a directory (the "
               "pictures directly inside, by name), @FILE for a list of files, one a line, or - "
               "for one on standard input. A bad picture is named on standard error and does not "
               "stop the rest; "
               "its row in an .npy holds NaN, so that rows and inputs stay side by side.",
    .example = "  osprey embed --text \"a dog\" --text \"a cat\" --format npy -o texts.npy\n"
               "  osprey embed photos/ --format npy -o images.npy\n",
    .run = run,
};
