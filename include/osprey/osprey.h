/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at once. model.h is the place to start reading. */
#ifndef OSPREY_OSPREY_H
#define OSPREY_OSPREY_H

#include <osprey/cache.h>
#include <osprey/engine.h>
#include <osprey/error.h>
#include <osprey/image.h>
#include <osprey/linear_head.h>
#include <osprey/model.h>
#include <osprey/session.h>
#include <osprey/task.h>
#include <osprey/tokenizer.h>

#endif
