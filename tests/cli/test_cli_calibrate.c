/* SPDX-License-Identifier: Apache-2.0 */
/* compile --calibrate with all that hangs on it: static ranges, --prune by activation, and what
 * --verify says of static ranges; of a ResNet and of a ViT, both beside a text tower. */
#include "cmocka_all.h"
#include "run_cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESNET OSPREY_TEST_DIR "/golden/models/openclip-rn"
#define BERT   OSPREY_TEST_DIR "/golden/models/hf-bert-mean"
#define IMAGES OSPREY_TEST_DIR "/golden/images"
#define PHOTO  IMAGES "/411.jpg"
#define FLAT   IMAGES "/size_1x1.png" /* one colour all over */

static cli_run succeed(cli_run run)
{
    if (run.code != 0) fail_msg("exit code %d: %s", run.code, run.err);
    return run;
}

static void assert_says(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("\"%s\" is not in: %s", part, text);
}

static void test_pruning_by_activation(void **state)
{
    (void)state;
    const char *engine = temporary_path("pruned.osprey");
    cli_run run = succeed(run_cli("compile", "-m", RESNET, "-o", engine, "--prune", "mlp=0.25",
                                  "--calibrate", PHOTO));
    assert_says(run.out, "  text   pruned by activation");
    assert_says(run.out, "  image  not pruned: it has no heads or MLPs that can go");
    cli_run_free(&run);
    run = succeed(
        run_cli("compile", "-m", MODEL, "-o", engine, "--prune", "mlp=0.25", "--calibrate", PHOTO));
    assert_says(run.out, "  image  pruned by activation");
    assert_says(run.out, "  image  cosine with the whole tower, of 1:");
    assert_says(run.out, "  text   pruned by activation");
    assert_says(run.out, "  text   cosine with the whole tower, of 80:");
    cli_run_free(&run);
    run = succeed(run_cli("compile", "-m", MODEL, "-o", engine, "--prune", "heads=0.5", "--tower",
                          "image", "--calibrate", PHOTO));
    assert_says(run.out, "  image  pruned by activation");
    assert_null(strstr(run.out, "  text "));
    cli_run_free(&run);
    run = succeed(run_cli("embed", "-m", engine, PHOTO));
    cli_run_free(&run);
}

static void test_what_cannot_be_calibrated(void **state)
{
    (void)state;
    const char *engine = temporary_path("refused.osprey"), *broken = temporary_path("broken.png");
    static const char *const models[] = {RESNET, MODEL};
    write_text(broken, "this is no picture");
    assert_cli_fails(run_cli("compile", "-m", RESNET, "-o", engine, "--prune", "mlp=0.25",
                             "--tower", "image", "--calibrate", PHOTO),
                     2, "have no heads or MLPs that can be left out");
    for (size_t i = 0; i < 2; i++) {
        assert_cli_fails(run_cli("compile", "-m", models[i], "-o", engine, "--prune", "mlp=0.25",
                                 "--calibrate", PHOTO, "--calibrate", broken),
                         1, "broken.png: no image");
        assert_cli_fails(run_cli("compile", "-m", models[i], "-o", engine, "--precision", "int8",
                                 "--calibrate", PHOTO, "--calibrate", broken, "--verify", PHOTO),
                         1, "broken.png: no image");
        assert_cli_fails(run_cli("compile", "-m", models[i], "-o", engine, "--prune", "mlp=0.25",
                                 "--calibrate", "-"),
                         2, "no images");
    }
    assert_int_not_equal(access(engine, F_OK), 0);
}

/* With a word for them, with a picture that would not be read, and of a model that has no image
 * tower at all. */
static void test_a_text_tower_needs_no_images(void **state)
{
    (void)state;
    const char *engine = temporary_path("text.osprey"), *broken = temporary_path("unread.png");
    write_text(broken, "this is no picture");
    cli_run run =
        succeed(run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "text", "--precision",
                        "int8", "--calibrate", "prompts", "--verify", "prompts"));
    assert_says(run.out, "of 80 prompts\n");
    assert_says(run.out, "of 80 prompts, with --static\n");
    assert_says(run.out, "  static ranges by minmax, from the built-in prompts\n");
    assert_null(strstr(run.out, "image"));
    cli_run_free(&run);
    run = succeed(run_cli("inspect", "-m", engine, "--json"));
    json_t *facts = cli_json_line(&run, 0);
    const json_t *is = json_object_get(facts, "engine");
    assert_string_equal(json_string_value(json_object_get(is, "calibration")), "minmax");
    json_decref(facts);
    cli_run_free(&run);
    run = succeed(run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "text", "--prune",
                          "mlp=0.25", "--calibrate", broken));
    assert_says(run.out, "  text   pruned by activation");
    cli_run_free(&run);
    run = succeed(run_cli("compile", "-m", BERT, "-o", engine, "--precision", "int8", "--calibrate",
                          broken, "--verify", broken, "--force"));
    assert_says(run.out, "of 80 prompts, with --static\n");
    assert_says(run.out, "  static ranges by minmax, from the built-in prompts\n");
    cli_run_free(&run);
}

