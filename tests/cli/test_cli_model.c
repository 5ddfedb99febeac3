/* SPDX-License-Identifier: Apache-2.0 */
/* osprey inspect and bench. */
#include "cli/run_cli.h"
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void assert_has(const json_t *object, const char *const *keys)
{
    for (; *keys; keys++)
        if (!json_object_get(object, *keys)) fail_msg("\"%s\" is missing", *keys);
}

static void test_inspect(void **state)
{
    (void)state;
    cli_run run = run_cli("inspect", "-m", MODEL, "--json");
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 1);
    json_t *model = cli_json_line(&run, 0);
    assert_has(model, (const char *const[]){"name", "layout", "parameters", "weight_dtype",
                                            "embed_dim", "image_height", "image_width",
                                            "context_length", "logit_scale", "logit_bias", NULL});
    assert_has(json_object_get(model, "image"),
               (const char *const[]){"architecture", "parameters", "width", "layers", "heads",
                                     "mlp_width", "patch_size", "activation", NULL});
    assert_has(json_object_get(model, "preprocessing"),
               (const char *const[]){"resize", "resample", "crop_height", "mean", "std", NULL});
    assert_has(json_object_get(model, "tokenizer"),
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
    assert_cli_fails(run_cli("inspect", "-m", bare, "--arch", "RN51"), 3, "no such architecture");
    assert_cli_fails(run_cli("inspect", "-m", MODEL, "--arch", "ViT-B-32"), 2, "config.json has");
    assert_cli_fails(run_cli("inspect", "-m", old), 3, "torch.save(torch.load(FILE), NEW)");
    assert_cli_fails(run_cli("inspect", "-m", MODEL, "--weights", "nowhere.bin"), 3,
                     "no such file of weights");
    const char *other = OSPREY_TEST_DIR "/golden/torch/hf-vit-p32-quickgelu/pytorch_model.bin";
    run = run_cli("embed", "-m", MODEL, "--weights", other, "--text", "a", "--no-cache");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
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

static void assert_same_output(cli_run a, cli_run b)
{
    assert_int_equal(a.code, 0);
    assert_int_equal(b.code, 0);
    assert_string_equal(a.out, b.out);
    cli_run_free(&a);
    cli_run_free(&b);
}

/* Changes the byte in the middle of the engine's section. */
static void alter_section(const char *engine, const char *section)
{
    size_t length;
    char *bytes = read_file(engine, &length);
    assert_non_null(bytes);
    /* The table of sections: a name, and 24 bytes behind its beginning offset and length. */
    char *entry = memmem(bytes, 4096, section, strlen(section) + 1);
    assert_non_null(entry);
    uint64_t place[2];
    memcpy(place, entry + 24, sizeof place);
    assert_true(place[0] + place[1] <= length);
    bytes[place[0] + place[1] / 2] ^= 1;
    write_file(engine, bytes, length);
    free(bytes);
}

static void assert_refuses(cli_run run, const char *complaint)
{
    assert_int_equal(run.out_bytes, 0);
    assert_cli_fails(run, 3, complaint);
}

/* A file whose weights were altered gives no result: neither the first nor a later one. */
static void test_altered_weights(void **state)
{
    (void)state;
    const char *engine = temporary_path("altered.osprey");
    const char *images = "altered.osprey: the engine is damaged: section \"image.weights\"";
    const char *texts = "altered.osprey: the engine is damaged: section \"text.weights\"";
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    alter_section(engine, "image.weights");
    assert_refuses(run_cli("embed", "-m", engine, PICTURE, PICTURE), images);
    assert_refuses(run_cli("embed", "-m", engine, "--max-resident", "200M", PICTURE), images);
    assert_refuses(run_cli("classify", "-m", engine, "--labels", "a,b", "--json", PICTURE), images);
    run = run_cli("embed", "-m", engine, "--text", "a cat");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_cli_fails(run_cli("inspect", "-m", engine, "--verify"), 3, images);
    alter_section(engine, "image.weights");
    alter_section(engine, "text.weights");
    assert_refuses(run_cli("embed", "-m", engine, "--text", "a cat"), texts);
    assert_refuses(run_cli("classify", "-m", engine, "--labels", "a,b", PICTURE), texts);
}

/* Every command takes an engine, and says what it says of the directory. */
static void test_compile(void **state)
{
    (void)state;
    const char *engine = temporary_path("model.osprey"), *graphs = temporary_path("graphs");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine, "--dump-graph", graphs);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "model.osprey: "));
    assert_non_null(strstr(run.out, "  image "));
    assert_non_null(strstr(run.out, "  text "));
    cli_run_free(&run);
    assert_same_output(run_cli("embed", "-m", MODEL, PICTURE),
                       run_cli("embed", "-m", engine, PICTURE));
    assert_same_output(run_cli("classify", "-m", MODEL, "--labels", "cat,dog", "--json", PICTURE),
                       run_cli("classify", "-m", engine, "--labels", "cat,dog", "--json", PICTURE));
    assert_same_output(run_cli("tokenize", "-m", MODEL, "two cats"),
                       run_cli("tokenize", "-m", engine, "two cats"));
    run = run_cli("inspect", "-m", engine, "--verify", "--json");
    assert_int_equal(run.code, 0);
    json_t *facts = cli_json_line(&run, 0);
    const json_t *compiled = json_object_get(facts, "engine");
    assert_has(compiled, (const char *const[]){"osprey_version", "format_version",
                                               "instruction_set", "packing", "precision",
                                               "portable", "fingerprint", "image", "text", NULL});
    const json_t *memory = json_object_get(json_object_get(compiled, "image"), "memory");
    assert_int_equal(json_array_size(memory), 3);
    size_t peak = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t bytes =
            (size_t)json_integer_value(json_object_get(json_array_get(memory, i), "arena_bytes"));
        assert_true(bytes > peak);
        peak = bytes;
    }
    json_decref(facts);
    cli_run_free(&run);
    run = run_cli("inspect", "-m", engine);
    assert_non_null(strstr(run.out, "batch 8  arena_bytes "));
    cli_run_free(&run);
    assert_cli_fails(run_cli("inspect", "-m", MODEL, "--verify"), 2,
                     "--verify: " MODEL " is no engine");
    run = run_cli("bench", "-m", engine, "--tower", "text", "--batch", "1");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);

    size_t length;
    char path[600];
    snprintf(path, sizeof path, "%s/image-00-built.txt", graphs);
    char *text = read_file(path, &length);
    assert_non_null(text);
    assert_int_equal(strncmp(text, "graph image\n", 12), 0);
    free(text);
    snprintf(path, sizeof path, "%s/text-01-fold_constants.txt", graphs);
    text = read_file(path, &length);
    assert_non_null(text);
    free(text);
}

