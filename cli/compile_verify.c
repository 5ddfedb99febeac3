/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_verify.h"

#include "calibration.h"
#include "cli_memory.h"
#include "image_job.h"
#include "output.h"
#include "precision_text.h"

#include <string.h>

#define LAYERS_SHOWN 10
#define IMAGES_MAX   1024 /* all of them lie in memory */

cli_exit cli_compile_images(const cli_options *options, cli_image_inputs *images)
{
    const cli_strings *flag = &options->verify_images, *rest = &options->inputs;
    *images = (cli_image_inputs){0};
    if (!flag->count) {
        if (rest->count)
            return cli_fail(CLI_WRONG_USE, rest->items[0],
                            "compile takes no inputs but the images of --verify; name the model "
                            "with -m");
        return CLI_DONE;
    }
    if (options->tower == CLI_TOWER_TEXT) return CLI_DONE; /* which is compared on prompts */
    cli_strings all = {cli_calloc(flag->count + rest->count, sizeof *all.items), 0};
    for (size_t i = 0; i < flag->count; i++) all.items[all.count++] = flag->items[i];
    for (size_t i = 0; i < rest->count; i++) all.items[all.count++] = rest->items[i];
    cli_exit code = cli_image_inputs_find(images, &all);
    cli_free((void *)all.items);
    if (code == CLI_DONE && images->count > IMAGES_MAX)
        return cli_fail(CLI_WRONG_USE, "--verify", "%zu images; at most %d would be right",
                        images->count, IMAGES_MAX);
    return code;
}

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, list[i]) == 0) return true;
    return false;
}

cli_exit cli_compile_fail(const osprey_engine_options *how, const osprey_error *error)
{
    const osprey_engine_calibration *calibration = &how->calibration;
    if (is_one_of(error->subject, calibration->images, calibration->image_count))
        return cli_fail_error(CLI_INPUTS_FAILED, error);
    if (is_one_of(error->subject, how->keep, how->keep_count))
        return cli_fail(CLI_WRONG_USE, "--keep", "\"%s\": %s", error->subject, error->message);
    if (error->status == OSPREY_IO) return cli_fail_error(CLI_INPUTS_FAILED, error);
    return cli_fail_error(error->status == OSPREY_INVALID_ARGUMENT ? CLI_WRONG_USE : CLI_NO_MODEL,
                          error);
}

typedef struct pixel_rows {
    float *pixels;
    size_t floats, count; /* of an image; of images so far */
} pixel_rows;

static cli_exit take_pixels(void *context, const char *path, const float *row,
                            const osprey_error *failure)
{
    pixel_rows *rows = context;
    (void)path;
    (void)failure;
    if (row) memcpy(rows->pixels + rows->count++ * rows->floats, row, rows->floats * sizeof *row);
    return CLI_DONE;
}

static void print_cosines(cli_output *output, const char *tower, const osprey_cosines *cosines,
                          const char *unit, const char *form)
{
    if (!cosines->count) return;
    cli_output_print(output, "  %-6s least cosine %.6f, mean %.6f, of %zu %s%s%s\n", tower,
                     cosines->least, cosines->mean, cosines->count, unit, CLI_S(cosines->count),
                     form);
}

static void print_layers(cli_output *output, const osprey_precision_report *report, bool merges)
{
    bool differs = false;
    for (size_t i = 0; i < report->layer_count; i++) differs |= report->layers[i].largest_error > 0;
    if (!differs) {
        cli_output_print(output, "  no layer differs from fp32: there is nothing to lose\n");
        return;
    }
    cli_output_print(output, "  %10s %10s %10s  %-9s layers that err most by themselves\n",
                     "own cosine", "cosine", "largest", "precision");
    for (size_t i = 0; i < report->layer_count && i < LAYERS_SHOWN; i++) {
        const osprey_layer_loss *layer = &report->layers[i];
        cli_output_print(output, "  %10.6f %10.6f %10.4g  %-9s ", layer->own_cosine, layer->cosine,
                         layer->largest_error, osprey_precision_name(layer->precision));
        cli_output_visible(output, layer->name);
        cli_output_print(output, "\n");
    }
    if (merges)
        cli_output_print(output,
                         "  tokens of images may have been merged differently in fp32: cosine "
                         "and largest may be of different tokens\n");
}

static void print_found(cli_output *output, const osprey_precision_report *report)
{
    cli_output_print(output, "  kept to reach the limit:");
    for (size_t i = report->keep_count - report->found_count; i < report->keep_count; i++) {
        char *argument = cli_keep_argument(report->keep[i]);
        cli_output_print(output, " ");
        cli_output_visible(output, argument);
        cli_free(argument);
    }
    cli_output_print(output, report->found_count ? "\n" : " nothing\n");
}

