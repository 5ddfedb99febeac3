/* SPDX-License-Identifier: Apache-2.0 */
/* osprey classify: which of these labels fits each picture best. */
#include "cli_memory.h"
#include "commands.h"
#include "image_job.h"
#include "json_text.h"
#include "prompts.h"

#include <string.h>

typedef struct classification {
    const cli_options *options;
    const osprey_label_set *set;
    const char *measure;  /* what goes with a score: "cosine", or "logit" of the model's classes */
    osprey_score *scores; /* [labels], work space */
    cli_output *output;
    bool begun; /* the line above the results is written */
} classification;

/* Not before there is a result: a model may be found damaged first. */
static void write_header(classification *c)
{
    if (c->begun) return;
    c->begun = true;
    if (c->options->csv)
        cli_output_print(c->output, "input,rank,label,score,%s\n", c->measure);
    else if (!c->options->json)
        cli_output_print(c->output, "   score  %7s  label\n", c->measure);
}

static void write_json(const classification *c, const char *path, size_t count,
                       const osprey_error *failure)
{
    json_t *line = json_object();
    json_object_set_new(line, "input", cli_json_text(path, strlen(path)));
    if (failure) {
        json_object_set_new(line, "error",
                            cli_json_text(failure->message, strlen(failure->message)));
        cli_output_json(c->output, line);
        return;
    }
    json_t *results = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *label = osprey_label_set_label(c->set, c->scores[i].label);
        json_t *result = json_object();
        json_object_set_new(result, "label", cli_json_text(label, strlen(label)));
        json_object_set_new(result, "score", cli_json_number((double)c->scores[i].score));
        json_object_set_new(result, c->measure, cli_json_number((double)c->scores[i].cosine));
        json_array_append_new(results, result);
    }
    json_object_set_new(line, "results", results);
    cli_output_json(c->output, line);
}

static void write_csv(const classification *c, const char *path, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cli_output_csv(c->output, path);
        cli_output_print(c->output, ",%zu,", i + 1);
        cli_output_csv(c->output, osprey_label_set_label(c->set, c->scores[i].label));
        cli_output_print(c->output, ",%.9g,%.9g\n", (double)c->scores[i].score,
                         (double)c->scores[i].cosine);
    }
}

static void write_table(const classification *c, const char *path, size_t count)
{
    cli_output_visible(c->output, path);
    cli_output_print(c->output, "\n");
    for (size_t i = 0; i < count; i++) {
        cli_output_print(c->output, "  %6.2f %%  %7.4f  ", 100 * (double)c->scores[i].score,
                         (double)c->scores[i].cosine);
        cli_output_visible(c->output, osprey_label_set_label(c->set, c->scores[i].label));
        cli_output_print(c->output, "\n");
    }
}

static cli_exit classify_row(void *context, const char *path, const float *row,
                             const osprey_error *failure)
{
    classification *c = context;
    static const osprey_score_kind kinds[] = {
        [CLI_ACTIVATION_AS_TRAINED] = OSPREY_SCORE_AS_TRAINED,
        [CLI_ACTIVATION_SOFTMAX] = OSPREY_SCORE_SOFTMAX,
        [CLI_ACTIVATION_SIGMOID] = OSPREY_SCORE_SIGMOID,
    };
    size_t count = 0;
    if (row) {
        osprey_error error;
        if (osprey_label_set_score(c->set, row, kinds[c->options->activation], c->scores, &error) !=
            OSPREY_OK)
            return cli_fail_error(CLI_INPUTS_FAILED, &error);
        write_header(c);
        count = osprey_scores_rank(c->scores, osprey_label_set_count(c->set), c->options->top,
                                   c->options->threshold);
    }
    if (c->options->json)
        write_json(c, path, count, failure);
    else if (c->options->csv)
        write_csv(c, path, count);
    else if (row)
        write_table(c, path, count);
    return CLI_DONE;
}

