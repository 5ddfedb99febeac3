/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statuses and errors, used by every other header.
 *
 * A function that can fail returns an osprey_status and fills a caller-owned osprey_error: what
 * went wrong in one sentence, and the file, tensor, flag or line that it is about. The library
 * never prints, aborts or exits. Any thread may call; an osprey_error belongs to one call at a
 * time, and success leaves it as it was.
 *
 *     osprey_error error;
 *     osprey_model *model = NULL;
 *     if (osprey_model_open("models/clip", &model, &error) != OSPREY_OK) {
 *         fprintf(stderr, "%s: %s\n", error.subject, error.message);
 *         return 3;
 *     }
 */
#ifndef OSPREY_ERROR_H
#define OSPREY_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* Marks the functions that the shared library exports. */
#if defined(__GNUC__)
#define OSPREY_API __attribute__((visibility("default")))
#else
#define OSPREY_API
#endif

/* The one list of statuses: name, value, meaning. */
#define OSPREY_STATUS_MAP(X)                                                                       \
    X(OK, 0, "success")                                                                            \
    X(INVALID_ARGUMENT, -1, "an argument is out of its range")                                     \
    X(OUT_OF_MEMORY, -2, "memory could not be had")                                                \
    X(IO, -3, "a file could not be read or written")                                               \
    X(NOT_FOUND, -4, "a file, tensor or name does not exist")                                      \
    X(FORMAT, -5, "a file is malformed or contradicts another")                                    \
    X(UNSUPPORTED, -6, "well-formed, but of a kind that osprey does not handle")                   \
    X(LIMIT, -7, "larger than a limit that protects this process")                                 \
    X(STALE, -8, "what was kept of it was damaged and is gone; open it again")

typedef enum osprey_status {
#define OSPREY_STATUS_ENUM(name, value, text) OSPREY_##name = value,
    OSPREY_STATUS_MAP(OSPREY_STATUS_ENUM)
#undef OSPREY_STATUS_ENUM
} osprey_status;

typedef struct osprey_error {
    osprey_status status;
    char subject[256]; /* the file, tensor, flag or line; "" where there is none */
    char message[512]; /* one sentence: what is wrong and what would be right */
} osprey_error;

/* The status's name, such as "NOT_FOUND". Static storage; "UNKNOWN" for a value not in the list. */
OSPREY_API const char *osprey_status_name(osprey_status status);

/* What the status means, in a few words. Static storage. */
OSPREY_API const char *osprey_status_text(osprey_status status);

#ifdef __cplusplus
}
#endif

#endif
