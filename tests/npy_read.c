/* SPDX-License-Identifier: Apache-2.0 */
#include "npy_read.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

npy npy_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s is missing", path);
    unsigned char start[10];
    assert_int_equal(fread(start, 1, sizeof start, file), sizeof start);
    assert_memory_equal(start, "\x93NUMPY\x01", 7);
    size_t header_bytes = start[8] | (size_t)start[9] << 8;
    char header[1024];
    assert_true(header_bytes < sizeof header);
    assert_int_equal(fread(header, 1, header_bytes, file), header_bytes);
    header[header_bytes] = '\0';
    assert_non_null(strstr(header, "'<f4'"));
    assert_non_null(strstr(header, "'fortran_order': False"));
    npy read = {0};
    size_t elements = 1;
    char *at = strchr(strstr(header, "'shape'"), '(') + 1;
    while (*at != ')') {
        if (*at >= '0' && *at <= '9') {
            assert_true(read.rank < 4);
            read.dims[read.rank] = strtoul(at, &at, 10);
            elements *= read.dims[read.rank++];
        } else {
            at++;
        }
    }
    read.data = malloc(elements * sizeof *read.data);
    assert_int_equal(fread(read.data, sizeof *read.data, elements, file), elements);
    fclose(file);
    return read;
}
