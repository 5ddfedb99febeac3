/* SPDX-License-Identifier: Apache-2.0 */
#include "visible.h"

#include <stdbool.h>

/* Whether text begins with a control character: ASCII's, or U+0080 to U+009F in UTF-8, which
 * terminals obey too. */
static bool is_control(const unsigned char *text)
{
    return text[0] < 0x20 || text[0] == 0x7F ||
           (text[0] == 0xC2 && text[1] >= 0x80 && text[1] <= 0x9F);
}

void cli_visible_write(FILE *file, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (!is_control(at)) {
            fputc(*at, file);
            continue;
        }
        if (*at == 0xC2) fprintf(file, "\\x%02x", *at++);
        fprintf(file, "\\x%02x", *at);
    }
}