/* The second run finds what the first one compiled. */
/* The tokenizer belongs to the text tower. */
static void test_image_tower_alone(void **state)
{
    (void)state;
    const char *engine = temporary_path("image.osprey");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "image");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_same_output(run_cli("embed", "-m", MODEL, PICTURE),
                       run_cli("embed", "-m", engine, PICTURE));
    run = run_cli("inspect", "-m", engine, "--json");
    json_t *facts = cli_json_line(&run, 0);
    assert_null(json_object_get(facts, "tokenizer"));
    json_decref(facts);
    cli_run_free(&run);
    assert_cli_fails(run_cli("tokenize", "-m", engine, "a cat"), 2,
                     "compiled without its text tower");
}

/* Each command that runs a model takes a limit, and says what it says without. */
static void test_max_resident(void **state)
{
    (void)state;
    const char *engine = temporary_path("resident.osprey");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_same_output(run_cli("embed", "-m", engine, PICTURE),
                       run_cli("embed", "-m", engine, "--max-resident", "1G", PICTURE));
    assert_same_output(run_cli("classify", "-m", engine, "--labels", "cat,dog", PICTURE),
                       run_cli("classify", "-m", engine, "--labels", "cat,dog", "--max-resident",
                               "1048576K", PICTURE));
    run = run_cli("bench", "-m", engine, "--tower", "text", "--batch", "1", "--json",
                  "--max-resident", "1024M");
    assert_int_equal(run.code, 0);
    json_t *line = cli_json_line(&run, 0);
    assert_true(json_is_integer(json_object_get(line, "read_bytes_a_run")));
    json_decref(line);
    cli_run_free(&run);
    static const char *const low[][2] = {{"1000K", "1M"}, {"1M", "1M"}, {"10M", "10M"}};
    for (size_t i = 0; i < sizeof low / sizeof *low; i++) {
        char sentence[256];
        snprintf(sentence, sizeof sentence,
                 "--max-resident: a limit of %s is too low for %s, which runs in ", low[i][1],
                 engine);
        assert_cli_fails(run_cli("embed", "-m", engine, "--max-resident", low[i][0], PICTURE), 2,
                         sentence);
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
    /* Nothing is printed before it is known that the limit can be kept. */
    run = run_cli("bench", "-m", engine, "--max-resident", "1M");
    assert_int_equal(run.out_bytes, 0);
    assert_cli_fails(run, 2, "too low");
}

static void test_cache(void **state)
{
    (void)state;
    assert_same_output(run_cli("embed", "--no-cache", "-m", MODEL, PICTURE),
                       run_cli("embed", "-m", MODEL, PICTURE));
    cli_run run = run_cli("cache", "--json");
    assert_int_equal(run.code, 0);
    size_t count = cli_line_count(&run);
    assert_true(count >= 1);
    json_t *entry = cli_json_line(&run, 0);
    assert_has(entry, (const char *const[]){"file", "bytes", "used", NULL});
    json_decref(entry);
    cli_run_free(&run);
    assert_same_output(run_cli("embed", "--no-cache", "-m", MODEL, PICTURE),
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

static void test_prune(void **state)
{
    (void)state;
    const char *engine = temporary_path("pruned.osprey");
    cli_run run =
        run_cli("compile", "-m", MODEL, "-o", engine, "--prune", "heads=0.5", "--prune", "mlp=.25");
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "  text   pruned by magnitude, from "));
    assert_non_null(strstr(run.out, "  text   cosine with the whole tower, of 80: "));
    assert_non_null(strstr(run.out, "  image  pruned by magnitude, from "));
    assert_non_null(strstr(run.out, "  image  what that costs was not measured; --verify"));
    cli_run_free(&run);
    run = run_cli("inspect", "-m", engine, "--json");
    json_t *facts = cli_json_line(&run, 0);
    const json_t *text = json_object_get(json_object_get(facts, "engine"), "text");
    assert_has(json_object_get(text, "reduction"),
               (const char *const[]){"prune_heads", "prune_mlp", "whole_parameters", "samples",
                                     "least_cosine", "mean_cosine", NULL});
    assert_int_equal(json_integer_value(json_object_get(json_object_get(facts, "image"), "heads")),
                     1);
    json_decref(facts);
    cli_run_free(&run);
    /* Images say what matters; the cost is measured on them. fp32 needs no ranges. */
    run =
        run_cli("compile", "-m", MODEL, "-o", engine, "--prune", "mlp=.25", "--calibrate", PICTURE);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "  image  pruned by activation, from "));
    assert_non_null(strstr(run.out, "  image  cosine with the whole tower, of 1: least "));
    assert_null(strstr(run.out, "static ranges"));
    cli_run_free(&run);
    static const char *const wrong[] = {"heads=0", "heads=1", "mlp=-1", "mlp=x",
                                        "mlp=",    "mlp",     "0.5",    "layers=0.5"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--prune", wrong[i]), 2,
                         wrong[i]);
    assert_cli_fails(
        run_cli("compile", "-m", MODEL, "-o", engine, "--prune", "mlp=0.1", "--prune", "mlp=0.2"),
        2, "once more");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--prune", "heads=0.1"), 2,
                     "removes none of the 2 heads");
    assert_cli_fails(run_cli("compile", "-m", engine, "-o", engine, "--prune", "mlp=0.1"), 2,
                     "is an engine already");
}

