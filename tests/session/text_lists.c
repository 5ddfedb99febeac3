/* SPDX-License-Identifier: Apache-2.0 */
#include "text_lists.h"

#include <stdlib.h>
#include <string.h>

size_t random_below(size_t bound)
{
    static uint32_t random_state = 1;
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % bound;
}

text_list text_list_new(void)
{
    return (text_list){.ids = calloc(MOST_IDS, sizeof(int32_t)),
                       .lengths = calloc(MOST_TEXTS, sizeof(size_t))};
}

void text_list_free(text_list *list)
{
    free(list->ids);
    free(list->lengths);
}

void text_list_add(text_list *list, size_t length, size_t alphabet)
{
    int32_t *ids = list->ids + list->id_count;
    for (size_t i = 0; i + 1 < length; i++) ids[i] = (int32_t)random_below(alphabet);
    ids[length - 1] = END;
    list->lengths[list->count++] = length;
    list->id_count += length;
}

void text_list_add_prefix(text_list *list, const int32_t *of, size_t length)
{
    int32_t *ids = list->ids + list->id_count;
    memmove(ids, of, length * sizeof *ids);
    ids[length] = END;
    list->lengths[list->count++] = length + 1;
    list->id_count += length + 1;
}

osprey__text *text_list_texts(const text_list *list)
{
    osprey__text *texts = calloc(2 * list->count, sizeof *texts);
    const int32_t *ids = list->ids;
    for (size_t i = 0; i < list->count; ids += list->lengths[i++])
        texts[i] = (osprey__text){
            .ids = ids, .length = list->lengths[i], .pooled = list->lengths[i] - 1, .place = i};
    return texts;
}

size_t count_beginnings(const osprey__text *sorted, size_t count)
{
    size_t beginnings = 0;
    for (size_t i = 0; i < count; i++) {
        size_t shared = 0;
        while (i > 0 && shared < sorted[i].length && shared < sorted[i - 1].length &&
               sorted[i].ids[shared] == sorted[i - 1].ids[shared])
            shared++;
        beginnings += sorted[i].length - shared;
    }
    return beginnings;
}