/* With the exceptions that were asked for. The caller frees. */
static char *compiled_as(const osprey_precision_report *report)
{
    return cli_precision_text(osprey_precision_name(report->precision), report->keep,
                              report->keep_count - report->found_count);
}

static void print_report(cli_output *output, const osprey_precision_report *report,
                         const cli_options *options)
{
    char *precision = compiled_as(report);
    cli_output_visible(output, precision);
    cli_free(precision);
    cli_output_print(output, " beside fp32; the least cosine should be %g\n", report->limit);
    print_cosines(output, "image", &report->image, "image", "");
    print_cosines(output, "text", &report->text, "prompt", "");
    print_cosines(output, "image", &report->static_image, "image", ", with --static");
    print_cosines(output, "text", &report->static_text, "prompt", ", with --static");
    print_layers(output, report, options->token_merge > 0);
    if (options->auto_keep) print_found(output, report);
}

/* The engine need not be run by its static ranges, so this stops nothing. */
static void warn_static(const osprey_precision_report *report)
{
    const struct {
        const char *tower;
        const osprey_cosines *cosines;
    } towers[] = {{"image", &report->static_image}, {"text", &report->static_text}};
    for (size_t i = 0; i < 2; i++)
        if (towers[i].cosines->count && towers[i].cosines->least < report->limit)
            cli_fail(CLI_DONE, "--static",
                     "the %s tower's least cosine with fp32 would be %.6f, below %g; run the "
                     "engine without it, or try the other --method or more images",
                     towers[i].tower, towers[i].cosines->least, report->limit);
}

static cli_exit fail_limit(const osprey_precision_report *report)
{
    bool image_is_worse =
        report->image.count && (!report->text.count || report->image.least <= report->text.least);
    const char *tower = image_is_worse ? "image" : "text";
    double least = image_is_worse ? report->image.least : report->text.least;
    char *precision = compiled_as(report);
    if (!report->advice) {
        cli_fail(CLI_INPUTS_FAILED, precision,
                 "the %s tower's least cosine with fp32 is %.6f, below %g, whatever is kept; "
                 "--force writes the engine nonetheless",
                 tower, least, report->limit);
    } else {
        char *keep = cli_keep_argument(report->advice);
        cli_fail(CLI_INPUTS_FAILED, precision,
                 "the %s tower's least cosine with fp32 is %.6f, below %g: the layer to keep "
                 "first is %s (--auto-keep finds all; --force writes the engine nonetheless)",
                 tower, least, report->limit, keep);
        cli_free(keep);
    }
    cli_free(precision);
    return CLI_INPUTS_FAILED;
}

/* Reads the images, compares and prints. */
static cli_exit verify(const cli_options *options, cli_loaded_model *loaded,
                       const cli_image_inputs *images, osprey_engine_options *how,
                       cli_output *output, osprey_precision_report **report, float **pixels)
{
    const osprey_preprocessing *input = &loaded->info->preprocessing;
    pixel_rows rows = {.floats = osprey_preprocessing_floats(input)};
    bool reads_images = images->count && loaded->info->image_height;
    osprey_error error;
    if (reads_images)
        *pixels = rows.pixels = cli_calloc(images->count * rows.floats, sizeof *rows.pixels);
    const cli_image_job job = {.options = options,
                               .inputs = images,
                               .loaded = loaded,
                               .output = output,
                               .row = take_pixels,
                               .context = &rows};
    cli_exit code = reads_images ? cli_image_job_run(&job) : CLI_DONE;
    how->sample_pixels = rows.pixels;
    how->sample_count = rows.count;
    if (code == CLI_DONE) {
        const osprey_verification on = {
            .pixels = rows.pixels, .image_count = rows.count, .auto_keep = options->auto_keep};
        osprey_status status = osprey_precision_verify(loaded->model, how, &on, report, &error);
        if (status == OSPREY_OK)
            print_report(output, *report, options);
        else
            code = cli_compile_fail(how, &error);
    }
    return code;
}

cli_exit cli_compile_verify(const cli_options *options, cli_loaded_model *loaded,
                            const cli_image_inputs *images, osprey_engine_options *how,
                            osprey_precision_report **report, float **pixels)
{
    cli_output output;
    cli_exit code = cli_output_open(&output, NULL);
    if (code == CLI_DONE) code = verify(options, loaded, images, how, &output, report, pixels);
    code = cli_output_close(&output, code);
    if (code != CLI_DONE) return code;
    how->report = *report;
    how->keep = (*report)->keep;
    how->keep_count = (*report)->keep_count;
    warn_static(*report);
    return (*report)->passed || options->force ? CLI_DONE : fail_limit(*report);
}
