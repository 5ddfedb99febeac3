/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the classes of a published classification head are called. A head does not say it:
 * ImageNet's lists are known by their lengths, those of google-research's models. Any thread may
 * call.
 */
#ifndef OSPREY_MODEL_CLASS_NAMES_H
#define OSPREY_MODEL_CLASS_NAMES_H

#include <osprey/error.h>

#include <stddef.h>

/* "ImageNet-1k", "ImageNet-21k"; NULL for a list of another length. Static storage. */
const char *osprey__class_list_title(size_t classes);

/*
 * Fills names[classes] with copies, each for osprey__free, also after an error: the words of
 * WordNet, or "class 0", "class 1" and so on. Errors: OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__class_names_copy(size_t classes, char **names, osprey_error *error);

#endif
