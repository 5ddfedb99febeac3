/* SPDX-License-Identifier: Apache-2.0 */
/* The normalizer and pre_tokenizer of tokenizer.json as steps. */
#include "base/json.h"
#include "base/memory.h"
#include "base/status.h"
#include "input/text/piece_tokenizer_json.h"

#include <string.h>

#define NESTED_MAX 8
#define UNDERLINE  "\xe2\x96\x81"

typedef struct parsing {
    const char *file;
    osprey__text_steps *steps;
    osprey__word_split *split;
    osprey_error *error;
} parsing;

/* The string under key, or "" where there is none. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static osprey_status unsupported(const parsing *p, const char *part, const char *what)
{
    return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                        "its %s has \"%.100s\", which osprey does not support", part, what);
}

static osprey_status add(const parsing *p, const osprey__text_step *step)
{
    return osprey__text_steps_add(p->steps, step, p->file, p->error);
}

static osprey_status add_kind(const parsing *p, osprey__text_step_kind kind, uint32_t flags)
{
    const osprey__text_step step = {.kind = kind, .flags = flags};
    return add(p, &step);
}

static osprey_status read_points(const parsing *p, const char *text, int32_t *points,
                                 uint32_t *count)
{
    osprey__code_points decoded = {0};
    OSPREY_TRY(osprey__code_points_decode(&decoded, text, strlen(text), p->error));
    const bool fits = decoded.count <= OSPREY__STEP_TEXT_MAX;
    *count = fits ? (uint32_t)decoded.count : 0;
    if (*count) memcpy(points, decoded.at, *count * sizeof *points);
    osprey__code_points_free(&decoded);
    return fits ? OSPREY_OK : unsupported(p, "normalizer", text);
}

/* A character of a class, "\\" before it or not; returns where it ends, or NULL. */
static const char *class_character(const char *at, unsigned *character)
{
    const bool escaped = *at == '\\';
    if (escaped) at++;
    *character = (uint8_t)*at;
    if (!*character || *character >= 0x80) return NULL;
    /* \s and the like are classes of their own. */
    if (escaped && !osprey__code_point_is_punctuation((int32_t)*character)) return NULL;
    return at + 1;
}

/* "[...]" of ASCII characters, perhaps with a "+" behind it, as a set. */
static bool read_class(const char *regex, uint32_t set[4])
{
    const char *at = regex + 1;
    if (*regex != '[' || *at == '^') return false;
    while (*at != ']') {
        unsigned low, high;
        at = class_character(at, &low);
        if (!at) return false;
        high = low;
        if (at[0] == '-' && at[1] != ']') {
            at = class_character(at + 1, &high);
            if (!at || high < low) return false;
        }
        for (unsigned c = low; c <= high; c++) set[c / 32] |= 1u << c % 32;
    }
    return strcmp(at, "]") == 0 || strcmp(at, "]+") == 0;
}

static osprey_status add_regex(const parsing *p, const char *regex, osprey__text_step *step)
{
    if (strcmp(regex, "\\s+") == 0) {
        step->kind = OSPREY__STEP_SPACES;
        step->count = 1;
        return add(p, step);
    }
    if (strcmp(regex, " {2,}") == 0) {
        step->kind = OSPREY__STEP_SPACES;
        step->flags = OSPREY__STEP_BLANKS;
        step->count = 2;
        return add(p, step);
    }
    step->kind = OSPREY__STEP_REMOVE;
    if (step->to_count || !read_class(regex, step->set)) return unsupported(p, "normalizer", regex);
    return add(p, step);
}

