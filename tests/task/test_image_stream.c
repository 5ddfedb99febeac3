/* SPDX-License-Identifier: Apache-2.0 */
/* The image stream: order, bad files, an early end, failing memory. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "task/solid_png.h"

#include <osprey/task.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILES 30
#define SIDE  4
#define ELEMS (3 * SIDE * SIDE)

static char folder[] = "/tmp/osprey-stream-XXXXXX";
static char names[FILES][64];
static const char *paths[FILES]; /* file i is a picture of grey i */

/* The pixels that the model gets are the picture's own values. */
static const osprey_preprocessing plain = {
    .resize = OSPREY_RESIZE_EXACT,
    .resize_height = SIDE,
    .resize_width = SIDE,
    .resample = OSPREY_RESAMPLE_BILINEAR,
    .crop_height = SIDE,
    .crop_width = SIDE,
};

static int make_pictures(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    for (size_t i = 0; i < FILES; i++) {
        snprintf(names[i], sizeof names[i], "%s/%zu.png", folder, i);
        write_solid_png(names[i], (uint8_t)i);
        paths[i] = names[i];
    }
    return 0;
}

static int remove_pictures(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) unlink(names[i]);
    return rmdir(folder);
}

static osprey_image_stream *open_stream(const char *const *files, size_t count, size_t batch,
                                        size_t threads, bool in_turns)
{
    osprey_image_stream_options options = {.paths = files,
                                           .path_count = count,
                                           .preprocessing = &plain,
                                           .batch = batch,
                                           .threads = threads,
                                           .in_turns = in_turns};
    osprey_image_stream *stream = NULL;
    osprey_error error;
    assert_int_equal(osprey_image_stream_create(&options, &stream, &error), OSPREY_OK);
    return stream;
}

static void assert_grey(const float *pixels, size_t grey)
{
    for (size_t i = 0; i < ELEMS; i++) assert_true(pixels[i] == (float)grey);
}

static void read_in_order(size_t batch, size_t threads, bool in_turns)
{
    osprey_image_stream *stream = open_stream(paths, FILES, batch, threads, in_turns);
    osprey_image_batch got;
    size_t seen = 0;
    while (osprey_image_stream_next(stream, &got)) {
        assert_int_equal(got.first, seen);
        assert_int_equal(got.count, FILES - seen < batch ? FILES - seen : batch);
        assert_int_equal(got.good, got.count);
        for (size_t i = 0; i < got.count; i++) {
            assert_int_equal(got.errors[i].status, OSPREY_OK);
            assert_grey(got.pixels + i * ELEMS, seen + i);
        }
        seen += got.count;
    }
    assert_int_equal(seen, FILES);
    assert_int_equal(got.count, 0);
    assert_false(osprey_image_stream_next(stream, &got));
    osprey_image_stream_free(stream);
}

static void test_order(void **state)
{
    (void)state;
    for (int in_turns = 0; in_turns < 2; in_turns++) {
        read_in_order(1, 1, in_turns);
        read_in_order(1, 8, in_turns);
        read_in_order(4, 1, in_turns);
        read_in_order(7, 3, in_turns);
        read_in_order(FILES, 2, in_turns);
        read_in_order(8, 200, in_turns);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    osprey_image_stream *stream = open_stream(paths, FILES, 0, 0, false);
    osprey_image_batch got;
    assert_true(osprey_image_stream_next(stream, &got));
    assert_int_equal(got.count, 8);
    osprey_image_stream_free(stream);
}

static void test_bad_files_take_their_place(void **state)
{
    (void)state;
    char garbage[80];
    snprintf(garbage, sizeof garbage, "%s/garbage.png", folder);
    FILE *file = fopen(garbage, "w");
    assert_non_null(file);
    fputs("no picture", file);
    fclose(file);
    const char *mixed[] = {
        paths[5], garbage, "/nonexistent.jpg", paths[6], paths[7], garbage, garbage, garbage,
        garbage,  paths[8]};
    osprey_image_stream *stream = open_stream(mixed, 10, 5, 3, false);
    osprey_image_batch got;

    assert_true(osprey_image_stream_next(stream, &got));
    assert_int_equal(got.good, 3);
    for (size_t i = 0; i < 3; i++) assert_grey(got.pixels + i * ELEMS, 5 + i);
    assert_int_equal(got.errors[0].status, OSPREY_OK);
    assert_int_not_equal(got.errors[1].status, OSPREY_OK);
    assert_string_equal(got.errors[1].subject, garbage);
    assert_int_equal(got.errors[2].status, OSPREY_NOT_FOUND);
    assert_string_equal(got.errors[2].subject, "/nonexistent.jpg");
    assert_int_equal(got.errors[4].status, OSPREY_OK);

    assert_true(osprey_image_stream_next(stream, &got));
    assert_int_equal(got.good, 1);
    assert_grey(got.pixels, 8);
    assert_false(osprey_image_stream_next(stream, &got));
    osprey_image_stream_free(stream);

    stream = open_stream(mixed + 5, 4, 4, 2, false);
    assert_true(osprey_image_stream_next(stream, &got));
    assert_int_equal(got.count, 4);
    assert_int_equal(got.good, 0);
    osprey_image_stream_free(stream);
    unlink(garbage);
}

static void assert_next_is(osprey_image_stream *stream, size_t grey)
{
    osprey_image_batch got;
    assert_true(osprey_image_stream_next(stream, &got));
    assert_int_equal(got.good, 1);
    assert_grey(got.pixels, grey);
}

/* A decoder that began an image too early would find a pipe and wait for what comes through it. */
static bool someone_reads(const char *pipe)
{
    struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};
    nanosleep(&moment, NULL);
    int end = open(pipe, O_WRONLY | O_NONBLOCK);
    if (end < 0) return false;
    close(end);
    return true;
}

