/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of JSON objects from what the library's structs hold. */
#ifndef OSPREY_CLI_JSON_FIELDS_H
#define OSPREY_CLI_JSON_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void cli_json_set_size(json_t *object, const char *key, uint64_t value);

/* What an architecture does not have, 0, is left out. */
void cli_json_set_known_size(json_t *object, const char *key, size_t value);

/* UTF-8 or not. */
void cli_json_set_text(json_t *object, const char *key, const char *text);

void cli_json_set_number(json_t *object, const char *key, double number);

void cli_json_set_numbers(json_t *object, const char *key, const float *numbers, size_t count);

void cli_json_set_bool(json_t *object, const char *key, bool value);

#endif
