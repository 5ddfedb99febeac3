/* SPDX-License-Identifier: Apache-2.0 */
/* Which products are computed by kernels/strassen.h. */
#ifndef OSPREY_PLAN_STRASSEN_ROWS_H
#define OSPREY_PLAN_STRASSEN_ROWS_H

#include "plan/plan.h"

/* Whether the method is quicker on this machine. */
bool osprey__strassen_pays(void);

/* Rows of a sequence where it is quicker on a machine where it pays, otherwise 0. The step is
 * described but for this. */
size_t osprey__strassen_rows_of(const osprey__plan *plan, const osprey__step *step);

/* Bytes of prepared pairs for each of the step's rows. */
size_t osprey__strassen_row_bytes(const osprey__step *step);

#endif
