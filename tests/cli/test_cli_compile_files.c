/* SPDX-License-Identifier: Apache-2.0 */
/* What compile must not write over, engines of one tower, tuning, and weights that are no numbers.
 */
#include "cli/run_cli.h"
#include "cmocka_all.h"
#include "hostile_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_only_files_are_replaced(void **state)
{
    (void)state;
    const char *pipe = temporary_path("pipe");
    struct stat info;
    assert_int_equal(mkfifo(pipe, 0666), 0);
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", pipe), 2, "it is no regular file");
    assert_cli_fails(run_cli("inspect", "-m", pipe), 3, "not a");
    assert_int_equal(stat(pipe, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
}

/* Neither a model's weights nor its other files, nor anything else that is no engine. */
static void test_only_engines_are_replaced(void **state)
{
    (void)state;
    static const char *const files[] = {"model.safetensors", "merges.txt", "notes.md"};
    char copy[512], path[600], *before, *after;
    snprintf(copy, sizeof copy, "%s", temporary_path("copy"));
    copy_model(MODEL, copy);
    snprintf(path, sizeof path, "%s/notes.md", copy);
    write_file(path, "notes", 5);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t length, length_after;
        snprintf(path, sizeof path, "%s/%s", copy, files[i]);
        before = read_file(path, &length);
        assert_cli_fails(run_cli("compile", "-m", copy, "-o", path), 2, "is no engine");
        after = read_file(path, &length_after);
        assert_int_equal(length, length_after);
        assert_memory_equal(before, after, length);
        free(before);
        free(after);
    }
    const char *engine = temporary_path("engine.osprey");
    write_file(engine, "", 0); /* as mktemp leaves it */
    for (size_t i = 0; i < 2; i++) {
        cli_run run = run_cli("compile", "-m", copy, "-o", engine);
        assert_int_equal(run.code, 0);
        cli_run_free(&run);
    }
}

/* What a link leads to is replaced, not the link. */
static void test_links_are_followed(void **state)
{
    (void)state;
    char target[600], link[600], rows[600], list[600];
    struct stat info;
    snprintf(target, sizeof target, "%s", temporary_path("target.osprey"));
    snprintf(link, sizeof link, "%s", temporary_path("link.osprey"));
    assert_int_equal(symlink("target.osprey", link), 0);
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", link), 1, "is a link to nothing");
    write_file(target, "", 0);
    cli_run run = run_cli("compile", "-m", MODEL, "-o", link);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(lstat(target, &info), 0);
    assert_true(S_ISREG(info.st_mode) && info.st_size > 4096);

    snprintf(rows, sizeof rows, "%s", temporary_path("rows.jsonl"));
    snprintf(list, sizeof list, "%s", temporary_path("link.jsonl"));
    write_file(rows, "", 0);
    assert_int_equal(symlink("rows.jsonl", list), 0);
    run = run_cli("embed", "-m", link, "-o", list, PICTURE);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_int_equal(lstat(list, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(lstat(rows, &info), 0);
    assert_true(info.st_size > 0);
}

static void test_the_place_is_tried_before_the_work(void **state)
{
    (void)state;
    const char *engine = temporary_path("nowhere/engine.osprey");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine, "--verify", "no-such-image.jpg");
    assert_non_null(strstr(run.err, "nowhere/engine.osprey"));
    assert_null(strstr(run.err, "no-such-image"));
    assert_int_equal(run.code, 1);
    cli_run_free(&run);
}

static void test_a_limit_of_size_is_an_error(void **state)
{
    (void)state;
    struct rlimit usual;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    const struct rlimit small = {.rlim_cur = 10000, .rlim_max = usual.rlim_max};
    const char *engine = temporary_path("large.osprey");
    setrlimit(RLIMIT_FSIZE, &small);
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine);
    setrlimit(RLIMIT_FSIZE, &usual);
    assert_cli_fails(run, 1, "cannot write it");
    struct stat info;
    assert_int_not_equal(stat(engine, &info), 0);
}

/* What the command writes, it reads; it does not write what it would then call damaged. */
static void test_images_as_large_as_engines_take(void **state)
{
    (void)state;
    const char *engine = temporary_path("large-images.osprey");
    assert_cli_fails(
        run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "image", "--image-size", "10240"),
        3, "a smaller image size would be right");
    struct stat info;
    assert_int_not_equal(stat(engine, &info), 0);
    cli_run run =
        run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "image", "--image-size", "8192");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    run = run_cli("inspect", "-m", engine, "--json");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    unlink(engine);
}

