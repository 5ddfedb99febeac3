/* SPDX-License-Identifier: Apache-2.0 */
#include "model/engine_tuning.h"

#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <string.h>

#define THREADS_MAX  256
#define CHOICES_MAX  4096
#define SIZE_LIMIT   ((size_t)1 << 24)
#define CHOICE_BYTES 62

static int compare(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

int osprey__compare_kinds(const osprey_product_choice *a, const osprey_product_choice *b)
{
    int order = compare(a->n, b->n);
    if (!order) order = compare(a->k, b->k);
    if (!order) order = compare(a->precision, b->precision);
    if (!order) order = compare(a->activation, b->activation);
    if (!order) order = compare(a->convolution, b->convolution);
    if (!order) order = compare(a->residual, b->residual);
    return order ? order : compare(a->rounded, b->rounded);
}

int osprey__compare_choices(const osprey_product_choice *a, const osprey_product_choice *b)
{
    int order = osprey__compare_kinds(a, b);
    return order ? order : compare(a->m, b->m);
}

typedef struct storing {
    osprey__buffer *out;
    osprey_error *error;
} storing;

static osprey_status put(const storing *s, uint64_t number, size_t bytes)
{
    return osprey__buffer_number(s->out, number, bytes, s->error);
}

static osprey_status put_choice(const storing *s, const osprey_product_choice *choice)
{
    OSPREY_TRY(put(s, choice->m, 8));
    OSPREY_TRY(put(s, choice->n, 8));
    OSPREY_TRY(put(s, choice->k, 8));
    OSPREY_TRY(put(s, choice->precision, 1));
    OSPREY_TRY(put(s, choice->activation, 1));
    OSPREY_TRY(put(s, choice->convolution, 1));
    OSPREY_TRY(put(s, choice->residual, 1));
    OSPREY_TRY(put(s, choice->rounded, 1));
    OSPREY_TRY(put(s, choice->products, 8));
    OSPREY_TRY(put(s, choice->split.rows, 8));
    OSPREY_TRY(put(s, choice->split.columns, 8));
    OSPREY_TRY(put(s, choice->split.columns_first, 1));
    OSPREY_TRY(osprey__buffer_float(s->out, choice->default_us, s->error));
    return osprey__buffer_float(s->out, choice->us, s->error);
}

osprey_status osprey__tuning_store(const osprey__tuning *tuning, osprey__buffer *bytes,
                                   osprey_error *error)
{
    const storing s = {bytes, error};
    OSPREY_TRY(put(&s, tuning->threads, 4));
    OSPREY_TRY(put(&s, tuning->count, 4));
    for (size_t i = 0; i < tuning->count; i++) OSPREY_TRY(put_choice(&s, &tuning->choices[i]));
    return OSPREY_OK;
}

/* Reads on after a failure, so that it is asked for once. */
typedef struct loading {
    osprey__byte_cursor at;
    bool damaged;
} loading;

static size_t take(loading *in, size_t bytes, size_t least, size_t most)
{
    uint64_t number = 0;
    if (!osprey__cursor_number(&in->at, bytes, false, &number) || number < least || number > most) {
        in->damaged = true;
        return least;
    }
    return (size_t)number;
}

static float take_time(loading *in)
{
    uint32_t bits = (uint32_t)take(in, 4, 0, UINT32_MAX);
    float number;
    memcpy(&number, &bits, sizeof number);
    if (!isfinite(number) || number < 0) in->damaged = true;
    return number;
}

static void take_choice(loading *in, osprey_product_choice *choice)
{
    choice->m = take(in, 8, 1, SIZE_LIMIT);
    choice->n = take(in, 8, 1, SIZE_LIMIT);
    choice->k = take(in, 8, 1, SIZE_LIMIT);
    choice->precision = (osprey_precision)take(in, 1, 0, OSPREY_PRECISIONS - 1);
    choice->activation = (osprey_activation)take(in, 1, 0, OSPREY_ACTIVATION_SILU);
    choice->convolution = take(in, 1, 0, 1) == 1;
    choice->residual = take(in, 1, 0, 1) == 1;
    choice->rounded = take(in, 1, 0, 1) == 1;
    choice->products = take(in, 8, 1, SIZE_LIMIT);
    choice->split.rows = take(in, 8, 0, OSPREY__TASK_ROWS_MAX);
    choice->split.columns = take(in, 8, 0, SIZE_LIMIT);
    choice->split.columns_first = take(in, 1, 0, 1) == 1;
    choice->default_us = take_time(in);
    choice->us = take_time(in);
}

osprey_status osprey__tuning_load(const void *bytes, size_t length, const char *file,
                                  osprey__tuning *tuning, osprey_error *error)
{
    loading in = {osprey__cursor_over(bytes, length), false};
    *tuning = (osprey__tuning){.threads = take(&in, 4, 1, THREADS_MAX)};
    const size_t count = take(&in, 4, 1, CHOICES_MAX);
    if (in.at.remaining != count * CHOICE_BYTES) in.damaged = true;
    if (!in.damaged) {
        tuning->choices = osprey__calloc(count, sizeof *tuning->choices);
        if (!tuning->choices) return osprey__fail_memory(error, count * sizeof *tuning->choices);
    }
    for (; !in.damaged && tuning->count < count; tuning->count++) {
        osprey_product_choice *choice = &tuning->choices[tuning->count];
        take_choice(&in, choice);
        if (tuning->count && osprey__compare_choices(choice - 1, choice) >= 0) in.damaged = true;
    }
    if (!in.damaged) return OSPREY_OK;
    osprey__tuning_free(tuning);
    return osprey__fail(error, OSPREY_FORMAT, file,
                        "the engine's tuning is damaged; compile the model again");
}

void osprey__tuning_free(osprey__tuning *tuning)
{
    osprey__free(tuning->choices);
    *tuning = (osprey__tuning){0};
}