/* Ranges of a picture that is one colour do not do for a photograph. */
static void test_verify_measures_static_ranges(void **state)
{
    (void)state;
    const char *engine = temporary_path("verified.osprey");
    cli_run run =
        succeed(run_cli("compile", "-m", RESNET, "-o", engine, "--precision", "int8", "--tower",
                        "image", "--calibrate", PHOTO, "--method", "entropy", "--verify", PHOTO));
    assert_says(run.out, "of 1 image\n");
    assert_says(run.out, "of 1 image, with --static\n");
    assert_null(strstr(run.out, "prompts"));
    assert_null(strstr(run.err, "--static"));
    cli_run_free(&run);
    run = succeed(run_cli("compile", "-m", RESNET, "-o", engine, "--precision", "int8",
                          "--calibrate", FLAT, "--verify", PHOTO));
    assert_says(run.out, "of 80 prompts, with --static\n");
    assert_says(run.err, "--static: the image tower's least cosine with fp32 would be 0.");
    cli_run_free(&run);
    run = succeed(run_cli("inspect", "-m", engine, "--json"));
    json_t *facts = cli_json_line(&run, 0);
    const json_t *report = json_object_get(json_object_get(facts, "engine"), "precision_report");
    const json_t *image = json_object_get(report, "static_image");
    assert_true(json_is_false(json_object_get(report, "forced")));
    assert_int_equal(json_integer_value(json_object_get(image, "images")), 1);
    assert_true(json_number_value(json_object_get(image, "least_cosine")) < 0.995);
    assert_non_null(json_object_get(report, "static_text"));
    json_decref(facts);
    cli_run_free(&run);
    run = succeed(
        run_cli("compile", "-m", RESNET, "-o", engine, "--precision", "int8", "--verify", PHOTO));
    assert_null(strstr(run.out, "--static"));
    cli_run_free(&run);
}

/* Ranges come with the engine, are told by inspect, and change what --static gives. */
static void test_calibrate(void **state)
{
    (void)state;
    const char *engine = temporary_path("static.osprey"), *list = temporary_path("list.txt");
    char value[600];
    write_text(list, IMAGES "/411.jpg\n" IMAGES "/420.jpg\n");
    snprintf(value, sizeof value, "@%s", list);
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8",
                          "--calibrate", value, "--calibrate", PICTURE, "--method", "entropy");
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "static ranges by entropy, from 3 images"));
    cli_run_free(&run);
    run = run_cli("inspect", "-m", engine, "--json");
    json_t *facts = cli_json_line(&run, 0);
    const json_t *compiled = json_object_get(facts, "engine");
    assert_string_equal(json_string_value(json_object_get(compiled, "calibration")), "entropy");
    assert_int_equal(json_integer_value(json_object_get(compiled, "calibration_images")), 3);
    json_decref(facts);
    cli_run_free(&run);
    cli_run dynamic = run_cli("embed", "-m", engine, PICTURE);
    run = run_cli("embed", "-m", engine, "--static", PICTURE);
    assert_int_equal(run.code, 0);
    assert_string_not_equal(run.out, dynamic.out);
    cli_run_free(&run);
    cli_run_free(&dynamic);
    run = run_cli("bench", "-m", engine, "--static", "--tower", "text", "--batch", "1", "--json");
    json_t *line = cli_json_line(&run, 0);
    assert_true(json_is_true(json_object_get(line, "static_ranges")));
    json_decref(line);
    cli_run_free(&run);
    run = run_cli("classify", "-m", engine, "--static", "--labels", "cat,dog", PICTURE);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
}

/* Of too many images some are taken, and the user is told. */
static void test_many_images_to_calibrate(void **state)
{
    (void)state;
    const char *engine = temporary_path("many.osprey"), *list = temporary_path("many.txt");
    char value[600];
    FILE *file = fopen(list, "w");
    assert_non_null(file);
    for (size_t i = 0; i < 600; i++) fputs(PICTURE "\n", file);
    fclose(file);
    snprintf(value, sizeof value, "@%s", list);
    cli_run run =
        run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8", "--calibrate", value);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.err, "600 images; 512 of them"));
    assert_non_null(strstr(run.out, "static ranges by minmax, from 512 images"));
    cli_run_free(&run);
}

static void test_wrong_calibrations(void **state)
{
    (void)state;
    const char *engine = temporary_path("uncalibrated.osprey"), *empty = temporary_path("empty");
    size_t length;
    assert_int_equal(mkdir(empty, 0777), 0);
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--method", "entropy"), 2,
                     "--method says nothing without --calibrate");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--calibrate", PICTURE), 2,
                     "static ranges are of layers in int8 or int4");
    assert_cli_fails(
        run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8", "--calibrate", empty),
        1, "there is no .jpg, .jpeg, .png or .webp in it");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8",
                             "--calibrate", PICTURE, "--calibrate", "/nonexistent.jpg"),
                     1, "/nonexistent.jpg: ");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8",
                             "--calibrate", "@/nonexistent.txt"),
                     2, "the list @/nonexistent.txt: cannot open it");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--precision", "int8",
                             "--calibrate", PICTURE, "--method", "median"),
                     2, "is none of: minmax, entropy");
    assert_null(read_file(engine, &length));
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--static", PICTURE), 2,
                     "--static: " MODEL " has no static ranges");
    cli_run run =
        run_cli_in((cli_surroundings){.variable = "OSPREY_CALIBRATE=" PICTURE}, "compile", "-m",
                   MODEL, "-o", engine, "--precision", "int8", "--method", "entropy", NULL);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pruning_by_activation),
        cmocka_unit_test(test_what_cannot_be_calibrated),
        cmocka_unit_test(test_a_text_tower_needs_no_images),
        cmocka_unit_test(test_verify_measures_static_ranges),
        cmocka_unit_test(test_calibrate),
        cmocka_unit_test(test_many_images_to_calibrate),
        cmocka_unit_test(test_wrong_calibrations),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
