/* SPDX-License-Identifier: Apache-2.0 */
/* --precision, --keep, and what compile --verify holds them against. */
#include "cmocka_all.h"
#include "hostile_model.h"
#include "kernels/kernel_table.h"
#include "run_cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLAMED "vision_model.encoder.layers.0.mlp.fc2.weight"
#define KEEP   "--keep '" BLAMED "=bf16'"

/* A model whose layer BLAMED cannot be quantised; made at the first call. */
static const char *hostile(void)
{
    static char path[512];
    if (path[0]) return path;
    snprintf(path, sizeof path, "%s", temporary_path("hostile"));
    copy_model(MODEL, path);
    make_hostile(path, "vision_model.encoder.layers.0.mlp");
    return path;
}

static void assert_absent(const char *path)
{
    assert_int_not_equal(access(path, F_OK), 0);
}

static json_t *inspect(const char *engine)
{
    cli_run run = run_cli("inspect", "-m", engine, "--json");
    assert_int_equal(run.code, 0);
    json_t *facts = cli_json_line(&run, 0);
    json_t *found = json_incref(json_object_get(facts, "engine"));
    json_decref(facts);
    cli_run_free(&run);
    assert_non_null(found);
    return found;
}

static cli_run succeed(cli_run run)
{
    if (run.code != 0) fail_msg("exit code %d: %s", run.code, run.err);
    return run;
}

/* The embedding that a run printed; freed by the caller. */
static float *embedding_of(cli_run run, size_t *count)
{
    json_t *line = cli_json_line(&run, 0);
    const json_t *list = json_object_get(line, "embedding");
    *count = json_array_size(list);
    assert_true(*count > 0);
    float *values = calloc(*count, sizeof *values);
    for (size_t i = 0; i < *count; i++)
        values[i] = (float)json_number_value(json_array_get(list, i));
    json_decref(line);
    cli_run_free(&run);
    return values;
}

/* Each precision gives another embedding, all near fp32's; with and without the cache. */
static void test_precision_of_embed(void **state)
{
    (void)state;
    static const char *const precisions[] = {"fp32", "bf16", "fp16", "int8"};
    size_t count = 0, same;
    float *fp32 = embedding_of(succeed(run_cli("embed", "-m", MODEL, PICTURE)), &count);
    for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++) {
        cli_run cached =
            succeed(run_cli("embed", "-m", MODEL, "--precision", precisions[p], PICTURE));
        cli_run plain = succeed(
            run_cli("embed", "--no-cache", "-m", MODEL, "--precision", precisions[p], PICTURE));
        assert_string_equal(cached.out, plain.out);
        cli_run_free(&plain);
        float *values = embedding_of(cached, &same);
        double cosine = 0, difference = 0;
        assert_int_equal(same, count);
        for (size_t i = 0; i < count; i++) {
            cosine += (double)values[i] * (double)fp32[i];
            difference += fabs((double)values[i] - (double)fp32[i]);
        }
        assert_true(cosine > 0.995);
        assert_true(p == 0 ? difference == 0 : difference > 0);
        free(values);
    }
    free(fp32);
}

static void test_precision_of_classify(void **state)
{
    (void)state;
    cli_run fp32 = succeed(run_cli("classify", "-m", MODEL, "--labels", "a,b", "--json", PICTURE));
    cli_run int8 = succeed(run_cli("classify", "-m", MODEL, "--labels", "a,b", "--json",
                                   "--precision", "int8", PICTURE));
    assert_string_not_equal(fp32.out, int8.out);
    cli_run_free(&int8);
    int8 = succeed(run_cli_in((cli_surroundings){.variable = "OSPREY_PRECISION=fp32"}, "classify",
                              "-m", MODEL, "--labels", "a,b", "--json", PICTURE, NULL));
    assert_string_equal(fp32.out, int8.out);
    cli_run_free(&int8);
    cli_run_free(&fp32);
}

