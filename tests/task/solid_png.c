/* SPDX-License-Identifier: Apache-2.0 */
#include "task/solid_png.h"

#include "cmocka_all.h"

#include <spng.h>
#include <stdio.h>
#include <string.h>

void write_solid_png(const char *path, uint8_t grey)
{
    uint8_t pixels[8 * 8 * 3];
    memset(pixels, grey, sizeof pixels);
    struct spng_ihdr header = {
        .width = 8, .height = 8, .bit_depth = 8, .color_type = SPNG_COLOR_TYPE_TRUECOLOR};
    FILE *file = fopen(path, "wb");
    spng_ctx *encoder = spng_ctx_new(SPNG_CTX_ENCODER);
    assert_non_null(file);
    assert_non_null(encoder);
    assert_int_equal(spng_set_png_file(encoder, file), 0);
    assert_int_equal(spng_set_ihdr(encoder, &header), 0);
    assert_int_equal(
        spng_encode_image(encoder, pixels, sizeof pixels, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
    spng_ctx_free(encoder);
    assert_int_equal(fclose(file), 0);
}
