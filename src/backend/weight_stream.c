/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/weight_stream.h"

#include "base/memory.h"
#include "base/os/resident.h"
#include "base/status.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* Smaller steps share a part. */
#define PART_BYTES ((size_t)2 << 20)

/* The window that is wanted, in parts: one in use, two being read so that the disk never waits. */
#define PARTS_AT_ONCE 3

typedef struct part {
    size_t first_step; /* up to the next part's */
    const char *begin;
    size_t bytes;
    bool stays;
    bool is_there; /* of those that stay */
} part;

/*
 * Parts are counted on from run to run: part number n is parts[n % part_count]. The reader brings
 * them in that order and never more than one round ahead.
 *
 * What is given back stays in the system's cache of files, from where it comes again at the cost of
 * a page fault, if there is memory for that. If there is not, it would drive out what is to stay:
 * so once a part has to be read from the disk for a second time, parts are dropped from the cache.
 */
struct osprey__weight_stream {
    const osprey__plan *plan;
    part *parts;
    size_t part_count;
    size_t window_bytes;  /* for parts that do not stay */
    size_t next;          /* of this run: the part that the coming steps begin */
    atomic_bool stop;     /* also of reading a part */
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t arrived, room;
    pthread_t reader;
    bool started, reads, rests;
    bool drops;                     /* from the system's cache, too */
    size_t entered, begun, brought; /* parts so far: by the run, by the reader */
    size_t held_bytes;              /* of the window */
    uint64_t read_bytes;            /* of all parts */
    uint64_t disk_bytes;            /* that the reader had read from disks after its first round */
};

/* The first step that reads the place. */
static size_t step_of(const osprey__plan *plan, const osprey__weight_place *place)
{
    if (place->step != SIZE_MAX) return place->step;
    for (size_t s = 0; s < plan->step_count; s++)
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
            if (plan->steps[s].node->inputs[i] == place->value) return s;
    return plan->step_count;
}

static const char *round_down(const char *at, const char *least)
{
    const char *down = at - (uintptr_t)at % OSPREY__PAGES_AROUND;
    return down > least ? down : least;
}

/* Cuts the weights into parts; the list has room for one a place. */
static void cut_parts(osprey__weight_stream *stream)
{
    const osprey__plan *plan = stream->plan;
    const char *block = plan->block;
    const char *end = block + plan->weight_bytes;
    size_t last_step = SIZE_MAX;
    for (size_t i = 0; i < plan->weight_place_count; i++) {
        const osprey__weight_place *place = &plan->weight_places[i];
        const char *begin = round_down(block + place->offset, block);
        part *open = stream->part_count ? &stream->parts[stream->part_count - 1] : NULL;
        size_t step = step_of(plan, place);
        if (!open || (step != last_step && (size_t)(begin - open->begin) >= PART_BYTES))
            stream->parts[stream->part_count++] = (part){.first_step = open ? step : 0, begin};
        last_step = step;
    }
    if (!stream->part_count) stream->parts[stream->part_count++] = (part){.begin = block};
    for (size_t i = 0; i < stream->part_count; i++) {
        part *p = &stream->parts[i];
        p->bytes = (size_t)((i + 1 < stream->part_count ? p[1].begin : end) - p->begin);
    }
}

size_t osprey__weight_stream_least(const osprey__weight_stream *stream)
{
    size_t largest = 0;
    for (size_t i = 0; i < stream->part_count; i++)
        if (stream->parts[i].bytes > largest) largest = stream->parts[i].bytes;
    return largest;
}

/* Which parts stay: as many as fit beside the window, spread evenly. */
static void choose_parts(osprey__weight_stream *stream, size_t bytes)
{
    size_t all = stream->plan->weight_bytes,
           window = PARTS_AT_ONCE * osprey__weight_stream_least(stream);
    size_t most = bytes > window ? bytes - window : 0;
    if (all <= bytes) most = all;
    size_t staying = 0, passed = 0;
    for (size_t i = 0; i < stream->part_count; i++) {
        part *p = &stream->parts[i];
        passed += p->bytes;
        /* In double: a product of sizes might not fit. */
        p->stays =
            (double)(staying + p->bytes) <= (double)most * ((double)passed / (double)all) + 0.5;
        if (p->stays)
            staying += p->bytes;
        else
            osprey__pages_pass_once(p->begin, p->bytes);
    }
    stream->window_bytes = bytes - staying;
}

