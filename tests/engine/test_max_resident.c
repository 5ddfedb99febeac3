/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session that may hold less in memory than its weights take gives the same results, and holds
 * no more. The model is the bundled one, whose image tower has 27 MB in fp32.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "engine/engine_seal.h"
#include "memory_hooks.h"
#include "session/session_data.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB     ((size_t)1 << 20)
#define BUNDLED OSPREY_SOURCE_DIR "/models/osprey-mini"
#define SMALL   "hf-vit-p16-gelu-sharded"

enum { IMAGES = 5, TEXTS = 3 };
static const char *const texts[TEXTS] = {"a cat", "", "two dogs in a red car"};

static float *pixels; /* [IMAGES, 3, H, W] of the bundled model */
static size_t width;  /* of its embeddings */

static osprey_model *bundled_engine(void)
{
    return open_model(in_directory("bundled.osprey"));
}

static int make_engine(void **state)
{
    osprey_error error;
    if (make_directory(state) != 0) return -1;
    osprey_model *model = open_model(BUNDLED);
    const osprey_model_info *info = osprey_model_get_info(model);
    const size_t batches[] = {2}; /* so that IMAGES are several runs */
    const osprey_engine_options options = {.batches = batches, .batch_count = 1};
    const char *path = in_directory("bundled.osprey");
    assert_int_equal(osprey_engine_compile(model, &options, path, &error), OSPREY_OK);
    size_t floats = IMAGES * osprey_preprocessing_floats(&info->preprocessing);
    pixels = malloc(floats * sizeof *pixels);
    for (size_t i = 0; i < floats; i++) pixels[i] = (float)(i * 7 % 41) / 20 - 1;
    width = info->embed_dim;
    osprey_model_free(model);
    return 0;
}

static int remove_engine(void **state)
{
    free(pixels);
    return remove_directory(state);
}

static osprey_status limited_session(const osprey_model *model, size_t max_resident_bytes,
                                     osprey_session **session, osprey_error *error)
{
    const osprey_session_options options = {.threads = 2, .max_resident_bytes = max_resident_bytes};
    return osprey_session_create(model, &options, session, error);
}

/* The least, which the message that refuses a limit names. */
static size_t tight_limit(const osprey_model *model)
{
    osprey_error error;
    osprey_session *session = NULL;
    assert_int_equal(limited_session(model, MIB, &session, &error), OSPREY_INVALID_ARGUMENT);
    assert_null(session);
    assert_string_equal(error.subject, "max_resident_bytes");
    static const char before[] = "which runs in ";
    const char *least = strstr(error.message, before);
    assert_non_null(least);
    size_t mib = strtoul(least + sizeof before - 1, NULL, 10);
    assert_true(mib > 32);
    assert_int_equal(limited_session(model, (mib / 2) * MIB, &session, &error),
                     OSPREY_INVALID_ARGUMENT);
    return mib * MIB;
}

static void embed_images(osprey_session *session, float *embeddings)
{
    osprey_error error;
    assert_int_equal(
        osprey_session_embed_pixels(session, pixels, IMAGES, OSPREY_EMBED_RAW, embeddings, &error),
        OSPREY_OK);
}

static void embed_texts(osprey_session *session, float *embeddings)
{
    osprey_error error;
    assert_int_equal(
        osprey_session_embed_texts(session, texts, TEXTS, OSPREY_EMBED_RAW, embeddings, &error),
        OSPREY_OK);
}

/* Bytes of the range that this process holds: bit 63 of each of its pages in pagemap. */
static size_t resident_in(const void *begin, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), first = (size_t)begin / page;
    size_t count = ((size_t)begin + bytes + page - 1) / page - first, resident = 0;
    uint64_t *entries = calloc(count, sizeof *entries);
    int file = open("/proc/self/pagemap", O_RDONLY);
    assert_true(file >= 0);
    ssize_t wanted = (ssize_t)(count * sizeof *entries);
    assert_int_equal(pread(file, entries, (size_t)wanted, (off_t)(first * sizeof *entries)),
                     wanted);
    close(file);
    for (size_t i = 0; i < count; i++) resident += entries[i] >> 63;
    free(entries);
    return resident * page;
}

static size_t weights_resident(const osprey__plan *plan)
{
    return resident_in(plan->block, plan->weight_bytes);
}

/* A step observer: the most that was in memory before any step. */
static void watch(void *context, const osprey__run *run, size_t step)
{
    (void)step;
    size_t resident = weights_resident(run->plan), *most = context;
    if (resident > *most) *most = resident;
}