static void test_wrong_precisions(void **state)
{
    (void)state;
    const char *engine = temporary_path("wrong.osprey");
    static const char *const commands[] = {"classify", "embed", "bench", "compile"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        assert_cli_fails(run_cli(commands[i], "-m", MODEL, "--precision", "int16"), 2,
                         "\"int16\" is none of: fp32, bf16, fp16, int8, int4");
    assert_cli_fails(run_cli("inspect", "-m", MODEL, "--precision", "int8"), 2, "no such flag");
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--keep", "*=bf16", PICTURE), 2, "no such flag");
    static const char *const wrong[] = {"*.mlp.*", "*=int3", "=bf16", "*="};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--keep", wrong[i]), 2,
                         "PATTERN=PRECISION would be right");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--keep", "no.layer=bf16"), 2,
                     "--keep: \"no.layer=bf16\": fits no linear, convolution or table");
    /* The pattern's layer is in the other tower. */
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "text", "--keep",
                             "vision_model.*=bf16"),
                     2, "fits no linear, convolution or table");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "text", "--precision",
                             "int8", "--keep", "*token_embedding*=int4"),
                     2, "tables know fp32 and fp16");
    assert_absent(engine);

    cli_run run = succeed(run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8"));
    cli_run_free(&run);
    static const char *const others[] = {"fp32", "bf16"};
    for (size_t i = 0; i < 2; i++)
        assert_cli_fails(run_cli("embed", "-m", engine, "--precision", others[i], PICTURE), 2,
                         "is an engine in int8, which cannot be run in");
    assert_cli_fails(run_cli_in((cli_surroundings){.variable = "OSPREY_PRECISION=fp32"}, "bench",
                                "-m", engine, NULL),
                     2, "is an engine in int8, which cannot be run in fp32");
    run = succeed(run_cli("embed", "-m", engine, "--precision", "int8", PICTURE));
    cli_run_free(&run);
}

/* Who takes fp16 for speed is told where it is storage, when compiling and later. */
static void test_fp16_may_be_storage(void **state)
{
    (void)state;
    const osprey__cpu_features *cpu;
    assert_int_equal(osprey__cpu_features_get(&cpu, NULL), OSPREY_OK);
    osprey_precision half =
        osprey__kernels_factors(osprey__kernels_for(cpu->level), OSPREY_PRECISION_FP16);
    const char *engine = temporary_path("half.osprey");
    static const char *const precisions[] = {"fp32", "bf16", "fp16"};
    const char *const factors[] = {"fp32", "bf16", osprey_precision_name(half)};
    for (size_t i = 0; i < 3; i++) {
        cli_run run =
            succeed(run_cli("compile", "-m", MODEL, "-o", engine, "--precision", precisions[i]));
        assert_int_equal(strstr(run.out, "fp16 (storage only: products are fp32)") != NULL,
                         i == 2 && half == OSPREY_PRECISION_FP32);
        cli_run_free(&run);
        json_t *facts = inspect(engine);
        assert_string_equal(json_string_value(json_object_get(facts, "factors")), factors[i]);
        json_decref(facts);
    }
}

#define KEEP_8                                                                                     \
    "--keep=*=bf16", "--keep=*=bf16", "--keep=*=bf16", "--keep=*=bf16", "--keep=*=bf16",           \
        "--keep=*=bf16", "--keep=*=bf16", "--keep=*=bf16"
#define KEEP_64 KEEP_8, KEEP_8, KEEP_8, KEEP_8, KEEP_8, KEEP_8, KEEP_8, KEEP_8

static void test_too_many_exceptions(void **state)
{
    (void)state;
    const char *engine = temporary_path("many.osprey");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, KEEP_64, "--keep=*=bf16"), 2,
                     "65 exceptions; at most 64 would be right");
    assert_absent(engine);
    cli_run run = succeed(run_cli("compile", "-m", MODEL, "-o", engine, KEEP_64));
    cli_run_free(&run);
    json_t *facts = inspect(engine);
    assert_int_equal(json_array_size(json_object_get(facts, "keep")), 64);
    json_decref(facts);
}

