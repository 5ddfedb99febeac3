/* SPDX-License-Identifier: Apache-2.0 */
/* osprey embed, preprocess and tokenize, against the published libraries' results for the tiny
 * models; hostile .npy files. */
#include "cli/run_cli.h"
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "/golden/models/"

static const char *const models[] = {
    OSPREY_TEST_DIR GOLDEN "hf-vit-p32-quickgelu",
    OSPREY_TEST_DIR GOLDEN "openclip-rn",
    OSPREY_TEST_DIR GOLDEN "hf-siglip2-naflex",
};

#define MODELS (sizeof models / sizeof *models)

static const char *beside(const char *model, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", model, name);
    return path;
}

static void assert_same_npy(const char *path, const char *model, const char *name, float tolerance)
{
    npy_file got = load_npy(path), expected = load_npy(beside(model, name));
    size_t dict_bytes = strcspn(expected.header, "}") + 1;
    assert_int_equal(strncmp(got.header, expected.header, dict_bytes), 0);
    assert_int_equal(got.count, expected.count);
    assert_close(got.values, expected.values, expected.count, tolerance);
    npy_free(&got);
    npy_free(&expected);
}

static void test_pixels(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        const char *out = temporary_path("pixels-out.npy");
        cli_run run = run_cli("embed", "-m", models[i], "--pixels", beside(models[i], "pixels.npy"),
                              "--format", "npy", "-o", out, "--batch", "2");
        assert_int_equal(run.code, 0);
        assert_string_equal(run.out, "");
        cli_run_free(&run);
        assert_same_npy(out, models[i], "image_embeds.npy", 1e-5f);
        run = run_cli("embed", "-m", models[i], "--pixels", beside(models[i], "pixels.npy"),
                      "--format", "npy", "-o", out, "--raw");
        cli_run_free(&run);
        assert_same_npy(out, models[i], "image_embeds_raw.npy", 1e-4f);
    }
}

/* The golden texts as a file of lines. */
static json_t *golden_texts(const char *model, const char *path)
{
    json_error_t reason;
    json_t *expected = json_load_file(beside(model, "expected.json"), 0, &reason);
    assert_non_null(expected);
    json_t *texts = json_incref(json_object_get(expected, "texts"));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < json_array_size(texts); i++)
        fprintf(file, "%s\n", json_string_value(json_object_get(json_array_get(texts, i), "text")));
    fclose(file);
    json_decref(expected);
    return texts;
}

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        char at_texts[300];
        const char *out = temporary_path("texts-out.npy"), *lines = temporary_path("texts.txt");
        json_decref(golden_texts(models[i], lines));
        snprintf(at_texts, sizeof at_texts, "@%s", lines);
        cli_run run =
            run_cli("embed", "-m", models[i], "--texts", at_texts, "--format=npy", "-o", out);
        assert_int_equal(run.code, 0);
        cli_run_free(&run);
        assert_same_npy(out, models[i], "text_embeds.npy", 1e-5f);
        run = run_cli("embed", "-m", models[i], "--texts", at_texts, "--format=npy", "-o", out,
                      "--raw");
        cli_run_free(&run);
        assert_same_npy(out, models[i], "text_embeds_raw.npy", 1e-4f);
    }
}

