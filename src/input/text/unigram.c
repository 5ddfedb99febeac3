/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/unigram.h"

#include "base/memory.h"
#include "base/status.h"
#include "input/text/code_points.h"

#include <stdlib.h>
#include <string.h>

#define NOWHERE UINT32_MAX

static int by_bytes(const void *left, const void *right)
{
    const osprey__unigram_piece *a = left, *b = right;
    const size_t common = a->length < b->length ? a->length : b->length;
    const int order = memcmp(a->bytes, b->bytes, common);
    if (order) return order;
    return a->length < b->length ? -1 : a->length > b->length;
}

/* The first piece that does not stand behind the one before it; the count: all do. */
static size_t find_disorder(const osprey__unigram *model)
{
    for (size_t i = 1; i < model->count; i++)
        if (by_bytes(&model->pieces[i - 1], &model->pieces[i]) >= 0) return i;
    return model->count;
}

osprey_status osprey__unigram_create(osprey__unigram *model, const osprey__unigram_piece *pieces,
                                     size_t count, double unknown_score, int32_t unknown_id,
                                     bool single, const char *file, osprey_error *error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += pieces[i].length;
    *model = (osprey__unigram){
        .count = count, .unknown_score = unknown_score, .unknown_id = unknown_id, .single = single};
    model->pieces = osprey__calloc(count + 1, sizeof *model->pieces);
    model->bytes = osprey__calloc(bytes + 1, 1);
    if (!model->pieces || !model->bytes) {
        osprey__unigram_free(model);
        return osprey__fail_memory(error, (count + 1) * sizeof *model->pieces + bytes);
    }
    char *at = model->bytes;
    for (size_t i = 0; i < count; at += pieces[i++].length) {
        memcpy(at, pieces[i].bytes, pieces[i].length);
        model->pieces[i] = pieces[i];
        model->pieces[i].bytes = at;
    }
    /* An engine's are in order. */
    if (find_disorder(model) < count) qsort(model->pieces, count, sizeof *model->pieces, by_bytes);
    const size_t twice = find_disorder(model);
    if (twice == model->count) return OSPREY_OK;
    const osprey__unigram_piece *piece = &model->pieces[twice];
    osprey__fail(error, OSPREY_FORMAT, file, "the piece \"%.*s\" is there twice",
                 (int)(piece->length < 100 ? piece->length : 100), piece->bytes);
    osprey__unigram_free(model);
    return OSPREY_FORMAT;
}

/* Pieces first to last - 1 begin with the same `depth` bytes. */
typedef struct piece_range {
    size_t first, last;
    size_t depth;
} piece_range;

/* The first piece of the range whose next byte is not below `byte`. */
static size_t lower_bound(const osprey__unigram *model, const piece_range *range, unsigned byte)
{
    size_t low = range->first, high = range->last;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const osprey__unigram_piece *piece = &model->pieces[middle];
        /* One that ends here stands before all that go on. */
        if (piece->length == range->depth || (uint8_t)piece->bytes[range->depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Leaves those that go on with `byte`; false where none does. */
static bool narrow(const osprey__unigram *model, piece_range *range, uint8_t byte)
{
    range->first = lower_bound(model, range, byte);
    range->last = lower_bound(model, range, byte + 1u);
    range->depth++;
    return range->first < range->last;
}

/* The piece that ends where the range has come to; or NULL. */
static const osprey__unigram_piece *ending(const osprey__unigram *model, const piece_range *range)
{
    const osprey__unigram_piece *piece = &model->pieces[range->first];
    return piece->length == range->depth ? piece : NULL;
}

int32_t osprey__unigram_find(const osprey__unigram *model, const char *bytes, size_t length)
{
    piece_range range = {0, model->count, 0};
    for (size_t i = 0; i < length; i++)
        if (!narrow(model, &range, (uint8_t)bytes[i])) return -1;
    const osprey__unigram_piece *piece = range.depth ? ending(model, &range) : NULL;
    return piece ? piece->id : -1;
}

/* The best way to cut the text up to a place: its last piece. */
typedef struct cut {
    double score;
    uint32_t begin; /* NOWHERE: there is none */
    int32_t id;
} cut;

static void offer(const osprey__unigram *model, cut *to, double before, double score, size_t begin,
                  int32_t id)
{
    double sum = before + score;
    if (model->single) sum = (double)(float)sum;
    if (to->begin == NOWHERE || sum > to->score) *to = (cut){sum, (uint32_t)begin, id};
}

/* Offers all pieces that begin there, and the character itself where it is none. */
static void extend(const osprey__unigram *model, const char *text, size_t length, size_t at,
                   size_t character, cut *cuts)
{
    piece_range range = {0, model->count, 0};
    const double before = cuts[at].score;
    bool is_piece = false;
    for (size_t end = at; end < length && narrow(model, &range, (uint8_t)text[end]);) {
        const osprey__unigram_piece *piece = ending(model, &range);
        end++;
        if (!piece) continue;
        is_piece = is_piece || end - at == character;
        offer(model, &cuts[end], before, piece->score, at, piece->id);
    }
    if (!is_piece)
        offer(model, &cuts[at + character], before, model->unknown_score, at, model->unknown_id);
}

/* The pieces of the best cut of all, in order. */
static osprey_status follow(const osprey__unigram *model, const cut *cuts, size_t length,
                            int32_t **ids, size_t *count, osprey_error *error)
{
    size_t pieces = 0;
    for (size_t at = length; at > 0; at = cuts[at].begin) pieces++;
    int32_t *list = osprey__calloc(pieces + 1, sizeof *list);
    if (!list) return osprey__fail_memory(error, (pieces + 1) * sizeof *list);
    size_t place = pieces, kept = 0;
    for (size_t at = length; at > 0; at = cuts[at].begin) list[--place] = cuts[at].id;
    for (size_t i = 0; i < pieces; i++)
        if (list[i] != model->unknown_id || !kept || list[kept - 1] != model->unknown_id)
            list[kept++] = list[i];
    *ids = list;
    *count = kept;
    return OSPREY_OK;
}

osprey_status osprey__unigram_encode(const osprey__unigram *model, const char *text, size_t length,
                                     int32_t **ids, size_t *count, osprey_error *error)
{
    if (length >= NOWHERE)
        return osprey__fail(error, OSPREY_LIMIT, "text", "%zu bytes; below %u would be right",
                            length, NOWHERE);
    cut *cuts = osprey__calloc(length + 1, sizeof *cuts);
    if (!cuts) return osprey__fail_memory(error, (length + 1) * sizeof *cuts);
    for (size_t i = 1; i <= length; i++) cuts[i].begin = NOWHERE;
    for (size_t at = 0; at < length;) {
        size_t character = osprey__utf8_length((uint8_t)text[at]);
        if (character > length - at) character = length - at;
        extend(model, text, length, at, character, cuts);
        at += character;
    }
    osprey_status status = follow(model, cuts, length, ids, count, error);
    osprey__free(cuts);
    return status;
}

void osprey__unigram_free(osprey__unigram *model)
{
    osprey__free(model->pieces);
    osprey__free(model->bytes);
    *model = (osprey__unigram){0};
}
