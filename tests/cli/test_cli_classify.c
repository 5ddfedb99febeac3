/* SPDX-License-Identifier: Apache-2.0 */
/* osprey classify: forms of output, labels and templates, inputs in order, bad inputs. */
#include "cli/run_cli.h"
#include "cmocka_all.h"
#include "task/solid_png.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static json_t *result_of(const json_t *line, size_t rank)
{
    json_t *result = json_array_get(json_object_get(line, "results"), rank);
    assert_non_null(result);
    return result;
}

static void test_json_line(void **state)
{
    (void)state;
    cli_run run = run_cli("classify", "-m", MODEL, "--labels", "a,b,c", "--json", PICTURE);
    assert_int_equal(run.code, 0);
    assert_string_equal(run.err, "");
    assert_int_equal(cli_line_count(&run), 1);
    char start[512];
    snprintf(start, sizeof start, "{\"input\":\"%s\",\"results\":[{\"label\":\"", PICTURE);
    assert_int_equal(strncmp(run.out, start, strlen(start)), 0);

    json_t *line = cli_json_line(&run, 0);
    double sum = 0, before = 1;
    assert_int_equal(json_array_size(json_object_get(line, "results")), 3);
    for (size_t i = 0; i < 3; i++) {
        json_t *result = result_of(line, i);
        double score = number_of(result, "score"), cosine = number_of(result, "cosine");
        assert_int_equal(strlen(text_of(result, "label")), 1);
        assert_true(cosine >= -1 && cosine <= 1);
        assert_true(score <= before);
        before = score;
        sum += score;
    }
    assert_true(fabs(sum - 1) < 1e-5);
    json_decref(line);
    cli_run_free(&run);
}

/* The result that a user would compute from the embeddings of `embed`. */
static void test_scores_follow_from_embeddings(void **state)
{
    (void)state;
    const char *texts = temporary_path("t.npy"), *images = temporary_path("i.npy");
    cli_run run = run_cli("embed", "-m", MODEL, "--text", "a photo of a dog.", "--text",
                          "a photo of a cat.", "--format", "npy", "-o", texts);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    run = run_cli("embed", "-m", MODEL, PICTURE, "--format", "npy", "-o", images);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    npy_file t = load_npy(texts), i = load_npy(images);
    double cosines[2] = {0};
    for (size_t label = 0; label < 2; label++)
        for (size_t d = 0; d < i.count; d++)
            cosines[label] += (double)t.values[label * i.count + d] * (double)i.values[d];

    run = run_cli("classify", "-m", MODEL, "--labels", "dog, cat", "--json", PICTURE);
    json_t *line = cli_json_line(&run, 0);
    for (size_t rank = 0; rank < 2; rank++) {
        json_t *result = result_of(line, rank);
        double own = cosines[strcmp(text_of(result, "label"), "dog") != 0];
        double other = cosines[strcmp(text_of(result, "label"), "dog") == 0];
        assert_true(fabs(number_of(result, "cosine") - own) < 1e-5);
        double expected = 1 / (1 + exp(100 * (other - own))); /* the model's scale is 100 */
        assert_true(fabs(number_of(result, "score") - expected) < 1e-3);
    }
    json_decref(line);
    cli_run_free(&run);
    npy_free(&t);
    npy_free(&i);
}

static void test_table(void **state)
{
    (void)state;
    cli_run run = run_cli("classify", "-m", MODEL, "--labels", "a,b", PICTURE);
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 4);
    assert_non_null(strstr(run.out, "score   cosine  label\n" PICTURE "\n"));
    assert_non_null(strstr(run.out, " %  "));
    cli_run_free(&run);
}

