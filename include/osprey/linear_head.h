/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A linear head: rates embeddings by a matrix that somebody trained on them, such as LAION's
 * aesthetic predictors (github.com/LAION-AI/aesthetic-predictor).
 *
 * A head is never changed once it is open; any number of threads may use it.
 *
 *     osprey_linear_head *head = NULL;
 *     osprey_linear_head_open("sa_0_4_vit_b_32_linear.pth", &head, &error);
 *     float score;
 *     osprey_linear_head_score(head, embedding, 1, &score); // embedding: [512], unit length
 *     osprey_linear_head_free(head);
 */
#ifndef OSPREY_LINEAR_HEAD_H
#define OSPREY_LINEAR_HEAD_H

#include <osprey/error.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct osprey_linear_head osprey_linear_head;

/*
 * path: PyTorch's state dict or a safetensors file with one matrix [outputs, D], as torch.nn.Linear
 * has it, and at most one vector [outputs], its bias. The caller frees *head with
 * osprey_linear_head_free. Errors: OSPREY_NOT_FOUND, OSPREY_FORMAT (the tensor that does not fit is
 * named), OSPREY_UNSUPPORTED, OSPREY_IO, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_linear_head_open(const char *path, osprey_linear_head **head,
                                                 osprey_error *error);

typedef struct osprey_linear_head_info {
    size_t embed_dim; /* D */
    size_t outputs;   /* numbers for each embedding; 1 for a rating */
} osprey_linear_head_info;

OSPREY_API osprey_linear_head_info osprey_linear_head_get_info(const osprey_linear_head *head);

/* embeddings: [count, D], of unit length where the head was trained so. scores: [count, outputs].
 */
OSPREY_API void osprey_linear_head_score(const osprey_linear_head *head, const float *embeddings,
                                         size_t count, float *scores);

/* Takes NULL. */
OSPREY_API void osprey_linear_head_free(osprey_linear_head *head);

#ifdef __cplusplus
}
#endif

#endif
