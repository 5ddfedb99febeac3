/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
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

/* The zeroes of turns[0] where there is nothing to turn. */
static turn turn_of(unsigned orientation)
{
    return turns[orientation <= 8 ? orientation : 0];
}

static void swap_sides(osprey__image_side *x, osprey__image_side *y)
{
    osprey__image_side was_x = *x;
    *x = *y;
    *y = was_x;
}

static void flip_side(osprey__image_side *side)
{
    double samples = (double)side->samples, begin = side->begin;
    side->begin = samples - side->end;
    side->end = samples - begin;
    side->first = side->samples - side->first - side->count;
}

static void flip_sides(turn how, osprey__image_side *x, osprey__image_side *y)
{
    if (how.flip_x) flip_side(x);
    if (how.flip_y) flip_side(y);
}

void osprey__image_sides_turn(unsigned orientation, osprey__image_side *x, osprey__image_side *y)
{
    turn how = turn_of(orientation);
    if (how.transpose) swap_sides(x, y);
    flip_sides(how, x, y);
}

void osprey__image_sides_turn_back(unsigned orientation, osprey__image_side *x,
                                   osprey__image_side *y)
{
    turn how = turn_of(orientation);
    flip_sides(how, x, y);
    if (how.transpose) swap_sides(x, y);
}

osprey_status osprey__image_orient(osprey_image **image, unsigned orientation, osprey_error *error)
{
    if (orientation < 2 || orientation > 8) return OSPREY_OK;
    turn how = turns[orientation];
    const osprey_image *source = *image;
    osprey__image_side side_x = source->x, side_y = source->y;
    osprey__image_sides_turn(orientation, &side_x, &side_y);
    size_t width = side_x.count, height = side_y.count;
    osprey_image *upright = NULL;
    OSPREY_TRY(osprey__image_create_part(&side_x, &side_y, &upright, error));
    /* In steps of one source pixel along and across the upright rows. */
    ptrdiff_t along = 3 * (how.transpose ? (ptrdiff_t)source->x.count : 1);
    ptrdiff_t across = 3 * (how.transpose ? 1 : (ptrdiff_t)source->x.count);
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
