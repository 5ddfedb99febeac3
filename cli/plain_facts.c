/* SPDX-License-Identifier: Apache-2.0 */
#include "plain_facts.h"

/* A value of the JSON on one line, for people. */
static void write_value(cli_output *output, const json_t *value)
{
    size_t index;
    json_t *element;
    if (json_is_string(value)) {
        cli_output_visible(output, json_string_value(value));
    } else if (json_is_integer(value)) {
        cli_output_print(output, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        cli_output_print(output, "%.7g", json_real_value(value));
    } else if (json_is_array(value)) {
        json_array_foreach(value, index, element)
        {
            if (index) cli_output_print(output, " ");
            write_value(output, element);
        }
    } else {
        cli_output_print(output, "%s", json_is_true(value) ? "yes" : "no");
    }
}

/* "batch 8  arena_bytes 1228800", a line for each. */
static void write_lines(cli_output *output, const json_t *list, int indent)
{
    size_t index;
    json_t *object, *value;
    const char *key;
    json_array_foreach(list, index, object)
    {
        cli_output_print(output, "%*s", indent - 2, "");
        json_object_foreach(object, key, value)
        {
            cli_output_print(output, "  %s ", key);
            write_value(output, value);
        }
        cli_output_print(output, "\n");
    }
}

/* Texts, which may hold spaces: a line for each. */
static void write_texts(cli_output *output, const json_t *list, int indent)
{
    size_t index;
    json_t *text;
    json_array_foreach(list, index, text)
    {
        cli_output_print(output, "%*s", indent, "");
        cli_output_visible(output, json_string_value(text));
        cli_output_print(output, "\n");
    }
}

static void write_plain(cli_output *output, json_t *object, int indent)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (json_is_object(value)) {
            cli_output_print(output, "%*s%s\n", indent, "", key);
            write_plain(output, value, indent + 2);
        } else if (json_is_object(json_array_get(value, 0))) {
            cli_output_print(output, "%*s%s\n", indent, "", key);
            write_lines(output, value, indent + 2);
        } else if (json_is_string(json_array_get(value, 1))) {
            cli_output_print(output, "%*s%s\n", indent, "", key);
            write_texts(output, value, indent + 2);
        } else {
            cli_output_print(output, "%*s%-*s ", indent, "", 16 - indent, key);
            write_value(output, value);
            cli_output_print(output, "\n");
        }
    }
}

void cli_output_facts(cli_output *output, json_t *facts)
{
    write_plain(output, facts, 0);
}