static void test_turns(void **state)
{
    (void)state;
    char pipe[80];
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    const char *files[] = {paths[0], paths[1], paths[2], pipe, paths[4], paths[5], paths[6]};
    osprey_image_stream_options options = {.paths = files,
                                           .path_count = 7,
                                           .preprocessing = &plain,
                                           .batch = 1,
                                           .threads = 1,
                                           .in_turns = true};
    osprey_image_stream *stream = NULL;
    osprey_error error;
    assert_int_equal(osprey_image_stream_create(&options, &stream, &error), OSPREY_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_next_is(stream, i);
        assert_false(someone_reads(pipe));
    }
    unlink(pipe);
    write_solid_png(pipe, 3);
    for (size_t i = 3; i < 7; i++) assert_next_is(stream, i);
    osprey_image_stream_free(stream);
    unlink(pipe);
}

static void test_no_files(void **state)
{
    (void)state;
    osprey_image_stream *stream = open_stream(NULL, 0, 3, 2, false);
    osprey_image_batch got;
    assert_false(osprey_image_stream_next(stream, &got));
    osprey_image_stream_free(stream);
    osprey_image_stream_free(NULL);
}

static void test_early_free(void **state)
{
    (void)state;
    osprey_image_batch got;
    for (size_t round = 0; round < 20; round++) {
        osprey_image_stream *stream =
            open_stream(paths, FILES, 1 + round % 3, 1 + round % 5, round % 2);
        for (size_t i = 0; i < round % 4; i++) assert_true(osprey_image_stream_next(stream, &got));
        osprey_image_stream_free(stream);
    }
}

static void test_impossible_size(void **state)
{
    (void)state;
    osprey_preprocessing huge = plain;
    huge.crop_height = huge.crop_width = SIZE_MAX / 2;
    osprey_image_stream_options options = {
        .paths = paths, .path_count = FILES, .preprocessing = &huge};
    osprey_image_stream *stream = NULL;
    osprey_error error;
    assert_int_equal(osprey_image_stream_create(&options, &stream, &error), OSPREY_LIMIT);
    assert_null(stream);
    options.preprocessing = &plain;
    options.threads = 257;
    assert_int_equal(osprey_image_stream_create(&options, &stream, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "threads");
    assert_null(stream);
}

/* Fails the allocation before which `left` others were made, in whichever thread. */
static bool fail_when_used_up(size_t bytes, void *context)
{
    (void)bytes;
    atomic_int *left = context;
    return atomic_fetch_sub(left, 1) != 0;
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    osprey_image_stream_options options = {
        .paths = paths, .path_count = FILES, .preprocessing = &plain, .batch = 4, .threads = 2};
    bool failed = false, succeeded = false;
    for (int after = 0; after < 40; after++) {
        atomic_int left = after;
        osprey_image_stream *stream = NULL;
        osprey_error error;
        osprey__set_memory_hook(fail_when_used_up, &left);
        osprey_status status = osprey_image_stream_create(&options, &stream, &error);
        osprey_image_batch got;
        size_t bad = 0;
        while (status == OSPREY_OK && osprey_image_stream_next(stream, &got))
            bad += got.count - got.good;
        osprey_image_stream_free(stream);
        osprey__set_memory_hook(NULL, NULL);
        if (status == OSPREY_OK) {
            succeeded = true;
            assert_true(bad <= 1);
        } else {
            failed = true;
            assert_int_equal(status, OSPREY_OUT_OF_MEMORY);
            assert_null(stream);
        }
    }
    assert_true(failed && succeeded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),           cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_turns),           cmocka_unit_test(test_bad_files_take_their_place),
        cmocka_unit_test(test_no_files),        cmocka_unit_test(test_early_free),
        cmocka_unit_test(test_impossible_size), cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, make_pictures, remove_pictures);
}
