/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/code_points.h"

#include "base/memory.h"
#include "base/status.h"

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

#define CAPITAL_SIGMA 0x3a3
#define FINAL_SIGMA   0x3c2

static osprey_status reserve(osprey__code_points *points, size_t more, osprey_error *error)
{
    if (points->at && more <= points->capacity - points->count) return OSPREY_OK;
    size_t needed;
    if (__builtin_add_overflow(points->count, more, &needed) || needed > SIZE_MAX / 2)
        return osprey__fail_memory(error, more);
    size_t capacity = points->capacity ? points->capacity : 128;
    while (capacity < needed) capacity *= 2;
    int32_t *grown = osprey__realloc(points->at, capacity, sizeof *grown);
    if (!grown) return osprey__fail_memory(error, capacity * sizeof *grown);
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

bool osprey__code_point_is_punctuation(int32_t code_point)
{
    if (code_point < 0x80)
        return (code_point >= '!' && code_point <= '/') ||
               (code_point >= ':' && code_point <= '@') ||
               (code_point >= '[' && code_point <= '`') || (code_point >= '{' && code_point <= '~');
    switch (utf8proc_get_property(code_point)->category) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return true;
    default:
        return false;
    }
}

bool osprey__code_point_is_dropped(int32_t code_point)
{
    if (code_point == '\t' || code_point == '\n' || code_point == '\r') return false;
    if (code_point == REPLACEMENT) return true;
    switch (utf8proc_get_property(code_point)->category) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
        return true;
    default:
        return false;
    }
}

size_t osprey__code_point_encode(int32_t code_point, uint8_t bytes[OSPREY__CODE_POINT_BYTES])
{
    return (size_t)utf8proc_encode_char(code_point, bytes);
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

osprey_status osprey__code_points_append(osprey__code_points *points, const int32_t *more,
                                         size_t count, osprey_error *error)
{
    OSPREY_TRY(reserve(points, count, error));
    if (count) memcpy(points->at + points->count, more, count * sizeof *more);
    points->count += count;
    return OSPREY_OK;
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

static osprey_status canonical_order(osprey__code_points *points, size_t begin, osprey_error *error)
{
    int32_t *sorted = NULL;
    for (size_t at = begin; at < points->count;) {
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
            sorted = osprey__calloc(points->count - at, sizeof *sorted);
            if (!sorted) return osprey__fail_memory(error, (points->count - at) * sizeof *sorted);
        }
        if (!ordered) order_marks(points->at + at, end - at, sorted);
        at = end + 1;
    }
    osprey__free(sorted);
    return OSPREY_OK;
}

/* NFD. */
static osprey_status decompose(osprey__code_points *normal, const int32_t *points, size_t count,
                               osprey_error *error)
{
    size_t begin = normal->count;
    for (size_t i = 0; i < count; i++) {
        OSPREY_TRY(reserve(normal, LONGEST_DECOMPOSITION, error));
        utf8proc_ssize_t length =
            utf8proc_decompose_char(points[i], normal->at + normal->count, LONGEST_DECOMPOSITION,
                                    UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, NULL);
        normal->count += (size_t)length;
    }
    return canonical_order(normal, begin, error);
}

/* NFC. */
static osprey_status compose(osprey__code_points *normal, const int32_t *points, size_t count,
                             osprey_error *error)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    size_t begin = normal->count;
    if (count == 0) return OSPREY_OK;
    OSPREY_TRY(decompose(normal, points, count, error));
    utf8proc_ssize_t length = utf8proc_normalize_utf32(
        normal->at + begin, (utf8proc_ssize_t)(normal->count - begin), options);
    normal->count = begin + (size_t)length;
    return OSPREY_OK;
}

/*
 * The NFC of the tokenizers library is Unicode 9's: marks that came later are to it starters that
 * compose with nothing. These are they, up to Unicode 15, with the two code points of the one
 * composition that came later.
 */
