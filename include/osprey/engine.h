/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine: a model compiled for a machine, in one file. osprey_model_open takes it like a
 * directory; a session is then made in milliseconds, and processes share the weights' pages.
 *
 * An engine holds the rewritten graph of each tower, the weights in the order in which the kernels
 * of one instruction set read them, the tokenizer and the preprocessing. It gives the same results
 * as the directory that it was compiled from, bit for bit, on that instruction set. Any thread may
 * call.
 *
 *     osprey_model_open("clip-vit-base-patch32", &model, &error);
 *     osprey_engine_compile(model, NULL, "clip.osprey", &error);
 *     osprey_model_free(model);
 *     osprey_model_open("clip.osprey", &model, &error);
 *     printf("%s\n", osprey_model_get_engine(model)->instruction_set);
 *
 * What a precision costs is measured before compiling, and can be noted in the engine:
 *
 *     osprey_engine_options options = {.precision = OSPREY_PRECISION_INT8};
 *     const osprey_verification how = {.pixels = pixels, .image_count = 8, .auto_keep = true};
 *     osprey_precision_report *report;
 *     osprey_precision_verify(model, &options, &how, &report, &error);
 *     options.keep = report->keep;
 *     options.keep_count = report->keep_count;
 *     options.report = report;
 *     if (report->passed) osprey_engine_compile(model, &options, "clip.osprey", &error);
 *     osprey_precision_report_free(report);
 */
#ifndef OSPREY_ENGINE_H
#define OSPREY_ENGINE_H

#include <osprey/error.h>
#include <osprey/model.h>
#include <osprey/session.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OSPREY_ENGINE_BATCHES_MAX 16   /* of one engine */
#define OSPREY_ENGINE_BATCH_MAX   1024 /* the largest of them */

typedef struct osprey_precision_report osprey_precision_report;

#define OSPREY_CALIBRATION_IMAGES_MAX 512 /* more change the ranges very little */

/* How the static range of a layer's input is chosen. */
typedef enum osprey_calibration_method {
    OSPREY_CALIBRATION_NONE,    /* none: each row finds its own while running */
    OSPREY_CALIBRATION_MINMAX,  /* the largest magnitude that came */
    OSPREY_CALIBRATION_ENTROPY, /* cut where 128 levels tell most of the distribution: Migacz,
                                   "8-bit Inference with TensorRT", 2017 */
} osprey_calibration_method;

/* "none", "minmax", "entropy"; "unknown" for any other. Static storage. */
OSPREY_API const char *osprey_calibration_method_name(osprey_calibration_method method);

/*
 * Static ranges for the int8 and int4 layers, and what pruning leaves out, found by running the
 * fp32 model: the image tower with these images, the text tower with the 80 ImageNet templates
 * filled in. An engine that is pruned need not have such layers. Ranges depend neither on the order
 * of the images nor on the number of threads.
 */
typedef struct osprey_engine_calibration {
    osprey_calibration_method method;
    const char *const *images; /* paths of files that osprey_image_open takes */
    size_t image_count;        /* 1 to OSPREY_CALIBRATION_IMAGES_MAX; some hundred, such as will be
                                  seen in use. Without the image tower none is read: may be 0 */
    void (*progress)(void *context, size_t images_done); /* or NULL */
    void *progress_context;
} osprey_engine_calibration;

/* How long compiling looks for the best way to split each product into tasks. */
typedef enum osprey_tuning_effort {
    OSPREY_TUNE_NONE,  /* not at all */
    OSPREY_TUNE_QUICK, /* about a quarter of a minute; what there is no time for stays untuned */
    OSPREY_TUNE_FULL,  /* more ways, more often, for up to five minutes */
} osprey_tuning_effort;

/*
 * Products are timed where they stand in the tower, on random images and texts of the context's
 * length, for each batch of the engine. What is found is used by sessions of as many threads; it
 * changes no result.
 */
typedef struct osprey_engine_tuning {
    osprey_tuning_effort effort;
    size_t threads; /* of the sessions to come; 0: one a core, as osprey_session_options has it */
    void (*progress)(void *context, double done); /* rises from 0 to 1; or NULL */
    void *progress_context;
} osprey_engine_tuning;

