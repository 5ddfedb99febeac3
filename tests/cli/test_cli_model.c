/* SPDX-License-Identifier: Apache-2.0 */
/* osprey inspect, bench and cache, and --max-resident. */
#include "cli/run_cli.h"
#include "cmocka_all.h"
#include "format/engine_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_inspect(void **state)
{
    (void)state;
    cli_run run = run_cli("inspect", "-m", MODEL, "--json");
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 1);
    json_t *model = cli_json_line(&run, 0);
    assert_json_has(model,
                    (const char *const[]){"name", "layout", "parameters", "weight_dtype",
                                          "embed_dim", "image_height", "image_width",
                                          "context_length", "logit_scale", "logit_bias", NULL});
    assert_json_has(json_object_get(model, "image"),
                    (const char *const[]){"architecture", "parameters", "width", "layers", "heads",
                                          "mlp_width", "patch_size", "activation", NULL});
    assert_json_has(
        json_object_get(model, "preprocessing"),
        (const char *const[]){"resize", "resample", "crop_height", "mean", "std", NULL});
    assert_json_has(json_object_get(model, "tokenizer"),
                    (const char *const[]){"kind", "vocabulary", "start_id", "end_id", NULL});
    assert_string_equal(json_string_value(json_object_get(model, "name")), "hf-vit-p32-quickgelu");
    assert_string_equal(json_string_value(json_object_get(model, "layout")), "huggingface");
    const json_t *image = json_object_get(model, "image"), *text = json_object_get(model, "text");
    assert_string_equal(json_string_value(json_object_get(image, "activation")), "quick_gelu");
    assert_int_equal(json_integer_value(json_object_get(image, "patch_size")), 32);
    assert_int_equal(json_integer_value(json_object_get(model, "parameters")),
                     json_integer_value(json_object_get(image, "parameters")) +
                         json_integer_value(json_object_get(text, "parameters")));
    const json_t *files = json_object_get(model, "files");
    assert_true(json_array_size(files) >= 3);
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);
        assert_int_equal(
            strncmp(json_string_value(json_object_get(file, "path")), MODEL, strlen(MODEL)), 0);
        assert_true(json_integer_value(json_object_get(file, "bytes")) > 0);
    }
    json_decref(model);
    cli_run_free(&run);

    run = run_cli("inspect", "-m", MODEL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "hf-vit-p32-quickgelu"));
    assert_non_null(strstr(run.out, "quick_gelu"));
    assert_non_null(strstr(run.out, "model.safetensors"));
    cli_run_free(&run);
}

/* A file by itself, what it still needs, and the choice between several. */
static void test_weight_files(void **state)
{
    (void)state;
    const char *archive = OSPREY_TEST_DIR "/golden/models/openai-vit/ViT-tiny.pt";
    const char *bare = OSPREY_TEST_DIR "/golden/torch/openclip-rn/open_clip_pytorch_model.bin";
    const char *old = OSPREY_TEST_DIR "/golden/torch/refused/legacy.pt";
    cli_run run = run_cli("inspect", "-m", archive, "--json");
    assert_int_equal(run.code, 0);
    json_t *model = cli_json_line(&run, 0);
    static const char *const facts[][2] = {
        {"name", "ViT-tiny"},
        {"layout", "openai"},
        {"weight_format", "TorchScript archive"},
        {"identified_by", "names and shapes, as OpenAI's own loader"}};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(json_string_value(json_object_get(model, facts[i][0])), facts[i][1]);
    json_decref(model);
    cli_run_free(&run);

    assert_cli_fails(run_cli("inspect", "-m", bare), 3, "needs an open_clip_config.json beside it");
    assert_cli_fails(run_cli("inspect", "-m", bare, "--arch", "RN50"), 3, "RN50 asks for");
    assert_cli_fails(run_cli("inspect", "-m", bare, "--arch", "RN51"), 3,
                     ": RN50[-quickgelu], RN50x4[-quickgelu], ");
    assert_cli_fails(
        run_cli("inspect", "-m", bare, "--arch", "CoCa"), 3,
        "that there are: coca_ViT-B-32, coca_ViT-L-14, coca_base, coca_roberta-ViT-B-32\n");
    assert_cli_fails(run_cli("inspect", "-m", MODEL, "--arch", "ViT-B-32"), 2, "config.json has");
    assert_cli_fails(run_cli("inspect", "-m", old), 3, "torch.save(torch.load(FILE), NEW)");
    assert_cli_fails(run_cli("inspect", "-m", MODEL, "--weights", "nowhere.bin"), 3,
                     "no such file of weights");
    const char *other = OSPREY_TEST_DIR "/golden/torch/hf-vit-p32-quickgelu/pytorch_model.bin";
    run = run_cli("embed", "-m", MODEL, "--weights", other, "--text", "a", "--no-cache");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
}

