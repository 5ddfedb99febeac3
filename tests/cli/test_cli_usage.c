/* SPDX-License-Identifier: Apache-2.0 */
/* The command line itself: help, flags, environment, wrong use, models that are not there. */
#include "cli/run_cli.h"
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const commands[] = {"classify", "embed", "tokenize", "preprocess",
                                       "inspect",  "bench", "compile",  "cache"};

static void test_overview(void **state)
{
    (void)state;
    cli_run run = run_cli("--help");
    assert_int_equal(run.code, 0);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        assert_non_null(strstr(run.out, commands[i]));
    cli_run_free(&run);
    run = run_cli("--version");
    assert_int_equal(run.code, 0);
    assert_int_equal(strncmp(run.out, "osprey ", 7), 0);
    cli_run_free(&run);
    assert_cli_fails(run_cli_in((cli_surroundings){0}, NULL), 2, "Usage: osprey COMMAND");
}

static void test_each_command_has_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char usage[64];
        snprintf(usage, sizeof usage, "Usage: osprey %s", commands[i]);
        cli_run run = run_cli(commands[i], "--help");
        assert_int_equal(run.code, 0);
        assert_non_null(strstr(run.out, usage));
        assert_true(strstr(run.out, "-m, --model DIR") || strcmp(commands[i], "cache") == 0);
        assert_string_equal(run.err, "");
        for (const char *line = run.out; *line; line += strcspn(line, "\n") + 1)
            assert_true(strcspn(line, "\n") <= 80);
        /* What is said of a flag has an end. */
        const char *flag = strstr(run.out, "\nFlags:\n");
        while ((flag = strstr(flag + 1, "\n      --")))
            if (!strchr(".):", flag[-1])) fail_msg("cut off before: %.60s", flag);
        cli_run_free(&run);
    }
}

static void test_unknown_words_get_the_nearest(void **state)
{
    (void)state;
    assert_cli_fails(run_cli("clasify"), 2, "the nearest is classify");
    assert_cli_fails(run_cli("classify", "--lables", "a,b", "x.jpg"), 2, "the nearest is --labels");
    assert_cli_fails(run_cli("embed", "--fromat=npy"), 2, "the nearest is --format");
    assert_cli_fails(run_cli("embed", "-x"), 2, "embed has no such flag; `osprey embed --help`");
    assert_cli_fails(run_cli("foo"), 2, "no such command; `osprey --help` has all");
    /* A flag of another command is none of this one. */
    assert_cli_fails(run_cli("inspect", "--labels", "a"), 2, "--labels: inspect has no such flag");
}

