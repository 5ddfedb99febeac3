/* SPDX-License-Identifier: Apache-2.0 */
/* osprey compile: a model into one file that opens in milliseconds. */
#include "calibration.h"
#include "cli_memory.h"
#include "commands.h"
#include "compile_verify.h"
#include "loaded_model.h"
#include "output.h"
#include "precision_text.h"
#include "progress.h"
#include "stopwatch.h"
#include "templates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const osprey_tower towers[] = {
    [CLI_TOWER_IMAGE] = OSPREY_TOWER_IMAGE,
    [CLI_TOWER_TEXT] = OSPREY_TOWER_TEXT,
    [CLI_TOWER_BOTH] = 0, /* both, as far as the model has them */
};

static const osprey_tuning_effort tuning_efforts[] = {
    [CLI_TUNE_NONE] = OSPREY_TUNE_NONE,
    [CLI_TUNE_QUICK] = OSPREY_TUNE_QUICK,
    [CLI_TUNE_FULL] = OSPREY_TUNE_FULL,
};

/* Tuning comes last: the bar of what went before is taken off first. */
static void show_tuning(void *context, double done)
{
    bool *started = context;
    if (!*started) {
        cli_progress_clear();
        cli_progress_start_percent(false);
    }
    *started = true;
    cli_progress_update((size_t)(done * 100));
}

/* --prune heads=0.1 and mlp=0.25 into the fractions. */
static cli_exit read_prune(const cli_options *options, osprey_engine_options *how)
{
    const struct {
        const char *word;
        float *fraction;
    } known[] = {{"heads=", &how->prune_heads}, {"mlp=", &how->prune_mlp}};
    for (size_t i = 0; i < options->prune.count; i++) {
        const char *text = options->prune.items[i], *number = NULL;
        float *fraction = NULL;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            size_t length = strlen(known[k].word);
            if (strncmp(text, known[k].word, length) != 0) continue;
            number = text + length;
            fraction = known[k].fraction;
        }
        if (!fraction)
            return cli_fail(CLI_WRONG_USE, "--prune",
                            "\"%s\" is neither heads=FRACTION nor mlp=FRACTION", text);
        if (*fraction > 0)
            return cli_fail(CLI_WRONG_USE, "--prune", "\"%s\" gives a fraction once more", text);
        char *end;
        *fraction = strtof(number, &end);
        if (end == number || *end || !(*fraction > 0 && *fraction < 1))
            return cli_fail(CLI_WRONG_USE, "--prune", "\"%s\" has no fraction above 0 and below 1",
                            text);
    }
    return CLI_DONE;
}

/* What is read before the model is. */
typedef struct compile_inputs {
    cli_image_inputs verified; /* pictures of --verify */
    cli_calibration calibration;
    cli_lines templates;
} compile_inputs;

static cli_exit write_engine(const cli_options *options, const compile_inputs *inputs,
                             const osprey_model *model, const osprey_engine_options *how)
{
    osprey_error error;
    cli_output_guard(options->output);
    osprey_status status = osprey_engine_compile(model, how, options->output, &error);
    cli_progress_clear();
    cli_output_unguard();
    if (status == OSPREY_OK) return CLI_DONE;
    const cli_exit told = cli_templates_fail(&inputs->templates, &error);
    if (told != CLI_DONE) return told;
    return cli_compile_fail(how, &error);
}

