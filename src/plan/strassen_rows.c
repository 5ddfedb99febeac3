/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/strassen_rows.h"

#include "base/cpu/cpu_features.h"
#include "kernels/strassen.h"

/* Measured on Zen 4: in a batch 192 channels gain nothing, as sums cost what they save, and 256 2
 * to 5 %. 32 rows gain 7 %. */
#define LEAST_ROWS         32
#define LEAST_IN_CHANNELS  256
#define LEAST_OUT_CHANNELS 256

bool osprey__strassen_pays(void)
{
    /* With two whole multipliers of 512 bits (Cascade Lake) a plain product is so quick that what
     * the method reads and writes besides costs more than the eighth that it saves: 0.79 to 0.88
     * times the plain product's speed. */
    const osprey__cpu_features *features;
    return osprey__cpu_features_get(&features, NULL) == OSPREY_OK && features->halves_avx512;
}

/* Rows that are multiplied for each sequence; 0 where sequences may have different ones. */
static size_t sequence_rows(const osprey__plan *plan, const osprey__step *step)
{
    const osprey__shape *x = &plan->graph->values[step->node->inputs[0]].shape;
    if (x->extent != OSPREY__PER_SEQUENCE) return 0;
    if (step->node->op == OSPREY__OP_CONV2D)
        return osprey__conv_is_pointwise(&step->conv) ? x->dims[0] * x->dims[1] : 0;
    return osprey__shape_elements(x) / step->in_channels;
}

size_t osprey__strassen_rows_of(const osprey__plan *plan, const osprey__step *step)
{
    if (!plan->kernels->strassen_f32 || !step->gemm || step->groups > 1 ||
        step->node->attributes.precision != OSPREY_PRECISION_FP32 ||
        step->in_channels < LEAST_IN_CHANNELS || step->out_channels < LEAST_OUT_CHANNELS ||
        step->in_channels % 2 || step->out_channels % (2 * step->gemm->columns))
        return 0;
    size_t rows = sequence_rows(plan, step);
    return rows < LEAST_ROWS ? 0 : rows;
}

size_t osprey__strassen_row_bytes(const osprey__step *step)
{
    size_t pairs = osprey__strassen_pairs(step->strassen_rows);
    size_t bytes = pairs * osprey__strassen_pair_bytes(step->in_channels);
    return (bytes + step->strassen_rows - 1) / step->strassen_rows;
}