static part *part_number(const osprey__weight_stream *stream, size_t number)
{
    return &stream->parts[number % stream->part_count];
}

/* Whether the reader may begin with the next part: not the one in use once more. */
static bool has_room(const osprey__weight_stream *stream)
{
    const part *p = part_number(stream, stream->begun);
    if (stream->rests || stream->begun + 1 >= stream->entered + stream->part_count) return false;
    return p->stays || stream->held_bytes + p->bytes <= stream->window_bytes;
}

/* One of the reader's turns, with the lock, which is let go meanwhile. */
static void begin_part(osprey__weight_stream *stream)
{
    const part *p = part_number(stream, stream->begun++);
    if (p->is_there) return;
    if (!p->stays) stream->held_bytes += p->bytes;
    stream->read_bytes += p->bytes;
    stream->reads = true;
    pthread_mutex_unlock(&stream->lock);
    osprey__pages_read_ahead(p->begin, p->bytes);
    pthread_mutex_lock(&stream->lock);
    stream->reads = false;
}

/* After each part: what is read from the disk again shows that the system's cache does not last. */
static void note_disk(osprey__weight_stream *stream)
{
    if (stream->drops || stream->brought < stream->part_count) return;
    uint64_t disk_bytes = osprey__disk_read_bytes();
    if (stream->brought == stream->part_count) {
        stream->disk_bytes = disk_bytes;
    } else if (disk_bytes - stream->disk_bytes > PART_BYTES) {
        stream->drops = true;
        /* What is to stay has gone as well: it is brought once more. */
        for (size_t i = 0; i < stream->part_count; i++) stream->parts[i].is_there = false;
    }
}

static void bring_part(osprey__weight_stream *stream)
{
    part *p = part_number(stream, stream->brought);
    if (!p->is_there) {
        stream->reads = true;
        pthread_mutex_unlock(&stream->lock);
        osprey__pages_bring(p->begin, p->bytes, &stream->stop);
        pthread_mutex_lock(&stream->lock);
        stream->reads = false;
        p->is_there = p->stays;
    }
    stream->brought++;
    note_disk(stream);
}

static void *read_parts(void *argument)
{
    osprey__weight_stream *stream = argument;
    pthread_mutex_lock(&stream->lock);
    while (!atomic_load(&stream->stop)) {
        if (has_room(stream))
            begin_part(stream);
        else if (stream->brought < stream->begun)
            bring_part(stream);
        else
            pthread_cond_wait(&stream->room, &stream->lock);
        pthread_cond_signal(&stream->arrived);
    }
    pthread_mutex_unlock(&stream->lock);
    return NULL;
}

/* Signals are the program's business: the reader starts with all of them blocked. */
osprey_status osprey__weight_stream_start(osprey__weight_stream *stream, size_t bytes,
                                          osprey_error *error)
{
    choose_parts(stream, bytes);
    stream->drops = osprey__available_bytes() < stream->plan->weight_bytes;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&stream->reader, NULL, read_parts, stream);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    stream->started = failure == 0;
    if (stream->started) return OSPREY_OK;
    return osprey__fail(error, OSPREY_LIMIT, "threads",
                        "the thread that reads weights could not be started (%s)",
                        strerror(failure));
}

osprey_status osprey__weight_stream_create(const osprey__plan *plan, osprey__weight_stream **stream,
                                           osprey_error *error)
{
    size_t most_parts = plan->weight_place_count + 1;
    *stream = NULL;
    osprey__weight_stream *made = osprey__calloc(1, sizeof *made);
    part *parts = osprey__calloc(most_parts, sizeof *parts);
    if (!made || !parts) {
        osprey__free(parts);
        osprey__free(made);
        return osprey__fail_memory(error, most_parts * sizeof *parts);
    }
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->arrived, NULL);
    pthread_cond_init(&made->room, NULL);
    made->plan = plan;
    made->parts = parts;
    made->rests = true;
    cut_parts(made);
    *stream = made;
    return OSPREY_OK;
}

/* The table that the step picks rows from; NULL: it is no gather, or picks from a computed value.
 */