static void test_two_texts_to_npy(void **state)
{
    (void)state;
    const char *out = temporary_path("two.npy");
    cli_run run = run_cli("embed", "-m", MODEL, "--text", "a dog", "--text", "a cat", "--format",
                          "npy", "-o", out);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    npy_file npy = load_npy(out);
    size_t dim = npy.count / 2;
    char header[128];
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, %zu), }",
             dim);
    assert_int_equal(strncmp(npy.header, header, strlen(header)), 0);
    for (size_t i = 0; i < 2; i++) {
        double squares = 0;
        for (size_t d = 0; d < dim; d++)
            squares += (double)npy.values[i * dim + d] * (double)npy.values[i * dim + d];
        assert_true(fabs(squares - 1) < 1e-5);
    }
    /* The same to standard output. */
    run = run_cli("embed", "-m", MODEL, "--text=a dog", "--text=a cat", "--format=npy");
    size_t length;
    char *file = read_file(out, &length);
    assert_int_equal(run.out_bytes, length);
    assert_memory_equal(run.out, file, length);
    free(file);
    cli_run_free(&run);

    /* And as JSON, digit for digit, and CSV. */
    run = run_cli("embed", "-m", MODEL, "--text", "a dog", "--text", "a cat");
    json_t *line = cli_json_line(&run, 1);
    const json_t *embedding = json_object_get(line, "embedding");
    assert_string_equal(json_string_value(json_object_get(line, "text")), "a cat");
    assert_int_equal(json_array_size(embedding), dim);
    for (size_t d = 0; d < dim; d++)
        assert_true((float)json_number_value(json_array_get(embedding, d)) == npy.values[dim + d]);
    json_decref(line);
    cli_run_free(&run);
    run = run_cli("embed", "-m", MODEL, "--text", "a, b", "--format", "csv");
    assert_int_equal(cli_line_count(&run), 2);
    assert_int_equal(strncmp(run.out, "text,e0,e1,", 11), 0);
    assert_int_equal(strncmp(strchr(run.out, '\n') + 1, "\"a, b\",", 7), 0);
    cli_run_free(&run);
    npy_free(&npy);
}

static void test_preprocess(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        const char *out = temporary_path("preprocessed.npy");
        cli_run run = run_cli("preprocess", "-m", models[i], PICTURE, "-o", out);
        assert_int_equal(run.code, 0);
        cli_run_free(&run);
        /* A step of 1/255, divided by the deviation of about 0.26. */
        assert_same_npy(out, models[i], "preprocessed.npy", 0.016f);

        const char *by_pixels = temporary_path("a.npy"), *by_image = temporary_path("b.npy");
        run = run_cli("embed", "-m", models[i], "--pixels", out, "--format=npy", "-o", by_pixels);
        cli_run_free(&run);
        run = run_cli("embed", "-m", models[i], PICTURE, "--format=npy", "-o", by_image);
        cli_run_free(&run);
        npy_file a = load_npy(by_pixels), b = load_npy(by_image);
        assert_int_equal(a.count, b.count);
        assert_memory_equal(a.values, b.values, a.count * sizeof(float));
        npy_free(&a);
        npy_free(&b);
    }
}

static void test_bad_picture_keeps_its_row(void **state)
{
    (void)state;
    const char *out = temporary_path("rows.npy");
    cli_run run = run_cli("embed", "-m", MODEL, PICTURE, "/nonexistent.jpg", PICTURE, "--format",
                          "npy", "-o", out);
    assert_cli_fails(run, 1, "/nonexistent.jpg: cannot open it");
    npy_file npy = load_npy(out);
    size_t dim = npy.count / 3;
    for (size_t d = 0; d < dim; d++) assert_true(isnan(npy.values[dim + d]));
    assert_memory_equal(npy.values, npy.values + 2 * dim, dim * sizeof(float));
    assert_false(isnan(npy.values[0]));
    npy_free(&npy);

    run = run_cli("preprocess", "-m", MODEL, "/nonexistent.jpg", PICTURE, "-o", out);
    assert_cli_fails(run, 1, "/nonexistent.jpg");
    npy = load_npy(out);
    assert_true(isnan(npy.values[0]) && !isnan(npy.values[npy.count / 2]));
    npy_free(&npy);

    run = run_cli("embed", "-m", MODEL, "/nonexistent.jpg", PICTURE);
    assert_int_equal(run.code, 1);
    json_t *line = cli_json_line(&run, 0);
    assert_non_null(json_object_get(line, "error"));
    assert_null(json_object_get(line, "embedding"));
    json_decref(line);
    cli_run_free(&run);
}

static void test_tokenize(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        char at_texts[300];
        const char *lines = temporary_path("tokens.txt");
        json_t *texts = golden_texts(models[i], lines);
        snprintf(at_texts, sizeof at_texts, "@%s", lines);
        cli_run run = run_cli("tokenize", "-m", models[i], "--json", "--texts", at_texts);
        assert_int_equal(run.code, 0);
        assert_int_equal(cli_line_count(&run), json_array_size(texts));
        for (size_t t = 0; t < json_array_size(texts); t++) {
            const json_t *expected = json_array_get(texts, t);
            json_t *line = cli_json_line(&run, t);
            assert_true(
                json_equal(json_object_get(line, "text"), json_object_get(expected, "text")));
            assert_true(json_equal(json_object_get(line, "ids"), json_object_get(expected, "ids")));
            json_decref(line);
        }
        json_decref(texts);
        cli_run_free(&run);
    }
}