/* Zero-initialised, or NULL, means: both towers, batches of 1, 8 and 16, fp32, for this machine,
 * without static ranges, untuned. */
typedef struct osprey_engine_options {
    osprey_tower towers;
    const size_t *batches; /* the memory of each is planned; the largest is how many images run at
                              once */
    size_t batch_count;
    osprey_precision precision; /* these three as in osprey_session_options */
    const char *const *keep;
    size_t keep_count;
    osprey_engine_calibration calibration;
    osprey_engine_tuning tuning;
    bool portable;                /* keeps the weights as published too, so that another machine can
                                     pack them anew in memory */
    float prune_heads, prune_mlp; /* the fraction of each transformer layer's attention heads, and
                                     of its MLP's hidden channels, that is left out; below 1; 0:
                                     none. First go those of the smallest weights or, with a
                                     calibration, those without which the layer's result changes
                                     least once their mean is kept in its bias. At least one of a
                                     layer stays; beside a text tower, a ResNet stays as it is */
    size_t token_merge; /* that many tokens of a ViT's image are merged into others by each layer,
                           those most alike (Bolya et al., "Token Merging: Your ViT But Faster",
                           2023); fewer where a layer has not twice as many left; 0: none */
    const float *sample_pixels; /* [sample_count] images, preprocessed: on
                                   these is measured what it costs the image tower that something
                                   is left out, and what it gains; or NULL */
    size_t sample_count;
    const char *const *templates; /* for labels, in place of the model's own (model.h) */
    size_t template_count;        /* at most OSPREY_TEMPLATES_MAX; 0: the model's own */
    const char *dump_directory;   /* an existing directory for the text of each tower's graph, as
                                     built and after each pass; NULL: none */
    const osprey_precision_report *report; /* of osprey_precision_verify, for the same precision and
                                              exceptions, to be noted in the engine; or NULL */
} osprey_engine_options;

/*
 * Whether an engine could be written there: by trying it, before the work. Errors:
 * OSPREY_INVALID_ARGUMENT (a directory, a device, or a file that is neither empty nor an engine),
 * OSPREY_IO (nothing can be created there, or a link to nothing), OSPREY_LIMIT.
 */
OSPREY_API osprey_status osprey_engine_check_output(const char *path, osprey_error *error);

/*
 * Compiles for the instruction set that osprey_session_create would use, and writes path in one
 * step: a temporary file beside it (path.PROCESS.tmp, by the process's number), synced, renamed. A
 * link is followed, and what it leads to is replaced. Weights are packed and written one by one.
 *
 * Errors: OSPREY_INVALID_ARGUMENT (a batch; a fraction; no transformer layers to prune, no ViT
 * whose tokens could be merged, or more tokens than a layer can merge; the model is an engine
 * already; a report of another precision; a template without a place for the label, which is the
 * subject, or a model without a text tower for it; a calibration of the image tower without images,
 * or without a layer in int8 or int4 or something to prune, or one that gives values that are not
 * finite; what osprey_engine_check_output refuses), OSPREY_IO (also for a file of the model's that
 * changed after the model was opened, which is the subject), OSPREY_UNSUPPORTED (as
 * osprey_session_create), OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY; for an image, those of
 * osprey_image_open, with its path as the subject.
 */
OSPREY_API osprey_status osprey_engine_compile(const osprey_model *model,
                                               const osprey_engine_options *options,
                                               const char *path, osprey_error *error);

/* Cosines of embeddings with those of fp32. */
typedef struct osprey_cosines {
    size_t count; /* of embeddings; 0: the tower was not compared */
    double least, mean;
} osprey_cosines;

/* Outputs of a linear or convolution beside those of fp32, over all images or prompts. */
typedef struct osprey_layer_loss {
    const char *name; /* of its weight */
    osprey_tower tower;
    osprey_precision precision; /* that the layer has */
    double own_cosine;          /* the least where the layer is given fp32's inputs */
    double cosine;              /* the least where all layers have the precision that they have */
    double largest_error;       /* of an element, likewise */
} osprey_layer_loss;

