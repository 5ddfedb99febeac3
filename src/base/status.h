/* SPDX-License-Identifier: Apache-2.0 */
/* Filling an osprey_error and forwarding a status. */
#ifndef OSPREY_BASE_STATUS_H
#define OSPREY_BASE_STATUS_H

#include <osprey/error.h>

#include <stddef.h>

/*
 * Fills *error (which may be NULL) and returns status, so that a failing function ends with
 *     return osprey__fail(error, OSPREY_FORMAT, path, "tensor \"%s\" ends behind the file", name);
 * subject may be NULL. What does not fit is cut.
 */
osprey_status osprey__fail(osprey_error *error, osprey_status status, const char *subject,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));

/* OSPREY_OUT_OF_MEMORY with the number of bytes that could not be had. */
osprey_status osprey__fail_memory(osprey_error *error, size_t bytes);

/* Makes subject that of an error of memory, which has none; returns status, whatever it is. */
osprey_status osprey__fail_for(const char *subject, osprey_status status, osprey_error *error);

/* Returns from the calling function with expr's status unless it is OSPREY_OK. */
#define OSPREY_TRY(expr)                                                                           \
    do {                                                                                           \
        osprey_status osprey_try_status_ = (expr);                                                 \
        if (osprey_try_status_ != OSPREY_OK) return osprey_try_status_;                            \
    } while (0)

/* The same for a function with clean-up: sets `status`, which must be in scope, and goes to fail.
 */
#define OSPREY_TRY_GOTO(expr)                                                                      \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (status != OSPREY_OK) goto fail;                                                        \
    } while (0)

#endif
