/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG through libjpeg-turbo, as Pillow uses it: accurate DCT, smooth upsampling, four components
 * taken for Adobe's inverted CMYK, damaged entropy data decoded as well as it goes, and a file
 * that ends too early refused. What a crop does not need is not decoded where that leaves the rest
 * as it is, bit for bit; a picture far larger than what it becomes is decoded at 1/2, 1/4 or 1/8 of
 * its size, by leaving out the higher frequencies of each block.
 */
#include "base/memory.h"
#include "base/status.h"
#include "input/image/decode_window.h"
#include "input/image/exif.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* After stdio.h, which it needs and does not include. */
#include <jpeglib.h>

/* A progressive file of a few kilobytes may ask for thousands of passes over every block. */
#define MAX_SCANS 500

/* Columns on each side of those that are needed: at the edges of what is decoded, colours that are
 * stored for several pixels are mixed as at the edges of the picture. libjpeg-turbo itself sees to
 * it that this does not happen to rows. */
#define MARGIN 8

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
    osprey_image *image = context->image;
    size_t row_bytes = image->x.count * 3, end = image->y.first + image->y.count;
    while (jpeg->output_scanline < end) {
        uint8_t *rgb = image->rgb + (jpeg->output_scanline - image->y.first) * row_bytes;
        JSAMPROW rows[16];
        if (context->cmyk_row) {
            rows[0] = context->cmyk_row;
            jpeg_read_scanlines(jpeg, rows, 1);
            cmyk_to_rgb(context->cmyk_row, image->x.count, rgb);
            continue;
        }
        JDIMENSION count = (JDIMENSION)end - jpeg->output_scanline;
        if (count > 16) count = 16;
        for (JDIMENSION i = 0; i < count; i++) rows[i] = rgb + i * row_bytes;
        jpeg_read_scanlines(jpeg, rows, count);
    }
}

static unsigned read_orientation(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker; marker = marker->next)
        if (marker->data_length >= 6 && memcmp(marker->data, "Exif\0\0", 6) == 0)
            return osprey__exif_orientation(marker->data, marker->data_length);
    return 1;
}

static void add_margin(osprey__image_side *side)
{
    size_t end = side->first + side->count;
    side->first = side->first > MARGIN ? side->first - MARGIN : 0;
    side->count = (side->samples - end > MARGIN ? end + MARGIN : side->samples) - side->first;
}

/* From the header on: starts decoding, and leaves the window as large as what will be decoded. */
static void start(jpeg_context *context, osprey__decode_window *window)
{
    struct jpeg_decompress_struct *jpeg = &context->jpeg;
    jpeg->scale_num = 1;
    jpeg->scale_denom = window->scale;
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    add_margin(&window->x);
    JDIMENSION left = (JDIMENSION)window->x.first, width = (JDIMENSION)window->x.count;
    if (width < jpeg->output_width) jpeg_crop_scanline(jpeg, &left, &width);
    window->x.first = left;
    window->x.count = width;
    if (window->y.first > 0) jpeg_skip_scanlines(jpeg, (JDIMENSION)window->y.first);
}

/* Whether the end of the picture, which is not read, is there. */
static bool has_end(struct jpeg_decompress_struct *jpeg)
{
    if (jpeg->unread_marker == JPEG_EOI || jpeg_has_multiple_scans(jpeg)) return true;
    const uint8_t *at = jpeg->src->next_input_byte, *end = at + jpeg->src->bytes_in_buffer;
    while (at < end && (at = memchr(at, 0xff, (size_t)(end - at)))) {
        at++;
        if (at < end && *at == JPEG_EOI) return true;
    }
    return false;
}

static void check(jpeg_context *context, osprey_status status)
{
    context->status = status;
    if (status != OSPREY_OK) longjmp(context->failed, 1);
}

static void decode(jpeg_context *context, const uint8_t *bytes, size_t length,
                   const osprey__decode_request *request, unsigned *orientation)
{
    struct jpeg_decompress_struct *jpeg = &context->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &context->progress;
    jpeg_mem_src(jpeg, bytes, length);
    jpeg->src->fill_input_buffer = on_end_of_bytes;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(jpeg, TRUE);
    *orientation = read_orientation(jpeg);
    if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
        fail(context, OSPREY_UNSUPPORTED, "a JPEG with neither 1, 3 nor 4 components");
    size_t width = jpeg->image_width, height = jpeg->image_height;
    check(context, osprey__image_check_size(width, height, request->max_pixels, context->error));
    osprey__decode_window window;
    check(context, osprey__decode_window_find(width, height, *orientation, request, &window,
                                              context->error));
    start(context, &window);
    check(context,
          osprey__image_create_part(&window.x, &window.y, &context->image, context->error));
    if (jpeg->num_components == 4) {
        context->cmyk_row = osprey__calloc(window.x.count, 4);
        if (!context->cmyk_row)
            check(context, osprey__fail_memory(context->error, window.x.count * 4));
    }
    read_rows(context);
    if (jpeg->output_scanline == jpeg->output_height)
        jpeg_finish_decompress(jpeg);
    else if (!has_end(jpeg))
        on_end_of_bytes(jpeg);
}

/* Apart from the owner of *context: what setjmp's own function keeps locally is lost on return. */
static void decode_guarded(jpeg_context *context, const uint8_t *bytes, size_t length,
                           const osprey__decode_request *request, unsigned *orientation)
{
    if (setjmp(context->failed) == 0) decode(context, bytes, length, request, orientation);
    jpeg_destroy_decompress(&context->jpeg);
    osprey__free(context->cmyk_row);
}

osprey_status osprey__jpeg_decode(const uint8_t *bytes, size_t length,
                                  const osprey__decode_request *request, osprey_image **image,
                                  unsigned *orientation, osprey_error *error)
{
    jpeg_context context = {.error = error, .status = OSPREY_OK};
    context.jpeg.err = jpeg_std_error(&context.errors);
    context.jpeg.client_data = &context;
    context.errors.error_exit = on_error;
    context.errors.emit_message = on_message;
    context.progress.progress_monitor = on_progress;
    decode_guarded(&context, bytes, length, request, orientation);
    if (context.status == OSPREY_OK)
        *image = context.image;
    else
        osprey_image_free(context.image);
    return context.status;
}
