/* SPDX-License-Identifier: Apache-2.0 */
/* osprey score: ratings by a head written here, by LAION's where they lie beside the project, and
 * heads and embeddings that do not fit. */
#include "cli/run_cli.h"
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMBEDDINGS MODEL "/image_embeds.npy"
#define LAION      OSPREY_TEST_DIR "/../../shared/data/aesthetic/"

/* A safetensors file of that header, and floats that count down from 1 in steps of 1/8. */
static const char *write_head(const char *name, const char *header, size_t floats)
{
    static char bytes[1 << 16];
    size_t length = strlen(header);
    memset(bytes, 0, 8);
    bytes[0] = (char)(length & 255);
    bytes[1] = (char)(length >> 8);
    memcpy(bytes + 8, header, length);
    for (size_t i = 0; i < floats; i++) {
        float value = 1.0f - (float)i / 8;
        memcpy(bytes + 8 + length + i * sizeof value, &value, sizeof value);
    }
    const char *path = temporary_path(name);
    write_file(path, bytes, 8 + length + floats * sizeof(float));
    return path;
}

/* A head with two outputs on the golden model's embeddings of `width` numbers. */
static const char *two_outputs(size_t width)
{
    char header[512];
    snprintf(header, sizeof header,
             "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2,%zu],\"data_offsets\":[0,%zu]},"
             "\"bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%zu,%zu]}}",
             width, 8 * width, 8 * width, 8 * width + 8);
    return write_head("head.safetensors", header, 2 * width + 2);
}

static size_t golden_width(const npy_file *golden)
{
    const char *shape = strstr(golden->header, "'shape': (");
    size_t rows = 0, width = 0;
    char *end;
    rows = strtoul(shape + strlen("'shape': ("), &end, 10);
    width = strtoul(end + 1, NULL, 10);
    assert_int_equal(rows * width, golden->count);
    return width;
}

static void test_scores_are_the_head_s(void **state)
{
    (void)state;
    npy_file golden = load_npy(EMBEDDINGS);
    size_t width = golden_width(&golden);
    const char *head = two_outputs(width);
    cli_run run = run_cli("score", "--head", head, "--embeddings", EMBEDDINGS, "--json");
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), golden.count / width);
    for (size_t row = 0; row < golden.count / width; row++) {
        json_t *line = cli_json_line(&run, row);
        for (size_t output = 0; output < 2; output++) {
            double sum = 1.0 - (double)(2 * width + output) / 8;
            for (size_t i = 0; i < width; i++)
                sum += (1.0 - (double)(output * width + i) / 8) *
                       (double)golden.values[row * width + i];
            json_t *scores = json_object_get(line, "scores");
            float got = (float)json_number_value(json_array_get(scores, output));
            float expected = (float)sum;
            assert_close(&got, &expected, 1, 1e-5f);
        }
        json_decref(line);
    }
    cli_run_free(&run);
    npy_free(&golden);
}

/* A picture is rated as its embedding is. */
static void test_pictures(void **state)
{
    (void)state;
    npy_file golden = load_npy(EMBEDDINGS);
    const char *head = two_outputs(golden_width(&golden));
    npy_free(&golden);
    const char *npy = temporary_path("picture.npy");
    cli_run run = run_cli("embed", "-m", MODEL, PICTURE, "--format", "npy", "-o", npy);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    cli_run from_file = run_cli("score", "--head", head, "--embeddings", npy, "--json");
    cli_run from_picture =
        run_cli("score", "--head", head, "-m", MODEL, PICTURE, "missing.jpg", "--json");
    assert_int_equal(from_file.code, 0);
    assert_int_equal(from_picture.code, 1);
    json_t *one = cli_json_line(&from_file, 0), *other = cli_json_line(&from_picture, 0);
    json_t *failed = cli_json_line(&from_picture, 1);
    assert_true(json_equal(json_object_get(one, "scores"), json_object_get(other, "scores")));
    assert_non_null(json_object_get(failed, "error"));
    json_decref(one);
    json_decref(other);
    json_decref(failed);
    cli_run_free(&from_file);
    cli_run_free(&from_picture);
}

