/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "format/weights.h"

#include <osprey/linear_head.h>

#include <math.h>

struct osprey_linear_head {
    size_t embed_dim, outputs;
    float *matrix; /* [outputs][embed_dim] */
    float *bias;   /* [outputs] */
};

/* The file's one matrix, and its one vector or NULL. */
static osprey_status find_tensors(const osprey__weights *weights, const char *path,
                                  const osprey__tensor **matrix, const osprey__tensor **vector,
                                  osprey_error *error)
{
    size_t count;
    const osprey__tensor *tensors = osprey__weights_tensors(weights, &count);
    *matrix = *vector = NULL;
    for (size_t i = 0; i < count; i++) {
        const osprey__tensor **place = tensors[i].rank == 2 ? matrix : vector;
        bool is_float = !tensors[i].foreign_dtype && tensors[i].dtype <= OSPREY__BF16;
        if (tensors[i].rank < 1 || tensors[i].rank > 2 || *place || !is_float)
            return osprey__fail(
                error, OSPREY_FORMAT, path,
                "tensor \"%s\" is more than a linear head has: one matrix [outputs, "
                "D] and at most one bias [outputs], in F32, F16 or BF16",
                tensors[i].name);
        *place = &tensors[i];
    }
    if (!*matrix || !(*matrix)->elements)
        return osprey__fail(error, OSPREY_FORMAT, path,
                            "it has no matrix [outputs, D], which a linear head consists of");
    if (*vector && (*vector)->dims[0] != (*matrix)->dims[0])
        return osprey__fail(error, OSPREY_FORMAT, path,
                            "tensor \"%s\" has %zu elements; the matrix \"%s\" has %zu rows",
                            (*vector)->name, (*vector)->dims[0], (*matrix)->name,
                            (*matrix)->dims[0]);
    return OSPREY_OK;
}

static osprey_status copy_floats(const osprey__tensor *tensor, const char *path, float *floats,
                                 osprey_error *error)
{
    osprey__to_f32(tensor->dtype, tensor->data, tensor->elements, floats);
    for (size_t i = 0; i < tensor->elements; i++)
        if (!isfinite(floats[i]))
            return osprey__fail(error, OSPREY_FORMAT, path, "tensor \"%s\" is not finite",
                                tensor->name);
    return OSPREY_OK;
}

static osprey_status read_head(osprey_linear_head *head, const osprey__weights *weights,
                               const char *path, osprey_error *error)
{
    const osprey__tensor *matrix, *vector;
    OSPREY_TRY(find_tensors(weights, path, &matrix, &vector, error));
    head->outputs = matrix->dims[0];
    head->embed_dim = matrix->dims[1];
    head->matrix = osprey__calloc(matrix->elements, sizeof *head->matrix);
    head->bias = osprey__calloc(head->outputs, sizeof *head->bias);
    if (!head->matrix || !head->bias)
        return osprey__fail_memory(error, matrix->elements * sizeof *head->matrix);
    OSPREY_TRY(copy_floats(matrix, path, head->matrix, error));
    return vector ? copy_floats(vector, path, head->bias, error) : OSPREY_OK;
}

osprey_status osprey_linear_head_open(const char *path, osprey_linear_head **head,
                                      osprey_error *error)
{
    *head = NULL;
    osprey__weights *weights;
    OSPREY_TRY(osprey__weights_open(path, &weights, error));
    osprey_linear_head *made = osprey__calloc(1, sizeof *made);
    osprey_status status =
        made ? read_head(made, weights, path, error) : osprey__fail_memory(error, sizeof *made);
    osprey__weights_free(weights);
    if (status == OSPREY_OK)
        *head = made;
    else
        osprey_linear_head_free(made);
    return status;
}

osprey_linear_head_info osprey_linear_head_get_info(const osprey_linear_head *head)
{
    return (osprey_linear_head_info){.embed_dim = head->embed_dim, .outputs = head->outputs};
}

void osprey_linear_head_score(const osprey_linear_head *head, const float *embeddings, size_t count,
                              float *scores)
{
    for (size_t i = 0; i < count; i++, embeddings += head->embed_dim) {
        for (size_t o = 0; o < head->outputs; o++) {
            const float *row = head->matrix + o * head->embed_dim;
            double sum = (double)head->bias[o];
            for (size_t d = 0; d < head->embed_dim; d++)
                sum += (double)row[d] * (double)embeddings[d];
            *scores++ = (float)sum;
        }
    }
}

void osprey_linear_head_free(osprey_linear_head *head)
{
    if (!head) return;
    osprey__free(head->matrix);
    osprey__free(head->bias);
    osprey__free(head);
}
