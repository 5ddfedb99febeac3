/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine whose weights are not as they were written gives no result: the first run of a tower
 * finds it, and each later one. The model is the bundled one, whose weights are many pieces.
 */
#include "base/checksum.h"
#include "base/os/resident.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "session/session_data.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUNDLED OSPREY_SOURCE_DIR "/models/osprey-mini"
#define ROOM    ((size_t)64 << 20) /* in which its image tower's weights do not stay */

static const char *engine_path(void)
{
    return in_directory("bundled.osprey");
}

static int make_engine(void **state)
{
    osprey_error error;
    if (make_directory(state) != 0) return -1;
    osprey_model *model = open_model(BUNDLED);
    osprey_status status = osprey_engine_compile(model, NULL, engine_path(), &error);
    osprey_model_free(model);
    return status == OSPREY_OK ? 0 : -1;
}

/* Changes a bit of the byte at that place from the section's beginning; doing it again mends it. */
static void alter(const char *section, size_t place)
{
    osprey_error error;
    osprey__engine_file file;
    assert_int_equal(osprey__engine_file_open(engine_path(), &file, &error), OSPREY_OK);
    const osprey__engine_section *found = osprey__engine_file_find(&file, section);
    assert_non_null(found);
    const size_t at = (size_t)(found->bytes - (const uint8_t *)file.map.bytes) + place;
    assert_true(at < file.map.length);
    const int byte = found->bytes[place];
    osprey__engine_file_close(&file);
    FILE *stream = fopen(engine_path(), "r+b");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, (long)at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 4, stream), byte ^ 4);
    assert_int_equal(fclose(stream), 0);
}

static size_t section_bytes(const char *section)
{
    osprey_error error;
    osprey__engine_file file;
    assert_int_equal(osprey__engine_file_open(engine_path(), &file, &error), OSPREY_OK);
    const size_t length = osprey__engine_file_find(&file, section)->length;
    osprey__engine_file_close(&file);
    return length;
}

static osprey_status embed(osprey_session *session, osprey_tower tower, float *embedding,
                           osprey_error *error)
{
    static const char *const text = "a photo of a cat";
    const osprey_model_info *info = osprey_model_get_info(osprey_session_get_model(session));
    if (tower == OSPREY_TOWER_TEXT)
        return osprey_session_embed_texts(session, &text, 1, OSPREY_EMBED_RAW, embedding, error);
    float *pixels = calloc(osprey_preprocessing_floats(&info->preprocessing), sizeof *pixels);
    osprey_status status =
        osprey_session_embed_pixels(session, pixels, 1, OSPREY_EMBED_RAW, embedding, error);
    free(pixels);
    return status;
}

/* The tower's runs are refused for that section, or not for NULL; those of the other go on. */
static void assert_runs(osprey_tower tower, const char *damaged, bool limited)
{
    osprey_error error = {0};
    osprey_model *model = open_model(engine_path());
    float *embedding = calloc(osprey_model_get_info(model)->embed_dim, sizeof *embedding);
    const osprey_tower other = tower == OSPREY_TOWER_IMAGE ? OSPREY_TOWER_TEXT : OSPREY_TOWER_IMAGE;
    const osprey_session_options options = {
        .threads = 2, .max_resident_bytes = limited ? osprey__resident_bytes() + ROOM : 0};
    for (size_t sessions = 0; sessions < 2; sessions++) {
        osprey_session *session;
        assert_int_equal(osprey_session_create(model, &options, &session, &error), OSPREY_OK);
        for (size_t round = 0; round < 3; round++) {
            memset(embedding, 0, sizeof *embedding);
            osprey_status status = embed(session, tower, embedding, &error);
            assert_int_equal(status, damaged ? OSPREY_FORMAT : OSPREY_OK);
            if (damaged) {
                assert_string_equal(error.subject, engine_path());
                assert_non_null(strstr(error.message, damaged));
                assert_true(embedding[0] == 0);
            }
            assert_int_equal(embed(session, other, embedding, &error), OSPREY_OK);
        }
        osprey_session_free(session);
    }
    assert_int_equal(osprey_engine_verify(model, &error), damaged ? OSPREY_FORMAT : OSPREY_OK);
    free(embedding);
    osprey_model_free(model);
}

static void test_altered_weights_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *section;
        osprey_tower tower;
    } cases[] = {
        {"image.weights", OSPREY_TOWER_IMAGE},
        {"text.weights", OSPREY_TOWER_TEXT},
        {"text.constants", OSPREY_TOWER_TEXT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *section = cases[i].section;
        const size_t length = section_bytes(section);
        assert_true(length > 2 * OSPREY__CHECKSUM_PIECE);
        const size_t places[] = {0, length / 2, length - 1};
        for (size_t p = 0; p < 3; p++) {
            alter(section, places[p]);
            assert_runs(cases[i].tower, section, p == 1);
            alter(section, places[p]);
        }
        assert_runs(cases[i].tower, NULL, true);
        assert_runs(cases[i].tower, NULL, false);
    }
}

/* A tower's first run is enough, for all sessions of the model. */
static void test_verified_once(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = open_model(engine_path());
    float *embedding = calloc(osprey_model_get_info(model)->embed_dim, sizeof *embedding);
    osprey_session *session = open_session(model, OSPREY_TOWER_BOTH);
    assert_false(atomic_load(session->image.is_verified));
    assert_int_equal(embed(session, OSPREY_TOWER_IMAGE, embedding, &error), OSPREY_OK);
    assert_true(atomic_load(session->image.is_verified));
    assert_false(atomic_load(session->text.is_verified));
    osprey_session_free(session);
    session = open_session(model, OSPREY_TOWER_BOTH);
    assert_true(atomic_load(session->image.is_verified));
    osprey_session_free(session);
    osprey_model_free(model);
    free(embedding);
}

/* What is no weights is checked when the engine is opened. */
static void test_other_sections_are_checked_at_once(void **state)
{
    (void)state;
    static const char *const sections[] = {"manifest", "tokenizer", "image.graph", "text.graph"};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        osprey_error error;
        osprey_model *model;
        alter(sections[i], section_bytes(sections[i]) / 2);
        assert_int_equal(osprey_model_open(engine_path(), &model, &error), OSPREY_FORMAT);
        assert_null(model);
        assert_non_null(strstr(error.message, sections[i]));
        alter(sections[i], section_bytes(sections[i]) / 2);
    }
}

/* No result depends on what lies between two sections; whoever asks for every byte is told. */
static void test_bytes_between_sections_are_verified(void **state)
{
    (void)state;
    osprey_error error;
    const size_t behind = section_bytes("image.graph");
    assert_true(behind % OSPREY__ENGINE_PAGE != 0);
    alter("image.graph", behind);
    osprey_model *model = open_model(engine_path());
    assert_int_equal(osprey_engine_verify(model, &error), OSPREY_FORMAT);
    assert_string_equal(error.subject, engine_path());
    assert_non_null(strstr(error.message, "not zero"));
    alter("image.graph", behind);
    assert_int_equal(osprey_engine_verify(model, &error), OSPREY_OK);
    osprey_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_altered_weights_are_refused),
        cmocka_unit_test(test_verified_once),
        cmocka_unit_test(test_other_sections_are_checked_at_once),
        cmocka_unit_test(test_bytes_between_sections_are_verified),
    };
    return cmocka_run_group_tests(tests, make_engine, remove_directory);
}
