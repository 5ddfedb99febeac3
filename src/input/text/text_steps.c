/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/text_steps.h"

#include "base/memory.h"
#include "base/status.h"
#include "input/text/stored_tokenizer.h"

#include <string.h>

osprey_status osprey__text_steps_add(osprey__text_steps *steps, const osprey__text_step *step,
                                     const char *file, osprey_error *error)
{
    if (steps->count == OSPREY__STEPS_MAX)
        return osprey__fail(error, OSPREY_LIMIT, file,
                            "its tokenizer prepares texts in more than %d steps",
                            OSPREY__STEPS_MAX);
    if (!steps->list) steps->list = osprey__calloc(OSPREY__STEPS_MAX, sizeof *steps->list);
    if (!steps->list) return osprey__fail_memory(error, OSPREY__STEPS_MAX * sizeof *steps->list);
    steps->list[steps->count++] = *step;
    return OSPREY_OK;
}

void osprey__text_step_punctuation(uint32_t set[4])
{
    memset(set, 0, 4 * sizeof *set);
    for (unsigned c = 0; c < 128; c++)
        if (osprey__code_point_is_punctuation((int32_t)c)) set[c / 32] |= 1u << c % 32;
}

static bool is_space(unsigned flags, int32_t point)
{
    const bool separator = flags & OSPREY__STEP_SEPARATORS;
    return osprey__code_point_classify(point) == OSPREY__SPACE ||
           (separator && point >= 0x1c && point <= 0x1f);
}

static void remove_set(const uint32_t set[4], osprey__code_points *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->count; i++) {
        const int32_t c = text->at[i];
        if (c >= 128 || !(set[c / 32] >> c % 32 & 1)) text->at[kept++] = c;
    }
    text->count = kept;
}

static void strip(unsigned flags, osprey__code_points *text)
{
    size_t first = 0;
    if (flags & OSPREY__STEP_RIGHT)
        while (text->count && is_space(flags, text->at[text->count - 1])) text->count--;
    if (flags & OSPREY__STEP_LEFT)
        while (first < text->count && is_space(flags, text->at[first])) first++;
    text->count -= first;
    memmove(text->at, text->at + first, text->count * sizeof *text->at);
}

/* What the steps may make of a text of so many code points: more than any normal form, and less
 * than the memory that a file's replacements of replacements could ask for. */
#define GROWTH     64
#define SHORT_TEXT 4096

/* What a step makes of the text is written behind it into `made`, and then is the text. */
typedef struct remaking {
    const osprey__text_steps *steps;
    const osprey__text_step *step;
    osprey__code_points *text, made;
    size_t most; /* code points of `made` */
    osprey_error *error;
} remaking;

/* Whether `made` may grow by so many code points. */
static osprey_status check_room(const remaking *r, size_t count)
{
    if (count <= r->most - r->made.count) return OSPREY_OK;
    return osprey__fail(r->error, OSPREY_LIMIT, "text",
                        "the tokenizer's steps make more than %zu characters of it", r->most);
}

static osprey_status put(remaking *r, const int32_t *points, size_t count)
{
    OSPREY_TRY(check_room(r, count));
    return osprey__code_points_append(&r->made, points, count, r->error);
}

static osprey_status put_decoded(remaking *r, const char *bytes, size_t length)
{
    OSPREY_TRY(check_room(r, length));
    return osprey__code_points_decode(&r->made, bytes, length, r->error);
}

static osprey_status replace_spaces(remaking *r)
{
    const osprey__code_points *text = r->text;
    const bool blanks = r->step->flags & OSPREY__STEP_BLANKS;
    for (size_t at = 0, run; at < text->count; at += run) {
        for (run = 0; at + run < text->count; run++) {
            const int32_t point = text->at[at + run];
            if (blanks ? point != ' ' : !is_space(r->step->flags, point)) break;
        }
        if (run >= r->step->count) {
            OSPREY_TRY(put(r, r->step->to, r->step->to_count));
        } else {
            run += !run;
            OSPREY_TRY(put(r, text->at + at, run));
        }
    }
    return OSPREY_OK;
}

static osprey_status replace(remaking *r)
{
    const osprey__code_points *text = r->text;
    const size_t length = r->step->from_count;
    for (size_t at = 0; at < text->count;) {
        const bool same = length <= text->count - at &&
                          memcmp(text->at + at, r->step->from, length * sizeof *text->at) == 0;
        OSPREY_TRY(same ? put(r, r->step->to, r->step->to_count) : put(r, text->at + at, 1));
        at += same ? length : 1;
    }
    return OSPREY_OK;
}

static osprey_status prepend(remaking *r)
{
    const osprey__code_points *text = r->text;
    const size_t length = r->step->to_count;
    const bool there = (r->step->flags & OSPREY__STEP_UNLESS_THERE) && length <= text->count &&
                       memcmp(text->at, r->step->to, length * sizeof *text->at) == 0;
    if (text->count && !there) OSPREY_TRY(put(r, r->step->to, length));
    return put(r, text->at, text->count);
}

