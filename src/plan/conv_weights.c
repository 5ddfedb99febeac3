/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/conv_weights.h"

#include "base/memory.h"
#include "base/status.h"

/* Measured: with fewer the transforms cost what the products save; integers' cost more, as each row
 * of each tap is quantized, and their products less. */
#define LEAST_CHANNELS      32
#define LEAST_CHANNELS_INT8 64

/* Tiles of an image whose outputs are mostly outside save nothing. */
#define LEAST_SIZE 4

/* Rows of a matrix unit (AMX), whose products are done before the tiles would be transformed. */
#define MATRIX_UNIT_ROWS 32

bool osprey__conv_takes_winograd(const osprey__step *step)
{
    const osprey__conv_shape *conv = &step->conv;
    osprey_precision precision = step->node->attributes.precision;
    size_t channels = conv->channels < step->out_channels ? conv->channels : step->out_channels;
    /* Groups of 32 weights have a scale that transformed ones would need more bits for. */
    if (!osprey__conv_fits_winograd(conv) || precision == OSPREY_PRECISION_INT4) return false;
    return conv->out_height >= LEAST_SIZE && conv->out_width >= LEAST_SIZE &&
           step->gemm->rows < MATRIX_UNIT_ROWS &&
           channels >= (precision == OSPREY_PRECISION_INT8 ? LEAST_CHANNELS_INT8 : LEAST_CHANNELS);
}

static size_t tap_bytes(const osprey__step *step)
{
    return osprey__gemm_packed_bytes(step->gemm, step->out_channels, step->conv.channels);
}

size_t osprey__step_packed_bytes(const osprey__step *step)
{
    if (step->winograd) return OSPREY__WINOGRAD_TAPS * tap_bytes(step);
    return step->groups *
           osprey__gemm_packed_bytes(step->gemm, step->out_channels, step->in_channels);
}

/* Published filters are [out][in][ky][kx]; gathered rows are [ky][kx][in]. */
static void reorder_filters(const osprey__step *step, const float *from, float *to)
{
    size_t in = step->conv.channels, positions = step->in_channels / in;
    for (size_t out = 0; out < step->out_channels; out++)
        for (size_t c = 0; c < in; c++)
            for (size_t p = 0; p < positions; p++)
                to[(out * positions + p) * in + c] = from[(out * in + c) * positions + p];
}

osprey_status osprey__pack_filters(const osprey__step *step, const float *filters, void *place,
                                   osprey_error *error)
{
    const osprey__gemm_kernel *gemm = step->gemm;
    size_t n = step->out_channels, in = step->conv.channels;
    size_t elements = n * (step->winograd ? OSPREY__WINOGRAD_TAPS * in : step->in_channels);
    float *reordered = osprey__calloc(elements, sizeof *reordered);
    if (!reordered) return osprey__fail_memory(error, elements * sizeof *reordered);
    if (step->winograd) {
        osprey__winograd_weights(filters, n, in, reordered);
        for (size_t tap = 0; tap < OSPREY__WINOGRAD_TAPS; tap++)
            gemm->pack(gemm, n, in, reordered + tap * n * in, in, 1,
                       (char *)place + tap * tap_bytes(step));
    } else {
        reorder_filters(step, filters, reordered);
        gemm->pack(gemm, n, step->in_channels, reordered, step->in_channels, 1, place);
    }
    osprey__free(reordered);
    return OSPREY_OK;
}
