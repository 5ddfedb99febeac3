/* SPDX-License-Identifier: Apache-2.0 */
/* Embeddings as JSON lines, .npy or CSV. */
#ifndef OSPREY_CLI_EMBEDDING_WRITER_H
#define OSPREY_CLI_EMBEDDING_WRITER_H

#include "options.h"
#include "output.h"

typedef struct cli_embedding_writer {
    cli_output *output;
    cli_format format;
    const char *columns; /* what a CSV line has before the embedding */
    size_t rows, embed_dim;
    bool begun;        /* what comes before the rows is written */
    float *failed_row; /* [D] NaN */
} cli_embedding_writer;

/* What an embedding is of. */
typedef struct cli_embedding_name {
    const char *key; /* "input" or "text" */
    const char *text;
    size_t length;
    bool has_row; /* one of several in the input, */
    size_t row;   /* this one */
} cli_embedding_name;

/* Writes nothing yet: a model may be found damaged before there is a row. columns outlives the
 * writer. CLI_WRONG_USE for bytes that would go to a terminal. */
cli_exit cli_embedding_begin(cli_embedding_writer *writer, cli_output *output, cli_format format,
                             const char *columns, size_t rows, size_t embed_dim);

/* row: [D]; NULL where the input failed, with the reason in *failure. */
void cli_embedding_write(cli_embedding_writer *writer, const cli_embedding_name *name,
                         const float *row, const osprey_error *failure);

/* Before the output is closed. Where there was no row, a header is all that is written. */
void cli_embedding_end(cli_embedding_writer *writer);

#endif
