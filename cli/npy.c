/* SPDX-License-Identifier: Apache-2.0 */
#include "npy.h"

#include "cli_memory.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC            "\x93NUMPY"
#define MAGIC_BYTES      6
#define ALIGNMENT        64
#define MAX_HEADER_BYTES 65536

/* The header's text, a Python dict, while it is read. */
typedef struct header {
    const char *at;
    char descr[16];
    bool has_descr, has_order, has_shape, fortran_order;
    size_t rank, shape[CLI_NPY_MAX_RANK];
} header;

static void skip_space(header *h)
{
    while (isspace((unsigned char)*h->at)) h->at++;
}

static bool accept(header *h, char symbol)
{
    skip_space(h);
    if (*h->at != symbol) return false;
    h->at++;
    return true;
}

static bool accept_word(header *h, const char *word)
{
    skip_space(h);
    if (strncmp(h->at, word, strlen(word)) != 0) return false;
    h->at += strlen(word);
    return true;
}

static bool read_string(header *h, char *text, size_t capacity)
{
    skip_space(h);
    char quote = *h->at;
    if (quote != '\'' && quote != '"') return false;
    const char *end = strchr(h->at + 1, quote);
    if (!end || (size_t)(end - h->at) > capacity) return false;
    size_t length = (size_t)(end - h->at) - 1;
    memcpy(text, h->at + 1, length);
    text[length] = '\0';
    h->at = end + 1;
    return true;
}

static bool read_shape(header *h)
{
    if (!accept(h, '(')) return false;
    for (h->rank = 0; !accept(h, ')'); h->rank++) {
        char *end;
        skip_space(h);
        if (h->rank == CLI_NPY_MAX_RANK || !isdigit((unsigned char)*h->at)) return false;
        errno = 0;
        unsigned long long size = strtoull(h->at, &end, 10);
        if (errno || size > SIZE_MAX) return false;
        h->shape[h->rank] = (size_t)size;
        h->at = end;
        skip_space(h);
        if (*h->at != ')' && !accept(h, ',')) return false;
    }
    return true;
}

static bool read_pair(header *h)
{
    char key[16];
    if (!read_string(h, key, sizeof key) || !accept(h, ':')) return false;
    if (strcmp(key, "descr") == 0) return h->has_descr = read_string(h, h->descr, sizeof h->descr);
    if (strcmp(key, "shape") == 0) return h->has_shape = read_shape(h);
    if (strcmp(key, "fortran_order") != 0) return false;
    h->fortran_order = accept_word(h, "True");
    return h->has_order = h->fortran_order || accept_word(h, "False");
}

static bool read_dict(header *h)
{
    if (!accept(h, '{')) return false;
    while (!accept(h, '}')) {
        if (!read_pair(h)) return false;
        skip_space(h);
        if (*h->at != '}' && !accept(h, ',')) return false;
    }
    skip_space(h);
    return !*h->at && h->has_descr && h->has_order && h->has_shape;
}

/* Magic, version and length; then the header's text, which the caller frees. NULL: malformed. */
static char *read_header_text(FILE *file)
{
    unsigned char start[MAGIC_BYTES + 2], size[4] = {0};
    if (fread(start, sizeof start, 1, file) != 1 || memcmp(start, MAGIC, MAGIC_BYTES) != 0 ||
        start[MAGIC_BYTES] < 1 || start[MAGIC_BYTES] > 3)
        return NULL;
    if (fread(size, start[MAGIC_BYTES] == 1 ? 2 : 4, 1, file) != 1) return NULL;
    size_t length = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
    if (length > MAX_HEADER_BYTES) return NULL;
    char *text = cli_calloc(length + 1, 1);
    if (length && fread(text, length, 1, file) != 1) {
        cli_free(text);
        return NULL;
    }
    return text;
}

/* Whether exactly the shape's elements follow. A pipe has no length: it is trusted until it ends.
 */
static bool length_fits(const cli_npy *npy)
{
    size_t bytes = sizeof(float);
    for (size_t i = 0; i < npy->rank; i++)
        if (__builtin_mul_overflow(bytes, npy->shape[i], &bytes)) return false;
    struct stat info;
    if (fstat(fileno(npy->file), &info) != 0 || !S_ISREG(info.st_mode)) return true;
    long header_bytes = ftell(npy->file);
    return header_bytes >= 0 && (uint64_t)info.st_size - (uint64_t)header_bytes == bytes;
}

cli_exit cli_npy_open(cli_npy *npy, const char *path)
{
    *npy = (cli_npy){.path = path};
    npy->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!npy->file) return cli_fail(CLI_INPUTS_FAILED, path, "cannot open it: %s", strerror(errno));
    char *text = read_header_text(npy->file);
    header h = {.at = text};
    bool understood = text && read_dict(&h);
    cli_free(text);
    if (ferror(npy->file))
        return cli_fail(CLI_INPUTS_FAILED, path, "cannot read it: %s", strerror(errno));
    if (!understood) return cli_fail(CLI_INPUTS_FAILED, path, "is not a NumPy .npy file");
    if (strcmp(h.descr, "<f4") != 0 || h.fortran_order)
        return cli_fail(CLI_INPUTS_FAILED, path,
                        "has to hold float32 (\"<f4\") in C order, not \"%s\" in %s order", h.descr,
                        h.fortran_order ? "Fortran" : "C");
    npy->rank = h.rank;
    memcpy(npy->shape, h.shape, sizeof h.shape);
    if (!length_fits(npy))
        return cli_fail(CLI_INPUTS_FAILED, path, "its length does not fit the shape it tells");
    return CLI_DONE;
}

cli_exit cli_npy_read(cli_npy *npy, float *elements, size_t count)
{
    if (fread(elements, sizeof *elements, count, npy->file) == count) return CLI_DONE;
    return cli_fail(CLI_INPUTS_FAILED, npy->path, "ends before its last element");
}

void cli_npy_close(cli_npy *npy)
{
    if (npy->file && npy->file != stdin) fclose(npy->file);
    npy->file = NULL;
}

cli_exit cli_npy_check_output(const cli_output *output)
{
    if (output->path || !isatty(STDOUT_FILENO)) return CLI_DONE;
    return cli_fail(CLI_WRONG_USE, NULL,
                    "an .npy is not for a terminal: name a file with -o, or use a pipe");
}

void cli_npy_begin(cli_output *output, size_t rank, const size_t *shape)
{
    char text[256];
    size_t used =
        (size_t)snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu", i ? ", " : "", shape[i]);
    used += (size_t)snprintf(text + used, sizeof text - used, "), }");
    /* Spaces and a line's end up to the next multiple of 64, so that the elements are aligned. */
    size_t before = MAGIC_BYTES + 4;
    size_t padded = (before + used + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - before;
    unsigned char start[MAGIC_BYTES + 4] = MAGIC "\x01";
    start[MAGIC_BYTES + 2] = (unsigned char)(padded & 255);
    start[MAGIC_BYTES + 3] = (unsigned char)(padded >> 8);
    cli_output_write(output, start, sizeof start);
    cli_output_print(output, "%-*s\n", (int)padded - 1, text);
}