/* As embed writes them for pictures that it cannot read. The others are rated. */
static void test_rows_that_are_not_finite(void **state)
{
    (void)state;
    npy_file golden = load_npy(EMBEDDINGS);
    const size_t width = golden_width(&golden), rows = golden.count / width;
    const char *head = two_outputs(width), *path = temporary_path("not_finite.npy");
    npy_free(&golden);
    size_t length;
    char *bytes = read_file(EMBEDDINGS, &length);
    const float nothing = NAN;
    memcpy(bytes + length - (rows - 1) * width * sizeof nothing, &nothing, sizeof nothing);
    write_file(path, bytes, length);
    free(bytes);
    cli_run run = run_cli("score", "--head", head, "--embeddings", path, "--json");
    assert_int_equal(cli_line_count(&run), rows);
    for (size_t row = 0; row < rows; row++) {
        json_t *line = cli_json_line(&run, row);
        assert_true((row == 1) == (json_object_get(line, "error") != NULL));
        assert_true((row == 1) != (json_object_get(line, "scores") != NULL));
        json_decref(line);
    }
    assert_cli_fails(run, 1, "not_finite.npy: row 1 (from 0): is no embedding");
    run = run_cli("score", "--head", head, "--embeddings", path);
    assert_int_equal(cli_line_count(&run), rows - 1);
    assert_cli_fails(run, 1, "NaN or infinite");
}

/* The mean embeddings of ratings 0 to 9 rise: the promise of LAION's predictors. */
static void test_laion_s_ratings_rise(void **state)
{
    (void)state;
    static const char *const heads[][2] = {
        {LAION "sa_0_4_vit_b_32_linear.pth", LAION "vit_b_32_embeddings"},
        {LAION "sa_0_4_vit_l_14_linear.pth", LAION "vit_l_14_embeddings"},
    };
    for (size_t h = 0; h < 2; h++) {
        size_t length;
        char *there = read_file(heads[h][0], &length);
        if (!there) {
            print_message("not run: %s is not there\n", heads[h][0]);
            skip();
        }
        free(there);
        double before = -1e30;
        for (int rating = 0; rating <= 9; rating++) {
            char path[512];
            snprintf(path, sizeof path, "%s/rating%d.npy", heads[h][1], rating);
            cli_run run = run_cli("score", "--head", heads[h][0], "--embeddings", path);
            assert_int_equal(run.code, 0);
            double score = strtod(run.out, NULL);
            assert_true(score > before);
            before = score;
            cli_run_free(&run);
        }
    }
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    const char *head = two_outputs(3);
    assert_cli_fails(run_cli("score", PICTURE), 2, "--head: name the file");
    assert_cli_fails(run_cli("score", "--head", "missing.pth", PICTURE), 3, "missing.pth");
    assert_cli_fails(run_cli("score", "--head", head, "-m", MODEL, PICTURE), 2,
                     "rates embeddings of 3 numbers");
    assert_cli_fails(run_cli("score", "--head", head, "--embeddings", EMBEDDINGS), 1,
                     "has to hold embeddings [N,3]");
    assert_cli_fails(run_cli("score", "--head", MODEL "/model.safetensors", PICTURE), 3,
                     "more than a linear head has");
    head = write_head("cube.safetensors",
                      "{\"w\":{\"dtype\":\"F32\",\"shape\":[1,1,1],\"data_offsets\":[0,4]}}", 1);
    assert_cli_fails(run_cli("score", "--head", head, PICTURE), 3, "tensor \"w\" is more than");
    head = write_head("bias.safetensors",
                      "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 1);
    assert_cli_fails(run_cli("score", "--head", head, PICTURE), 3, "it has no matrix");
    head = write_head("rows.safetensors",
                      "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                      "\"w\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[4,12]}}",
                      3);
    assert_cli_fails(run_cli("score", "--head", head, PICTURE), 3, "has 2 rows");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_the_head_s),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_rows_that_are_not_finite),
        cmocka_unit_test(test_laion_s_ratings_rise),
        cmocka_unit_test(test_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
