/* SPDX-License-Identifier: Apache-2.0 */
#include "model/class_head.h"

#include "base/memory.h"
#include "base/status.h"
#include "model/engine_model.h"
#include "model/tower_builder.h"

#include <string.h>

static osprey__tensor_name array_name(const osprey_model *model, const char *part)
{
    return osprey__tensor_name_print("%s%s", model->names->head, part);
}

/* The array of those dims; marks it as used. */
static osprey_status check_array(const osprey_model *model, const char *part, size_t rank,
                                 const size_t *dims, bool *used, osprey_error *error)
{
    const osprey__tensor_name name = array_name(model, part);
    const osprey__tensor *tensor;
    size_t count;
    OSPREY_TRY(osprey__weights_get(model->weights, name.text, &tensor, error));
    bool fits =
        tensor->rank == rank && (tensor->dtype == OSPREY__F32 || tensor->dtype == OSPREY__F16 ||
                                 tensor->dtype == OSPREY__BF16);
    for (size_t i = 0; fits && i < rank; i++) fits = tensor->dims[i] == dims[i];
    if (!fits)
        return osprey__fail(error, OSPREY_FORMAT, tensor->file,
                            "tensor \"%s\" is not the head of %zu classes on embeddings of %zu "
                            "elements, in F32, F16 or BF16, that the rest of the file asks for",
                            name.text, model->config.head_classes, model->config.embed_dim);
    used[tensor - osprey__weights_tensors(model->weights, &count)] = true;
    return OSPREY_OK;
}

osprey_status osprey__class_head_check(const osprey_model *model, bool *used, osprey_error *error)
{
    const size_t dims[] = {model->config.embed_dim, model->config.head_classes};
    OSPREY_TRY(check_array(model, "kernel", 2, dims, used, error));
    return check_array(model, "bias", 1, dims + 1, used, error);
}

osprey__class_head osprey__class_head_find(const osprey_model *model)
{
    return (osprey__class_head){
        osprey__weights_find(model->weights, array_name(model, "kernel").text),
        osprey__weights_find(model->weights, array_name(model, "bias").text),
    };
}

size_t osprey__class_head_floats(const osprey__model_config *config)
{
    return config->head_classes * (config->embed_dim + 1);
}

void osprey__class_head_read(const osprey_model *model, float *rows_and_biases)
{
    const size_t classes = model->config.head_classes, dim = model->config.embed_dim;
    if (model->engine) {
        const osprey__engine_section *section =
            osprey__engine_file_find(&model->engine->file, OSPREY__HEAD_SECTION);
        memcpy(rows_and_biases, section->bytes, section->length);
        return;
    }
    const osprey__class_head head = osprey__class_head_find(model);
    const osprey__tensor *kernel = head.kernel, *bias = head.bias;
    const size_t element_bytes = osprey__dtype_bytes(kernel->dtype);
    for (size_t i = 0; i < kernel->elements; i++)
        osprey__to_f32(kernel->dtype, (const char *)kernel->data + i * element_bytes, 1,
                       &rows_and_biases[i % classes * dim + i / classes]);
    osprey__to_f32(bias->dtype, bias->data, classes, rows_and_biases + classes * dim);
}
