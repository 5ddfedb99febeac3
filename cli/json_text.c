/* SPDX-License-Identifier: Apache-2.0 */
#include "json_text.h"

#include "cli_memory.h"

#include <stdbool.h>
#include <string.h>

/* Whether a byte can follow `lead`, as the second of its sequence. */
static bool second_byte_fits(unsigned char lead, unsigned char byte)
{
    if (byte < 0x80 || byte > 0xBF) return false;
    if (lead == 0xE0) return byte >= 0xA0; /* shorter forms exist below */
    if (lead == 0xED) return byte <= 0x9F; /* surrogates above */
    if (lead == 0xF0) return byte >= 0x90;
    if (lead == 0xF4) return byte <= 0x8F; /* the end of Unicode */
    return true;
}

/* Bytes of the sequence at text, at least 1; *valid: whether they are a character. As Python's
 * errors="replace" does, an invalid one takes in all that could have begun a character. */
static size_t sequence_bytes(const unsigned char *text, size_t length, bool *valid)
{
    unsigned char lead = text[0];
    size_t wanted = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4, have = 1;
    *valid = lead < 0x80;
    if (lead < 0xC2 || lead > 0xF4) return 1;
    if (length > 1 && second_byte_fits(lead, text[1])) have = 2;
    while (have > 1 && have < wanted && have < length && (text[have] & 0xC0) == 0x80) have++;
    *valid = have == wanted;
    return have;
}

json_t *cli_json_text(const char *text, size_t length)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    json_t *string = json_stringn(text, length);
    if (string) return string;
    char *clean = cli_calloc(length, sizeof replacement - 1);
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        bool valid;
        size_t bytes = sequence_bytes((const unsigned char *)text + at, length - at, &valid);
        const char *from = valid ? text + at : replacement;
        size_t add = valid ? bytes : sizeof replacement - 1;
        memcpy(clean + used, from, add);
        used += add;
        at += bytes;
    }
    string = json_stringn(clean, used);
    cli_free(clean);
    return string;
}

json_t *cli_json_number(double number)
{
    json_t *value = json_real(number);
    return value ? value : json_null();
}