static void test_exceptions_are_kept(void **state)
{
    (void)state;
    const char *engine = temporary_path("kept.osprey");
    cli_run run = succeed(run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8",
                                  "--keep", "*.mlp.*=fp32", "--keep", "visual_projection*=fp32"));
    assert_non_null(strstr(run.out, " MiB, int8 with --keep '*.mlp.*=fp32' --keep "
                                    "'visual_projection*=fp32', for "));
    cli_run_free(&run);
    json_t *facts = inspect(engine);
    assert_string_equal(json_string_value(json_object_get(facts, "precision")), "int8");
    const json_t *keep = json_object_get(facts, "keep");
    assert_int_equal(json_array_size(keep), 2);
    assert_string_equal(json_string_value(json_array_get(keep, 0)), "*.mlp.*=fp32");
    assert_null(json_object_get(facts, "precision_report"));
    json_decref(facts);
    run = succeed(run_cli("inspect", "-m", engine));
    assert_non_null(strstr(run.out, "keep\n    *.mlp.*=fp32\n    visual_projection*=fp32\n"));
    cli_run_free(&run);
    run = succeed(run_cli("embed", "-m", engine, PICTURE));
    cli_run_free(&run);
}

static void test_verify(void **state)
{
    (void)state;
    const char *engine = temporary_path("verified.osprey");
    /* A directory, a file, and what stands besides, as a shell makes it of photos/\*.png. */
    cli_run run = succeed(run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8",
                                  "--verify", PICTURE, "--verify", PICTURE, PICTURE));
    assert_non_null(strstr(run.out, "int8 beside fp32; the least cosine should be 0.995"));
    assert_non_null(strstr(run.out, "of 3 images"));
    assert_non_null(strstr(run.out, "of 80 prompts"));
    assert_non_null(strstr(run.out, "  int8      text_model.encoder.layers."));
    assert_non_null(strstr(run.out, "verified.osprey: "));
    assert_null(strstr(run.out, "kept"));
    assert_int_equal(cli_line_count(&run), 3 + 1 + 10 + 3);
    cli_run_free(&run);
    json_t *facts = inspect(engine);
    const json_t *report = json_object_get(facts, "precision_report");
    assert_true(fabs(json_number_value(json_object_get(report, "limit")) - 0.995) < 1e-12);
    assert_true(json_is_false(json_object_get(report, "forced")));
    const json_t *image = json_object_get(report, "image"), *text = json_object_get(report, "text");
    assert_int_equal(json_integer_value(json_object_get(image, "images")), 3);
    assert_int_equal(json_integer_value(json_object_get(text, "prompts")), 80);
    double least = json_number_value(json_object_get(image, "least_cosine"));
    assert_true(least > 0.995 && least < 1);
    assert_true(json_number_value(json_object_get(image, "mean_cosine")) >= least);
    json_decref(facts);
    run = succeed(run_cli("inspect", "-m", engine));
    assert_non_null(strstr(run.out, "precision_report"));
    assert_non_null(strstr(run.out, "least_cosine"));
    cli_run_free(&run);

    /* A list on standard input. */
    run = succeed(run_cli_in((cli_surroundings){.input = PICTURE "\n"}, "compile", "-m", MODEL,
                             "-o", engine, "--tower", "image", "--verify", "-", NULL));
    assert_non_null(strstr(run.out, "fp32 beside fp32; the least cosine should be 0.99999"));
    assert_non_null(strstr(run.out, "least cosine 1.000000, mean 1.000000, of 1 image\n"));
    assert_null(strstr(run.out, "prompts"));
    assert_non_null(strstr(run.out, "no layer differs from fp32"));
    assert_null(strstr(run.out, "own cosine"));
    cli_run_free(&run);
    char list[512];
    write_text(temporary_path("pictures.txt"), PICTURE "\n" PICTURE "\n");
    snprintf(list, sizeof list, "@%s", temporary_path("pictures.txt"));
    run = succeed(
        run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "image", "--verify", list));
    assert_non_null(strstr(run.out, "of 2 images"));
    cli_run_free(&run);
}

