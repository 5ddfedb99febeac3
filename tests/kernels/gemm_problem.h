/* SPDX-License-Identifier: Apache-2.0 */
/* Random matrix products, and what they are in doubles over what a format makes of the numbers. */
#ifndef OSPREY_TESTS_GEMM_PROBLEM_H
#define OSPREY_TESTS_GEMM_PROBLEM_H

#include "kernels/guarded.h"

#include <stdbool.h>

/* One product with everything it reads and writes; `result` belongs to the call. */
typedef struct problem {
    size_t m, n, k, lda, ldc;
    guarded a, weight, bias, residual;
    osprey_activation activation;
    bool has_bias, has_residual;
    float input_range; /* int8, int4: of all rows, or 0 */
    bool weight_is_k_by_n;
} problem;

problem problem_new(size_t m, size_t n, size_t k);
void problem_free(problem *p);

/* The weight as the kernel reads it. */
guarded problem_pack(const problem *p, const osprey__gemm_kernel *kernel);

/* The whole of c, whose residual is c itself. */
guarded problem_exact_result(const problem *p, osprey_precision format);

#endif
