/* SPDX-License-Identifier: Apache-2.0 */
/* osprey inspect: what a model is made of. */
#include "commands.h"
#include "json_text.h"
#include "loaded_model.h"
#include "output.h"

#include <string.h>
#include <sys/stat.h>

static const char *const resize_names[] = {
    [OSPREY_RESIZE_NONE] = "none",
    [OSPREY_RESIZE_SHORTEST] = "shortest",
    [OSPREY_RESIZE_LONGEST] = "longest",
    [OSPREY_RESIZE_EXACT] = "exact",
};

static const char *const resample_names[] = {
    [OSPREY_RESAMPLE_NEAREST] = "nearest",   [OSPREY_RESAMPLE_LANCZOS] = "lanczos",
    [OSPREY_RESAMPLE_BILINEAR] = "bilinear", [OSPREY_RESAMPLE_BICUBIC] = "bicubic",
    [OSPREY_RESAMPLE_BOX] = "box",           [OSPREY_RESAMPLE_HAMMING] = "hamming",
};

static void set_size(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* What an architecture does not have is left out. */
static void set_known_size(json_t *object, const char *key, size_t value)
{
    if (value) set_size(object, key, value);
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, cli_json_text(text, strlen(text)));
}

static void set_number(json_t *object, const char *key, float number)
{
    json_object_set_new(object, key, cli_json_number((double)number));
}

static void set_bool(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_boolean(value));
}

static json_t *tower_json(const osprey_tower_info *tower)
{
    json_t *object = json_object();
    set_text(object, "architecture", tower->architecture);
    set_size(object, "parameters", tower->parameters);
    set_known_size(object, "width", tower->width);
    set_known_size(object, "layers", tower->layers);
    set_known_size(object, "heads", tower->heads);
    set_known_size(object, "mlp_width", tower->mlp_width);
    set_known_size(object, "token_mlp_width", tower->token_mlp_width);
    set_known_size(object, "patch_size", tower->patch_size);
    if (tower->stage_layers[0]) {
        json_t *stages = json_array();
        for (size_t i = 0; i < 4; i++)
            json_array_append_new(stages, json_integer((json_int_t)tower->stage_layers[i]));
        json_object_set_new(object, "stage_layers", stages);
    }
    set_text(object, "activation", osprey_activation_name(tower->activation));
    return object;
}

static json_t *channels_json(const float channels[3])
{
    json_t *list = json_array();
    for (size_t i = 0; i < 3; i++)
        json_array_append_new(list, cli_json_number((double)channels[i]));
    return list;
}

static json_t *preprocessing_json(const osprey_preprocessing *how)
{
    json_t *object = json_object();
    set_text(object, "resize", resize_names[how->resize]);
    if (how->resize != OSPREY_RESIZE_NONE) set_size(object, "resize_height", how->resize_height);
    if (how->resize == OSPREY_RESIZE_EXACT) set_size(object, "resize_width", how->resize_width);
    if (how->resize != OSPREY_RESIZE_NONE)
        set_text(object, "resample", resample_names[how->resample]);
    set_bool(object, "center_crop", how->center_crop);
    set_size(object, "crop_height", how->crop_height);
    set_size(object, "crop_width", how->crop_width);
    set_bool(object, "rescale", how->rescale);
    if (how->rescale) set_number(object, "rescale_factor", how->rescale_factor);
    set_bool(object, "normalize", how->normalize);
    if (how->normalize) {
        json_object_set_new(object, "mean", channels_json(how->mean));
        json_object_set_new(object, "std", channels_json(how->std));
    }
    return object;
}

static json_t *tokenizer_json(const osprey_tokenizer *tokenizer)
{
    osprey_tokenizer_info info = osprey_tokenizer_get_info(tokenizer);
    json_t *object = json_object();
    set_text(object, "kind", info.kind);
    set_size(object, "vocabulary", info.vocabulary);
    json_object_set_new(object, "start_id", json_integer(info.start_id));
    json_object_set_new(object, "end_id", json_integer(info.end_id));
    return object;
}

/* Of batches of 1 and 8. */
static json_t *times_json(const float ms[2])
{
    json_t *list = json_array();
    for (size_t i = 0; i < 2; i++) json_array_append_new(list, cli_json_number((double)ms[i]));
    return list;
}