static void test_tokenize_forms(void **state)
{
    (void)state;
    cli_run named = run_cli("tokenize", "-m", MODEL, "--json", "a dog", "a cat");
    cli_run listed = run_cli_in((cli_surroundings){.input = "a dog\r\na cat"}, "tokenize", "-m",
                                MODEL, "--json", "-", NULL);
    assert_int_equal(named.code, 0);
    assert_string_equal(named.out, listed.out);
    assert_int_equal(strncmp(named.out, "{\"text\":\"a dog\",\"ids\":[", 23), 0);
    cli_run_free(&named);
    cli_run_free(&listed);

    cli_run run = run_cli("tokenize", "-m", MODEL, "--json", "dog \xff\xe6\x97");
    json_t *line = cli_json_line(&run, 0);
    assert_string_equal(json_string_value(json_object_get(line, "text")),
                        "dog \xef\xbf\xbd\xef\xbf\xbd");
    json_decref(line);
    cli_run_free(&run);

    run = run_cli("tokenize", "-m", MODEL, "dog");
    assert_int_equal(strspn(run.out, "0123456789 "), strlen(run.out) - 1);
    cli_run_free(&run);
}

/* A .npy of version 1 with this header and so many zero elements. */
static const char *make_npy(const char *header, size_t elements)
{
    static char block[1 << 20];
    size_t length = strlen(header);
    const char *path = temporary_path("made.npy");
    memset(block, 0, sizeof block);
    memcpy(block, "\x93NUMPY\x01\x00", 8);
    block[8] = (char)(length & 255);
    block[9] = (char)(length >> 8);
    memcpy(block + 10, header, length);
    write_file(path, block, 10 + length + elements * sizeof(float));
    return path;
}

static void assert_pixels_refused(const char *path, const char *reason)
{
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--pixels", path), 1, reason);
}

static void test_hostile_npy(void **state)
{
    (void)state;
#define HEADER(descr, order, shape)                                                                \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }\n"
    assert_pixels_refused("/nonexistent.npy", "/nonexistent.npy: cannot open it");
    assert_pixels_refused(PICTURE, "is not a NumPy .npy file");
    assert_pixels_refused("/dev/null", "is not a NumPy .npy file");
    assert_pixels_refused("/", "/: cannot read it: Is a directory");
    assert_pixels_refused(make_npy(HEADER("<f8", "False", "(1, 3, 32, 32)"), 3072 * 2),
                          "has to hold float32");
    assert_pixels_refused(make_npy(HEADER("<f4", "True", "(1, 3, 32, 32)"), 3072),
                          "in Fortran order");
    assert_pixels_refused(make_npy(HEADER("<f4", "False", "(1, 3, 5, 7)"), 105),
                          "its shape is [1,3,5,7], the model takes [N,3,");
    assert_pixels_refused(make_npy(HEADER("<f4", "False", "()"), 1), "its shape is []");
    assert_pixels_refused(make_npy(HEADER("<f4", "False", "(2, 3, 32, 32)"), 3072),
                          "its length does not fit");
    assert_pixels_refused(make_npy(HEADER("<f4", "False", "(4611686018427387904, 4)"), 0),
                          "its length does not fit");
    static const char *const malformed[] = {
        "",
        "{",
        "{'descr': '<f4'}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, -4, 4)}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}\n",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}\n",
        "{'descr': '<f4aaaaaaaaaaaaaaaaaaaaaaaaaa', 'fortran_order': False, 'shape': (1,)}\n",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (1,)}\n",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} and\n",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_pixels_refused(make_npy(malformed[i], 1), "is not a NumPy .npy file");
    write_file(temporary_path("cut.npy"), "\x93NUMPY\x01\x00\xff\xff{", 11);
    assert_pixels_refused(temporary_path("cut.npy"), "is not a NumPy .npy file");
    write_file(temporary_path("long.npy"), "\x93NUMPY\x02\x00\xff\xff\xff\xff{", 13);
    assert_pixels_refused(temporary_path("long.npy"), "is not a NumPy .npy file");
}