/* The cache's engine says what it is of as the files do. */
static void test_the_weight_file_is_told_each_time(void **state)
{
    (void)state;
    static const char *const files[] = {
        MODEL "/config.json", MODEL "/preprocessor_config.json", MODEL "/tokenizer.json",
        OSPREY_TEST_DIR "/golden/torch/hf-vit-p32-quickgelu/pytorch_model.bin"};
    char path[1024];
    const char *folder = temporary_path("several");
    assert_int_equal(mkdir(folder, 0700), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s%s", folder, strrchr(files[i], '/'));
        assert_int_equal(symlink(files[i], path), 0);
    }
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    write_text(path, "no model");
    for (size_t round = 0; round < 3; round++)
        assert_cli_fails(run_cli("embed", "-m", folder, PICTURE, round ? NULL : "--no-cache"), 0,
                         "; pytorch_model.bin is used");
}

static void test_bench(void **state)
{
    (void)state;
    cli_run run = run_cli("bench", "-m", MODEL, "--tower", "image", "--batch", "1,3", "--threads",
                          "2", "--json");
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *line = cli_json_line(&run, i);
        assert_string_equal(json_string_value(json_object_get(line, "tower")), "image");
        assert_string_equal(json_string_value(json_object_get(line, "precision")), "fp32");
        assert_int_equal(json_integer_value(json_object_get(line, "batch")), i ? 3 : 1);
        assert_int_equal(json_integer_value(json_object_get(line, "threads")), 2);
        double least = json_number_value(json_object_get(line, "ms_min"));
        assert_true(least > 0);
        assert_true(json_number_value(json_object_get(line, "ms_median")) >= least);
        assert_true(json_integer_value(json_object_get(line, "peak_rss_bytes")) > 1 << 20);
        json_decref(line);
    }
    cli_run_free(&run);

    run = run_cli("bench", "-m", MODEL, "--batch", "2");
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 3);
    assert_non_null(strstr(run.out, "\nimage "));
    assert_non_null(strstr(run.out, "\ntext "));
    cli_run_free(&run);
}

/* What compile's first line says of an engine's precision, bench says too. */
static void test_bench_tells_exceptions(void **state)
{
    (void)state;
    static const char keep[] = "vision_model.encoder.layers.0.mlp.*=bf16";
    const char *engine = temporary_path("kept.osprey");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "image", "--precision",
                          "int8", "--keep", keep);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    run = run_cli("bench", "-m", engine, "--batch", "1");
    static const char line[] =
        "int8 with --keep 'vision_model.encoder.layers.0.mlp.*=bf16'\ntower ";
    assert_int_equal(strncmp(run.out, line, strlen(line)), 0);
    cli_run_free(&run);
    run = run_cli("bench", "-m", engine, "--batch", "1", "--json");
    json_t *facts = cli_json_line(&run, 0);
    assert_string_equal(json_string_value(json_object_get(facts, "precision")), "int8");
    const json_t *list = json_object_get(facts, "keep");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_string_value(json_array_get(list, 0)), keep);
    json_decref(facts);
    cli_run_free(&run);
}