static cli_exit compile(const cli_options *options, cli_loaded_model *loaded,
                        const compile_inputs *inputs)
{
    const char **templates = cli_lines_texts(&inputs->templates);
    bool tuning_started = false;
    osprey_engine_options how = {
        .towers = towers[options->tower],
        .batches = options->batches.items,
        .batch_count = options->batches.count,
        .precision = (osprey_precision)options->precision,
        .keep = options->keep.items,
        .keep_count = options->keep.count,
        .calibration = inputs->calibration.how,
        .tuning = {.effort = tuning_efforts[options->tune],
                   .threads = options->threads,
                   .progress = show_tuning,
                   .progress_context = &tuning_started},
        .token_merge = options->token_merge,
        .templates = templates,
        .template_count = inputs->templates.count,
        .portable = options->portable,
        .dump_directory = options->dump_graph,
    };
    osprey_precision_report *report = NULL;
    float *pixels = NULL;
    cli_exit code = read_prune(options, &how);
    if (code == CLI_DONE && options->verify_images.count)
        code = cli_compile_verify(options, loaded, &inputs->verified, &how, &report, &pixels);
    if (code == CLI_DONE) code = write_engine(options, inputs, loaded->model, &how);
    osprey_precision_report_free(report);
    cli_free(pixels);
    cli_free((void *)templates);
    return code;
}

static void write_tower(cli_output *output, const char *name, const osprey_engine_tower *tower,
                        bool portable)
{
    if (!tower->profile_count) return;
    cli_output_print(output, "  %-6s %9.2f MiB packed, %.2f MiB %s\n", name,
                     (double)tower->weight_bytes / (1 << 20),
                     (double)tower->constant_bytes / (1 << 20),
                     portable ? "not packed, for other machines" : "of tables");
}

/* What was left out, and what that costs and gains. */
static void write_reduction(cli_output *output, const char *name, size_t parameters,
                            const osprey_engine_tower *tower)
{
    const osprey_engine_reduction *r = tower->reduction;
    if (!r) return;
    if (r->prune_heads > 0 || r->prune_mlp > 0)
        cli_output_print(output, "  %-6s pruned by %s, from %.3f to %.3f million parameters\n",
                         name, r->by_activation ? "activation" : "magnitude",
                         (double)r->parameters / 1e6, (double)parameters / 1e6);
    if (r->token_merge)
        cli_output_print(output, "  %-6s each layer merges %zu token%s\n", name, r->token_merge,
                         CLI_S(r->token_merge));
    if (!r->samples)
        cli_output_print(output, "  %-6s what that costs was not measured; --verify IMAGES does\n",
                         name);
    else
        cli_output_print(output,
                         "  %-6s cosine with the whole tower, of %zu: least %.4f, mean %.4f\n",
                         name, r->samples, (double)r->least_cosine, (double)r->mean_cosine);
    if (r->ms[0] > 0)
        cli_output_print(output,
                         "  %-6s ms an image: %.2f instead of %.2f alone, %.2f instead of %.2f in "
                         "a batch of 8\n",
                         name, (double)r->ms[0], (double)r->whole_ms[0], (double)r->ms[1],
                         (double)r->whole_ms[1]);
}

/* Where the CPU cannot multiply it, fp16 is no faster than fp32, which is what many expect of it.
 */
static const char *storage_note(const osprey_engine_info *engine)
{
    const bool is_stored_only =
        strcmp(engine->factors, "fp32") == 0 && strcmp(engine->precision, "fp32") != 0;
    return is_stored_only ? " (storage only: products are fp32)" : "";
}

