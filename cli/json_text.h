/* SPDX-License-Identifier: Apache-2.0 */
/* Values for JSON from what may not be fit for it. */
#ifndef OSPREY_CLI_JSON_TEXT_H
#define OSPREY_CLI_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* UTF-8 text as a JSON string; what is not UTF-8 becomes U+FFFD. */
json_t *cli_json_text(const char *text, size_t length);

/* null for what is not a finite number. */
json_t *cli_json_number(double number);

#endif