static void test_names_that_are_no_utf8(void **state)
{
    (void)state;
    char copy[512];
    snprintf(copy, sizeof copy, "%s", temporary_path("mod\xff\xfel"));
    copy_model(MODEL, copy);
    const char *engine = temporary_path("no-utf8.osprey");
    cli_run run = run_cli("compile", "-m", copy, "-o", engine);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    run = run_cli("inspect", "-m", engine, "--json");
    json_t *facts = cli_json_line(&run, 0);
    assert_string_equal(json_string_value(json_object_get(facts, "name")), "mod??l");
    json_decref(facts);
    cli_run_free(&run);
}

/* Terminals obey what is in the names of files, and an engine's model may come from anywhere. */
static void test_names_that_terminals_obey(void **state)
{
    (void)state;
    char copy[512], cache[600];
    snprintf(copy, sizeof copy, "%s", temporary_path("mod\x1b[2Jel"));
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", temporary_path("ca\x1b[2Jche"));
    copy_model(MODEL, copy);
    const char *engine = temporary_path("eng\x1b[2Jine.osprey");
    const cli_surroundings cached = {.variable = cache};
    cli_run runs[] = {
        run_cli("compile", "-m", copy, "-o", engine),
        run_cli_in(cached, "embed", "-m", copy, "--max-resident", "1G", "--text", "a", NULL),
        run_cli_in(cached, "cache", NULL),
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        assert_int_equal(runs[i].code, 0);
        assert_non_null(strstr(i == 1 ? runs[i].err : runs[i].out, "\\x1b[2J"));
        assert_null(strchr(runs[i].out, '\x1b'));
        assert_null(strchr(runs[i].err, '\x1b'));
        cli_run_free(&runs[i]);
    }
}

static void test_one_tower_is_measured(void **state)
{
    (void)state;
    static const char *const towers[] = {"image", "text"};
    for (size_t i = 0; i < 2; i++) {
        const char *engine = temporary_path("one.osprey");
        cli_run run = run_cli("compile", "-m", MODEL, "-o", engine, "--tower", towers[i]);
        assert_int_equal(run.code, 0);
        cli_run_free(&run);
        run = run_cli("bench", "-m", engine, "--batch", "1", "--json");
        assert_int_equal(run.code, 0);
        assert_int_equal(cli_line_count(&run), 1);
        json_t *line = cli_json_line(&run, 0);
        assert_string_equal(json_string_value(json_object_get(line, "tower")), towers[i]);
        json_decref(line);
        cli_run_free(&run);
        assert_cli_fails(run_cli("bench", "-m", engine, "--tower", towers[1 - i]), 2,
                         "was compiled without");
    }
}

static void test_tuning_is_kept(void **state)
{
    (void)state;
    const char *engine = temporary_path("tuned.osprey");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine, "--batch", "1,3", "--tune", "quick",
                          "--threads", "2");
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "  image  tuned for 2 threads: "));
    assert_non_null(strstr(run.out, "  text   tuned for 2 threads: "));
    assert_string_equal(run.err, "");
    cli_run_free(&run);
    run = run_cli("inspect", "-m", engine, "--json");
    json_t *facts = cli_json_line(&run, 0);
    const char *towers[] = {"image", "text"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *tower = json_object_get(json_object_get(facts, "engine"), towers[i]);
        const json_t *tuning = json_object_get(tower, "tuning");
        assert_int_equal(json_integer_value(json_object_get(tuning, "threads")), 2);
        const json_t *choice = json_array_get(json_object_get(tuning, "choices"), 0);
        assert_true(json_integer_value(json_object_get(choice, "m")) > 0);
        assert_true(json_is_integer(json_object_get(choice, "task_columns")));
        assert_true(json_number_value(json_object_get(choice, "faster_percent")) >= 0);
    }
    json_decref(facts);
    cli_run_free(&run);
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--tune", "best"), 2, "quick");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--threads", "2"), 2,
                     "--threads says nothing with --tune none");
    run = run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "text", "--tune", "quick",
                  "--threads", "1", "--batch", "1");
    assert_non_null(strstr(run.out, "tuned for 1 thread: "));
    cli_run_free(&run);
    assert_cli_fails(
        run_cli("compile", "-m", MODEL, "-o", engine, "--tune", "quick", "--threads", "257"), 2,
        "256");
}

