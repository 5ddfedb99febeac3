/* SPDX-License-Identifier: Apache-2.0 */
#include "embedding_writer.h"

#include "cli_memory.h"
#include "json_text.h"
#include "npy.h"

#include <math.h>
#include <string.h>

cli_exit cli_embedding_begin(cli_embedding_writer *writer, cli_output *output, cli_format format,
                             const char *columns, size_t rows, size_t embed_dim)
{
    cli_exit code = format == CLI_FORMAT_NPY ? cli_npy_check_output(output) : CLI_DONE;
    if (code != CLI_DONE) return code;
    *writer = (cli_embedding_writer){.output = output,
                                     .format = format,
                                     .columns = columns,
                                     .rows = rows,
                                     .embed_dim = embed_dim};
    if (format == CLI_FORMAT_NPY) {
        writer->failed_row = cli_calloc(embed_dim, sizeof *writer->failed_row);
        for (size_t d = 0; d < embed_dim; d++) writer->failed_row[d] = NAN;
    }
    return CLI_DONE;
}

static void write_header(cli_embedding_writer *writer)
{
    if (writer->begun) return;
    writer->begun = true;
    if (writer->format == CLI_FORMAT_NPY) {
        cli_npy_begin(writer->output, 2, (const size_t[]){writer->rows, writer->embed_dim});
    } else if (writer->format == CLI_FORMAT_CSV) {
        cli_output_print(writer->output, "%s", writer->columns);
        for (size_t d = 0; d < writer->embed_dim; d++) cli_output_print(writer->output, ",e%zu", d);
        cli_output_print(writer->output, "\n");
    }
}

static void write_json(const cli_embedding_writer *writer, const cli_embedding_name *name,
                       const float *row, const osprey_error *failure)
{
    json_t *line = json_object();
    json_object_set_new(line, name->key, cli_json_text(name->text, name->length));
    if (name->has_row) json_object_set_new(line, "row", json_integer((json_int_t)name->row));
    if (row) {
        json_t *embedding = json_array();
        for (size_t d = 0; d < writer->embed_dim; d++)
            json_array_append_new(embedding, cli_json_number((double)row[d]));
        json_object_set_new(line, "embedding", embedding);
    } else {
        json_object_set_new(line, "error",
                            cli_json_text(failure->message, strlen(failure->message)));
    }
    cli_output_json(writer->output, line);
}

static void write_csv(const cli_embedding_writer *writer, const cli_embedding_name *name,
                      const float *row)
{
    cli_output_csv(writer->output, name->text);
    if (name->has_row) cli_output_print(writer->output, ",%zu", name->row);
    for (size_t d = 0; d < writer->embed_dim; d++)
        cli_output_print(writer->output, ",%.9g", (double)row[d]);
    cli_output_print(writer->output, "\n");
}

void cli_embedding_write(cli_embedding_writer *writer, const cli_embedding_name *name,
                         const float *row, const osprey_error *failure)
{
    if (row || writer->format == CLI_FORMAT_NPY) write_header(writer);
    switch (writer->format) {
    case CLI_FORMAT_NPY:
        cli_output_write(writer->output, row ? row : writer->failed_row,
                         writer->embed_dim * sizeof *row);
        break;
    case CLI_FORMAT_JSON:
        write_json(writer, name, row, failure);
        break;
    case CLI_FORMAT_CSV:
        if (row) write_csv(writer, name, row);
        break;
    }
}

void cli_embedding_end(cli_embedding_writer *writer)
{
    if (writer->output && !writer->output->abandoned) write_header(writer);
    cli_free(writer->failed_row);
}