static void test_csv_is_quoted(void **state)
{
    (void)state;
    const char *labels = temporary_path("labels.txt");
    const char *picture = temporary_path("a, \"b\".png");
    write_text(labels, "sofa, red\r\n\n  12\" disc \nplain");
    write_solid_png(picture, 90);
    char at_labels[300], quoted[300];
    snprintf(at_labels, sizeof at_labels, "@%s", labels);
    snprintf(quoted, sizeof quoted, "\"%s/a, \"\"b\"\".png\",", temporary_folder());
    cli_run run = run_cli("classify", "-m", MODEL, "--labels", at_labels, "--csv", picture);
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 4);
    assert_int_equal(strncmp(run.out, "input,rank,label,score,cosine\n", 30), 0);
    assert_int_equal(strncmp(run.out + 30, quoted, strlen(quoted)), 0);
    assert_non_null(strstr(run.out, ",\"sofa, red\","));
    assert_non_null(strstr(run.out, ",\"12\"\" disc\","));
    assert_non_null(strstr(run.out, ",plain,"));
    cli_run_free(&run);
}

static void test_top_and_threshold(void **state)
{
    (void)state;
    cli_run run = run_cli("classify", "-m", MODEL, "--labels", "a,b,c,d,e,f,g", "--csv", PICTURE);
    assert_int_equal(cli_line_count(&run), 1 + 5);
    cli_run_free(&run);
    run =
        run_cli("classify", "-m", MODEL, "--labels", "a,b,c,d,e,f,g", "--csv", "--top=2", PICTURE);
    assert_int_equal(cli_line_count(&run), 1 + 2);
    cli_run_free(&run);
    run = run_cli("classify", "-m", MODEL, "--labels", "a,b,c,d,e,f,g", "--csv", "--top", "0",
                  PICTURE);
    assert_int_equal(cli_line_count(&run), 1 + 7);
    cli_run_free(&run);
    run = run_cli("classify", "-m", MODEL, "--labels", "a,b,c", "--json", "--threshold", "1.5",
                  PICTURE);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "\"results\":[]"));
    cli_run_free(&run);
}

/* The best label's score under these flags. */
static double best_score(const char *flag, const char *value, const char *flag2, const char *value2)
{
    cli_run run = run_cli("classify", "-m", MODEL, "--labels", "dog,cat,bird", "--json", PICTURE,
                          flag, value, flag2, value2);
    assert_int_equal(run.code, 0);
    json_t *line = cli_json_line(&run, 0);
    double score = number_of(result_of(line, 0), "score");
    json_decref(line);
    cli_run_free(&run);
    return score;
}

static void test_templates(void **state)
{
    (void)state;
    double usual = best_score(NULL, NULL, NULL, NULL);
    assert_true(best_score("--template", "a photo of a {}.", NULL, NULL) == usual);
    assert_true(best_score("--template", "a photo of a {label}.", NULL, NULL) == usual);
    assert_true(best_score("--templates", "none", NULL, NULL) ==
                best_score("--template", "{}", NULL, NULL));
    assert_true(best_score("--templates", "none", NULL, NULL) != usual);
    double by_embedding = best_score("--templates", "simple", NULL, NULL);
    double by_probability = best_score("--templates", "simple", "--ensemble", "probability");
    assert_true(by_embedding == best_score("--templates", "simple", "--ensemble", "embedding"));
    assert_true(by_embedding != by_probability);
    assert_true(best_score("--templates", "imagenet", NULL, NULL) != by_embedding);

    char from_file[300];
    write_text(temporary_path("templates.txt"), "a {}\n\nthe {label}\n");
    snprintf(from_file, sizeof from_file, "@%s", temporary_path("templates.txt"));
    assert_true(best_score("--templates", from_file, NULL, NULL) ==
                best_score("--template", "a {}", "--template", "the {}"));
    assert_true(best_score("--activation", "sigmoid", NULL, NULL) != usual);
}

