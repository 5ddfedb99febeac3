/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/resident.h"
#include "base/status.h"
#include "model/engine_model.h"
#include "session/session_data.h"

#include <stdio.h>

#define MIB ((size_t)1 << 20)

/* For pixels, pictures and whatever else the caller takes; the header says so. */
#define CALLERS_BYTES (32 * MIB)

/* What is in memory of the process differs by so much from one start to the next: the least that is
 * named has it on top. */
#define VARIES_BYTES (4 * MIB)

static size_t round_up_mib(size_t bytes)
{
    return (bytes / MIB + 1) * MIB;
}

static void print_amount(size_t bytes, size_t unit, char text[32])
{
    if (unit == 1)
        snprintf(text, 32, "%zu byte%s", bytes, bytes == 1 ? "" : "s");
    else
        snprintf(text, 32, "%zu%c", bytes / unit, unit == MIB ? 'M' : 'K');
}

/* Both amounts in the largest unit in which they are whole numbers. */
static osprey_status fail_limit(const osprey_session *session, size_t max_bytes, size_t least,
                                size_t process, osprey_error *error)
{
    char limit[32], needed[32], in_mib[32] = "";
    const size_t unit = max_bytes % 1024 ? 1 : max_bytes % MIB ? 1024 : MIB;
    print_amount(max_bytes, unit, limit);
    print_amount(least, unit, needed);
    if (unit < MIB) snprintf(in_mib, sizeof in_mib, " (%zuM)", least / MIB);
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "max_resident_bytes",
                        "a limit of %s is too low for %s, which runs in %s%s or more: %zuM for the "
                        "process itself, %zuM kept free for the caller's pictures and results, the "
                        "rest for the work space and the weights that a layer needs",
                        limit, session->model->engine->path, needed, in_mib, process / MIB,
                        CALLERS_BYTES / MIB);
}

static size_t text_tokens(const osprey_session *session)
{
    size_t context = osprey__text_rows_most(&session->model->config.text);
    return context > OSPREY__TOKENS_AT_ONCE ? context : OSPREY__TOKENS_AT_ONCE;
}

/* Arena, scratch and tables of the largest run when as many images run at once. */
static size_t working_bytes(osprey_session *session, size_t images)
{
    const osprey__tower *image = &session->image, *text = &session->text;
    size_t arena = 0, scratch_floats = 0, tables = 0;
    if (image->plan) {
        arena = osprey__memory_plan(image->plan, images, 0, image->offsets);
        scratch_floats = osprey__cpu_scratch_floats(image->plan, 0);
    }
    if (text->plan) {
        size_t tokens = text_tokens(session);
        size_t bytes = osprey__memory_plan(text->plan, tokens, tokens, text->offsets);
        size_t floats = osprey__cpu_scratch_floats(
            text->plan, osprey__text_rows_most(&session->model->config.text));
        tables = osprey__weight_stream_table_bytes(text->plan, tokens);
        if (bytes > arena) arena = bytes;
        if (floats > scratch_floats) scratch_floats = floats;
    }
    size_t threads = osprey__thread_pool_threads(session->pool);
    return arena + tables + threads * scratch_floats * sizeof(float);
}

/* The largest number of images, halving, whose values take no more than a quarter of the room. */
static size_t fewer_images(const osprey_session *session, size_t room)
{
    const osprey__tower *image = &session->image;
    size_t images = session->images_at_once;
    while (images > 1 && osprey__memory_plan(image->plan, images, 0, image->offsets) > room / 4)
        images /= 2;
    return images;
}

static osprey_status check_mapped(const osprey_session *session, const osprey__tower *tower,
                                  osprey_error *error)
{
    const osprey__engine *engine = session->model->engine;
    if (tower->plan->weights)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "max_resident_bytes",
                            "the weights of %s, which was compiled for %s, had to be packed anew "
                            "in memory; compile its model on this machine",
                            engine->path, engine->manifest.instruction_set);
    /* What another session has left there is not what this one needs. */
    osprey__pages_give_back(tower->plan->block, tower->plan->weight_bytes);
    return OSPREY_OK;
}

osprey_status osprey__session_limit(osprey_session *session, size_t max_bytes, osprey_error *error)
{
    osprey__tower *const towers[] = {&session->image, &session->text};
    size_t least = 0;
    for (size_t i = 0; i < 2; i++) {
        if (!towers[i]->plan) continue;
        OSPREY_TRY(check_mapped(session, towers[i], error));
        OSPREY_TRY(osprey__weight_stream_create(towers[i]->plan, &towers[i]->stream, error));
        size_t bytes = osprey__weight_stream_least(towers[i]->stream);
        if (bytes > least) least = bytes;
    }
    const size_t resident = round_up_mib(osprey__resident_bytes());
    size_t taken = resident + CALLERS_BYTES;
    const size_t room = max_bytes > taken ? max_bytes - taken : 0;
    session->images_at_once = fewer_images(session, room);
    size_t working = working_bytes(session, session->images_at_once);
    while (session->images_at_once > 1 && room < working + least) {
        session->images_at_once /= 2;
        working = working_bytes(session, session->images_at_once);
    }
    taken += working;
    if (max_bytes < taken + least)
        return fail_limit(session, max_bytes, round_up_mib(taken + least + VARIES_BYTES),
                          resident + VARIES_BYTES, error);
    for (size_t i = 0; i < 2; i++)
        if (towers[i]->stream)
            OSPREY_TRY(osprey__weight_stream_start(towers[i]->stream, max_bytes - taken, error));
    return OSPREY_OK;
}
