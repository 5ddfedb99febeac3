/* SPDX-License-Identifier: Apache-2.0 */
/* osprey score: pictures or embeddings rated by a linear head. */
#include "cli_memory.h"
#include "commands.h"
#include "finite.h"
#include "image_job.h"
#include "json_text.h"
#include "npy.h"

#include <osprey/linear_head.h>

#include <string.h>

typedef struct scoring {
    const cli_options *options;
    const osprey_linear_head *head;
    osprey_linear_head_info info;
    float *scores; /* [outputs] */
    cli_output *output;
} scoring;

/* row: [D]; NULL where the input failed. number: of the row in its file; SIZE_MAX: it has one. */
static void write_row(scoring *s, const char *path, size_t number, const float *row,
                      const osprey_error *failure)
{
    if (row) osprey_linear_head_score(s->head, row, 1, s->scores);
    if (s->options->json) {
        json_t *line = json_object(), *scores = json_array();
        json_object_set_new(line, "input", cli_json_text(path, strlen(path)));
        if (number != SIZE_MAX) json_object_set_new(line, "row", json_integer((json_int_t)number));
        for (size_t i = 0; row && i < s->info.outputs; i++)
            json_array_append_new(scores, cli_json_number((double)s->scores[i]));
        if (row)
            json_object_set(line, "scores", scores);
        else
            json_object_set_new(line, "error",
                                cli_json_text(failure->message, strlen(failure->message)));
        json_decref(scores);
        cli_output_json(s->output, line);
        return;
    }
    if (!row) return;
    for (size_t i = 0; i < s->info.outputs; i++)
        cli_output_print(s->output, "%9.4f", (double)s->scores[i]);
    cli_output_print(s->output, "  ");
    cli_output_visible(s->output, path);
    if (number != SIZE_MAX) cli_output_print(s->output, " row %zu", number);
    cli_output_print(s->output, "\n");
}

static cli_exit score_image(void *context, const char *path, const float *row,
                            const osprey_error *failure)
{
    write_row(context, path, SIZE_MAX, row, failure);
    return CLI_DONE;
}

static cli_exit score_images(scoring *s)
{
    cli_image_inputs inputs = {0};
    cli_loaded_model loaded = {0};
    cli_exit code = cli_image_inputs_find(&inputs, &s->options->inputs);
    if (code == CLI_DONE) code = cli_model_load(&loaded, s->options);
    if (code == CLI_DONE && loaded.info->embed_dim != s->info.embed_dim)
        code = cli_fail(CLI_WRONG_USE, s->options->head,
                        "rates embeddings of %zu numbers, but those of this model have %zu",
                        s->info.embed_dim, loaded.info->embed_dim);
    if (code == CLI_DONE) code = cli_model_start(&loaded, OSPREY_TOWER_IMAGE);
    if (code == CLI_DONE) {
        cli_image_job job = {.options = s->options,
                             .inputs = &inputs,
                             .loaded = &loaded,
                             .form = OSPREY_EMBED_UNIT_LENGTH,
                             .output = s->output,
                             .row = score_image,
                             .context = s};
        code = cli_image_job_run(&job);
    }
    cli_model_unload(&loaded);
    cli_image_inputs_free(&inputs);
    return code;
}

/* embed writes such a row for a picture that it cannot read. */
static const osprey_error not_finite = {
    .status = OSPREY_FORMAT, .message = "is no embedding: it has numbers that are NaN or infinite"};

/* One bad row does not stop the rest. */
static cli_exit score_file(scoring *s, const char *path)
{
    cli_npy npy;
    cli_exit code = cli_npy_open(&npy, path);
    size_t width = code == CLI_DONE && npy.rank ? npy.shape[npy.rank - 1] : 0;
    if (code == CLI_DONE && (npy.rank < 1 || npy.rank > 2 || width != s->info.embed_dim))
        code = cli_fail(CLI_INPUTS_FAILED, path,
                        "has to hold embeddings [N,%zu], which %s rates; its rows have %zu numbers",
                        s->info.embed_dim, s->options->head, width);
    float *row = cli_calloc(s->info.embed_dim, sizeof *row);
    size_t rows = code == CLI_DONE && npy.rank == 2 ? npy.shape[0] : 1;
    bool failed = false;
    for (size_t i = 0; i < rows && code == CLI_DONE; i++) {
        code = cli_npy_read(&npy, row, s->info.embed_dim);
        if (code != CLI_DONE) break;
        const bool rated = cli_all_finite(row, s->info.embed_dim);
        write_row(s, path, rows > 1 ? i : SIZE_MAX, rated ? row : NULL, &not_finite);
        if (rated) continue;
        failed = true;
        char *subject = cli_print("%s: row %zu (from 0)", path, i);
        cli_fail(CLI_DONE, subject, "%s", not_finite.message);
        cli_free(subject);
    }
    cli_free(row);
    cli_npy_close(&npy);
    return failed && code == CLI_DONE ? CLI_INPUTS_FAILED : code;
}

/* One bad file does not stop the rest. */
static cli_exit score_files(scoring *s)
{
    cli_exit code = CLI_DONE;
    for (size_t i = 0; i < s->options->embeddings.count; i++)
        if (score_file(s, s->options->embeddings.items[i]) != CLI_DONE) code = CLI_INPUTS_FAILED;
    return code;
}

static cli_exit run(const cli_options *options)
{
    osprey_error error;
    osprey_linear_head *head;
    if (!options->head)
        return cli_fail(CLI_WRONG_USE, "--head", "name the file of the linear head");
    if (osprey_linear_head_open(options->head, &head, &error) != OSPREY_OK)
        return cli_fail_error(CLI_NO_MODEL, &error);
    cli_output output;
    cli_exit code = cli_output_open(&output, options->output);
    if (code == CLI_DONE) {
        scoring s = {.options = options,
                     .head = head,
                     .info = osprey_linear_head_get_info(head),
                     .output = &output};
        s.scores = cli_calloc(s.info.outputs, sizeof *s.scores);
        code = options->embeddings.count ? score_files(&s) : score_images(&s);
        cli_free(s.scores);
        code = cli_output_close(&output, code);
    }
    osprey_linear_head_free(head);
    return code;
}

const cli_command cli_score_command = {
    .name = "score",
    .bit = CLI_SCORE,
    .arguments = "--head FILE IMAGE...",
    .summary = "Rate pictures by a linear head on their embeddings.",
    .details = "Rates pictures, or embeddings that are there already, by a linear head that was "
               "trained on this model's embeddings of unit length, such as LAION's aesthetic "
               "predictors. A rating for each output of the head, in the order of the inputs.",
    .example = "  osprey score -m clip-vit-base-patch32 --head sa_0_4_vit_b_32_linear.pth photos/\n"
               "  osprey score --head sa_0_4_vit_b_32_linear.pth --embeddings images.npy\n",
    .run = run,
};