/* All of it lives until osprey_precision_report_free. */
struct osprey_precision_report {
    osprey_precision precision; /* of all layers but the exceptions */
    double limit; /* the cosine that each embedding should have: fp32 0.99999, bf16 and
                     fp16 0.9995, int8 0.995, int4 0.9 */
    bool passed;  /* each has */
    osprey_cosines image, text;
    osprey_cosines static_image, static_text; /* the same with the static ranges of the options'
                                                 calibration; no part of passed */
    const osprey_layer_loss *layers;          /* the lowest own cosine first */
    size_t layer_count;
    const char *const *keep; /* "PATTERN=PRECISION": the options' exceptions, then those found */
    size_t keep_count, found_count;
    const char *advice; /* the exception that would help most; NULL where none is needed */
};

typedef struct osprey_verification {
    const float *pixels; /* [image_count] images, preprocessed */
    size_t image_count;  /* 1 or more, unless only the text tower is compiled */
    bool auto_keep;      /* finds the layers that have to be kept for the limit to be reached */
} osprey_verification;

/*
 * Holds a model as these options would compile it against itself in fp32: the image tower on the
 * images given, the text tower on 80 prompts of its own (the templates of the CLIP paper). What the
 * options prune is left out of both: this is about the precision alone.
 *
 * auto_keep: a layer's cost is what the embedding loses where this layer alone has its precision
 * and the others are fp32. The shortest prefix of the costliest layers is kept with which the limit
 * is reached, and of these only those that it takes: in bf16 where that is enough, else in fp32.
 *
 * Where the options calibrate, the ranges are found, too, and the images and prompts are run once
 * more with them, as a session with static_ranges does.
 *
 * The weights are packed in memory: once in fp32, once as asked for, and for auto_keep of int8 and
 * int4 once in bf16. Runs take one image at a time on all cores. The caller frees *report with
 * osprey_precision_report_free. Errors: as osprey_session_create, also OSPREY_INVALID_ARGUMENT (the
 * model is an engine; no images), OSPREY_LIMIT (auto_keep would take more than OSPREY_KEEP_MAX
 * exceptions) and, of a calibration, those of osprey_engine_compile.
 */
OSPREY_API osprey_status osprey_precision_verify(const osprey_model *model,
                                                 const osprey_engine_options *options,
                                                 const osprey_verification *how,
                                                 osprey_precision_report **report,
                                                 osprey_error *error);

/* Takes NULL. */
OSPREY_API void osprey_precision_report_free(osprey_precision_report *report);

/* The memory of a run of batch images, or texts (of the context's length, as many as run at once).
 */
typedef struct osprey_engine_profile {
    size_t batch;
    size_t arena_bytes;   /* what lies between operators at the peak */
    size_t scratch_bytes; /* of each thread */
} osprey_engine_profile;

/*
 * What was left out of a tower, and what it cost: cosines of embeddings in fp32 with those of the
 * whole model. The text tower's samples are the prompts that calibrate, too; the image tower's are
 * those of the options, or up to 64 of the images that calibrate.
 */
typedef struct osprey_engine_reduction {
    float prune_heads, prune_mlp; /* these three as in osprey_engine_options */
    bool by_activation; /* what was pruned was chosen with a calibration, not by its weights */
    size_t token_merge;
    size_t parameters; /* of the whole tower; osprey_model_get_info has what is left */
    size_t samples;    /* 0: not measured, and what follows is 0 */
    float least_cosine, mean_cosine;
    float whole_ms[2],
        ms[2]; /* an image, in batches of 1 and 8, before and after, in the engine's
                  precision on all cores of the machine that compiled it; of texts 0 */
} osprey_engine_reduction;

/* The tasks of a product. All 0: what osprey takes where nothing was tuned. */
typedef struct osprey_task_split {
    size_t rows;        /* of a task, at most; 0: the default */
    size_t columns;     /* output channels of a task, at most; 0: the default */
    bool columns_first; /* tasks that follow each other have the same rows, not the same weights */
} osprey_task_split;

