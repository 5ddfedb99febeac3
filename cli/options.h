/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flags of all commands. One table says what there is; parsing, environment variables, --help
 * and the suggestion for a misspelt flag all come from it.
 *
 * A flag's value is, by falling priority, what stands on the command line, what OSPREY_<FLAG>
 * holds (dashes become underscores; an empty variable is none), and the table's default. Only
 * --help and --version are no variables. What stands on the command line
 * also goes before a variable that contradicts it, such as OSPREY_CSV beside --json. A variable of
 * a flag that the command lacks says nothing to it: it may be set for the others. Nor does a value
 * that only the flag of that name of other commands takes, such as OSPREY_BATCH=1,8, which bench
 * and compile know, to classify; nor a variable of a flag that says nothing without another, such
 * as OSPREY_FORCE without --verify; on the command line such a flag is refused.
 */
#ifndef OSPREY_CLI_OPTIONS_H
#define OSPREY_CLI_OPTIONS_H

#include "report.h"

#include <stdbool.h>
#include <stddef.h>

/* Bits, so that a flag can belong to several commands. */
typedef enum cli_command_bit {
    CLI_CLASSIFY = 1,
    CLI_EMBED = 2,
    CLI_TOKENIZE = 4,
    CLI_PREPROCESS = 8,
    CLI_INSPECT = 16,
    CLI_BENCH = 32,
    CLI_COMPILE = 64,
    CLI_CACHE = 128,
    CLI_SCORE = 256,
    CLI_ALL_COMMANDS = 511,
} cli_command_bit;

typedef struct cli_strings {
    const char **items;
    size_t count;
} cli_strings;

typedef struct cli_sizes {
    size_t *items;
    size_t count;
} cli_sizes;

/* The values of --ensemble, --activation, --format, --method, --tower and --tune: places in the
 * table's lists. */
typedef enum cli_ensemble { CLI_ENSEMBLE_EMBEDDING, CLI_ENSEMBLE_PROBABILITY } cli_ensemble;
typedef enum cli_activation {
    CLI_ACTIVATION_AS_TRAINED,
    CLI_ACTIVATION_SOFTMAX,
    CLI_ACTIVATION_SIGMOID,
} cli_activation;
typedef enum cli_format { CLI_FORMAT_JSON, CLI_FORMAT_NPY, CLI_FORMAT_CSV } cli_format;
typedef enum cli_tune { CLI_TUNE_NONE, CLI_TUNE_QUICK, CLI_TUNE_FULL } cli_tune;
typedef enum cli_method { CLI_METHOD_MINMAX, CLI_METHOD_ENTROPY } cli_method;
typedef enum cli_tower { CLI_TOWER_IMAGE, CLI_TOWER_TEXT, CLI_TOWER_BOTH } cli_tower;

/* Without --batch. */
#define CLI_IMAGES_A_BATCH 8
#define CLI_TEXTS_A_BATCH  512

/* What was asked for. Strings point into the command line, the environment or the table. */
typedef struct cli_options {
    cli_strings inputs; /* what is not a flag */
    const char *arch, *weights;
    const char *model, *labels, *templates, *texts, *pixels, *output, *dump_graph,
        *head; /* NULL: not given */
    cli_strings template, text, embeddings, keep, prune, calibrate;
    cli_strings verify_images; /* of compile; more of them may be in inputs */
    cli_sizes batches;         /* of bench and compile */
    size_t ensemble, activation, format, tower, precision, method, tune;
    size_t top, threads;
    size_t token_merge, image_size; /* 0: not given */
    size_t cache_limit;             /* MiB; 0: none of the cache */
    size_t batch;                   /* 0: not given */
    size_t max_resident;            /* bytes; 0: no limit */
    float threshold;
    bool json, csv, raw, no_exif, exact, portable, static_ranges, no_cache, clear, verify,
        auto_keep, force, help, version;
    bool *given; /* for cli_option_given */
} cli_options;

typedef enum cli_option_kind {
    CLI_FLAG,    /* bool; takes no value */
    CLI_STRING,  /* const char * */
    CLI_STRINGS, /* cli_strings; may be given several times */
    CLI_SIZE,    /* size_t, from least to most */
    CLI_SIZES,   /* cli_sizes: numbers with commas between */
    CLI_BYTES,   /* size_t, with K, M or G for 2^10, 2^20 or 2^30 */
    CLI_NUMBER,  /* float */
    CLI_CHOICE,  /* size_t: place in choices */
} cli_option_kind;

/* Of the flags in one set, only one can be given. */
typedef enum cli_rivals {
    CLI_NO_RIVALS,
    CLI_RIVAL_PROMPTS, /* ways to give templates */
    CLI_RIVAL_FORMS,   /* ways to write results */
    CLI_RIVAL_INPUTS,  /* ways to give inputs; what is not a flag is one, too */
    CLI_RIVAL_SETS,
} cli_rivals;

typedef struct cli_option_spec {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    cli_option_kind kind;
    unsigned commands;    /* cli_command_bit */
    size_t offset;        /* of the field in cli_options */
    const char *value;    /* what help calls the value */
    const char *fallback; /* the default, written as on the command line; NULL: none */
    size_t least, most;
    const char *const *choices; /* ends with NULL */
    bool only_here;             /* not an environment variable too */
    bool of_files;              /* says nothing where no input files are named */
    bool may_be_empty;          /* CLI_STRINGS: texts, not names */
    const char *needs;          /* a flag, earlier here, without which it says nothing; or NULL */
    cli_rivals rivals;
    const char *help;
} cli_option_spec;

extern const cli_option_spec cli_option_table[];
extern const size_t cli_option_count;

/*
 * Reads arguments (without program and command name) for one command. On CLI_WRONG_USE the reason
 * has been printed. cli_options_free either way.
 */
cli_exit cli_options_parse(cli_command_bit command, const char *command_name, int count,
                           char **arguments, cli_options *options);

/* Whether the flag of that name stands on the command line or in the environment. */
bool cli_option_given(const cli_options *options, const char *name);

void cli_options_free(cli_options *options);

#endif
