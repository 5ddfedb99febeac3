/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG through libjpeg-turbo, as Pillow uses it: accurate DCT, smooth upsampling, four components
 * taken for Adobe's inverted CMYK, damaged entropy data decoded as well as it goes, and a file
 * that ends too early refused.
 */
#include "base/memory.h"
#include "base/status.h"
#include "input/image/exif.h"
#include "input/image/image_decoders.h"
#include "input/image/image_object.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* After stdio.h, which it needs and does not include. */
#include <jpeglib.h>

/* A progressive file of a few kilobytes may ask for thousands of passes over every block. */
#define MAX_SCANS 500

typedef struct jpeg_context {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    osprey_status status;
    osprey_error *error;
    osprey_image *image;
    uint8_t *cmyk_row;
} jpeg_context;

static _Noreturn void fail(jpeg_context *context, osprey_status status, const char *message)
{
    context->status = osprey__fail(context->error, status, NULL, "%s", message);
    longjmp(context->failed, 1);
}

static _Noreturn void on_error(j_common_ptr jpeg)
{
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    osprey_status status = OSPREY_FORMAT;
    if (strstr(message, "Insufficient memory")) status = OSPREY_OUT_OF_MEMORY;
    if (strstr(message, "nsupported")) status = OSPREY_UNSUPPORTED;
    fail(jpeg->client_data, status, message);
}

static void on_message(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

static boolean on_end_of_bytes(j_decompress_ptr jpeg)
{
    fail(jpeg->client_data, OSPREY_FORMAT, "the JPEG is truncated");
}

static void on_progress(j_common_ptr jpeg)
{
    if (((j_decompress_ptr)jpeg)->input_scan_number > MAX_SCANS)
        fail(jpeg->client_data, OSPREY_LIMIT, "the JPEG has more than 500 scans");
}

/* a * b / 255, rounded as Pillow does it. */
static unsigned multiply_255(unsigned a, unsigned b)
{
    unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* From inverted CMYK, 255 being no ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, size_t width, uint8_t *rgb)
{
    for (size_t x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int channel = 0; channel < 3; channel++)
            rgb[channel] = (uint8_t)(cmyk[3] - multiply_255(255U - cmyk[channel], cmyk[3]));
}

static void read_rows(jpeg_context *context)
{
    struct jpeg_decompress_struct *jpeg = &context->jpeg;
    size_t row_bytes = context->image->width * 3;
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *rgb = context->image->rgb + jpeg->output_scanline * row_bytes;
        JSAMPROW rows[16];
        if (context->cmyk_row) {
            rows[0] = context->cmyk_row;
            jpeg_read_scanlines(jpeg, rows, 1);
            cmyk_to_rgb(context->cmyk_row, context->image->width, rgb);
            continue;
        }
        JDIMENSION count = jpeg->output_height - jpeg->output_scanline;
        if (count > 16) count = 16;
        for (JDIMENSION i = 0; i < count; i++) rows[i] = rgb + i * row_bytes;
        jpeg_read_scanlines(jpeg, rows, count);
    }
}

static void decode(jpeg_context *context, const uint8_t *bytes, size_t length, size_t max_pixels,
                   unsigned *orientation)
{
    struct jpeg_decompress_struct *jpeg = &context->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &context->progress;
    jpeg_mem_src(jpeg, bytes, length);
    jpeg->src->fill_input_buffer = on_end_of_bytes;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(jpeg, TRUE);
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker; marker = marker->next)
        if (marker->data_length >= 6 && memcmp(marker->data, "Exif\0\0", 6) == 0) {
            *orientation = osprey__exif_orientation(marker->data, marker->data_length);
            break;
        }
    if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
        fail(context, OSPREY_UNSUPPORTED, "a JPEG with neither 1, 3 nor 4 components");
    context->status = osprey__image_create(jpeg->image_width, jpeg->image_height, max_pixels,
                                           &context->image, context->error);
    if (context->status != OSPREY_OK) longjmp(context->failed, 1);
    jpeg->out_color_space = JCS_RGB;
    if (jpeg->num_components == 4) {
        jpeg->out_color_space = JCS_CMYK;
        context->cmyk_row = osprey__calloc(context->image->width, 4);
        if (!context->cmyk_row) {
            context->status = osprey__fail_memory(context->error, context->image->width * 4);
            longjmp(context->failed, 1);
        }
    }
    jpeg_start_decompress(jpeg);
    read_rows(context);
    jpeg_finish_decompress(jpeg);
}

/* Apart from the owner of *context: what setjmp's own function keeps locally is lost on return. */
static void decode_guarded(jpeg_context *context, const uint8_t *bytes, size_t length,
                           size_t max_pixels, unsigned *orientation)
{
    if (setjmp(context->failed) == 0) decode(context, bytes, length, max_pixels, orientation);
    jpeg_destroy_decompress(&context->jpeg);
    osprey__free(context->cmyk_row);
}

osprey_status osprey__jpeg_decode(const uint8_t *bytes, size_t length, size_t max_pixels,
                                  osprey_image **image, unsigned *orientation, osprey_error *error)
{
    jpeg_context context = {.error = error, .status = OSPREY_OK};
    context.jpeg.err = jpeg_std_error(&context.errors);
    context.jpeg.client_data = &context;
    context.errors.error_exit = on_error;
    context.errors.emit_message = on_message;
    context.progress.progress_monitor = on_progress;
    decode_guarded(&context, bytes, length, max_pixels, orientation);
    if (context.status == OSPREY_OK)
        *image = context.image;
    else
        osprey_image_free(context.image);
    return context.status;
}
