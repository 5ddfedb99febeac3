/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a tokenizer whose bytes in an engine make none. */
#ifndef OSPREY_INPUT_TEXT_STORED_TOKENIZER_H
#define OSPREY_INPUT_TEXT_STORED_TOKENIZER_H

#include "base/status.h"

static inline osprey_status osprey__stored_tokenizer_damaged(const char *file, osprey_error *error)
{
    return osprey__fail(error, OSPREY_FORMAT, file,
                        "the engine's tokenizer is damaged; compile the model again");
}

#endif
