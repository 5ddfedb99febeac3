/* SPDX-License-Identifier: Apache-2.0 */
/* osprey compile: a model into one file that opens in milliseconds. */
#include "commands.h"
#include "compile_verify.h"
#include "loaded_model.h"
#include "output.h"
#include "stopwatch.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const osprey_tower towers[] = {
    [CLI_TOWER_IMAGE] = OSPREY_TOWER_IMAGE,
    [CLI_TOWER_TEXT] = OSPREY_TOWER_TEXT,
    [CLI_TOWER_BOTH] = OSPREY_TOWER_BOTH,
};

static cli_exit write_engine(const cli_options *options, const osprey_model *model,
                             const osprey_engine_options *how)
{
    osprey_error error;
    osprey_status status = osprey_engine_compile(model, how, options->output, &error);
    if (status == OSPREY_OK) return CLI_DONE;
    return cli_fail_error(status == OSPREY_INVALID_ARGUMENT || status == OSPREY_IO ? CLI_WRONG_USE
                                                                                   : CLI_NO_MODEL,
                          &error);
}

static cli_exit compile(const cli_options *options, const cli_loaded_model *loaded,
                        const cli_image_inputs *images)
{
    osprey_engine_options how = {
        .towers = towers[options->tower],
        .batches = options->batches.items,
        .batch_count = options->batches.count,
        .precision = (osprey_precision)options->precision,
        .keep = options->keep.items,
        .keep_count = options->keep.count,
        .portable = options->portable,
        .dump_directory = options->dump_graph,
    };
    osprey_precision_report *report = NULL;
    cli_exit code = CLI_DONE;
    if (images->count) code = cli_compile_verify(options, loaded, images, &how, &report);
    if (code == CLI_DONE) code = write_engine(options, loaded->model, &how);
    osprey_precision_report_free(report);
    return code;
}

static void write_tower(cli_output *output, const char *name, const osprey_engine_tower *tower)
{
    if (!tower->profile_count) return;
    cli_output_print(output, "  %-6s %9.2f MiB packed, %.2f MiB as published\n", name,
                     (double)tower->weight_bytes / (1 << 20),
                     (double)tower->constant_bytes / (1 << 20));
}

/* Opens what was written: the report is about the file, not about what was meant. */
static cli_exit report(const char *path, double ms)
{
    osprey_error error;
    osprey_model *model;
    if (osprey_model_open(path, &model, &error) != OSPREY_OK)
        return cli_fail_error(CLI_NO_MODEL, &error);
    const osprey_engine_info *engine = osprey_model_get_engine(model);
    struct stat file = {0};
    stat(path, &file);
    cli_output output;
    cli_exit code = cli_output_open(&output, NULL);
    if (code == CLI_DONE) {
        cli_output_print(&output, "%s: %.2f MiB, %s, for %s%s, in %.1f s\n", path,
                         (double)file.st_size / (1 << 20), engine->precision,
                         engine->instruction_set, engine->portable ? " and others" : "", ms / 1000);
        write_tower(&output, "image", &engine->image);
        write_tower(&output, "text", &engine->text);
        code = cli_output_close(&output, code);
    }
    osprey_model_free(model);
    return code;
}

static cli_exit run(const cli_options *options)
{
    if (!options->output || strcmp(options->output, "-") == 0)
        return cli_fail(CLI_WRONG_USE, "--output",
                        "name the engine to be written, a file such as -o clip.osprey");
    if (options->dump_graph && mkdir(options->dump_graph, 0777) != 0 && errno != EEXIST)
        return cli_fail(CLI_WRONG_USE, options->dump_graph, "cannot make this directory: %s",
                        strerror(errno));
    double start = cli_now_ms();
    cli_loaded_model loaded = {0};
    cli_image_inputs images;
    cli_exit code = cli_compile_images(options, &images);
    if (code == CLI_DONE) code = cli_model_load(&loaded, options);
    if (code == CLI_DONE) code = compile(options, &loaded, &images);
    cli_model_unload(&loaded);
    cli_image_inputs_free(&images);
    return code == CLI_DONE ? report(options->output, cli_now_ms() - start) : code;
}

const cli_command cli_compile_command = {
    .name = "compile",
    .bit = CLI_COMPILE,
    .arguments = "-o FILE [--verify IMAGE...]",
    .summary = "Turn a model into one file that opens in milliseconds.",
    .details = "Compiles a model for this machine: its graph rewritten, its weights in the order "
               "in which the kernels read them, its tokenizer, in one file. Every command takes "
               "the file with -m, gives the same results, and starts at once; processes share "
               "its pages. With --verify, the precision's losses are measured first, layer by "
               "layer; where they are too large nothing is written, the layer to keep is named, "
               "and the exit code is 1.",
    .example = "  osprey compile -m clip-vit-base-patch32 -o clip.osprey\n"
               "  osprey classify -m clip.osprey --labels cat,dog photo.jpg\n"
               "  osprey compile -m clip-vit-base-patch32 -o clip.osprey --precision int8 \\\n"
               "      --auto-keep --verify photos/\n",
    .run = run,
};
