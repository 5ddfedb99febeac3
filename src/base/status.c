/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *osprey_status_name(osprey_status status)
{
    switch (status) {
#define OSPREY_STATUS_CASE(name, value, text)                                                      \
    case OSPREY_##name:                                                                            \
        return #name;
        OSPREY_STATUS_MAP(OSPREY_STATUS_CASE)
#undef OSPREY_STATUS_CASE
    }
    return "UNKNOWN";
}

const char *osprey_status_text(osprey_status status)
{
    switch (status) {
#define OSPREY_STATUS_CASE(name, value, text)                                                      \
    case OSPREY_##name:                                                                            \
        return text;
        OSPREY_STATUS_MAP(OSPREY_STATUS_CASE)
#undef OSPREY_STATUS_CASE
    }
    return "unknown status";
}

osprey_status osprey__fail(osprey_error *error, osprey_status status, const char *subject,
                           const char *format, ...)
{
    if (!error) return status;
    error->status = status;
    snprintf(error->subject, sizeof error->subject, "%s", subject ? subject : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

osprey_status osprey__fail_memory(osprey_error *error, size_t bytes)
{
    return osprey__fail(error, OSPREY_OUT_OF_MEMORY, NULL, "%zu bytes of memory could not be had",
                        bytes);
}

osprey_status osprey__fail_for(const char *subject, osprey_status status, osprey_error *error)
{
    if (status == OSPREY_OUT_OF_MEMORY && error && !error->subject[0])
        snprintf(error->subject, sizeof error->subject, "%s", subject);
    return status;
}