static void test_labels_and_templates_that_cannot_be(void **state)
{
    (void)state;
#define CLASSIFY "classify", "-m", MODEL, PICTURE
    write_text(temporary_path("blank.txt"), "\n  \n");
    char blank[300];
    snprintf(blank, sizeof blank, "@%s", temporary_path("blank.txt"));
    assert_cli_fails(run_cli(CLASSIFY), 2, "--labels: is missing");
    assert_cli_fails(run_cli(CLASSIFY, "--labels", ""), 2, "--labels: needs a value");
    assert_cli_fails(run_cli(CLASSIFY, "--labels", "a,,b"), 2, "\"a,,b\" has an empty label");
    assert_cli_fails(run_cli(CLASSIFY, "--labels", "@/nonexistent"), 2,
                     "/nonexistent: cannot open it");
    assert_cli_fails(run_cli(CLASSIFY, "--labels", blank), 2, "blank.txt: there are no labels");
    assert_cli_fails(run_cli(CLASSIFY, "--labels", "@"), 2, "--labels: \"@\" has to be @ and");
    assert_cli_fails(run_cli(CLASSIFY, "--labels=a", "--templates", "@"), 2,
                     "--templates: \"@\" has to be @ and");
    assert_cli_fails(run_cli(CLASSIFY, "--labels=a", "--template", "a photo"), 2,
                     "--template: \"a photo\": the template has no place for the label");
    assert_cli_fails(run_cli(CLASSIFY, "--labels=a", "--template", ""), 2, "--template: \"\":");
    assert_cli_fails(run_cli(CLASSIFY, "--labels=a", "--templates", "cifar"), 2,
                     "imagenet, simple and none");
    assert_cli_fails(run_cli(CLASSIFY, "--labels=a", "--templates", blank), 2,
                     "there are no templates");
    assert_cli_fails(run_cli(CLASSIFY, "--labels=a", "--templates=simple", "--template={}"), 2,
                     "cannot stand beside");
    assert_cli_fails(run_cli(CLASSIFY, "--labels=a", "--json", "--csv"), 2, "cannot stand beside");
}

/* The sentence names the flag, the file and the line, blank lines counted. */
static void test_bad_line_of_a_file(void **state)
{
    (void)state;
    char at_file[300];
    const char *path = temporary_path("lines.txt");
    snprintf(at_file, sizeof at_file, "@%s", path);
    write_text(path, "a {}\n\nno place\n");
    assert_cli_fails(run_cli(CLASSIFY, "--labels=a", "--templates", at_file), 2,
                     "lines.txt: line 3: \"no place\": the template has no place");
    write_file(path, "a\n\nb\0c\n", 7);
    assert_cli_fails(run_cli(CLASSIFY, "--labels", at_file), 2,
                     "lines.txt: line 3 holds a NUL byte");
    assert_cli_fails(run_cli(CLASSIFY, "--labels", "@/dev/zero"), 2,
                     "--labels @/dev/zero: is longer than 256 MiB");
}

static void test_repeated_labels_count_once(void **state)
{
    (void)state;
    cli_run once = run_cli(CLASSIFY, "--labels", "dog,cat", "--json");
    cli_run twice = run_cli(CLASSIFY, "--labels", "dog,cat,dog", "--json");
    assert_int_equal(twice.code, 0);
    assert_string_equal(twice.out, once.out);
    assert_non_null(strstr(twice.err, "--labels: \"dog\" is there more than once"));
    assert_null(strstr(twice.err, "cat"));
    cli_run_free(&once);
    cli_run_free(&twice);
}

