/* SPDX-License-Identifier: Apache-2.0 */
/* Activations as they are defined, in double. */
#ifndef OSPREY_TESTS_EXACT_ACTIVATION_H
#define OSPREY_TESTS_EXACT_ACTIVATION_H

#include <osprey/model.h>

double exact_activation(osprey_activation activation, double x);

#endif