static void test_wrong_values(void **state)
{
    (void)state;
    assert_cli_fails(run_cli("classify", "--top", "five"), 2,
                     "--top: \"five\" is not a whole number");
    assert_cli_fails(run_cli("classify", "--top", "-1"), 2, "\"-1\" is not a whole number");
    assert_cli_fails(run_cli("classify", "--top=1x"), 2, "\"1x\"");
    assert_cli_fails(run_cli("classify", "--top=99999999999999999999999"), 2, "whole number");
    assert_cli_fails(run_cli("classify", "--batch=0"), 2, "from 1 to");
    assert_cli_fails(run_cli("classify", "--threshold", "much"), 2,
                     "\"much\" is not a finite number");
    assert_cli_fails(run_cli("classify", "--threshold", "nan"), 2,
                     "\"nan\" is not a finite number");
    assert_cli_fails(run_cli("classify", "--ensemble", "sum"), 2,
                     "\"sum\" is none of: embedding, probability");
    assert_cli_fails(run_cli("classify", "--json=yes"), 2, "--json: takes no value");
    assert_cli_fails(run_cli("classify", "--labels"), 2, "--labels: needs a value: A,B,C|@FILE");
    assert_cli_fails(run_cli("embed", "--pixels", ""), 2, "--pixels: needs a value: FILE.npy");
    assert_cli_fails(run_cli("embed", "-o", ""), 2, "--output: needs a value: FILE");
    static const char *const names[] = {"--verify", "--calibrate", "--keep", "--prune"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char said[64];
        snprintf(said, sizeof said, "%s: needs a value: ", names[i]);
        assert_cli_fails(run_cli("compile", "-o", "x", names[i], ""), 2, said);
    }
    assert_cli_fails(run_cli("score", "--embeddings="), 2, "--embeddings: needs a value: FILE.npy");
    assert_cli_fails(run_cli("embed", "-m", MODEL, PICTURE, ""), 2,
                     "input 2 is empty: name a file");
    assert_cli_fails(run_cli("classify", "--labels=a", "--labels=b"), 2,
                     "--labels: can be given only once");
    assert_cli_fails(run_cli("inspect", "-hx"), 2, "--help: takes no value");
    assert_cli_fails(run_cli("bench", "--batch", "1,,2"), 2, "list of whole numbers");
    assert_cli_fails(run_cli("bench", "--batch", "1,"), 2, "list of whole numbers");
    assert_cli_fails(run_cli("bench", "--threads", "257"), 2, "from 0 to 256");
    static const char *const sizes[] = {"1X", "G", "1GB", "-1", "17179869184G"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_cli_fails(run_cli("bench", "--max-resident", sizes[i]), 2,
                         "is not a whole number of bytes, such as 1073741824, 1536M, 2G or 1T");
}

static void test_inputs_that_a_command_cannot_take(void **state)
{
    (void)state;
    assert_cli_fails(run_cli("classify", "-m", MODEL, "--labels", "a"), 2, "no images");
    assert_cli_fails(run_cli("embed", "-m", MODEL), 2, "one kind of input");
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--text", "a", PICTURE), 2,
                     PICTURE ": cannot stand beside --text");
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--pixels=a", "--texts=@b"), 2,
                     "--texts: cannot stand beside --pixels");
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--text=a", "--no-exif"), 2,
                     "--no-exif is about image files");
    assert_cli_fails(run_cli("tokenize", "-m", MODEL, "--texts=@a", "b"), 2,
                     "b: cannot stand beside --texts");
    assert_cli_fails(run_cli("preprocess", "-m", MODEL), 2, "no images");
    assert_cli_fails(run_cli("tokenize", "-m", MODEL), 2, "takes texts");
    assert_cli_fails(run_cli("tokenize", "-m", MODEL, "--texts", "list.txt"), 2,
                     "has to be @ and a file's name");
    assert_cli_fails(run_cli("tokenize", "-m", MODEL, "--texts", "@/nonexistent"), 2,
                     "/nonexistent: cannot open it");
    assert_cli_fails(run_cli("inspect", "-m", MODEL, "x"), 2, "takes no inputs");
    assert_cli_fails(run_cli("bench", "-m", MODEL, "x"), 2, "takes no inputs");
}

static void test_models_that_cannot_be_loaded(void **state)
{
    (void)state;
    assert_cli_fails(run_cli("inspect", "-m", "/nonexistent"), 3, "/nonexistent");
    mkdir(temporary_path("empty"), 0700);
    static const char *const inputs[] = {PICTURE, PICTURE, "a text", PICTURE, NULL, NULL};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        const char *labels = i == 0 ? "--labels=a" : inputs[i];
        assert_cli_fails(run_cli(commands[i], "-m", temporary_path("empty"), labels, inputs[i]), 3,
                         "config");
    }
}