static cli_exit classify_images(const cli_options *options, const cli_image_inputs *inputs,
                                cli_loaded_model *loaded, const osprey_label_set *set)
{
    cli_output output;
    cli_exit code = cli_output_open(&output, options->output);
    if (code != CLI_DONE) return code;
    const bool own = !options->labels;
    classification c = {
        .options = options, .set = set, .measure = own ? "logit" : "cosine", .output = &output};
    c.scores = cli_calloc(osprey_label_set_count(set), sizeof *c.scores);
    cli_image_job job = {.options = options,
                         .inputs = inputs,
                         .loaded = loaded,
                         .form = own ? OSPREY_EMBED_RAW : OSPREY_EMBED_UNIT_LENGTH,
                         .output = &output,
                         .row = classify_row,
                         .context = &c};
    code = cli_image_job_run(&job);
    if (!output.abandoned) write_header(&c);
    cli_free(c.scores);
    return cli_output_close(&output, code);
}

/* The labels' set, encoded by a session that was started for it; or the model's own classes. */
static cli_exit make_set(const cli_options *options, const cli_prompts *prompts,
                         cli_loaded_model *loaded, osprey_label_set **set)
{
    const osprey_model_info *info = loaded->info;
    if (!info->image.architecture)
        return cli_fail(CLI_WRONG_USE, info->name,
                        "has no image tower, and so cannot look at pictures: embed --texts is what "
                        "it can do");
    if (prompts && !info->text.architecture && info->head_classes)
        return cli_fail(CLI_WRONG_USE, "--labels",
                        "%s has no text tower, and so knows no labels but its own %zu classes: "
                        "leave --labels out to have these",
                        info->name, info->head_classes);
    if (!info->text.architecture && !info->head_classes)
        return cli_fail(CLI_WRONG_USE, info->name,
                        "has neither a text tower, which would read labels, nor classes of its "
                        "own: embed is what it can do");
    if (!prompts && !info->head_classes)
        return cli_fail(CLI_WRONG_USE, "--labels",
                        "is missing: give the labels to choose from, as a,b,c or @FILE");
    cli_exit code = cli_model_start(loaded, prompts ? OSPREY_TOWER_BOTH : OSPREY_TOWER_IMAGE);
    if (code != CLI_DONE) return code;
    if (prompts) return cli_prompts_encode(prompts, options, loaded, set);
    if (!info->head_labels)
        cli_fail(CLI_DONE, info->name,
                 "its %zu classes have no names here: they are numbered from 0",
                 info->head_classes);
    osprey_error error;
    if (osprey_label_set_create_classes(loaded->model, set, &error) == OSPREY_OK) return CLI_DONE;
    return cli_fail_run(&error);
}

static cli_exit run(const cli_options *options)
{
    cli_image_inputs inputs = {0};
    cli_loaded_model loaded = {0};
    cli_prompts *prompts = NULL;
    osprey_label_set *set = NULL;
    cli_exit code = cli_prompts_read(&prompts, options);
    if (code == CLI_DONE) code = cli_image_inputs_find(&inputs, &options->inputs);
    if (code == CLI_DONE) code = cli_model_load(&loaded, options);
    if (code == CLI_DONE) code = make_set(options, prompts, &loaded, &set);
    if (code == CLI_DONE) code = classify_images(options, &inputs, &loaded, set);
    osprey_label_set_free(set);
    cli_model_unload(&loaded);
    cli_image_inputs_free(&inputs);
    cli_prompts_free(prompts);
    return code;
}

const cli_command cli_classify_command = {
    .name = "classify",
    .bit = CLI_CLASSIFY,
    .arguments = "IMAGE...",
    .summary = "Say which of your labels fits each picture best.",
    .details = "Says which of your labels fits each picture best, without any training. IMAGE is a "
               "JPEG, PNG or WebP file, a directory (the pictures directly inside, by name), "
               "@FILE for a list of files, one a line, or - for one on standard input. Results "
               "come in the order of the inputs; a bad picture is named on standard error and does "
               "not stop the rest. A model with a classification head, such as a ViT of "
               "google-research's (.npz), has classes of its own: these are meant without "
               "--labels.",
    .example = "  osprey classify --labels cat,dog,car photo.jpg\n"
               "  find photos -name '*.jpg' | osprey classify --labels @labels.txt --json -\n",
    .run = run,
};