static void test_results_are_the_same_in_less_memory(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = bundled_engine();
    float *wanted = calloc(IMAGES, width * sizeof *wanted);
    float *got = calloc(IMAGES, width * sizeof *got);
    osprey_session *session = open_session(model, OSPREY_TOWER_IMAGE);
    const size_t weight_bytes = session->image.plan->weight_bytes;
    embed_images(session, wanted);
    assert_true(weights_resident(session->image.plan) > weight_bytes / 10 * 9);
    assert_int_equal(osprey_session_get_info(session).read_bytes, 0);
    osprey_session_free(session);
    osprey_model_free(model);

    model = bundled_engine(); /* whose weights the first run checks, which takes no more memory */
    size_t most = 0;
    assert_int_equal(limited_session(model, tight_limit(model), &session, &error), OSPREY_OK);
    session->observer = watch;
    session->observer_context = &most;
    for (size_t round = 0; round < 3; round++) {
        memset(got, 0, IMAGES * width * sizeof *got);
        embed_images(session, got);
        assert_memory_equal(got, wanted, IMAGES * width * sizeof *got);
    }
    print_message("%zu of %zu bytes at most\n", most, weight_bytes);
    assert_true(most > 0 && most < weight_bytes / 5 * 3);
    /* Nine runs of two images: what does not stay is read again by each. */
    assert_true(osprey_session_get_info(session).read_bytes > 9 * (weight_bytes / 5 * 2));
    osprey_session_free(session);
    osprey_model_free(model);
    free(got);
    free(wanted);
}

static void test_towers_take_turns(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = bundled_engine();
    size_t images = IMAGES * width, all = images + TEXTS * width;
    float *wanted = calloc(all, sizeof *wanted), *got = calloc(all, sizeof *got);
    osprey_session *session = open_session(model, OSPREY_TOWER_BOTH);
    embed_images(session, wanted);
    embed_texts(session, wanted + images);
    osprey_session_free(session);
    assert_int_equal(limited_session(model, tight_limit(model), &session, &error), OSPREY_OK);
    for (size_t round = 0; round < 2; round++) {
        memset(got, 0, all * sizeof *got);
        embed_images(session, got);
        assert_true(weights_resident(session->image.plan) > 0);
        embed_texts(session, got + images);
        assert_memory_equal(got, wanted, all * sizeof *got);
        /* The last page may hold what lies behind the weights, too. */
        assert_true(weights_resident(session->image.plan) <= MIB / 16);
    }
    osprey_session_free(session);
    osprey_model_free(model);
    free(got);
    free(wanted);
}

static void test_a_wide_limit_reads_once(void **state)
{
    (void)state;
    osprey_error error;
    osprey_session *session;
    osprey_model *model = bundled_engine();
    float *embeddings = calloc(IMAGES, width * sizeof *embeddings);
    assert_int_equal(limited_session(model, 4096 * MIB, &session, &error), OSPREY_OK);
    for (size_t round = 0; round < 2; round++) {
        embed_images(session, embeddings);
        assert_int_equal(osprey_session_get_info(session).read_bytes,
                         session->image.plan->weight_bytes);
    }
    osprey_session_free(session);
    osprey_model_free(model);
    free(embeddings);
}

static void test_a_warm_run_allocates_nothing(void **state)
{
    (void)state;
    osprey_error error;
    osprey_session *session;
    osprey_model *model = bundled_engine();
    float *embeddings = calloc(IMAGES, width * sizeof *embeddings);
    assert_int_equal(limited_session(model, tight_limit(model), &session, &error), OSPREY_OK);
    embed_images(session, embeddings);
    size_t allocations = 0;
    osprey__set_memory_hook(count_allocation, &allocations);
    embed_images(session, embeddings);
    osprey__set_memory_hook(NULL, NULL);
    assert_int_equal(allocations, 0);
    osprey_session_free(session);
    osprey_model_free(model);
    free(embeddings);
}

static void test_what_cannot_be_limited(void **state)
{
    (void)state;
    osprey_error error;
    osprey_session *session;
    osprey_model *model = open_model(golden_model(SMALL));
    assert_int_equal(limited_session(model, 1024 * MIB, &session, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "needs an engine"));
    osprey_model_free(model);

    /* Weights packed for another packing, which this machine packs anew. */
    const osprey_engine_options options = {.portable = true};
    const char *path = in_directory("foreign.osprey");
    size_t length;
    compile_golden(SMALL, &options, path);
    uint8_t *bytes = read_bytes(path, &length);
    static const char key[] = "\"packing\": \"";
    uint8_t *at = memmem(bytes, length, key, sizeof key - 1);
    assert_non_null(at);
    at[sizeof key - 1] ^= 1;
    engine_seal(bytes, length);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    free(bytes);
    model = open_model(path);
    assert_int_equal(limited_session(model, 1024 * MIB, &session, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "packed anew"));
    osprey_model_free(model);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = bundled_engine();
    osprey_status status = OSPREY_OUT_OF_MEMORY;
    for (size_t n = 0; status != OSPREY_OK; n++) {
        osprey_session *session = NULL;
        size_t left = n;
        osprey__set_memory_hook(fail_at, &left);
        status = limited_session(model, 4096 * MIB, &session, &error);
        osprey__set_memory_hook(NULL, NULL);
        assert_true(status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY);
        assert_int_equal(session != NULL, status == OSPREY_OK);
        osprey_session_free(session);
    }
    osprey_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_are_the_same_in_less_memory),
        cmocka_unit_test(test_towers_take_turns),
        cmocka_unit_test(test_a_wide_limit_reads_once),
        cmocka_unit_test(test_a_warm_run_allocates_nothing),
        cmocka_unit_test(test_what_cannot_be_limited),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_engine, remove_engine);
}