/* The number of bytes that a refusal names as the least is enough: at once, and at other starts. */
static void test_the_least_that_is_named(void **state)
{
    (void)state;
    static const char *const limits[] = {"1", "1K", "1M"};
    static const char unit[][2] = {" ", "K", "M"};
    static const char before[] = ", which runs in ";
    const char *engine = temporary_path("least.osprey");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    for (size_t i = 0; i < 12; i++) {
        run = run_cli("embed", "-m", engine, PICTURE, "--max-resident", limits[i % 3]);
        const char *least = strstr(run.err, before);
        assert_non_null(least);
        char limit[32];
        const int digits = (int)strspn(least + strlen(before), "0123456789");
        assert_int_equal(least[strlen(before) + (size_t)digits], unit[i % 3][0]);
        snprintf(limit, sizeof limit, "%.*s%s", digits, least + strlen(before),
                 i % 3 ? unit[i % 3] : "");
        cli_run_free(&run);
        assert_cli_fails(run_cli("embed", "-m", engine, PICTURE, "--max-resident", limit), 0, NULL);
    }
}

/* Each command that runs a model takes a limit, and says what it says without. */
static void test_max_resident(void **state)
{
    (void)state;
    const char *engine = temporary_path("resident.osprey");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_same_cli_output(run_cli("embed", "-m", engine, PICTURE),
                           run_cli("embed", "-m", engine, "--max-resident", "1G", PICTURE));
    assert_same_cli_output(run_cli("classify", "-m", engine, "--labels", "cat,dog", PICTURE),
                           run_cli("classify", "-m", engine, "--labels", "cat,dog",
                                   "--max-resident", "1048576K", PICTURE));
    run = run_cli("bench", "-m", engine, "--tower", "text", "--batch", "1", "--json",
                  "--max-resident", "1024M");
    assert_int_equal(run.code, 0);
    json_t *line = cli_json_line(&run, 0);
    assert_true(json_is_integer(json_object_get(line, "read_bytes_a_run")));
    json_decref(line);
    cli_run_free(&run);
    static const char *const low[][2] = {
        {"1000K", "1000K"}, {"1M", "1M"}, {"10240K", "10M"}, {"1", "1 byte"}};
    for (size_t i = 0; i < sizeof low / sizeof *low; i++) {
        char sentence[256];
        snprintf(sentence, sizeof sentence,
                 "--max-resident: a limit of %s is too low for %s, which runs in ", low[i][1],
                 engine);
        assert_cli_fails(run_cli("embed", "-m", engine, "--max-resident", low[i][0], PICTURE), 2,
                         sentence);
        assert_cli_fails(run_cli("embed", "-m", engine, "--max-resident", low[i][0], PICTURE), 2,
                         "32M kept free for the caller's pictures and results");
    }
    assert_cli_fails(run_cli("embed", "--no-cache", "-m", MODEL, "--max-resident", "1G", PICTURE),
                     2,
                     "--max-resident: needs an engine, whose weights can be read layer by layer; "
                     "compile " MODEL " first");
    assert_cli_fails(run_cli("embed", "-m", engine, "--max-resident", "1.5G", PICTURE), 2,
                     "--max-resident: \"1.5G\" is not a whole number of bytes");
    run = run_cli("embed", "-m", engine, "--max-resident", "1T", PICTURE);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    /* Batches are as small as the limit wants them, which changes nothing; bench is to measure what
     * it was told. */
    assert_same_cli_output(run_cli("embed", "-m", engine, PICTURE, PICTURE),
                           run_cli("embed", "-m", engine, "--max-resident", "1G", "--batch",
                                   "65536", PICTURE, PICTURE));
    assert_cli_fails(run_cli("bench", "-m", engine, "--max-resident", "1G", "--tower", "image",
                             "--batch", "65536"),
                     2, "--batch: 65536 inputs take");
    /* Nothing is printed before it is known that the limit can be kept. */
    run = run_cli("bench", "-m", engine, "--max-resident", "1M");
    assert_int_equal(run.out_bytes, 0);
    assert_cli_fails(run, 2, "too low");
}