/* What tuning found for the products of one kind: [m, k] x [k, n]. */
typedef struct osprey_product_choice {
    size_t m, n, k;
    osprey_precision precision;
    osprey_activation activation;
    bool convolution, residual, rounded; /* rounded: the result is bfloat16s */
    size_t products;                     /* of this kind in the tower */
    osprey_task_split split;
    float default_us, us; /* of all of them together, by default and so */
} osprey_product_choice;

typedef struct osprey_engine_tower {
    size_t weight_bytes;                   /* packed weights and float constants */
    size_t constant_bytes;                 /* gather tables; portable: all tensors as published */
    const osprey_engine_profile *profiles; /* by rising batch */
    size_t profile_count;                  /* 0: the engine lacks this tower */
    osprey_cosines cosines;                /* of the report that it was compiled with */
    osprey_cosines static_cosines;         /* the same with static ranges */
    const osprey_engine_reduction *reduction; /* NULL: nothing was left out */
    /* A product of m rows takes the choice of its kind with the next larger m, or the largest. */
    const osprey_product_choice *choices; /* by kind, then by rising m */
    size_t choice_count;                  /* 0: untuned */
    size_t tuned_threads;                 /* sessions of another number do not use them */
} osprey_engine_tower;

/* All strings live as long as the model. */
typedef struct osprey_engine_info {
    const char *osprey_version;  /* that compiled it */
    unsigned format_version;     /* of the file */
    const char *instruction_set; /* that its weights are packed for */
    const char *packing;         /* the form in which that one's kernels read them */
    const char *precision;       /* "fp32", ...: of all layers but those kept */
    const char *factors;         /* what their products multiply with the kernels that run them
                                    here: "int8" for int4; for fp16 "fp16", or "fp32" where these
                                    can only store it */
    const char *fingerprint;     /* of the files that it was compiled from: 32 hexadecimal digits */
    const char *source_layout;   /* of these: "huggingface" or "openclip" */
    bool portable;
    const char *const *keep; /* its exceptions from that precision, "PATTERN=PRECISION" */
    size_t keep_count;
    double cosine_limit; /* that its report was held against; 0: it was compiled without one */
    osprey_calibration_method calibration; /* of the static ranges, if it has them */
    size_t calibration_images;             /* that they were found from; 0 of a text tower alone */
    osprey_engine_tower image, text;
} osprey_engine_info;

/* The memory of each tower's runs, by rising batch. */
typedef struct osprey_memory_plan {
    osprey_engine_profile image[OSPREY_ENGINE_BATCHES_MAX], text[OSPREY_ENGINE_BATCHES_MAX];
    size_t image_count, text_count; /* 0: a tower that the model lacks, or that was not asked for */
} osprey_memory_plan;

/*
 * The memory that an engine compiled with these options' towers, batches, precision and exceptions
 * would have. Rewrites the graph as compiling does, but packs no weights. Errors:
 * OSPREY_INVALID_ARGUMENT (an engine, which has its own; a batch; an exception), OSPREY_LIMIT (the
 * weights that would be rewritten on the way do not fit the machine's free memory),
 * OSPREY_UNSUPPORTED (as osprey_session_create), OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_engine_plan_memory(const osprey_model *model,
                                                   const osprey_engine_options *options,
                                                   osprey_memory_plan *plan, osprey_error *error);

/* NULL where the model is no engine. */
OSPREY_API const osprey_engine_info *osprey_model_get_engine(const osprey_model *model);

/*
 * Reads the whole engine and holds it against its checksums; what lies between sections has to be
 * zero. Without this call, opening does that for all but the towers' weights and tables, and the
 * first run of each tower for these. Errors: OSPREY_FORMAT (the section is named),
 * OSPREY_INVALID_ARGUMENT (no engine).
 */
OSPREY_API osprey_status osprey_engine_verify(const osprey_model *model, osprey_error *error);

#ifdef __cplusplus
}
#endif

#endif