static void test_weights_that_are_no_numbers(void **state)
{
    (void)state;
    char copy[512];
    snprintf(copy, sizeof copy, "%s", temporary_path("nan"));
    copy_model(MODEL, copy);
    set_element(copy, "visual_projection.weight", NAN);
    assert_cli_fails(run_cli("classify", "-m", copy, "--no-cache", "--labels", "cat,dog", PICTURE),
                     1, "its embedding is not finite");
    assert_cli_fails(run_cli("embed", "-m", copy, "--no-cache", PICTURE), 1,
                     "its embedding is not finite");
    /* Compiling names the tensor, of the towers asked for, before anything is written. */
    const char *engine = temporary_path("nan.osprey");
    assert_cli_fails(run_cli("compile", "-m", copy, "-o", engine), 3,
                     "tensor \"visual_projection.weight\" holds NaN or infinity");
    assert_cli_fails(run_cli("compile", "-m", copy, "-o", engine, "--verify", PICTURE, "--force"),
                     3, "tensor \"visual_projection.weight\" holds NaN or infinity");
    struct stat info;
    assert_int_not_equal(stat(engine, &info), 0);
    cli_run run = run_cli("compile", "-m", copy, "-o", engine, "--tower", "text");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    /* Images run through them would be blamed. */
    static const char *const tuned[][2] = {
        {"--prune", "mlp=0.5"}, {"--prune", "heads=0.5"}, {"--precision", "int8"}};
    set_element(copy, "vision_model.encoder.layers.0.mlp.fc1.weight", INFINITY);
    for (size_t i = 0; i < sizeof tuned / sizeof *tuned; i++)
        assert_cli_fails(run_cli("compile", "-m", copy, "-o", engine, tuned[i][0], tuned[i][1],
                                 "--calibrate", PICTURE),
                         3,
                         "tensor \"vision_model.encoder.layers.0.mlp.fc1.weight\" holds NaN or "
                         "infinity");
}

/* The head is no part of a tower's graph. */
static void test_a_head_that_is_no_number(void **state)
{
    (void)state;
    const char *copy = temporary_path("head.npz"), *engine = temporary_path("head.osprey");
    static const float not_a_number = NAN;
    size_t length;
    char *bytes = read_file(OSPREY_TEST_DIR "/golden/flax/vit-imagenet.npz", &length);
    char *name = memmem(bytes, length, "head/bias.npy", 13);
    assert_non_null(name);
    unsigned char *array = memmem(name, length - (size_t)(name - bytes), "\x93NUMPY", 6);
    assert_non_null(array);
    const size_t header = 10 + array[8] + 256U * array[9]; /* magic, version, length, the dict */
    memcpy(array + header, &not_a_number, sizeof not_a_number);
    write_file(copy, bytes, length);
    free(bytes);
    assert_cli_fails(run_cli("compile", "-m", copy, "-o", engine), 3,
                     "tensor \"head/bias\" holds NaN or infinity");
    assert_cli_fails(run_cli("classify", "-m", copy, "--no-cache", PICTURE), 3,
                     "what it makes of label \"tench, Tinca tinca\" is not finite");
}

