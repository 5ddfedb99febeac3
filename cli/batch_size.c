/* SPDX-License-Identifier: Apache-2.0 */
#include "batch_size.h"

#define MIB ((size_t)1 << 20)

/* Of the 32 MiB that a session under --max-resident leaves to the caller the rest is for pictures
 * that are being decoded. */
#define BATCHES_BYTES (16 * MIB)

size_t cli_pixel_bytes(const osprey_model_info *info)
{
    return osprey_preprocessing_floats(&info->preprocessing) * sizeof(float);
}

size_t cli_pixel_shape(const osprey_model_info *info, size_t shape[CLI_PIXEL_RANK_MAX])
{
    const osprey_preprocessing *how = &info->preprocessing;
    if (how->resize == OSPREY_RESIZE_PATCHES) {
        shape[0] = 1 + how->max_patches;
        shape[1] = how->patch_size * how->patch_size * 3;
        return 2;
    }
    shape[0] = 3;
    shape[1] = how->crop_height;
    shape[2] = how->crop_width;
    return 3;
}

size_t cli_batch_size(const cli_options *options, size_t usual, size_t bytes_each)
{
    const size_t batch = options->batch ? options->batch : usual;
    if (!options->max_resident) return batch;
    const size_t most = BATCHES_BYTES / 2 / bytes_each;
    return batch <= most ? batch : most ? most : 1;
}

cli_exit cli_check_batch(const cli_options *options, size_t batch, size_t bytes_each)
{
    if (!options->max_resident) return CLI_DONE;
    const size_t most = BATCHES_BYTES / bytes_each;
    if (batch <= most || batch == 1) return CLI_DONE;
    return cli_fail(CLI_WRONG_USE, "--batch",
                    "%zu inputs take %zu MiB, but --max-resident leaves them %zu: %zu is the most",
                    batch, batch * bytes_each / MIB, BATCHES_BYTES / MIB, most ? most : 1);
}