static void test_environment(void **state)
{
    (void)state;
    cli_run run = run_cli_in((cli_surroundings){.variable = "OSPREY_MODEL=" MODEL}, "tokenize",
                             "--json", "dog", NULL);
    assert_int_equal(run.code, 0);
    json_decref(cli_json_line(&run, 0));
    cli_run_free(&run);

    run = run_cli_in((cli_surroundings){.variable = "OSPREY_JSON=1"}, "tokenize", "-m", MODEL,
                     "dog", NULL);
    assert_int_equal(run.code, 0);
    json_decref(cli_json_line(&run, 0));
    cli_run_free(&run);

    /* The command line goes first; an empty variable is none. */
    run = run_cli_in((cli_surroundings){.variable = "OSPREY_MODEL=/nonexistent"}, "tokenize", "-m",
                     MODEL, "dog", NULL);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    run = run_cli_in((cli_surroundings){.variable = "OSPREY_JSON="}, "tokenize", "-m", MODEL, "dog",
                     NULL);
    assert_int_equal(run.code, 0);
    assert_null(strchr(run.out, '{'));
    cli_run_free(&run);

    /* Of a repeatable flag too. */
    run = run_cli_in((cli_surroundings){.variable = "OSPREY_TEXT=cat"}, "embed", "-m", MODEL,
                     "--text", "dog", NULL);
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), 1);
    assert_non_null(strstr(run.out, "dog"));
    cli_run_free(&run);

    /* A flag of other commands says nothing to this one, whatever its value. */
    run = run_cli_in((cli_surroundings){.variable = "OSPREY_TOP=x"}, "tokenize", "-m", MODEL, "dog",
                     NULL);
    assert_int_equal(run.code, 0);
    assert_string_equal(run.err, "");
    cli_run_free(&run);

    run = run_cli_in((cli_surroundings){.variable = "OSPREY_THREDS=2"}, "tokenize", "-m", MODEL,
                     "dog", NULL);
    assert_int_equal(run.code, 0);
    assert_string_equal(run.err, "osprey: OSPREY_THREDS: there is no such variable; the nearest is "
                                 "OSPREY_THREADS\n");
    cli_run_free(&run);
    static const char *const others[] = {"OSPREY_CPU=portable", "OSPREY_CPU=", "OSPREY_VERSION=1",
                                         "OSPREY_DOCUMENTATION=there", "OSPREY_=1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        run = run_cli_in((cli_surroundings){.variable = others[i]}, "tokenize", "-m", MODEL, "dog",
                         NULL);
        assert_string_equal(run.err, "");
        cli_run_free(&run);
    }

    assert_cli_fails(run_cli_in((cli_surroundings){.variable = "OSPREY_NO_EXIF=perhaps"},
                                "classify", "-m", MODEL, "--labels=a", PICTURE, NULL),
                     2, "OSPREY_NO_EXIF: \"perhaps\" is neither 1 nor 0");
    assert_cli_fails(run_cli_in((cli_surroundings){.variable = "OSPREY_TOP=x"}, "classify", NULL),
                     2, "OSPREY_TOP: \"x\" is not a whole number");
    /* Also what is found to be wrong later. */
    assert_cli_fails(run_cli_in((cli_surroundings){.variable = "OSPREY_MAX_RESIDENT=1M"}, "embed",
                                "--no-cache", "-m", MODEL, PICTURE, NULL),
                     2, "osprey: OSPREY_MAX_RESIDENT: needs an engine");
    assert_cli_fails(run_cli_in((cli_surroundings){.variable = "OSPREY_BATCH=2,2"}, "compile", "-m",
                                MODEL, "-o", temporary_path("env.osprey"), NULL),
                     2, "osprey: OSPREY_BATCH: \"2,2\" are no rising numbers");
}

/* Flags of one name that differ by command: a variable for one stops no other. */
static void test_variables_for_other_commands(void **state)
{
    (void)state;
    cli_surroundings batches = {.variable = "OSPREY_BATCH=1,8"};
    assert_cli_fails(run_cli_in(batches, "embed", "-m", MODEL, PICTURE, NULL), 0, NULL);
    assert_cli_fails(
        run_cli_in(batches, "compile", "-m", MODEL, "-o", temporary_path("batches.osprey"), NULL),
        0, NULL);
    assert_cli_fails(run_cli_in((cli_surroundings){.variable = "OSPREY_VERIFY=photos"}, "inspect",
                                "-m", MODEL, NULL),
                     0, NULL);
    assert_cli_fails(run_cli("embed", "-m", MODEL, "--batch", "1,8", PICTURE), 2,
                     "--batch: \"1,8\" is not a whole number from 1 to 65536");
    static const char *const wrong[] = {"OSPREY_BATCH=0", "OSPREY_BATCH=1;8", "OSPREY_BATCH=many"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_cli_fails(run_cli_in((cli_surroundings){.variable = wrong[i]}, "embed", "-m", MODEL,
                                    PICTURE, NULL),
                         2, "is not a whole number from 1 to 65536");
}

/* Set for all compilations, say, a flag that goes with another counts beside that one alone. */
static void test_variables_of_flags_that_need_another(void **state)
{
    (void)state;
    static const char *const variables[] = {"OSPREY_FORCE=1", "OSPREY_AUTO_KEEP=1",
                                            "OSPREY_METHOD=entropy", "OSPREY_THREADS=300"};
    const char *engine = temporary_path("needs.osprey");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        cli_surroundings with = {.variable = variables[i]};
        assert_cli_fails(run_cli_in(with, "compile", "-m", MODEL, "-o", engine, NULL), 0, NULL);
    }
    assert_cli_fails(run_cli_in((cli_surroundings){.variable = "OSPREY_THREADS=300"}, "compile",
                                "-m", MODEL, "-o", engine, "--tune", "quick", NULL),
                     2, "OSPREY_THREADS: \"300\" is not a whole number");
    cli_run run = run_cli_in((cli_surroundings){.variable = "OSPREY_AUTO_KEEP=1"}, "compile", "-m",
                             MODEL, "-o", engine, "--verify", PICTURE, NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "kept to reach the limit: nothing"));
    cli_run_free(&run);
    /* The first to be found wrong is what classes are chosen from, not what goes with labels. */
    cli_surroundings templates = {.variable = "OSPREY_TEMPLATES=imagenet"};
    assert_cli_fails(run_cli_in(templates, "classify", "-m", MODEL, PICTURE, NULL), 2,
                     "--labels: is missing: give the labels");
    assert_cli_fails(run_cli("classify", "-m", MODEL, "--templates", "imagenet", PICTURE), 2,
                     "--templates says nothing without --labels");
}