/* The second run finds what the first one compiled. */
static void test_cache(void **state)
{
    (void)state;
    assert_same_cli_output(run_cli("embed", "--no-cache", "-m", MODEL, PICTURE),
                           run_cli("embed", "-m", MODEL, PICTURE));
    cli_run run = run_cli("cache", "--json");
    assert_int_equal(run.code, 0);
    size_t count = cli_line_count(&run);
    assert_true(count >= 1);
    json_t *entry = cli_json_line(&run, 0);
    assert_json_has(entry, (const char *const[]){"file", "bytes", "used", NULL});
    json_decref(entry);
    cli_run_free(&run);
    assert_same_cli_output(run_cli("embed", "--no-cache", "-m", MODEL, PICTURE),
                           run_cli("embed", "-m", MODEL, PICTURE));
    run = run_cli("cache", "--json");
    assert_int_equal(cli_line_count(&run), count);
    cli_run_free(&run);
    run = run_cli("cache", "--clear");
    assert_non_null(strstr(run.out, "0 engines"));
    cli_run_free(&run);
    run = run_cli_in((cli_surroundings){.variable = "OSPREY_NO_CACHE=1"}, "embed", "-m", MODEL,
                     PICTURE, NULL);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    run = run_cli("cache", "--json");
    assert_int_equal(run.out_bytes, 0);
    cli_run_free(&run);
    assert_cli_fails(run_cli("cache", "x"), 2, "takes no inputs");
    const char *mine = temporary_path("cache/osprey/mine.osprey");
    write_text(mine, "x");
    run = run_cli("cache");
    assert_string_equal(run.err, "");
    cli_run_free(&run);
    run = run_cli("cache", "--clear");
    assert_non_null(strstr(run.err, "/osprey/mine.osprey: stays: it is no entry"));
    cli_run_free(&run);
    assert_int_equal(access(mine, F_OK), 0);
}

/* The model runs without its engine, and a line says why. */
static void test_a_directory_in_the_cache(void **state)
{
    (void)state;
    assert_cli_fails(run_cli("cache", "--clear"), 0, NULL);
    assert_cli_fails(run_cli("embed", "-m", MODEL, PICTURE), 0, NULL);
    cli_run run = run_cli("cache", "--json");
    json_t *entry = cli_json_line(&run, 0);
    cli_run_free(&run);
    const char *path = json_string_value(json_object_get(entry, "file"));
    char inside[1024];
    snprintf(inside, sizeof inside, "%s/notes", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    write_text(inside, "mine");
    assert_cli_fails(run_cli("embed", "-m", MODEL, PICTURE), 0, "is a directory with files");
    assert_cli_fails(run_cli("cache", "--clear"), 0, "stays: it is no entry");
    assert_int_equal(unlink(inside), 0);
    assert_cli_fails(run_cli("embed", "-m", MODEL, PICTURE), 0, NULL);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    json_decref(entry);
}

/* A byte in that section of the only engine in the cache. */
static void damage_cached(const char *section)
{
    cli_run run = run_cli("cache", "--json");
    assert_int_equal(cli_line_count(&run), 1);
    json_t *entry = cli_json_line(&run, 0);
    const char *path = json_string_value(json_object_get(entry, "file"));
    size_t length;
    char *bytes = read_file(path, &length);
    osprey__engine_file file;
    assert_int_equal(osprey__engine_file_parse(bytes, length, path, &file, NULL), OSPREY_OK);
    const osprey__engine_section *found = osprey__engine_file_find(&file, section);
    assert_non_null(found);
    bytes[(const char *)found->bytes - bytes + (ptrdiff_t)found->length / 2] ^= 4;
    write_file(path, bytes, length);
    free(bytes);
    json_decref(entry);
    cli_run_free(&run);
}

/* Found by the first run, mended before anything is printed. */
static void test_a_damaged_cache(void **state)
{
    (void)state;
    static const struct {
        const char *section;
        const char *arguments[6];
    } cases[] = {
        {"image.weights", {"embed", PICTURE}},
        {"text.weights", {"embed", "--text", "a cat", "--format", "csv"}},
        {"text.constants", {"classify", "--labels", "cat,dog", PICTURE, "--json"}},
        {"image.weights", {"classify", "--labels", "cat,dog", PICTURE}},
    };
    cli_run run = run_cli("cache", "--clear");
    cli_run_free(&run);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const *a = cases[i].arguments;
        cli_run wanted = run_cli(a[0], "-m", MODEL, a[1], a[2], a[3], a[4]);
        assert_string_equal(wanted.err, "");
        damage_cached(cases[i].section);
        run = run_cli(a[0], "-m", MODEL, a[1], a[2], a[3], a[4]);
        assert_non_null(strstr(run.err, "damaged, and has been removed; compiling the model anew"));
        assert_null(strchr(strchr(run.err, '\n') + 1, '\n'));
        assert_same_cli_output(wanted, run);
    }
    damage_cached("image.weights");
    damage_cached("text.weights");
    run = run_cli("bench", "-m", MODEL, "--batch", "1");
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 3);
    assert_non_null(strstr(run.err, "compiling the model anew"));
    cli_run_free(&run);
    run = run_cli("cache", "--json");
    assert_int_equal(cli_line_count(&run), 1);
    cli_run_free(&run);
    /* Nor is a new one to be had. */
    struct rlimit usual;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    const struct rlimit small = {.rlim_cur = 10000, .rlim_max = usual.rlim_max};
    damage_cached("image.weights");
    setrlimit(RLIMIT_FSIZE, &small);
    run = run_cli("bench", "-m", MODEL, "--batch", "1", "--max-resident", "1G");
    setrlimit(RLIMIT_FSIZE, &usual);
    assert_string_equal(run.out, "");
    assert_cli_fails(run, 3, "--max-resident: needs an engine, which could not be put into the");
}

