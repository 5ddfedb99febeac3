/* SPDX-License-Identifier: Apache-2.0 */
/* osprey compile, and what the other commands make of its engines. */
#include "cli/run_cli.h"
#include "cmocka_all.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    assert_same_cli_output(run_cli("embed", "-m", MODEL, PICTURE),
                           run_cli("embed", "-m", engine, PICTURE));
    assert_same_cli_output(
        run_cli("classify", "-m", MODEL, "--labels", "cat,dog", "--json", PICTURE),
        run_cli("classify", "-m", engine, "--labels", "cat,dog", "--json", PICTURE));
    assert_same_cli_output(run_cli("tokenize", "-m", MODEL, "two cats"),
                           run_cli("tokenize", "-m", engine, "two cats"));
    run = run_cli("inspect", "-m", engine, "--verify", "--json");
    assert_int_equal(run.code, 0);
    json_t *facts = cli_json_line(&run, 0);
    const json_t *compiled = json_object_get(facts, "engine");
    assert_json_has(compiled, (const char *const[]){
                                  "osprey_version", "format_version", "instruction_set", "packing",
                                  "precision", "portable", "fingerprint", "image", "text", NULL});
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

/* In no form is anything printed or written, not even what stands above the results. */
static void assert_refuses_all(const char *engine, const char *input, const char *complaint)
{
    const char *file = temporary_path("never");
    static const char *const formats[] = {"json", "csv", "npy"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        assert_refuses(run_cli("embed", "-m", engine, input, "--format", formats[i]), complaint);
        assert_refuses(run_cli("embed", "-m", engine, input, "--format", formats[i], "-o", file),
                       complaint);
        assert_int_not_equal(access(file, F_OK), 0);
    }
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
    assert_refuses_all(engine, PICTURE, images);
    assert_refuses_all(engine, "--pixels=" MODEL "/pixels.npy", images);
    static const char *const forms[] = {"--json", "--csv", "--no-exif"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_refuses(run_cli("classify", "-m", engine, "--labels", "a,b", forms[i], PICTURE),
                       images);
    run = run_cli("embed", "-m", engine, "--text", "a cat");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_cli_fails(run_cli("inspect", "-m", engine, "--verify"), 3, images);
    alter_section(engine, "image.weights");
    alter_section(engine, "text.weights");
    assert_refuses_all(engine, "--text=a cat", texts);
    assert_refuses(run_cli("classify", "-m", engine, "--labels", "a,b", PICTURE), texts);
}

/* The tokenizer belongs to the text tower. */
static void test_image_tower_alone(void **state)
{
    (void)state;
    const char *engine = temporary_path("image.osprey");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", engine, "--tower", "image");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_same_cli_output(run_cli("embed", "-m", MODEL, PICTURE),
                           run_cli("embed", "-m", engine, PICTURE));
    run = run_cli("inspect", "-m", engine, "--json");
    json_t *facts = cli_json_line(&run, 0);
    assert_null(json_object_get(facts, "tokenizer"));
    json_decref(facts);
    cli_run_free(&run);
    assert_cli_fails(run_cli("tokenize", "-m", engine, "a cat"), 2,
                     "compiled without its text tower");
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
    assert_json_has(json_object_get(text, "reduction"),
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
    assert_json_has(json_object_get(image, "reduction"),
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compile),           cmocka_unit_test(test_altered_weights),
        cmocka_unit_test(test_image_tower_alone), cmocka_unit_test(test_prune),
        cmocka_unit_test(test_token_merge),       cmocka_unit_test(test_wrong_compilations),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