static void test_one_bad_picture_among_many(void **state)
{
    (void)state;
    char list[4096] = "", expected[20][256];
    size_t used = 0;
    for (size_t i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, i == 7 ? "missing.png" : "picture-%zu.png", i);
        snprintf(expected[i], sizeof expected[i], "%s", temporary_path(name));
        if (i == 12)
            write_text(expected[i], "not a picture");
        else if (i != 7)
            write_solid_png(expected[i], (uint8_t)(10 * i));
        used += (size_t)snprintf(list + used, sizeof list - used, "%s\n", expected[i]);
    }
    cli_run run = run_cli_in((cli_surroundings){.input = list}, "classify", "-m", MODEL,
                             "--labels=a,b", "--json", "--batch", "3", "--threads", "4", "-", NULL);
    assert_int_equal(run.code, 1);
    assert_int_equal(cli_line_count(&run), 20);
    for (size_t i = 0; i < 20; i++) {
        json_t *line = cli_json_line(&run, i);
        bool bad = i == 7 || i == 12;
        assert_string_equal(text_of(line, "input"), expected[i]);
        assert_true((json_object_get(line, "error") != NULL) == bad);
        assert_true((json_object_get(line, "results") != NULL) == !bad);
        json_decref(line);
    }
    assert_non_null(strstr(run.err, expected[7]));
    assert_non_null(strstr(run.err, expected[12]));
    cli_run_free(&run);

    run = run_cli_in((cli_surroundings){.input = list}, "classify", "-m", MODEL, "--labels=a,b",
                     "--csv", "-", NULL);
    assert_int_equal(run.code, 1);
    assert_int_equal(cli_line_count(&run), 1 + 18 * 2);
    cli_run_free(&run);
}

static void test_directory(void **state)
{
    (void)state;
    char folder[256], inside[300];
    snprintf(folder, sizeof folder, "%s",
             temporary_path("b\xc3\xbc"
                            "cher \xe6\x97\xa5"));
    assert_int_equal(mkdir(folder, 0700), 0);
    static const char *const names[] = {"b.PNG", "a.png", "notes.txt", "c.png", ".hidden.png"};
    for (size_t i = 0; i < 5; i++) {
        snprintf(inside, sizeof inside, "%s/%s", folder, names[i]);
        write_solid_png(inside, (uint8_t)(40 * i));
    }
    cli_run run = run_cli("classify", "-m", MODEL, "--labels=a", "--json", folder);
    static const char *const order[] = {"a.png", "b.PNG", "c.png"};
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 3);
    for (size_t i = 0; i < 3; i++) {
        json_t *line = cli_json_line(&run, i);
        snprintf(inside, sizeof inside, "%s/%s", folder, order[i]);
        assert_string_equal(text_of(line, "input"), inside);
        json_decref(line);
    }
    cli_run_free(&run);

    mkdir(temporary_path("no pictures"), 0700);
    run = run_cli("classify", "-m", MODEL, "--labels=a", "--json", temporary_path("no pictures"),
                  PICTURE);
    assert_int_equal(cli_line_count(&run), 2);
    json_t *line = cli_json_line(&run, 0);
    assert_string_equal(text_of(line, "input"), temporary_path("no pictures"));
    assert_int_equal(strncmp(text_of(line, "error"), "there is no .jpg", 16), 0);
    json_decref(line);
    assert_cli_fails(run, 1, "no pictures: there is no .jpg");
}

/* A pipe that nobody writes to is left alone; reading it would wait for ever. */
static void test_pipe_in_a_directory(void **state)
{
    (void)state;
    mkdir(temporary_path("pipes"), 0700);
    assert_int_equal(mkfifo(temporary_path("pipes/a.jpg"), 0600), 0);
    write_solid_png(temporary_path("pipes/b.png"), 90);
    cli_run run = run_cli("classify", "-m", MODEL, "--labels=a", "--json", temporary_path("pipes"));
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 1);
    cli_run_free(&run);
}

static void test_file_names_that_are_not_text(void **state)
{
    (void)state;
    cli_run run = run_cli("classify", "-m", MODEL, "--labels",
                          "a\xff"
                          "b",
                          "--json", PICTURE, "/nonexistent/\xc3(\xe6\x97.png");
    assert_int_equal(run.code, 1);
    json_t *line = cli_json_line(&run, 0);
    assert_string_equal(text_of(result_of(line, 0), "label"), "a\xef\xbf\xbd"
                                                              "b");
    json_decref(line);
    line = cli_json_line(&run, 1);
    assert_string_equal(text_of(line, "input"), "/nonexistent/\xef\xbf\xbd(\xef\xbf\xbd.png");
    json_decref(line);
    cli_run_free(&run);
}

