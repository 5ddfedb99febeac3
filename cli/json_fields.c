/* SPDX-License-Identifier: Apache-2.0 */
#include "json_fields.h"

#include "json_text.h"

#include <string.h>

void cli_json_set_size(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

void cli_json_set_known_size(json_t *object, const char *key, size_t value)
{
    if (value) cli_json_set_size(object, key, value);
}

void cli_json_set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, cli_json_text(text, strlen(text)));
}

void cli_json_set_number(json_t *object, const char *key, double number)
{
    json_object_set_new(object, key, cli_json_number(number));
}

void cli_json_set_numbers(json_t *object, const char *key, const float *numbers, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, cli_json_number((double)numbers[i]));
    json_object_set_new(object, key, list);
}

void cli_json_set_bool(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_boolean(value));
}