static json_t *reduction_json(const osprey_engine_reduction *reduction)
{
    json_t *object = json_object();
    set_number(object, "prune_heads", reduction->prune_heads);
    set_number(object, "prune_mlp", reduction->prune_mlp);
    set_bool(object, "by_activation", reduction->by_activation);
    set_size(object, "token_merge", reduction->token_merge);
    set_size(object, "whole_parameters", reduction->parameters);
    set_size(object, "samples", reduction->samples);
    if (reduction->samples) {
        set_number(object, "least_cosine", reduction->least_cosine);
        set_number(object, "mean_cosine", reduction->mean_cosine);
    }
    if (reduction->ms[0] > 0) {
        json_object_set_new(object, "whole_ms", times_json(reduction->whole_ms));
        json_object_set_new(object, "ms", times_json(reduction->ms));
    }
    return object;
}

static json_t *choice_json(const osprey_product_choice *choice)
{
    json_t *object = json_object();
    set_size(object, "m", choice->m);
    set_size(object, "n", choice->n);
    set_size(object, "k", choice->k);
    set_text(object, "precision", osprey_precision_name(choice->precision));
    set_text(object, "activation", osprey_activation_name(choice->activation));
    set_bool(object, "convolution", choice->convolution);
    set_bool(object, "residual", choice->residual);
    set_bool(object, "rounded", choice->rounded);
    set_size(object, "products", choice->products);
    set_size(object, "task_rows", choice->split.rows);
    set_size(object, "task_columns", choice->split.columns);
    set_bool(object, "columns_first", choice->split.columns_first);
    set_number(object, "default_us", choice->default_us);
    set_number(object, "us", choice->us);
    json_object_set_new(
        object, "faster_percent",
        cli_json_number(choice->us > 0 ? 100 * ((double)choice->default_us / (double)choice->us - 1)
                                       : 0));
    return object;
}

/* What compile --tune found; 0 is the default. */
static json_t *tuning_json(const osprey_engine_tower *tower)
{
    json_t *object = json_object(), *choices = json_array();
    set_size(object, "threads", tower->tuned_threads);
    for (size_t i = 0; i < tower->choice_count; i++)
        json_array_append_new(choices, choice_json(&tower->choices[i]));
    json_object_set_new(object, "choices", choices);
    return object;
}

static json_t *profiles_json(const osprey_engine_profile *profiles, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *line = json_object();
        set_size(line, "batch", profiles[i].batch);
        set_size(line, "arena_bytes", profiles[i].arena_bytes);
        set_size(line, "scratch_bytes_a_thread", profiles[i].scratch_bytes);
        json_array_append_new(list, line);
    }
    return list;
}

/* Of a model that is no engine, in fp32; NULL, and told, where it cannot be planned. */
static json_t *memory_json(const osprey_model *model)
{
    osprey_memory_plan plan;
    osprey_error error;
    if (osprey_engine_plan_memory(model, NULL, &plan, &error) != OSPREY_OK) {
        cli_fail_error(CLI_DONE, &error);
        return NULL;
    }
    json_t *object = json_object();
    if (plan.image_count)
        json_object_set_new(object, "image", profiles_json(plan.image, plan.image_count));
    if (plan.text_count)
        json_object_set_new(object, "text", profiles_json(plan.text, plan.text_count));
    return object;
}

static json_t *engine_tower_json(const osprey_engine_tower *tower)
{
    json_t *object = json_object();
    set_size(object, "weight_bytes", tower->weight_bytes);
    set_size(object, "constant_bytes", tower->constant_bytes);
    json_object_set_new(object, "memory", profiles_json(tower->profiles, tower->profile_count));
    if (tower->reduction)
        json_object_set_new(object, "reduction", reduction_json(tower->reduction));
    if (tower->choice_count) json_object_set_new(object, "tuning", tuning_json(tower));
    return object;
}

static json_t *cosines_json(const osprey_cosines *cosines, const char *unit)
{
    json_t *object = json_object();
    set_size(object, unit, cosines->count);
    json_object_set_new(object, "least_cosine", cli_json_number(cosines->least));
    json_object_set_new(object, "mean_cosine", cli_json_number(cosines->mean));
    return object;
}

