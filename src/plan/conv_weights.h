/* SPDX-License-Identifier: Apache-2.0 */
/* How convolutions are computed, and their filters packed for that. */
#ifndef OSPREY_PLAN_CONV_WEIGHTS_H
#define OSPREY_PLAN_CONV_WEIGHTS_H

#include "plan/plan.h"

/* Whether a conv2d, whose shape and kernel are known, is quicker by Winograd's transforms. */
bool osprey__conv_takes_winograd(const osprey__step *step);

/* Bytes of a conv2d's packed filters, or of a linear's packed weight. */
size_t osprey__step_packed_bytes(const osprey__step *step);

/* Packs a conv2d's filters, [out][in][3][3] as published, at place. */
osprey_status osprey__pack_filters(const osprey__step *step, const float *filters, void *place,
                                   osprey_error *error);

#endif