/* What tuning brought to all products of the tower that it timed. */
static void write_tuning(cli_output *output, const char *name, const osprey_engine_tower *tower)
{
    size_t changed = 0;
    double default_us = 0, us = 0;
    for (size_t i = 0; i < tower->choice_count; i++) {
        const osprey_product_choice *choice = &tower->choices[i];
        changed += choice->split.rows || choice->split.columns || choice->split.columns_first;
        default_us += (double)choice->default_us;
        us += (double)choice->us;
    }
    if (!(us > 0)) return;
    cli_output_print(output, "  %-6s tuned for %zu thread%s: ", name, tower->tuned_threads,
                     CLI_S(tower->tuned_threads));
    if (changed)
        cli_output_print(output, "%zu of %zu products are split otherwise, %.1f %% faster in all\n",
                         changed, tower->choice_count, 100 * (default_us / us - 1));
    else
        cli_output_print(output, "no gain beyond the noise in any of %zu products\n",
                         tower->choice_count);
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
        char *precision = cli_engine_precision(engine);
        cli_output_visible(&output, path);
        cli_output_print(&output, ": %.2f MiB, ", (double)file.st_size / (1 << 20));
        cli_output_visible(&output, precision);
        cli_output_print(&output, "%s, for %s%s, in %.1f s\n", storage_note(engine),
                         engine->instruction_set, engine->portable ? " and others" : "", ms / 1000);
        cli_free(precision);
        write_tower(&output, "image", &engine->image, engine->portable);
        write_tower(&output, "text", &engine->text, engine->portable);
        const osprey_model_info *info = osprey_model_get_info(model);
        write_reduction(&output, "image", info->image.parameters, &engine->image);
        write_reduction(&output, "text", info->text.parameters, &engine->text);
        if (engine->image.profile_count && engine->text.reduction && !engine->image.reduction)
            cli_output_print(&output, "  image  not pruned: it has no heads or MLPs that can go\n");
        write_tuning(&output, "image", &engine->image);
        write_tuning(&output, "text", &engine->text);
        if (engine->calibration != OSPREY_CALIBRATION_NONE && engine->calibration_images)
            cli_output_print(&output, "  static ranges by %s, from %zu image%s\n",
                             osprey_calibration_method_name(engine->calibration),
                             engine->calibration_images, CLI_S(engine->calibration_images));
        else if (engine->calibration != OSPREY_CALIBRATION_NONE)
            cli_output_print(&output, "  static ranges by %s, from the built-in prompts\n",
                             osprey_calibration_method_name(engine->calibration));
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
    osprey_error error;
    if (osprey_engine_check_output(options->output, &error) != OSPREY_OK)
        return cli_fail_error(error.status == OSPREY_IO ? CLI_INPUTS_FAILED : CLI_WRONG_USE,
                              &error);
    if (options->dump_graph && mkdir(options->dump_graph, 0777) != 0 && errno != EEXIST)
        return cli_fail(CLI_INPUTS_FAILED, options->dump_graph, "cannot make this directory: %s",
                        strerror(errno));
    double start = cli_now_ms();
    cli_loaded_model loaded = {0};
    compile_inputs inputs = {0};
    cli_exit code = cli_compile_images(options, &inputs.verified);
    if (code == CLI_DONE) code = cli_calibration_open(&inputs.calibration, options);
    if (code == CLI_DONE) code = cli_templates_read(&inputs.templates, options);
    if (code == CLI_DONE) code = cli_model_load(&loaded, options);
    if (code == CLI_DONE) code = compile(options, &loaded, &inputs);
    cli_model_unload(&loaded);
    cli_lines_free(&inputs.templates);
    cli_calibration_close(&inputs.calibration);
    cli_image_inputs_free(&inputs.verified);
    return code == CLI_DONE ? report(options->output, cli_now_ms() - start) : code;
}

const cli_command cli_compile_command = {
    .name = "compile",
    .bit = CLI_COMPILE,
    .arguments = "-o FILE [--verify IMAGE...]",
    .summary = "Turn a model into one file that opens in milliseconds.",
    .details =
        "Compiles a model for this machine: its graph rewritten, its weights in the order "
        "in which the kernels read them, its tokenizer, in one file. Every command takes "
        "the file with -m, gives the same results, and starts at once; processes share "
        "its pages. With --verify, the precision's losses are measured first, layer by "
        "layer; where they are too large nothing is written, the layer to keep is named, "
        "and the exit code is 1. --prune and --token-merge make a model faster and less exact; "
        "--tune makes it a little faster on this machine and changes no result.",
    .example = "  osprey compile -m clip-vit-base-patch32 -o clip.osprey\n"
               "  osprey classify -m clip.osprey --labels cat,dog photo.jpg\n"
               "  osprey compile -m clip-vit-base-patch32 -o clip.osprey --precision int8 \\\n"
               "      --auto-keep --verify photos/\n"
               "  osprey compile --precision int8 --calibrate photos/ -o int8.osprey\n"
               "  osprey compile -m clip-vit-base-patch32 -o clip.osprey --tune quick\n",
    .run = run,
};