static void test_token_merge(void **state)
{
    (void)state;
    const char *engine = temporary_path("merged.osprey");
    cli_run run =
        run_cli("compile", "-m", MODEL, "-o", engine, "--token-merge", "2", "--verify", PICTURE);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "  image  each layer merges 2 tokens\n"));
    assert_non_null(strstr(run.out, "  image  cosine with the whole tower, of 1: least "));
    assert_non_null(strstr(run.out, "  image  ms an image: "));
    assert_null(strstr(run.out, "  text   cosine with"));
    cli_run_free(&run);
    run = run_cli("inspect", "-m", engine, "--json");
    json_t *facts = cli_json_line(&run, 0);
    const json_t *image = json_object_get(json_object_get(facts, "engine"), "image");
    assert_has(json_object_get(image, "reduction"),
               (const char *const[]){"token_merge", "samples", "whole_ms", "ms", NULL});
    json_decref(facts);
    cli_run_free(&run);
    run = run_cli("compile", "-m", MODEL, "-o", engine, "--token-merge", "2", "--precision", "bf16",
                  "--verify", PICTURE);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "tokens of images may have been merged differently"));
    cli_run_free(&run);
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--token-merge", "0"), 2,
                     "is not a whole number from 1");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--token-merge", "3"), 2,
                     "at most 2 of the image tower's 5 tokens");
    assert_cli_fails(
        run_cli("compile", "-m", MODEL, "-o", engine, "--token-merge", "1", "--tower", "text"), 2,
        "left out of this engine");
}

static void test_wrong_compilations(void **state)
{
    (void)state;
    const char *engine = temporary_path("wrong.osprey");
    assert_cli_fails(run_cli("compile", "-m", MODEL), 2, "name the engine to be written");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "--batch", "8,1"), 2,
                     "\"8,1\" are no rising numbers");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", engine, "x"), 2, "takes no inputs");
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", temporary_path("no/m.osprey")), 1,
                     "cannot create it");
    write_text(engine, "this is no engine");
    assert_cli_fails(run_cli("inspect", "-m", engine), 3, "not an osprey engine");
}

#define IMAGES_DIR OSPREY_TEST_DIR "/golden/images"

/* Ranges come with the engine, are told by inspect, and change what --static gives. */
static void test_calibrate(void **state)
{
    (void)state;
    const char *engine = temporary_path("static.osprey"), *list = temporary_path("list.txt");
    char value[600];
    write_text(list, IMAGES_DIR "/411.jpg\n" IMAGES_DIR "/420.jpg\n");
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
        cmocka_unit_test(test_inspect),
        cmocka_unit_test(test_weight_files),
        cmocka_unit_test(test_bench),
        cmocka_unit_test(test_compile),
        cmocka_unit_test(test_altered_weights),
        cmocka_unit_test(test_max_resident),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_cache_that_cannot_be),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_token_merge),
        cmocka_unit_test(test_image_tower_alone),
        cmocka_unit_test(test_wrong_compilations),
        cmocka_unit_test(test_calibrate),
        cmocka_unit_test(test_many_images_to_calibrate),
        cmocka_unit_test(test_wrong_calibrations),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