/* What the charsmap makes of a few characters, or these themselves. */
static osprey_status put_mapped(remaking *r, const int32_t *points, size_t count, bool *mapped)
{
    /* A grapheme of less than 6 bytes, as tokenizers looks it up, or one character. */
    char bytes[8];
    size_t length = 0;
    const char *to;
    for (size_t i = 0; i < count; i++)
        length += osprey__code_point_encode(points[i], (uint8_t *)bytes + length);
    *mapped = osprey__charsmap_match(&r->steps->charsmap, bytes, length, false, &to) > 0;
    return *mapped ? put_decoded(r, to, strlen(to)) : OSPREY_OK;
}

static size_t bytes_of(const int32_t *points, size_t count, size_t enough)
{
    uint8_t bytes[OSPREY__CODE_POINT_BYTES];
    size_t length = 0;
    for (size_t i = 0; i < count && length < enough; i++)
        length += osprey__code_point_encode(points[i], bytes);
    return length;
}

static osprey_status map_graphemes(remaking *r)
{
    const osprey__code_points *text = r->text;
    for (size_t at = 0, length; at < text->count; at += length) {
        length = osprey__code_points_grapheme(text->at + at, text->count - at);
        bool mapped = false;
        if (bytes_of(text->at + at, length, 6) < 6)
            OSPREY_TRY(put_mapped(r, text->at + at, length, &mapped));
        for (size_t i = 0; i < length && !mapped; i++) {
            bool one;
            OSPREY_TRY(put_mapped(r, text->at + at + i, 1, &one));
            if (!one) OSPREY_TRY(put(r, text->at + at + i, 1));
        }
    }
    return OSPREY_OK;
}

/* One character of SentencePiece's normal form, of which *after_space says where it stands. */
static osprey_status put_normal(remaking *r, const char *bytes, size_t length, bool *after_space)
{
    static const char underline[] = "\xe2\x96\x81";
    const bool extra = r->step->flags & OSPREY__STEP_EXTRA_SPACES;
    while (extra && *after_space && length && *bytes == ' ') {
        bytes++;
        length--;
    }
    if (!length) return OSPREY_OK;
    for (size_t i = 0, run; i < length; i += run) {
        const bool space = bytes[i] == ' ';
        for (run = 1; !space && i + run < length && bytes[i + run] != ' ';) run++;
        OSPREY_TRY(
            put_decoded(r, space ? underline : bytes + i, space ? sizeof underline - 1 : run));
    }
    *after_space = bytes[length - 1] == ' ';
    return OSPREY_OK;
}

static osprey_status normalize(remaking *r)
{
    static const int32_t underline = OSPREY__UNDERLINE;
    const bool extra = r->step->flags & OSPREY__STEP_EXTRA_SPACES;
    osprey__buffer bytes = {0};
    osprey_status status;
    bool after_space = extra, begun = false;
    OSPREY_TRY_GOTO(osprey__code_points_print(r->text->at, r->text->count, &bytes, r->error));
    for (size_t at = 0, taken; at < bytes.length; at += taken) {
        const char *to = bytes.bytes + at;
        taken = osprey__charsmap_match(&r->steps->charsmap, to, bytes.length - at, true, &to);
        size_t length = taken ? strlen(to) : osprey__utf8_length((uint8_t)*to);
        if (!taken) taken = length;
        /* Spaces before the text come before its prefix. */
        if (extra && !begun && length == 1 && *to == ' ') continue;
        if (!begun && (r->step->flags & OSPREY__STEP_DUMMY_PREFIX))
            OSPREY_TRY_GOTO(put(r, &underline, 1));
        begun = true;
        OSPREY_TRY_GOTO(put_normal(r, to, length, &after_space));
    }
    while (extra && r->made.count && r->made.at[r->made.count - 1] == underline) r->made.count--;
    status = OSPREY_OK;
fail:
    osprey__buffer_free(&bytes);
    return status;
}

static osprey_status lower_words(osprey__code_points *text, osprey_error *error)
{
    osprey__code_points_lower_final_sigmas(text);
    return osprey__code_points_lower(text, error);
}