/* Neither labels nor texts come to anything, which is told of each. */
static void test_texts_of_weights_that_are_no_numbers(void **state)
{
    (void)state;
    char copy[512];
    snprintf(copy, sizeof copy, "%s", temporary_path("nan-text"));
    copy_model(MODEL, copy);
    set_element(copy, "text_model.encoder.layers.0.mlp.fc1.weight", NAN);
    cli_run run = run_cli("classify", "-m", copy, "--labels", "cat,dog", PICTURE);
    assert_string_equal(run.out, "");
    assert_cli_fails(run, 3, "what it makes of label \"cat\" is not finite");
    run = run_cli("embed", "-m", copy, "--text", "a cat");
    json_t *line = cli_json_line(&run, 0);
    assert_non_null(json_object_get(line, "error"));
    json_decref(line);
    assert_cli_fails(run, 1, "a cat: its embedding is not finite");
    assert_cli_fails(run_cli("embed", "-m", copy, PICTURE), 0, NULL);
}

#define BUNDLED OSPREY_SOURCE_DIR "/models/osprey-mini"

/* What classify says of the picture; freed by the caller. */
static char *classified(const char *model, const char *flag, const char *value)
{
    cli_run run = run_cli("classify", "-m", model, "--no-cache", "--labels", "cat,dog", "--csv",
                          PICTURE, flag, value);
    assert_int_equal(run.code, 0);
    char *text = strdup(run.out);
    cli_run_free(&run);
    return text;
}

/* Templates come with the model, not with its name: through a copy and an engine. */
static void test_templates_go_with_the_model(void **state)
{
    (void)state;
    char copy[512], engine[512];
    snprintf(copy, sizeof copy, "%s", temporary_path("another-name"));
    snprintf(engine, sizeof engine, "%s", temporary_path("templates.osprey"));
    copy_model(BUNDLED, copy);
    char *wanted = classified(BUNDLED, "--template", "{}"), *got = classified(copy, NULL, NULL);
    assert_string_equal(got, wanted);
    free(got);
    cli_run run = run_cli("compile", "-m", copy, "-o", engine);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    got = classified(engine, NULL, NULL);
    assert_string_equal(got, wanted);
    free(got);
    free(wanted);

    run = run_cli("compile", "-m", copy, "-o", engine, "--templates", "simple");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    wanted = classified(copy, "--templates", "simple");
    got = classified(engine, NULL, NULL);
    assert_string_equal(got, wanted);
    free(got);
    free(wanted);
    run = run_cli("inspect", "-m", engine);
    assert_non_null(strstr(run.out, "templates\n  itap of a {}.\n  a bad photo of the {}.\n"));
    cli_run_free(&run);
    assert_cli_fails(run_cli("compile", "-m", copy, "-o", engine, "--template", "no place"), 2,
                     "--template: \"no place\": the template has no place for the label");
}

/* Messages name the flag that was typed, and the value where there may be several. */
static void test_messages_name_the_flag(void **state)
{
    (void)state;
    const char *engine = temporary_path("named.osprey");
    const char *nowhere = temporary_path("nowhere/named.osprey");
#define COMPILE "compile", "-m", MODEL, "-o", engine
    assert_cli_fails(run_cli(COMPILE, "--batch", "8,1"), 2,
                     "osprey: --batch: \"8,1\" are no rising");
    char rule[700];
    snprintf(rule, sizeof rule, "%0600d=fp32", 0);
    assert_cli_fails(run_cli(COMPILE, "--keep", rule), 2, "...\" has 605 bytes; at most 519");
    assert_cli_fails(run_cli(COMPILE, "--prune", "heads=0.0001"), 2, "osprey: --prune: ");
    assert_cli_fails(run_cli(COMPILE, "--token-merge", "60000"), 2, "osprey: --token-merge: ");
    assert_cli_fails(run_cli(COMPILE, "--calibrate", PICTURE), 2, "osprey: --calibrate: ");
    assert_cli_fails(run_cli(COMPILE, "--keep", "*=int3"), 2,
                     "osprey: --keep: \"*=int3\": PATTERN=PRECISION would be right");
    assert_cli_fails(run_cli(COMPILE, "--verify", PICTURE, "--keep", "*=int3"), 2,
                     "osprey: --keep: \"*=int3\": PATTERN=PRECISION would be right");
    /* The same code for the same fault, verified or not; what cannot be written is no wrong use. */
    write_text(temporary_path("bad.png"), "no picture");
    const char *bad = temporary_path("bad.png");
    assert_cli_fails(run_cli(COMPILE, "--prune", "mlp=0.5", "--calibrate", bad), 1, "bad.png: ");
    assert_cli_fails(
        run_cli(COMPILE, "--prune", "mlp=0.5", "--calibrate", bad, "--verify", PICTURE), 1,
        "bad.png: ");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", nowhere), 1, "cannot create it");
    assert_cli_fails(run_cli("embed", "-m", MODEL, "-o", nowhere, PICTURE), 1,
                     "cannot write there");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", temporary_folder()), 2,
                     "is a directory; name a file in it");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", "nowhere/"), 2, "names a directory");
    assert_cli_fails(run_cli("embed", "-m", MODEL, "-o", "nowhere/", PICTURE), 2,
                     "is a directory; name a file in it");
}