/* What compile --verify found. */
static json_t *precision_report_json(const osprey_engine_info *engine)
{
    const osprey_cosines *image = &engine->image.cosines, *text = &engine->text.cosines;
    json_t *object = json_object();
    bool missed = (image->count && image->least < engine->cosine_limit) ||
                  (text->count && text->least < engine->cosine_limit);
    json_object_set_new(object, "limit", cli_json_number(engine->cosine_limit));
    set_bool(object, "forced", missed);
    if (image->count) json_object_set_new(object, "image", cosines_json(image, "images"));
    if (text->count) json_object_set_new(object, "text", cosines_json(text, "prompts"));
    image = &engine->image.static_cosines;
    text = &engine->text.static_cosines;
    if (image->count) json_object_set_new(object, "static_image", cosines_json(image, "images"));
    if (text->count) json_object_set_new(object, "static_text", cosines_json(text, "prompts"));
    return object;
}

static json_t *keep_json(const osprey_engine_info *engine)
{
    json_t *list = json_array();
    for (size_t i = 0; i < engine->keep_count; i++)
        json_array_append_new(list, json_string(engine->keep[i]));
    return list;
}

static json_t *engine_json(const osprey_engine_info *engine)
{
    json_t *object = json_object();
    set_text(object, "osprey_version", engine->osprey_version);
    set_size(object, "format_version", engine->format_version);
    set_text(object, "instruction_set", engine->instruction_set);
    set_text(object, "packing", engine->packing);
    set_text(object, "precision", engine->precision);
    set_text(object, "factors", engine->factors);
    if (engine->keep_count) json_object_set_new(object, "keep", keep_json(engine));
    if (engine->cosine_limit > 0)
        json_object_set_new(object, "precision_report", precision_report_json(engine));
    set_bool(object, "portable", engine->portable);
    set_text(object, "calibration", osprey_calibration_method_name(engine->calibration));
    set_size(object, "calibration_images", engine->calibration_images);
    set_text(object, "source_layout", engine->source_layout);
    set_text(object, "fingerprint", engine->fingerprint);
    if (engine->image.profile_count)
        json_object_set_new(object, "image", engine_tower_json(&engine->image));
    if (engine->text.profile_count)
        json_object_set_new(object, "text", engine_tower_json(&engine->text));
    return object;
}