static void test_limit(void **state)
{
    (void)state;
    const char *engine = temporary_path("limit.osprey");
    static const char *const precisions[] = {"int8", "int4"};
    for (size_t i = 0; i < 2; i++) {
        const char *precision = precisions[i];
        cli_run run = run_cli("compile", "-m", hostile(), "-o", engine, "--precision", precision,
                              "--verify", PICTURE);
        assert_non_null(strstr(run.out, "least cosine"));
        assert_non_null(strstr(run.err, "the image tower's least cosine with fp32 is "));
        assert_non_null(strstr(run.err, "the layer to keep first is " KEEP));
        assert_cli_fails(run, 1, "--force");
        assert_absent(engine);

        run = succeed(run_cli("compile", "-m", hostile(), "-o", engine, "--precision", precision,
                              "--verify", PICTURE, "--keep", BLAMED "=bf16"));
        cli_run_free(&run);
        assert_int_equal(unlink(engine), 0);

        run = succeed(run_cli("compile", "-m", hostile(), "-o", engine, "--precision", precision,
                              "--verify", PICTURE, "--auto-keep"));
        assert_non_null(strstr(run.out, "kept to reach the limit: " KEEP "\n"));
        cli_run_free(&run);
        json_t *facts = inspect(engine);
        const json_t *keep = json_object_get(facts, "keep");
        assert_int_equal(json_array_size(keep), 1);
        assert_string_equal(json_string_value(json_array_get(keep, 0)), BLAMED "=bf16");
        const json_t *report = json_object_get(facts, "precision_report");
        assert_true(json_is_false(json_object_get(report, "forced")));
        json_decref(facts);
        assert_int_equal(unlink(engine), 0);

        run = succeed(run_cli("compile", "-m", hostile(), "-o", engine, "--precision", precision,
                              "--verify", PICTURE, "--force"));
        assert_string_equal(run.err, "");
        cli_run_free(&run);
        facts = inspect(engine);
        report = json_object_get(facts, "precision_report");
        assert_true(json_is_true(json_object_get(report, "forced")));
        assert_null(json_object_get(facts, "keep"));
        json_decref(facts);
        assert_int_equal(unlink(engine), 0);
    }
    cli_run run =
        run_cli("compile", "-m", hostile(), "-o", engine, "--keep", "*=int4", "--verify", PICTURE);
    assert_non_null(strstr(run.out, "fp32 with --keep '*=int4' beside fp32; the least cosine "));
    assert_non_null(strstr(run.err, "fp32 with --keep '*=int4': the "));
    assert_non_null(strstr(run.err, "=fp32' (--auto-keep finds all"));
    assert_cli_fails(run, 1, "the layer to keep first is ");
    assert_absent(engine);
    run = succeed(run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8", "--verify",
                          PICTURE, "--auto-keep"));
    assert_non_null(strstr(run.out, "kept to reach the limit: nothing\n"));
    cli_run_free(&run);
    assert_int_equal(unlink(engine), 0);
}

static void test_wrong_verifications(void **state)
{
    (void)state;
    const char *engine = temporary_path("none.osprey"), *text = temporary_path("text.png");
    const char *missing = temporary_path("missing.png");
    write_text(text, "this is no picture");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--verify", text), 1,
                     "text.png");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--verify", PICTURE, text), 1,
                     "text.png");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--verify", missing), 1,
                     "missing.png");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--verify", hostile()), 1,
                     "there is no .jpg, .jpeg, .png or .webp in it");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--verify", "-"), 2,
                     "no images");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--verify"), 2, "needs a value");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--auto-keep"), 2,
                     "--auto-keep says nothing without --verify");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--force"), 2,
                     "--force says nothing without --verify");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--verify", PICTURE, "--keep",
                             "no.layer=bf16"),
                     2, "fits no linear, convolution or table");
    assert_cli_fails(run_cli("inspect", "-m", MODEL, "--auto-keep"), 2, "no such flag");
    assert_absent(engine);
    cli_run run = succeed(run_cli("compile", "-m", MODEL, "-o", engine));
    cli_run_free(&run);
    assert_cli_fails(
        run_cli("compile", "-m", engine, "-o", temporary_path("again.osprey"), "--verify", PICTURE),
        2, "is an engine already");
    assert_absent(temporary_path("again.osprey"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precision_of_embed),
        cmocka_unit_test(test_precision_of_classify),
        cmocka_unit_test(test_wrong_precisions),
        cmocka_unit_test(test_fp16_may_be_storage),
        cmocka_unit_test(test_too_many_exceptions),
        cmocka_unit_test(test_exceptions_are_kept),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_wrong_verifications),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