/* The memory of runs is shown of a directory as of the engine that is compiled from it. */
static void test_memory_of_a_directory(void **state)
{
    (void)state;
    const char *engine = temporary_path("memory.osprey");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    json_t *facts[2];
    for (size_t i = 0; i < 2; i++) {
        run = run_cli("inspect", "--json", "-m", i ? engine : MODEL);
        assert_int_equal(run.code, 0);
        facts[i] = cli_json_line(&run, 0);
        cli_run_free(&run);
    }
    static const char *const towers[] = {"image", "text"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *here = json_object_get(json_object_get(facts[0], "memory"), towers[i]);
        const json_t *there = json_object_get(json_object_get(facts[1], "engine"), towers[i]);
        assert_int_equal(json_array_size(here), 3);
        assert_true(json_equal(here, json_object_get(there, "memory")));
    }
    json_decref(facts[0]);
    json_decref(facts[1]);
}

/* Said before the model is compiled without it, and only then. */
static void test_first_start_with_a_limit(void **state)
{
    (void)state;
    char cache[600];
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", temporary_path("limited"));
    for (size_t i = 0; i < 2; i++) {
        cli_run run = run_cli_in((cli_surroundings){.variable = cache}, "embed", "-m", MODEL,
                                 "--max-resident", "1G", PICTURE, NULL);
        assert_int_equal(run.code, 0);
        assert_int_equal(strstr(run.err, "without that limit") != NULL, i == 0);
        cli_run_free(&run);
    }
    cli_run run = run_cli_in((cli_surroundings){.variable = cache}, "cache", NULL);
    assert_non_null(strstr(run.out, "\n1 engine, "));
    cli_run_free(&run);
    /* What the cache may not hold is not announced, and refused with what helps. */
    run = run_cli_in((cli_surroundings){.variable = cache}, "embed", "-m", BUNDLED,
                     "--max-resident", "1G", "--cache-limit", "1", "--text", "hi", NULL);
    assert_null(strstr(run.err, "compiling"));
    assert_non_null(strstr(run.err, "/limited/osprey/"));
    assert_non_null(strstr(run.err, "the cache may hold 1 MiB; raise --cache-limit, or compile it "
                                    "elsewhere with osprey compile -o"));
    assert_cli_fails(run, 2, "--max-resident: needs an engine");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_files_are_replaced),
        cmocka_unit_test(test_only_engines_are_replaced),
        cmocka_unit_test(test_links_are_followed),
        cmocka_unit_test(test_the_place_is_tried_before_the_work),
        cmocka_unit_test(test_a_limit_of_size_is_an_error),
        cmocka_unit_test(test_images_as_large_as_engines_take),
        cmocka_unit_test(test_names_that_are_no_utf8),
        cmocka_unit_test(test_names_that_terminals_obey),
        cmocka_unit_test(test_one_tower_is_measured),
        cmocka_unit_test(test_tuning_is_kept),
        cmocka_unit_test(test_messages_name_the_flag),
        cmocka_unit_test(test_memory_of_a_directory),
        cmocka_unit_test(test_first_start_with_a_limit),
        cmocka_unit_test(test_templates_go_with_the_model),
        cmocka_unit_test(test_weights_that_are_no_numbers),
        cmocka_unit_test(test_a_head_that_is_no_number),
        cmocka_unit_test(test_texts_of_weights_that_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