/* "0 engines" is said of a cache that was looked at. */
static void test_cache_that_cannot_be(void **state)
{
    (void)state;
    char variable[600];
    const char *file = temporary_path("no_directory");
    write_text(file, "x");
    snprintf(variable, sizeof variable, "XDG_CACHE_HOME=%s", file);
    cli_surroundings in_file = {.variable = variable};
    assert_cli_fails(run_cli_in(in_file, "cache", NULL), 1,
                     "/no_directory/osprey: cannot list the cache: Not a directory");
    assert_cli_fails(run_cli_in(in_file, "cache", "--clear", NULL), 1, "cannot list the cache");
    assert_cli_fails(run_cli_in(in_file, "embed", "-m", MODEL, PICTURE, NULL), 0, NULL);
    /* The reason alone, and what helps. */
    cli_run run = run_cli_in(in_file, "embed", "-m", MODEL, "--max-resident", "1G", PICTURE, NULL);
    assert_null(strstr(run.err, "--cache-limit"));
    assert_non_null(strstr(run.err, "osprey compile -o"));
    assert_cli_fails(run, 3, "/no_directory: cannot have the cache there: Not a directory");
    snprintf(variable, sizeof variable, "XDG_CACHE_HOME=");
    char *kept = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    setenv("HOME", "", 1);
    assert_cli_fails(run_cli_in(in_file, "cache", NULL), 2, "XDG_CACHE_HOME: neither it nor HOME");
    if (kept) setenv("HOME", kept, 1);
    if (!kept) unsetenv("HOME");
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inspect),
        cmocka_unit_test(test_weight_files),
        cmocka_unit_test(test_the_weight_file_is_told_each_time),
        cmocka_unit_test(test_bench),
        cmocka_unit_test(test_max_resident),
        cmocka_unit_test(test_bench_tells_exceptions),
        cmocka_unit_test(test_the_least_that_is_named),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_a_directory_in_the_cache),
        cmocka_unit_test(test_a_damaged_cache),
        cmocka_unit_test(test_cache_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
