/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the files that a tokenizer was made from, within their directory; static storage. */
#ifndef OSPREY_INPUT_TEXT_TOKENIZER_FILES_H
#define OSPREY_INPUT_TEXT_TOKENIZER_FILES_H

#include <stddef.h>

typedef struct osprey__tokenizer_files {
    const char *names[4];
    size_t count;
} osprey__tokenizer_files;

#endif
