/* SPDX-License-Identifier: Apache-2.0 */
/* What tells a model's files from those of any other model, or of another version of it. */
#ifndef OSPREY_ENGINE_ENGINE_FINGERPRINT_H
#define OSPREY_ENGINE_ENGINE_FINGERPRINT_H

#include "base/checksum.h"

#include <osprey/model.h>

/* Over name and content of every file that the model was read from, and the architecture that a
 * bare weight file was taken for. */
osprey_status osprey__engine_fingerprint(const osprey_model *model,
                                         char fingerprint[OSPREY__FINGERPRINT_BYTES],
                                         osprey_error *error);

#endif
