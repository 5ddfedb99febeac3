/* SPDX-License-Identifier: Apache-2.0 */
/* Weights that are no numbers, which a damaged or diverged checkpoint holds. */
#ifndef OSPREY_MODEL_FINITE_WEIGHTS_H
#define OSPREY_MODEL_FINITE_WEIGHTS_H

#include <osprey/session.h>

/*
 * Reads every weight of these towers, and of the head, of a model that is no engine. Errors:
 * OSPREY_FORMAT (a tensor with NaN or infinity; file and tensor are named), and those of building a
 * tower.
 */
osprey_status osprey__check_finite_weights(const osprey_model *model, osprey_tower towers,
                                           osprey_error *error);

#endif