/* Two pictures in an .npy, of which the second has one pixel that is no number. */
static const char *make_half_bad_pixels(void)
{
    size_t length;
    const char *path = make_npy(HEADER("<f4", "False", "(2, 3, 64, 64)"), 2 * 3 * 64 * 64);
    float nan_pixel = NAN;
    char *block = read_file(path, &length);
    memcpy(block + length - sizeof nan_pixel, &nan_pixel, sizeof nan_pixel);
    write_file(path, block, length);
    free(block);
    return path;
}

static void test_pixels_that_are_not_numbers(void **state)
{
    (void)state;
    const char *path = make_half_bad_pixels(), *out = temporary_path("half.npy");
    static const char said[] = "made.npy: row 1 (from 0): has pixels that are NaN or infinite";
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--pixels", path, "--format=npy", "-o", out), 1,
                     said);
    npy_file npy = load_npy(out);
    for (size_t d = 0; d < npy.count; d++)
        assert_true(isnan(npy.values[d]) == (d >= npy.count / 2));
    npy_free(&npy);
    cli_run run = run_cli("embed", "-m", MODEL, "--pixels", path);
    json_t *line = cli_json_line(&run, 1);
    assert_non_null(json_object_get(line, "error"));
    assert_null(json_object_get(line, "embedding"));
    assert_int_equal(json_integer_value(json_object_get(line, "row")), 1);
    json_decref(line);
    assert_cli_fails(run, 1, said);
}

static void test_pixels_from_standard_input(void **state)
{
    (void)state;
    char command[1024];
    const char *pixels = beside(models[0], "pixels.npy"), *out = temporary_path("piped.csv");
    size_t length;
    snprintf(command, sizeof command, "cat %s | %s embed -m %s --pixels - --format csv >%s", pixels,
             OSPREY_CLI, models[0], out);
    assert_int_equal(system(command), 0);
    char *text = read_file(out, &length);
    assert_int_equal(strncmp(text, "input,row,e0,", 13), 0);
    assert_non_null(strstr(text, "\n-,0,"));
    assert_non_null(strstr(text, "\n-,1,"));
    free(text);
}

static void test_refused_pixels_write_nothing(void **state)
{
    (void)state;
    const char *out = temporary_path("never.npy");
    size_t length;
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--pixels",
                             make_npy(HEADER("<f4", "False", "(1, 3, 5, 7)"), 105), "--format=npy",
                             "-o", out),
                     1, "its shape is");
    assert_null(read_file(out, &length));
}

/* In another size other embeddings, also in the cache; an engine has the one that it has. */
static void test_image_size(void **state)
{
    (void)state;
    const char *engine = temporary_path("sized.osprey");
    cli_run own = run_cli("embed", "-m", MODEL, PICTURE);
    cli_run sized = run_cli("embed", "-m", MODEL, "--image-size", "96", PICTURE);
    cli_run again = run_cli("embed", "-m", MODEL, "--image-size", "64", PICTURE);
    assert_int_equal(own.code + sized.code + again.code, 0);
    assert_string_equal(own.out, again.out);
    assert_string_not_equal(own.out, sized.out);
    cli_run_free(&again);
    again = run_cli("compile", "-m", MODEL, "--image-size", "96", "-o", engine);
    assert_int_equal(again.code, 0);
    cli_run_free(&again);
    again = run_cli("embed", "-m", engine, PICTURE);
    assert_string_equal(again.out, sized.out);
    cli_run_free(&again);
    cli_run_free(&sized);
    cli_run_free(&own);
    assert_cli_fails(run_cli("embed", "-m", engine, "--image-size", "64", PICTURE), 2,
                     "is an engine for images of 96 x 96 pixels, not of 64");
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--image-size", "100", PICTURE), 2,
                     "image size: 100; a multiple of 32");
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--image-size", "0", PICTURE), 2,
                     "is not a whole number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_size),
        cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_two_texts_to_npy),
        cmocka_unit_test(test_preprocess),
        cmocka_unit_test(test_bad_picture_keeps_its_row),
        cmocka_unit_test(test_tokenize),
        cmocka_unit_test(test_tokenize_forms),
        cmocka_unit_test(test_hostile_npy),
        cmocka_unit_test(test_pixels_that_are_not_numbers),
        cmocka_unit_test(test_pixels_from_standard_input),
        cmocka_unit_test(test_refused_pixels_write_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
