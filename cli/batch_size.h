/* SPDX-License-Identifier: Apache-2.0 */
/* How much a command gives the model at once. */
#ifndef OSPREY_CLI_BATCH_SIZE_H
#define OSPREY_CLI_BATCH_SIZE_H

#include "options.h"
#include "report.h"

#include <osprey/model.h>

/* What one image's pixels take, as the model gets them. */
size_t cli_pixel_bytes(const osprey_model_info *info);

/* How these lie: the dimensions of one picture, of which it returns the number. */
#define CLI_PIXEL_RANK_MAX 3
size_t cli_pixel_shape(const osprey_model_info *info, size_t shape[CLI_PIXEL_RANK_MAX]);

/*
 * --batch, or else the usual number, of things that take so many bytes each; under --max-resident
 * no more than fit into what it keeps free, as two batches are in memory by turns. At least 1.
 */
size_t cli_batch_size(const cli_options *options, size_t usual, size_t bytes_each);

/* Whether --max-resident leaves room for one batch of so many; a sentence where it does not. */
cli_exit cli_check_batch(const cli_options *options, size_t batch, size_t bytes_each);

#endif
