/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/code_points.h"

#include "base/memory.h"
#include "base/status.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

#define REPLACEMENT 0xfffd

/* Below the first combining mark every text is in NFC and every code point is a starter. */
#define FIRST_COMBINING_MARK 0x300

/* The longest canonical decomposition of one code point. */
#define LONGEST_DECOMPOSITION 4

/* LATIN CAPITAL LETTER I WITH DOT ABOVE: the one code point whose lower case is two. */
#define CAPITAL_I_WITH_DOT  0x130
#define COMBINING_DOT_ABOVE 0x307

static osprey_status reserve(osprey__code_points *points, size_t more, osprey_error *error)
{
    if (points->at && more <= points->capacity - points->count) return OSPREY_OK;
    size_t needed;
    if (__builtin_add_overflow(points->count, more, &needed) || needed > SIZE_MAX / 2)
        return osprey__fail_memory(error, more);
    size_t capacity = points->capacity ? points->capacity : 128;
    while (capacity < needed) capacity *= 2;
    int32_t *grown = osprey__realloc(points->at, capacity, sizeof *grown);
    if (!grown) return osprey__fail_memory(error, capacity);
    points->at = grown;
    points->capacity = capacity;
    return OSPREY_OK;
}

osprey__code_point_class osprey__code_point_classify(int32_t code_point)
{
    if ((code_point >= '\t' && code_point <= '\r') || code_point == 0x85) return OSPREY__SPACE;
    switch (utf8proc_get_property(code_point)->category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return OSPREY__LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return OSPREY__NUMBER;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return OSPREY__SPACE;
    default:
        return OSPREY__OTHER;
    }
}

/*
 * Decodes the character at bytes, of which remaining > 0 are left, and returns how many it takes.
 * The bounds of the second byte are those of Unicode's table 3-7: they leave out overlong forms,
 * surrogates and what lies above U+10FFFF.
 */
static size_t decode_one(const uint8_t *bytes, size_t remaining, int32_t *point)
{
    uint8_t lead = bytes[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    *point = REPLACEMENT;
    if (length == 0 || lead > 0xf4) return 1;
    if (length == 1) {
        *point = lead;
        return 1;
    }
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    int32_t value = lead & (0xff >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (i == remaining || bytes[i] < low || bytes[i] > high) return i;
        value = value << 6 | (bytes[i] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    *point = value;
    return length;
}

osprey_status osprey__code_points_decode(osprey__code_points *points, const char *text,
                                         size_t text_bytes, osprey_error *error)
{
    OSPREY_TRY(reserve(points, text_bytes, error));
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t at = 0; at < text_bytes;)
        at += decode_one(bytes + at, text_bytes - at, &points->at[points->count++]);
    return OSPREY_OK;
}

static unsigned combining_class(int32_t point)
{
    if (point < FIRST_COMBINING_MARK) return 0;
    return (unsigned)utf8proc_get_property(point)->combining_class;
}

/*
 * A stable counting sort by combining class. utf8proc's own ordering takes quadratic time, which
 * a hostile text of a million marks would make hours.
 */
static void order_marks(int32_t *marks, size_t count, int32_t *sorted)
{
    size_t starts[257] = {0};
    for (size_t i = 0; i < count; i++) starts[combining_class(marks[i]) + 1]++;
    for (size_t i = 1; i < 257; i++) starts[i] += starts[i - 1];
    for (size_t i = 0; i < count; i++) sorted[starts[combining_class(marks[i])]++] = marks[i];
    memcpy(marks, sorted, count * sizeof *marks);
}

static osprey_status canonical_order(osprey__code_points *points, osprey_error *error)
{
    int32_t *sorted = NULL;
    for (size_t at = 0; at < points->count;) {
        size_t end = at;
        unsigned last = 0;
        bool ordered = true;
        for (; end < points->count; end++) {
            unsigned class = combining_class(points->at[end]);
            if (class == 0) break;
            ordered = ordered && class >= last;
            last = class;
        }
        if (!ordered && !sorted) {
            sorted = osprey__calloc(points->count, sizeof *sorted);
            if (!sorted) return osprey__fail_memory(error, points->count * sizeof *sorted);
        }
        if (!ordered) order_marks(points->at + at, end - at, sorted);
        at = end + 1;
    }
    osprey__free(sorted);
    return OSPREY_OK;
}

static osprey_status compose(osprey__code_points *normal, const int32_t *points, size_t count,
                             osprey_error *error)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    for (size_t i = 0; i < count; i++) {
        OSPREY_TRY(reserve(normal, LONGEST_DECOMPOSITION, error));
        utf8proc_ssize_t length =
            utf8proc_decompose_char(points[i], normal->at + normal->count, LONGEST_DECOMPOSITION,
                                    UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, NULL);
        normal->count += (size_t)length;
    }
    OSPREY_TRY(canonical_order(normal, error));
    normal->count =
        (size_t)utf8proc_normalize_utf32(normal->at, (utf8proc_ssize_t)normal->count, options);
    return OSPREY_OK;
}

static osprey_status compose_where_needed(osprey__code_points *normal, const int32_t *points,
                                          size_t count, osprey_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (points[i] >= FIRST_COMBINING_MARK) return compose(normal, points, count, error);
    OSPREY_TRY(reserve(normal, count, error));
    if (count) memcpy(normal->at, points, count * sizeof *points);
    normal->count = count;
    return OSPREY_OK;
}

static int32_t lower(int32_t point)
{
    if (point >= 0x80) return utf8proc_tolower(point);
    return point >= 'A' && point <= 'Z' ? point + ('a' - 'A') : point;
}

/* White space and lower case, in place: neither makes the text longer. */
static void collapse_and_lower(osprey__code_points *points)
{
    size_t kept = 0;
    bool after_space = false;
    for (size_t i = 0; i < points->count; i++) {
        bool space = osprey__code_point_classify(points->at[i]) == OSPREY__SPACE;
        if (space && after_space) continue;
        after_space = space;
        points->at[kept++] = space ? ' ' : lower(points->at[i]);
    }
    points->count = kept;
}

static osprey_status split_dotted_capitals(osprey__code_points *points, osprey_error *error)
{
    size_t dotted = 0;
    for (size_t i = 0; i < points->count; i++) dotted += points->at[i] == CAPITAL_I_WITH_DOT;
    if (!dotted) return OSPREY_OK;
    OSPREY_TRY(reserve(points, dotted, error));
    size_t to = points->count + dotted;
    for (size_t from = points->count; from-- > 0;) {
        if (points->at[from] == CAPITAL_I_WITH_DOT) points->at[--to] = COMBINING_DOT_ABOVE;
        points->at[--to] = points->at[from] == CAPITAL_I_WITH_DOT ? 'i' : points->at[from];
    }
    points->count += dotted;
    return OSPREY_OK;
}

osprey_status osprey__code_points_normalize(osprey__code_points *normal, const int32_t *points,
                                            size_t count, osprey_error *error)
{
    normal->count = 0;
    OSPREY_TRY(compose_where_needed(normal, points, count, error));
    OSPREY_TRY(split_dotted_capitals(normal, error));
    collapse_and_lower(normal);
    return OSPREY_OK;
}

void osprey__code_points_free(osprey__code_points *points)
{
    osprey__free(points->at);
    *points = (osprey__code_points){0};
}
