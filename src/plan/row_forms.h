/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that only matrix products read are left in a form that suits these: a layer norm's result
 * prepared for the kernel, so that no float of it is ever stored; what products of bf16, int8 and
 * int4 leave for others as bfloat16s, and so what attention between them reads and writes.
 */
#ifndef OSPREY_PLAN_ROW_FORMS_H
#define OSPREY_PLAN_ROW_FORMS_H

#include "plan/plan.h"

/* Sets the form of every value's placement. */
void osprey__choose_row_forms(osprey__plan *plan);

/* Sets prepared_row_bytes of every root's placement. Forms and roots are known. */
void osprey__find_prepared_rows(osprey__plan *plan);

#endif
