/* SPDX-License-Identifier: Apache-2.0 */
#include "input/image/image_object.h"

#include <string.h>

/*
 * EXIF 2.32, tag 0x0112, in three steps: 5 to 8 swap rows and columns; then some turn the order
 * of columns, some that of rows around.
 */
typedef struct turn {
    bool transpose, flip_x, flip_y;
} turn;

static const turn turns[9] = {
    [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false}, [6] = {true, true, false}, [7] = {true, true, true},
    [8] = {true, false, true},
};

osprey_status osprey__image_orient(osprey_image **image, unsigned orientation, osprey_error *error)
{
    if (orientation < 2 || orientation > 8) return OSPREY_OK;
    turn how = turns[orientation];
    const osprey_image *source = *image;
    size_t width = how.transpose ? source->height : source->width;
    size_t height = how.transpose ? source->width : source->height;
    osprey_image *upright = NULL;
    osprey_status status = osprey__image_create(width, height, width * height, &upright, error);
    if (status != OSPREY_OK) return status;
    /* In steps of one source pixel along and across the upright rows. */
    ptrdiff_t along = 3 * (how.transpose ? (ptrdiff_t)source->width : 1);
    ptrdiff_t across = 3 * (how.transpose ? 1 : (ptrdiff_t)source->width);
    uint8_t *to = upright->rgb;
    for (size_t y = 0; y < height; y++) {
        ptrdiff_t row = (ptrdiff_t)(how.flip_y ? height - 1 - y : y) * across;
        for (size_t x = 0; x < width; x++, to += 3) {
            ptrdiff_t column = (ptrdiff_t)(how.flip_x ? width - 1 - x : x) * along;
            memcpy(to, source->rgb + row + column, 3);
        }
    }
    osprey_image_free(*image);
    *image = upright;
    return OSPREY_OK;
}