static void test_empty_list(void **state)
{
    (void)state;
    cli_run run = run_cli("classify", "-m", MODEL, "--labels=a", "--json", "-");
    assert_string_equal(run.out, "");
    assert_cli_fails(run, 2, "standard input: there are no images in it");
}

static void test_standard_input_is_read_once(void **state)
{
    (void)state;
    assert_cli_fails(run_cli_in((cli_surroundings){.input = PICTURE "\n"}, "classify", "-m", MODEL,
                                "--labels=@-", "--json", "-", NULL),
                     2, "standard input has been read already");
}

/* A model with a head and no text tower: its own classes, and one sentence for everything else. */
static void test_classes_of_the_model(void **state)
{
    (void)state;
    static const char vit[] = OSPREY_TEST_DIR "/golden/flax/vit-imagenet.npz";
    cli_run run = run_cli("classify", "-m", vit, "--json", "--top", "1000", PICTURE);
    assert_int_equal(run.code, 0);
    assert_string_equal(run.err, "");
    json_t *line = json_loads(run.out, 0, NULL);
    double sum = 0;
    for (size_t i = 0; i < 1000; i++) sum += number_of(result_of(line, i), "score");
    assert_true(fabs(sum - 1) < 1e-3);
    number_of(result_of(line, 0), "logit");
    assert_int_equal(json_array_size(json_object_get(line, "results")), 1000);
    json_decref(line);
    cli_run_free(&run);
    run = run_cli("classify", "-m", vit, "--csv", PICTURE);
    assert_int_equal(strncmp(run.out, "input,rank,label,score,logit\n", 29), 0);
    cli_run_free(&run);
    run =
        run_cli("classify", "-m", OSPREY_TEST_DIR "/golden/flax/vit-pre-logits-bf16.npz", PICTURE);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.err, "its 7 classes have no names here"));
    assert_non_null(strstr(run.out, "  class "));
    cli_run_free(&run);
    assert_cli_fails(run_cli("classify", "-m", vit, "--labels=a,b", PICTURE), 2,
                     "knows no labels but its own 1000 classes");
    assert_cli_fails(run_cli("classify", "-m", vit, "--template={}", PICTURE), 2,
                     "--template says nothing without --labels");
    assert_cli_fails(
        run_cli("classify", "-m", OSPREY_TEST_DIR "/golden/flax/vit-mean-headless.npz", PICTURE), 2,
        "has neither a text tower");
    assert_cli_fails(run_cli("classify", "-m", MODEL, PICTURE), 2, "--labels: is missing");
    assert_cli_fails(run_cli("embed", "-m", vit, "--text", "dog"), 2, "takes pictures only");
    assert_cli_fails(run_cli("tokenize", "-m", vit, "dog"), 2,
                     "the model is one without a text tower");
    assert_cli_fails(run_cli("bench", "-m", vit, "--tower", "text"), 2, "takes pictures only");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_scores_follow_from_embeddings),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_csv_is_quoted),
        cmocka_unit_test(test_top_and_threshold),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_labels_and_templates_that_cannot_be),
        cmocka_unit_test(test_bad_line_of_a_file),
        cmocka_unit_test(test_repeated_labels_count_once),
        cmocka_unit_test(test_one_bad_picture_among_many),
        cmocka_unit_test(test_directory),
        cmocka_unit_test(test_pipe_in_a_directory),
        cmocka_unit_test(test_file_names_that_are_not_text),
        cmocka_unit_test(test_empty_list),
        cmocka_unit_test(test_standard_input_is_read_once),
        cmocka_unit_test(test_classes_of_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