static bool is_newer_mark(int32_t point)
{
    static const struct {
        int32_t first, last;
    } ranges[] = {{0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},
                  {0xc3c, 0xc3c},     {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},
                  {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},   {0x10d24, 0x10d27},
                  {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50}, {0x10f82, 0x10f85},
                  {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x1183a},
                  {0x11930, 0x11930}, {0x11938, 0x11938}, {0x1193d, 0x1193e}, {0x11943, 0x11943},
                  {0x119e0, 0x119e0}, {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99},
                  {0x11d42, 0x11d42}, {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42},
                  {0x16ff0, 0x16ff1}, {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae},
                  {0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef}};
    size_t low = 0, high = sizeof ranges / sizeof *ranges;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (point > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof ranges / sizeof *ranges && point >= ranges[low].first;
}

/* NFC, as the tokenizers library does it. */
static osprey_status compose_as_tokenizers(osprey__code_points *normal, const int32_t *points,
                                           size_t count, osprey_error *error)
{
    size_t begin = 0, high = 0;
    while (high < count && points[high] < FIRST_COMBINING_MARK) high++;
    if (high == count) return osprey__code_points_append(normal, points, count, error);
    for (size_t at = high; at < count; at++) {
        if (!is_newer_mark(points[at])) continue;
        OSPREY_TRY(compose(normal, points + begin, at - begin, error));
        OSPREY_TRY(osprey__code_points_append(normal, points + at, 1, error));
        begin = at + 1;
    }
    return compose(normal, points + begin, count - begin, error);
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
    OSPREY_TRY(compose_as_tokenizers(normal, points, count, error));
    OSPREY_TRY(split_dotted_capitals(normal, error));
    collapse_and_lower(normal);
    return OSPREY_OK;
}

osprey_status osprey__code_points_strip_accents(osprey__code_points *normal, const int32_t *points,
                                                size_t count, osprey_error *error)
{
    size_t kept = normal->count;
    OSPREY_TRY(decompose(normal, points, count, error));
    for (size_t i = kept; i < normal->count; i++)
        if (utf8proc_get_property(normal->at[i])->category != UTF8PROC_CATEGORY_MN)
            normal->at[kept++] = normal->at[i];
    normal->count = kept;
    return OSPREY_OK;
}

osprey_status osprey__code_points_lower(osprey__code_points *points, osprey_error *error)
{
    OSPREY_TRY(split_dotted_capitals(points, error));
    for (size_t i = 0; i < points->count; i++) points->at[i] = lower(points->at[i]);
    return OSPREY_OK;
}

osprey_status osprey__code_points_print(const int32_t *points, size_t count, osprey__buffer *bytes,
                                        osprey_error *error)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t character[OSPREY__CODE_POINT_BYTES];
        size_t length = osprey__code_point_encode(points[i], character);
        OSPREY_TRY(osprey__buffer_append(bytes, character, length, error));
    }
    return OSPREY_OK;
}

/* Unicode's Case_Ignorable, of which the punctuation that can stand in a word is listed. */
static bool is_case_ignorable(int32_t point)
{
    static const int32_t in_words[] = {'\'',   '.',    ':',    0xb7,   0x387,  0x55f,
                                       0x5f4,  0x2018, 0x2019, 0x2024, 0x2027, 0xfe13,
                                       0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
    for (size_t i = 0; i < sizeof in_words / sizeof *in_words; i++)
        if (point == in_words[i]) return true;
    switch (utf8proc_get_property(point)->category) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return false;
    }
}

/* Unicode's Cased, of what is not ignorable: letters with case, ordinals, numerals and letters in
 * circles and squares. */
static bool is_cased(int32_t point)
{
    static const struct {
        int32_t first, last;
    } others[] = {{0xaa, 0xaa},       {0xba, 0xba},       {0x2160, 0x217f},  {0x24b6, 0x24e9},
                  {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (point >= others[i].first && point <= others[i].last) return true;
    const utf8proc_propval_t category = utf8proc_get_property(point)->category;
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT;
}

void osprey__code_points_lower_final_sigmas(osprey__code_points *points)
{
    bool in_word = false; /* behind a cased letter and what can be ignored */
    for (size_t i = 0; i < points->count; i++) {
        const int32_t point = points->at[i];
        if (point == CAPITAL_SIGMA && in_word) {
            size_t next = i + 1;
            while (next < points->count && is_case_ignorable(points->at[next])) next++;
            if (next == points->count || !is_cased(points->at[next])) points->at[i] = FINAL_SIGMA;
        }
        if (!is_case_ignorable(point)) in_word = is_cased(point);
    }
}

size_t osprey__code_points_grapheme(const int32_t *points, size_t count)
{
    utf8proc_int32_t state = 0;
    size_t length = 1;
    while (length < count &&
           !utf8proc_grapheme_break_stateful(points[length - 1], points[length], &state))
        length++;
    return length;
}

void osprey__code_points_free(osprey__code_points *points)
{
    osprey__free(points->at);
    *points = (osprey__code_points){0};
}