static osprey_status run_step(const osprey__text_steps *steps, const osprey__text_step *step,
                              size_t most, osprey__code_points *text, osprey_error *error)
{
    osprey_status (*remake)(remaking *) = NULL;
    switch (step->kind) {
    case OSPREY__STEP_LOWER:
        return osprey__code_points_lower(text, error);
    case OSPREY__STEP_LOWER_WORDS:
        return lower_words(text, error);
    case OSPREY__STEP_REMOVE:
        remove_set(step->set, text);
        return OSPREY_OK;
    case OSPREY__STEP_STRIP:
        strip(step->flags, text);
        return OSPREY_OK;
    case OSPREY__STEP_SPACES:
        remake = replace_spaces;
        break;
    case OSPREY__STEP_REPLACE:
        remake = replace;
        break;
    case OSPREY__STEP_PREPEND:
        remake = prepend;
        break;
    case OSPREY__STEP_CHARSMAP:
        remake = map_graphemes;
        break;
    case OSPREY__STEP_SENTENCEPIECE:
        remake = normalize;
        break;
    }
    remaking r = {.steps = steps, .step = step, .text = text, .most = most, .error = error};
    osprey_status status = remake(&r);
    if (status != OSPREY_OK) {
        osprey__code_points_free(&r.made);
        return status;
    }
    osprey__code_points_free(text);
    *text = r.made;
    return OSPREY_OK;
}

osprey_status osprey__text_steps_run(const osprey__text_steps *steps, osprey__code_points *text,
                                     osprey_error *error)
{
    const size_t most = GROWTH * text->count + SHORT_TEXT;
    for (size_t i = 0; i < steps->count && text->count; i++)
        OSPREY_TRY(run_step(steps, &steps->list[i], most, text, error));
    return OSPREY_OK;
}

osprey_status osprey__text_steps_store(const osprey__text_steps *steps, osprey__buffer *bytes,
                                       osprey_error *error)
{
    OSPREY_TRY(osprey__buffer_number(bytes, steps->count, 4, error));
    for (size_t i = 0; i < steps->count; i++) {
        const osprey__text_step *step = &steps->list[i];
        const uint32_t numbers[] = {step->kind, step->flags, step->count, step->from_count,
                                    step->to_count};
        for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
            OSPREY_TRY(osprey__buffer_number(bytes, numbers[n], 4, error));
        for (size_t n = 0; n < 4; n++)
            OSPREY_TRY(osprey__buffer_number(bytes, step->set[n], 4, error));
        for (size_t n = 0; n < step->from_count; n++)
            OSPREY_TRY(osprey__buffer_number(bytes, (uint32_t)step->from[n], 4, error));
        for (size_t n = 0; n < step->to_count; n++)
            OSPREY_TRY(osprey__buffer_number(bytes, (uint32_t)step->to[n], 4, error));
    }
    OSPREY_TRY(osprey__buffer_number(bytes, steps->charsmap.length, 4, error));
    return osprey__buffer_append(bytes, steps->charsmap.bytes, steps->charsmap.length, error);
}

static bool take(osprey__byte_cursor *at, uint32_t most, uint32_t *number)
{
    uint64_t value;
    if (!osprey__cursor_number(at, 4, false, &value) || value > most) return false;
    *number = (uint32_t)value;
    return true;
}

static bool take_points(osprey__byte_cursor *at, int32_t *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t point;
        if (!take(at, 0x10ffff, &point)) return false;
        points[i] = (int32_t)point;
    }
    return true;
}

static bool take_step(osprey__byte_cursor *at, osprey__text_step *step)
{
    uint32_t kind;
    bool whole = take(at, OSPREY__STEP_SENTENCEPIECE, &kind) && take(at, 7, &step->flags) &&
                 take(at, UINT32_MAX, &step->count) &&
                 take(at, OSPREY__STEP_TEXT_MAX, &step->from_count) &&
                 take(at, OSPREY__STEP_TEXT_MAX, &step->to_count);
    for (size_t i = 0; i < 4 && whole; i++) whole = take(at, UINT32_MAX, &step->set[i]);
    whole = whole && take_points(at, step->from, step->from_count) &&
            take_points(at, step->to, step->to_count);
    if (!whole) return false;
    step->kind = (osprey__text_step_kind)kind;
    /* Nothing, replaced by something, would be found everywhere. */
    return (step->kind != OSPREY__STEP_REPLACE || step->from_count) &&
           (step->kind != OSPREY__STEP_SPACES || step->count);
}

osprey_status osprey__text_steps_load(osprey__text_steps *steps, osprey__byte_cursor *at,
                                      const char *file, osprey_error *error)
{
    uint32_t count, charsmap_bytes;
    bool whole = take(at, OSPREY__STEPS_MAX, &count);
    for (size_t i = 0; whole && i < count; i++) {
        osprey__text_step step = {0};
        whole = take_step(at, &step);
        if (whole) OSPREY_TRY(osprey__text_steps_add(steps, &step, file, error));
    }
    const uint8_t *charsmap = NULL;
    if (whole && take(at, UINT32_MAX, &charsmap_bytes))
        charsmap = osprey__cursor_take(at, charsmap_bytes);
    if (!charsmap) return osprey__stored_tokenizer_damaged(file, error);
    return osprey__charsmap_create(&steps->charsmap, charsmap, charsmap_bytes, file, error);
}

void osprey__text_steps_free(osprey__text_steps *steps)
{
    osprey__free(steps->list);
    osprey__charsmap_free(&steps->charsmap);
    *steps = (osprey__text_steps){0};
}
