/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer that goes with a model's text tower, from the files beside its weights. */
#ifndef OSPREY_MODEL_MODEL_TOKENIZER_H
#define OSPREY_MODEL_MODEL_TOKENIZER_H

#include "model/model_data.h"

/*
 * CLIP's, BERT's or SigLIP's, as the model's configuration and names, which are there already, ask
 * for it. The files are remembered. Errors: OSPREY_NOT_FOUND (the file to put there is named),
 * OSPREY_FORMAT (a vocabulary of another model), and those of input/text/text_tokenizer.h.
 */
osprey_status osprey__open_tokenizer(osprey_model *model, const char *directory,
                                     osprey_error *error);

/* OSPREY_FORMAT unless the text tower has a row for each id. subject is what errors name. */
osprey_status osprey__check_tokenizer(const osprey_model *model, const char *subject,
                                      osprey_error *error);

#endif
