/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a model's weight files is read. A directory may hold the same weights several times:
 * the safest format comes first (safetensors, then PyTorch's), and one that is damaged is passed
 * over for the next. A file that the caller names is the only one.
 */
#ifndef OSPREY_MODEL_WEIGHT_CHOICE_H
#define OSPREY_MODEL_WEIGHT_CHOICE_H

#include "format/weights.h"

#include <osprey/error.h>

#include <stdbool.h>

#define OSPREY__PATH_BYTES 4096

typedef struct osprey__weight_choice {
    char directory[OSPREY__PATH_BYTES]; /* has configuration and tokenizer */
    bool named;               /* the caller named the file: what it is, its tensors' names tell */
    bool openclip;            /* not named: the layout is OpenCLIP's, else Hugging Face's */
    osprey__weights *weights; /* the caller's to free */
    char note[1024];          /* one sentence where there were several files, else "" */
} osprey__weight_choice;

/*
 * path: a directory or a weight file. file: NULL, or what is to be read in place of the directory's
 * own weights: a name in it, or a path. Errors: OSPREY_NOT_FOUND (with what would fit),
 * OSPREY_UNSUPPORTED, OSPREY_INVALID_ARGUMENT (file given twice), and those of
 * osprey__weights_open, of the first file.
 */
osprey_status osprey__choose_weights(const char *path, const char *file,
                                     osprey__weight_choice *choice, osprey_error *error);

#endif
