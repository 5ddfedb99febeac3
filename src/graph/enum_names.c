/* SPDX-License-Identifier: Apache-2.0 */
#include <osprey/model.h>

const char *osprey_activation_name(osprey_activation activation)
{
    switch (activation) {
    case OSPREY_ACTIVATION_NONE:
        return "none";
    case OSPREY_ACTIVATION_RELU:
        return "relu";
    case OSPREY_ACTIVATION_GELU:
        return "gelu";
    case OSPREY_ACTIVATION_GELU_TANH:
        return "gelu_tanh";
    case OSPREY_ACTIVATION_QUICK_GELU:
        return "quick_gelu";
    case OSPREY_ACTIVATION_TANH:
        return "tanh";
    case OSPREY_ACTIVATION_SILU:
        return "silu";
    }
    return "unknown";
}

const char *osprey_precision_name(osprey_precision precision)
{
    switch (precision) {
    case OSPREY_PRECISION_FP32:
        return "fp32";
    case OSPREY_PRECISION_BF16:
        return "bf16";
    case OSPREY_PRECISION_FP16:
        return "fp16";
    case OSPREY_PRECISION_INT8:
        return "int8";
    case OSPREY_PRECISION_INT4:
        return "int4";
    }
    return "unknown";
}