static osprey_status add_replace(const parsing *p, const json_t *normalizer)
{
    const json_t *pattern = json_object_get(normalizer, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    const char *literal = json_string_value(json_object_get(pattern, "String"));
    osprey__text_step step = {.kind = OSPREY__STEP_REPLACE};
    OSPREY_TRY(read_points(p, text_of(normalizer, "content"), step.to, &step.to_count));
    if (regex) return add_regex(p, regex, &step);
    if (!literal || !*literal) return unsupported(p, "normalizer", "Replace without a pattern");
    OSPREY_TRY(read_points(p, literal, step.from, &step.from_count));
    return add(p, &step);
}

/* The value of a character of base64; -1 of another. */
static int base64_value(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(alphabet, c) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

/* RFC 4648; returns the number of bytes, or SIZE_MAX. */
static size_t decode_base64(const char *text, uint8_t *bytes)
{
    size_t count = 0;
    unsigned bits = 0, held = 0;
    for (; *text && *text != '='; text++) {
        const int value = base64_value(*text);
        if (value < 0) return SIZE_MAX;
        bits = (bits << 6 | (unsigned)value) & 0xffff;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes[count++] = (uint8_t)(bits >> held);
    }
    return strspn(text, "=") == strlen(text) ? count : SIZE_MAX;
}

static osprey_status add_charsmap(const parsing *p, const json_t *normalizer)
{
    const char *text = text_of(normalizer, "precompiled_charsmap");
    if (p->steps->charsmap.length) return unsupported(p, "normalizer", "Precompiled, twice");
    uint8_t *bytes = osprey__calloc(strlen(text) + 1, 1);
    if (!bytes) return osprey__fail_memory(p->error, strlen(text) + 1);
    const size_t length = decode_base64(text, bytes);
    osprey_status status =
        length == SIZE_MAX
            ? osprey__fail(p->error, OSPREY_FORMAT, p->file,
                           "\"precompiled_charsmap\" has to be base64")
            : osprey__charsmap_create(&p->steps->charsmap, bytes, length, p->file, p->error);
    osprey__free(bytes);
    return status == OSPREY_OK ? add_kind(p, OSPREY__STEP_CHARSMAP, 0) : status;
}

static osprey_status add_strip(const parsing *p, const json_t *normalizer)
{
    bool left = true, right = true;
    OSPREY_TRY(osprey__json_bool(normalizer, "strip_left", p->file, &left, p->error));
    OSPREY_TRY(osprey__json_bool(normalizer, "strip_right", p->file, &right, p->error));
    return add_kind(p, OSPREY__STEP_STRIP,
                    (left ? OSPREY__STEP_LEFT : 0u) | (right ? OSPREY__STEP_RIGHT : 0u));
}

static osprey_status add_normalizer(const parsing *p, const json_t *normalizer, size_t depth)
{
    const char *type = text_of(normalizer, "type");
    if (!normalizer || json_is_null(normalizer)) return OSPREY_OK;
    if (strcmp(type, "Sequence") == 0 && depth < NESTED_MAX) {
        const json_t *list = json_object_get(normalizer, "normalizers");
        for (size_t i = 0; i < json_array_size(list); i++)
            OSPREY_TRY(add_normalizer(p, json_array_get(list, i), depth + 1));
        return OSPREY_OK;
    }
    if (strcmp(type, "Lowercase") == 0) return add_kind(p, OSPREY__STEP_LOWER, 0);
    if (strcmp(type, "Replace") == 0) return add_replace(p, normalizer);
    if (strcmp(type, "Precompiled") == 0) return add_charsmap(p, normalizer);
    if (strcmp(type, "Strip") == 0) return add_strip(p, normalizer);
    return unsupported(p, "normalizer", type);
}

static osprey_status add_underlines(const parsing *p)
{
    const osprey__text_step step = {.kind = OSPREY__STEP_REPLACE,
                                    .from = {' '},
                                    .from_count = 1,
                                    .to = {OSPREY__UNDERLINE},
                                    .to_count = 1};
    return add(p, &step);
}

static osprey_status add_metaspace(const parsing *p, const json_t *pre_tokenizer)
{
    bool prefix = true, splits = true;
    OSPREY_TRY(osprey__json_bool(pre_tokenizer, "add_prefix_space", p->file, &prefix, p->error));
    OSPREY_TRY(osprey__json_bool(pre_tokenizer, "split", p->file, &splits, p->error));
    const char *scheme = text_of(pre_tokenizer, "prepend_scheme");
    if (!*scheme) scheme = prefix ? "always" : "never";
    if (strcmp(scheme, "always") != 0 && strcmp(scheme, "never") != 0)
        return unsupported(p, "pre_tokenizer", scheme);
    if (strcmp(text_of(pre_tokenizer, "replacement"), UNDERLINE) != 0)
        return unsupported(p, "pre_tokenizer", text_of(pre_tokenizer, "replacement"));
    OSPREY_TRY(add_underlines(p));
    if (splits) *p->split = OSPREY__SPLIT_AT_UNDERLINES;
    const osprey__text_step prepend = {.kind = OSPREY__STEP_PREPEND,
                                       .flags = OSPREY__STEP_UNLESS_THERE,
                                       .to = {OSPREY__UNDERLINE},
                                       .to_count = 1};
    return strcmp(scheme, "always") == 0 ? add(p, &prepend) : OSPREY_OK;
}

/* A split at spaces, of which there are none where they became underlines. */
static osprey_status check_split(const parsing *p, const json_t *pre_tokenizer)
{
    const json_t *pattern = json_object_get(pre_tokenizer, "pattern");
    bool has_spaces = true;
    for (size_t i = 0; i < p->steps->count; i++) {
        const osprey__text_step *step = &p->steps->list[i];
        if (step->kind == OSPREY__STEP_REPLACE && step->from_count == 1 && step->from[0] == ' ' &&
            step->to_count == 1 && step->to[0] == OSPREY__UNDERLINE)
            has_spaces = false;
    }
    if (has_spaces || strcmp(text_of(pattern, "String"), " ") != 0)
        return unsupported(p, "pre_tokenizer", "Split");
    return OSPREY_OK;
}

/* Words between any white space, each of which then gets an underline. */
static osprey_status add_words(const parsing *p)
{
    const osprey__text_step spaces = {
        .kind = OSPREY__STEP_SPACES, .count = 1, .to = {' '}, .to_count = 1};
    OSPREY_TRY(add(p, &spaces));
    return add_kind(p, OSPREY__STEP_STRIP, OSPREY__STEP_LEFT | OSPREY__STEP_RIGHT);
}

/* RoBERTa's: the words of GPT-2's pattern, whose first has a blank before it where the text has. */
static osprey_status add_byte_level(const parsing *p, const json_t *pre_tokenizer)
{
    bool leads = true, has_pattern = true;
    OSPREY_TRY(osprey__json_bool(pre_tokenizer, "add_prefix_space", p->file, &leads, p->error));
    OSPREY_TRY(osprey__json_bool(pre_tokenizer, "use_regex", p->file, &has_pattern, p->error));
    if (leads) return unsupported(p, "pre_tokenizer", "ByteLevel with add_prefix_space");
    if (!has_pattern) return unsupported(p, "pre_tokenizer", "ByteLevel without use_regex");
    *p->split = OSPREY__SPLIT_AS_GPT2;
    return OSPREY_OK;
}

static osprey_status add_pre_tokenizer(const parsing *p, const json_t *pre_tokenizer)
{
    const char *type = text_of(pre_tokenizer, "type");
    if (!pre_tokenizer || json_is_null(pre_tokenizer)) return OSPREY_OK;
    if (strcmp(type, "Metaspace") == 0) return add_metaspace(p, pre_tokenizer);
    if (strcmp(type, "Split") == 0) return check_split(p, pre_tokenizer);
    if (strcmp(type, "ByteLevel") == 0) return add_byte_level(p, pre_tokenizer);
    const json_t *list = json_object_get(pre_tokenizer, "pretokenizers");
    const json_t *second = json_array_get(list, 1);
    if (strcmp(type, "Sequence") != 0 || json_array_size(list) != 2 ||
        strcmp(text_of(json_array_get(list, 0), "type"), "WhitespaceSplit") != 0 ||
        strcmp(text_of(second, "type"), "Metaspace") != 0)
        return unsupported(p, "pre_tokenizer", type);
    /* A word that begins with an underline gets no second one. */
    static const osprey__text_step own = {.kind = OSPREY__STEP_REPLACE,
                                          .from = {' ', OSPREY__UNDERLINE},
                                          .from_count = 2,
                                          .to = {OSPREY__UNDERLINE},
                                          .to_count = 1};
    OSPREY_TRY(add_words(p));
    OSPREY_TRY(add(p, &own));
    return add_metaspace(p, second);
}

osprey_status osprey__text_steps_parse_json(const json_t *root, const char *file,
                                            osprey__text_steps *steps, osprey__word_split *split,
                                            osprey_error *error)
{
    const parsing p = {file, steps, split, error};
    OSPREY_TRY(add_normalizer(&p, json_object_get(root, "normalizer"), 0));
    return add_pre_tokenizer(&p, json_object_get(root, "pre_tokenizer"));
}