static const osprey__value *table_of(const osprey__plan *plan, size_t step)
{
    const osprey__node *node = plan->steps[step].node;
    const osprey__value *table = &plan->graph->values[node->inputs[0]];
    return node->op == OSPREY__OP_GATHER && table->kind == OSPREY__CONSTANT ? table : NULL;
}

static size_t table_bytes(const osprey__value *table)
{
    return osprey__shape_elements(&table->shape) * osprey__dtype_bytes(table->dtype);
}

size_t osprey__weight_stream_table_bytes(const osprey__plan *plan, size_t rows)
{
    size_t bytes = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__value *table = table_of(plan, s);
        if (!table) continue;
        size_t all = table_bytes(table), a_row = all / (table->shape.dims[0] + 1) + 1;
        size_t picked = rows * osprey__round_up(a_row + OSPREY__PAGES_AROUND, OSPREY__PAGES_AROUND);
        bytes += picked < all ? picked : all;
    }
    return bytes;
}

/* Gives back the part that the steps so far were in. */
static void leave_part(osprey__weight_stream *stream)
{
    if (!stream->next) return;
    const part *p = &stream->parts[stream->next - 1];
    if (p->stays) return;
    pthread_mutex_lock(&stream->lock);
    bool drops = stream->drops;
    pthread_mutex_unlock(&stream->lock);
    (drops ? osprey__pages_drop : osprey__pages_give_back)(p->begin, p->bytes);
    pthread_mutex_lock(&stream->lock);
    stream->held_bytes -= p->bytes;
    pthread_cond_signal(&stream->room);
    pthread_mutex_unlock(&stream->lock);
}

static void enter_part(osprey__weight_stream *stream)
{
    leave_part(stream);
    pthread_mutex_lock(&stream->lock);
    stream->rests = false;
    stream->entered++;
    pthread_cond_signal(&stream->room);
    while (stream->brought < stream->entered) pthread_cond_wait(&stream->arrived, &stream->lock);
    pthread_mutex_unlock(&stream->lock);
    stream->next++;
}

void osprey__weight_stream_enter(osprey__weight_stream *stream, size_t step)
{
    const osprey__value *table = step > 0 ? table_of(stream->plan, step - 1) : NULL;
    if (table) osprey__pages_give_back(table->data, table_bytes(table));
    if (step == stream->plan->step_count) {
        leave_part(stream);
        stream->next = 0;
    } else if (stream->next < stream->part_count &&
               stream->parts[stream->next].first_step == step) {
        enter_part(stream);
    }
}

void osprey__weight_stream_trim(osprey__weight_stream *stream, const void *begin)
{
    const char *first = round_down(begin, stream->plan->block);
    const char *end = stream->parts[stream->next - 1].begin;
    if (first < end) osprey__pages_give_back(first, (size_t)(end - first));
}

void osprey__weight_stream_rest(osprey__weight_stream *stream)
{
    if (!stream) return;
    pthread_mutex_lock(&stream->lock);
    if (!stream->rests) {
        stream->rests = true;
        while (stream->reads) pthread_cond_wait(&stream->arrived, &stream->lock);
        osprey__pages_give_back(stream->plan->block, stream->plan->weight_bytes);
        for (size_t i = 0; i < stream->part_count; i++) stream->parts[i].is_there = false;
        stream->entered = stream->begun = stream->brought = stream->held_bytes = 0;
    }
    pthread_mutex_unlock(&stream->lock);
}

uint64_t osprey__weight_stream_read_bytes(osprey__weight_stream *stream)
{
    if (!stream) return 0;
    pthread_mutex_lock(&stream->lock);
    uint64_t bytes = stream->read_bytes;
    pthread_mutex_unlock(&stream->lock);
    return bytes;
}

void osprey__weight_stream_free(osprey__weight_stream *stream)
{
    if (!stream) return;
    if (stream->started) {
        pthread_mutex_lock(&stream->lock);
        atomic_store(&stream->stop, true);
        pthread_cond_signal(&stream->room);
        pthread_mutex_unlock(&stream->lock);
        pthread_join(stream->reader, NULL);
        osprey__pages_give_back(stream->plan->block, stream->plan->weight_bytes);
    }
    pthread_cond_destroy(&stream->room);
    pthread_cond_destroy(&stream->arrived);
    pthread_mutex_destroy(&stream->lock);
    osprey__free(stream->parts);
    osprey__free(stream);
}