static json_t *files_json(const osprey_model_info *info)
{
    json_t *list = json_array();
    for (size_t i = 0; i < info->file_count; i++) {
        json_t *object = json_object();
        struct stat file;
        set_text(object, "path", info->files[i]);
        if (stat(info->files[i], &file) == 0) set_size(object, "bytes", (uint64_t)file.st_size);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *templates_json(const osprey_model_info *info)
{
    json_t *list = json_array();
    for (size_t i = 0; i < info->template_count; i++)
        json_array_append_new(list, cli_json_text(info->templates[i], strlen(info->templates[i])));
    return list;
}

static json_t *model_json(const cli_loaded_model *loaded)
{
    const osprey_model_info *info = loaded->info;
    json_t *object = json_object();
    set_text(object, "name", info->name);
    set_text(object, "layout", info->layout);
    if (info->arch) set_text(object, "arch", info->arch);
    set_text(object, "identified_by", info->identified_by);
    set_text(object, "weight_format", info->weight_format);
    set_size(object, "parameters", info->image.parameters + info->text.parameters);
    set_text(object, "weight_dtype", info->weight_dtype);
    set_size(object, "embed_dim", info->embed_dim);
    set_known_size(object, "image_height", info->image_height);
    set_known_size(object, "image_width", info->image_width);
    set_known_size(object, "head_classes", info->head_classes);
    if (info->head_labels) set_text(object, "head_labels", info->head_labels);
    const bool image = info->image.architecture, text = info->text.architecture;
    set_known_size(object, "context_length", info->context_length);
    if (image && text) {
        set_number(object, "logit_scale", info->logit_scale);
        set_number(object, "logit_bias", info->logit_bias);
        json_object_set_new(object, "templates", templates_json(info));
    }
    if (image) json_object_set_new(object, "image", tower_json(&info->image));
    if (text) json_object_set_new(object, "text", tower_json(&info->text));
    if (image)
        json_object_set_new(object, "preprocessing", preprocessing_json(&info->preprocessing));
    const osprey_tokenizer *tokenizer = osprey_model_tokenizer(loaded->model);
    if (tokenizer) json_object_set_new(object, "tokenizer", tokenizer_json(tokenizer));
    const osprey_engine_info *engine = osprey_model_get_engine(loaded->model);
    if (engine) json_object_set_new(object, "engine", engine_json(engine));
    json_t *memory = engine ? NULL : memory_json(loaded->model);
    if (memory) json_object_set_new(object, "memory", memory);
    json_object_set_new(object, "files", files_json(info));
    return object;
}

static void write_value(cli_output *output, const json_t *value);

/* "batch 8  arena_bytes 1228800", a line for each. */
static void write_lines(cli_output *output, const json_t *list, int indent)
{
    size_t index;
    json_t *object, *value;
    const char *key;
    json_array_foreach(list, index, object)
    {
        cli_output_print(output, "%*s", indent - 2, "");
        json_object_foreach(object, key, value)
        {
            cli_output_print(output, "  %s ", key);
            write_value(output, value);
        }
        cli_output_print(output, "\n");
    }
}

/* Texts, which may hold spaces: a line for each. */
static void write_texts(cli_output *output, const json_t *list, int indent)
{
    size_t index;
    json_t *text;
    json_array_foreach(list, index, text)
    {
        cli_output_print(output, "%*s", indent, "");
        cli_output_visible(output, json_string_value(text));
        cli_output_print(output, "\n");
    }
}

/* A value of the JSON on one line, for people. */
static void write_value(cli_output *output, const json_t *value)
{
    size_t index;
    json_t *element;
    if (json_is_string(value)) {
        cli_output_visible(output, json_string_value(value));
    } else if (json_is_integer(value)) {
        cli_output_print(output, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        cli_output_print(output, "%.7g", json_real_value(value));
    } else if (json_is_array(value)) {
        json_array_foreach(value, index, element)
        {
            if (index) cli_output_print(output, " ");
            write_value(output, element);
        }
    } else {
        cli_output_print(output, "%s", json_is_true(value) ? "yes" : "no");
    }
}

/* The same facts as the JSON has, a line each, what belongs together indented under its name. */
static void write_plain(cli_output *output, const json_t *object, int indent)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (json_is_object(value)) {
            cli_output_print(output, "%*s%s\n", indent, "", key);
            write_plain(output, value, indent + 2);
        } else if (json_is_object(json_array_get(value, 0))) {
            cli_output_print(output, "%*s%s\n", indent, "", key);
            write_lines(output, value, indent + 2);
        } else if (json_is_string(json_array_get(value, 1))) {
            cli_output_print(output, "%*s%s\n", indent, "", key);
            write_texts(output, value, indent + 2);
        } else {
            cli_output_print(output, "%*s%-*s ", indent, "", 16 - indent, key);
            write_value(output, value);
            cli_output_print(output, "\n");
        }
    }
}

static cli_exit verify(const osprey_model *model)
{
    osprey_error error;
    osprey_status status = osprey_engine_verify(model, &error);
    if (status == OSPREY_OK) return CLI_DONE;
    return cli_fail_error(status == OSPREY_INVALID_ARGUMENT ? CLI_WRONG_USE : CLI_NO_MODEL, &error);
}

static cli_exit run(const cli_options *options)
{
    if (options->inputs.count)
        return cli_fail(CLI_WRONG_USE, options->inputs.items[0],
                        "inspect takes no inputs; name the model with -m");
    cli_loaded_model loaded;
    cli_output output = {0};
    cli_exit code = cli_model_load(&loaded, options);
    if (code == CLI_DONE && options->verify) code = verify(loaded.model);
    if (code == CLI_DONE) code = cli_output_open(&output, options->output);
    if (code == CLI_DONE) {
        json_t *facts = model_json(&loaded);
        if (!options->json) write_plain(&output, facts, 0);
        if (options->json)
            cli_output_json(&output, facts);
        else
            json_decref(facts);
    }
    code = cli_output_close(&output, code);
    cli_model_unload(&loaded);
    return code;
}

const cli_command cli_inspect_command = {
    .name = "inspect",
    .bit = CLI_INSPECT,
    .arguments = "",
    .summary = "Show what a model is made of.",
    .details =
        "Shows what a model is made of: architecture, shapes, parameters, preprocessing, "
        "tokenizer and files, and the memory that a run of each batch takes (the arena at its "
        "peak; in fp32 where the model is no engine); of an engine also how it was compiled "
        "and what tuning found.",
    .example = "  osprey inspect -m clip-vit-base-patch32\n"
               "  osprey inspect -m clip.osprey --verify\n",
    .run = run,
};