/* A flag is not taken for the name of a file that was left out. */
static void test_a_flag_is_no_file(void **state)
{
    (void)state;
    assert_cli_fails(run_cli("compile", "-m", MODEL, "-o", "--verify", PICTURE), 2,
                     "osprey: --output: needs a value: FILE; \"--verify\" is a flag");
    assert_cli_fails(run_cli("embed", "-m", "--json", PICTURE), 2, "./--json would be a file");
}

/* Results that cannot be written are an error, whatever the command. */
static void test_a_full_device(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "embed -m " MODEL " " PICTURE,
        "classify --labels a,b -m " MODEL " " PICTURE,
        "tokenize -m " MODEL " dog",
        "inspect -m " MODEL,
        "preprocess -m " MODEL " " PICTURE,
        "bench --tower text --batch 1 -m " MODEL,
        "embed --format npy -m " MODEL " " PICTURE,
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char shell[2048];
        snprintf(shell, sizeof shell, "%s %s >/dev/full 2>&1", OSPREY_CLI, lines[i]);
        if (system(shell) >> 8 != 1) fail_msg("%s says nothing of a full device", lines[i]);
    }
}

/* What is typed goes before what the environment says against it. */
static void test_environment_gives_way(void **state)
{
    (void)state;
#define CLASSIFY "classify", "-m", MODEL, "--labels=a", PICTURE
    cli_run typed = run_cli(CLASSIFY, "--json", "--template={}");
    static const char *const variables[] = {"OSPREY_CSV=1", "OSPREY_TEMPLATES=simple"};
    for (size_t i = 0; i < 2; i++) {
        cli_run run = run_cli_in((cli_surroundings){.variable = variables[i]}, CLASSIFY, "--json",
                                 "--template={}", NULL);
        assert_int_equal(run.code, 0);
        assert_string_equal(run.out, typed.out);
        cli_run_free(&run);
    }
    cli_run_free(&typed);
    cli_run run = run_cli_in((cli_surroundings){.variable = "OSPREY_TEXT=hello"}, "embed", "-m",
                             MODEL, PICTURE, NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "\"input\""));
    cli_run_free(&run);
    run = run_cli_in((cli_surroundings){.variable = "OSPREY_NO_EXIF=1"}, "embed", "-m", MODEL,
                     "--text", "a", NULL);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);

    char command[1024];
    const char *err = temporary_path("both-err");
    size_t length;
    snprintf(command, sizeof command,
             "OSPREY_JSON=1 OSPREY_CSV=1 %s classify -m %s --labels=a %s 2>%s", OSPREY_CLI, MODEL,
             PICTURE, err);
    assert_int_equal(system(command) >> 8, 2);
    char *said = read_file(err, &length);
    assert_string_equal(said, "osprey: OSPREY_CSV: cannot stand beside OSPREY_JSON\n");
    free(said);
}

static void test_wrong_instruction_set(void **state)
{
    (void)state;
    cli_surroundings wrong = {.variable = "OSPREY_CPU=foo"};
    static const char said[] = "osprey: OSPREY_CPU: \"foo\" is no known instruction set";
    assert_cli_fails(run_cli_in(wrong, "embed", "-m", MODEL, "--text=a", NULL), 2, said);
    assert_cli_fails(run_cli_in(wrong, CLASSIFY, NULL), 2, said);
    assert_cli_fails(run_cli_in(wrong, "bench", "-m", MODEL, NULL), 2, said);
    assert_cli_fails(run_cli_in(wrong, "inspect", "-m", MODEL, NULL), 2, said);
    assert_cli_fails(
        run_cli_in(wrong, "preprocess", "-m", MODEL, "--threads=1", PICTURE, "-o", "-", NULL), 2,
        said);
}

