/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/exact_activation.h"

#include <math.h>

double exact_activation(osprey_activation activation, double x)
{
    switch (activation) {
    case OSPREY_ACTIVATION_NONE:
        break;
    case OSPREY_ACTIVATION_RELU:
        return x < 0 ? 0 : x;
    case OSPREY_ACTIVATION_GELU:
        return x * 0.5 * erfc(-x * sqrt(0.5));
    case OSPREY_ACTIVATION_GELU_TANH:
        return x / (1 + exp(-2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case OSPREY_ACTIVATION_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case OSPREY_ACTIVATION_TANH:
        return tanh(x);
    case OSPREY_ACTIVATION_SILU:
        return x / (1 + exp(-x));
    }
    return x;
}
