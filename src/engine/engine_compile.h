/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling, for the cache too. */
#ifndef OSPREY_ENGINE_ENGINE_COMPILE_H
#define OSPREY_ENGINE_ENGINE_COMPILE_H

#include "base/os/file_writer.h"

#include <osprey/engine.h>

/* osprey_engine_compile, with a choice of how the file is kept. */
osprey_status osprey__engine_compile(const osprey_model *model,
                                     const osprey_engine_options *options, const char *path,
                                     osprey__durability durability, osprey_error *error);

#endif