static void test_help_as_a_command(void **state)
{
    (void)state;
    cli_run flag = run_cli("embed", "--help"), command = run_cli("help", "embed");
    assert_int_equal(command.code, 0);
    assert_string_equal(command.out, flag.out);
    assert_non_null(strstr(flag.out, "OSPREY_CPU"));
    cli_run_free(&flag);
    cli_run_free(&command);
    flag = run_cli("--help");
    command = run_cli("help");
    assert_int_equal(command.code, 0);
    assert_string_equal(command.out, flag.out);
    cli_run_free(&flag);
    cli_run_free(&command);
    assert_cli_fails(run_cli("help", "embde"), 2, "the nearest is embed");
    assert_int_equal(system(OSPREY_CLI " --help >/dev/full 2>&1") >> 8, 1);
    assert_int_equal(system(OSPREY_CLI " embed --help >/dev/full 2>&1") >> 8, 1);
    assert_int_equal(system(OSPREY_CLI " --version 2>/dev/null >&-") >> 8, 1);
}

/* The value right behind the letter, as in other programs. */
static void test_letter_with_its_value(void **state)
{
    (void)state;
    cli_run apart = run_cli("tokenize", "-m", MODEL, "dog");
    cli_run joined = run_cli("tokenize", "-m" MODEL, "dog");
    assert_int_equal(joined.code, 0);
    assert_string_equal(joined.out, apart.out);
    cli_run_free(&apart);
    cli_run_free(&joined);
}

/* The program in `folder` of a tree whose bundled model lies at `place`; a tiny one stands in. */
static const char *make_tree(const char *tree, const char *folder, const char *place)
{
    static char program[256];
    const char *parts[] = {"",       folder,          "/models",
                           "/share", "/share/osprey", "/share/osprey/models"};
    char path[256];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s/%s%s", temporary_folder(), tree, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof path, "%s/%s%s/osprey-mini", temporary_folder(), tree, place);
    assert_int_equal(symlink(MODEL, path), 0);
    snprintf(program, sizeof program, "%s/%s%s/osprey", temporary_folder(), tree, folder);
    size_t length;
    char *bytes = read_file(OSPREY_CLI, &length);
    write_file(program, bytes, length);
    free(bytes);
    assert_int_equal(chmod(program, 0700), 0);
    return program;
}

static void assert_demonstration(cli_run run, size_t lines)
{
    assert_int_equal(run.code, 0);
    assert_int_equal(cli_line_count(&run), lines);
    const char *note = strstr(run.err, "demonstration model");
    assert_non_null(note);
    assert_null(strstr(note + 1, "demonstration model"));
    cli_run_free(&run);
}

static void test_demonstration_model(void **state)
{
    (void)state;
    cli_surroundings built = {.program = make_tree("source", "/build", "/models")};
    assert_demonstration(run_cli_in(built, "tokenize", "a dog", "a cat", NULL), 2);
    assert_demonstration(
        run_cli_in(built, "classify", "--labels=a,b", "--json", PICTURE, PICTURE, NULL), 2);
    cli_run named = run_cli("tokenize", "-m", MODEL, "a dog");
    assert_string_equal(named.err, "");
    cli_run_free(&named);

    cli_surroundings installed = {.program = make_tree("usr", "/bin", "/share/osprey/models")};
    assert_demonstration(run_cli_in(installed, "tokenize", "a dog", NULL), 1);
    cli_surroundings lost = {.program = make_tree("lost", "/bin", "/share")};
    assert_cli_fails(run_cli_in(lost, "tokenize", "a dog", NULL), 3,
                     "name a model's directory with -m");
}

