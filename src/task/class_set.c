/* SPDX-License-Identifier: Apache-2.0 */
/* The classes of a model's own head, as a label set. */
#include "base/memory.h"
#include "base/status.h"
#include "model/class_head.h"
#include "model/class_names.h"
#include "task/label_set.h"

osprey_status osprey_label_set_create_classes(const osprey_model *model, osprey_label_set **set,
                                              osprey_error *error)
{
    const size_t classes = model->config.head_classes, dim = model->config.embed_dim;
    const size_t floats = osprey__class_head_floats(&model->config);
    osprey_status status;
    *set = NULL;
    if (!classes)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, model->name,
                            "has no classes of its own: give it labels");
    osprey_label_set *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    made->embed_dim = dim;
    made->logit_scale = 1;
    made->template_count = 1;
    made->labels = osprey__calloc(classes, sizeof *made->labels);
    made->embeddings = osprey__calloc(floats, sizeof *made->embeddings);
    if (!made->labels || !made->embeddings) {
        status = osprey__fail_memory(error, floats * sizeof *made->embeddings);
        goto fail;
    }
    made->label_count = classes;
    OSPREY_TRY_GOTO(osprey__class_names_copy(classes, made->labels, error));
    osprey__class_head_read(model, made->embeddings);
    made->biases = made->embeddings + classes * dim;
    OSPREY_TRY_GOTO(osprey__label_set_check(made, model->name, error));
    *set = made;
    return OSPREY_OK;
fail:
    osprey_label_set_free(made);
    return status;
}