static void test_output_file(void **state)
{
    (void)state;
    const char *path = temporary_path("out.txt");
    write_text(path, "what was there");
    chmod(path, 0640);
    assert_cli_fails(run_cli("tokenize", "-m", "/nonexistent", "-o", path, "dog"), 3, NULL);
    size_t length;
    char *text = read_file(path, &length);
    assert_string_equal(text, "what was there");
    free(text);

    cli_run run = run_cli("tokenize", "-m", MODEL, "--json", "-o", path, "dog");
    assert_int_equal(run.code, 0);
    assert_string_equal(run.out, "");
    cli_run_free(&run);
    text = read_file(path, &length);
    assert_int_equal(strncmp(text, "{\"text\":\"dog\",\"ids\":[", 21), 0);
    free(text);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);

    assert_cli_fails(run_cli("tokenize", "-m", MODEL, "-o", "/nonexistent/x", "dog"), 1,
                     "/nonexistent/x: cannot write there");
    assert_cli_fails(run_cli("tokenize", "-m", MODEL, "-o", "/dev/full", "dog"), 1,
                     "/dev/full: cannot write it: No space left");
    run = run_cli("tokenize", "-m", MODEL, "-o", "/dev/null", "dog");
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

/* Standard output by its other names is written to, not replaced. */
static void test_output_to_standard_output(void **state)
{
    (void)state;
    cli_run plain = run_cli("tokenize", "-m", MODEL, "dog");
    cli_run dash = run_cli("tokenize", "-m", MODEL, "dog", "-o", "-");
    assert_string_equal(dash.out, plain.out);
    cli_run_free(&dash);
    char command[1024], expected[256];
    const char *path = temporary_path("both.txt");
    size_t length;
    snprintf(command, sizeof command, "{ echo before; %s tokenize -m %s dog -o /dev/stdout; } >%s",
             OSPREY_CLI, MODEL, path);
    assert_int_equal(system(command), 0);
    snprintf(expected, sizeof expected, "before\n%s", plain.out);
    char *text = read_file(path, &length);
    assert_string_equal(text, expected);
    free(text);
    cli_run_free(&plain);

    struct stat info;
    const char *link = temporary_path("link");
    assert_int_equal(symlink("nowhere", link), 0);
    assert_cli_fails(run_cli("tokenize", "-m", MODEL, "dog", "-o", link), 1, "a link to nothing");
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

/* A name cannot steer the terminal, or pass for a line of ours. */
static void test_control_characters_are_shown(void **state)
{
    (void)state;
    assert_cli_fails(run_cli("tokenize", "--no\nosprey: forged"), 2,
                     "osprey: --no\\x0aosprey: forged: tokenize has no such flag");
    cli_run run = run_cli("classify", "-m", MODEL, "--labels", "a\033[31m,b\302\233", PICTURE,
                          "/nonexistent/\n.png");
    assert_null(strchr(run.out, '\033'));
    assert_non_null(strstr(run.out, "  a\\x1b[31m\n"));
    assert_non_null(strstr(run.out, "  b\\xc2\\x9b\n"));
    assert_cli_fails(run, 1, "/nonexistent/\\x0a.png: ");
}

/* A reader that leaves early is no error. */
static void test_reader_leaves(void **state)
{
    (void)state;
    char command[2048];
    size_t length;
    const char *texts = temporary_path("many.txt"), *err = temporary_path("reader-err");
    FILE *file = fopen(texts, "w");
    assert_non_null(file);
    for (size_t i = 0; i < 20000; i++) fputs("a photo of a dog\n", file);
    fclose(file);
    snprintf(command, sizeof command,
             "{ %s tokenize -m %s --json --texts @%s; echo $? >&2; } 2>%s | true", OSPREY_CLI,
             MODEL, texts, err);
    assert_int_equal(system(command), 0);
    char *said = read_file(err, &length);
    assert_string_equal(said, "0\n");
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overview),
        cmocka_unit_test(test_each_command_has_help),
        cmocka_unit_test(test_unknown_words_get_the_nearest),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_inputs_that_a_command_cannot_take),
        cmocka_unit_test(test_models_that_cannot_be_loaded),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_variables_for_other_commands),
        cmocka_unit_test(test_variables_of_flags_that_need_another),
        cmocka_unit_test(test_environment_gives_way),
        cmocka_unit_test(test_wrong_instruction_set),
        cmocka_unit_test(test_help_as_a_command),
        cmocka_unit_test(test_letter_with_its_value),
        cmocka_unit_test(test_demonstration_model),
        cmocka_unit_test(test_output_file),
        cmocka_unit_test(test_output_to_standard_output),
        cmocka_unit_test(test_control_characters_are_shown),
        cmocka_unit_test(test_a_flag_is_no_file),
        cmocka_unit_test(test_a_full_device),
        cmocka_unit_test(test_reader_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
