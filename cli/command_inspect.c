/* SPDX-License-Identifier: Apache-2.0 */
/* osprey inspect: what a model is made of. */
#include "commands.h"
#include "engine_facts.h"
#include "json_fields.h"
#include "json_text.h"
#include "loaded_model.h"
#include "output.h"
#include "plain_facts.h"

#include <string.h>
#include <sys/stat.h>

static const char *const resize_names[] = {
    [OSPREY_RESIZE_NONE] = "none",       [OSPREY_RESIZE_SHORTEST] = "shortest",
    [OSPREY_RESIZE_LONGEST] = "longest", [OSPREY_RESIZE_EXACT] = "exact",
    [OSPREY_RESIZE_PATCHES] = "patches",
};

static const char *const resample_names[] = {
    [OSPREY_RESAMPLE_NEAREST] = "nearest",   [OSPREY_RESAMPLE_LANCZOS] = "lanczos",
    [OSPREY_RESAMPLE_BILINEAR] = "bilinear", [OSPREY_RESAMPLE_BICUBIC] = "bicubic",
    [OSPREY_RESAMPLE_BOX] = "box",           [OSPREY_RESAMPLE_HAMMING] = "hamming",
};

static json_t *tower_json(const osprey_tower_info *tower)
{
    json_t *object = json_object();
    cli_json_set_text(object, "architecture", tower->architecture);
    cli_json_set_size(object, "parameters", tower->parameters);
    cli_json_set_known_size(object, "width", tower->width);
    cli_json_set_known_size(object, "layers", tower->layers);
    cli_json_set_known_size(object, "heads", tower->heads);
    cli_json_set_known_size(object, "mlp_width", tower->mlp_width);
    cli_json_set_known_size(object, "token_mlp_width", tower->token_mlp_width);
    cli_json_set_known_size(object, "patch_size", tower->patch_size);
    if (tower->stage_layers[0]) {
        json_t *stages = json_array();
        for (size_t i = 0; i < OSPREY_STAGES_MAX && tower->stage_layers[i]; i++)
            json_array_append_new(stages, json_integer((json_int_t)tower->stage_layers[i]));
        json_object_set_new(object, "stage_layers", stages);
    }
    cli_json_set_text(object, "activation", osprey_activation_name(tower->activation));
    return object;
}

static json_t *preprocessing_json(const osprey_preprocessing *how)
{
    json_t *object = json_object();
    cli_json_set_text(object, "resize", resize_names[how->resize]);
    const bool patches = how->resize == OSPREY_RESIZE_PATCHES;
    if (how->resize != OSPREY_RESIZE_NONE && !patches)
        cli_json_set_size(object, "resize_height", how->resize_height);
    cli_json_set_known_size(object, "patch_size", how->patch_size);
    cli_json_set_known_size(object, "max_patches", how->max_patches);
    if (how->resize == OSPREY_RESIZE_EXACT)
        cli_json_set_size(object, "resize_width", how->resize_width);
    if (how->resize != OSPREY_RESIZE_NONE)
        cli_json_set_text(object, "resample", resample_names[how->resample]);
    if (!patches) {
        cli_json_set_bool(object, "center_crop", how->center_crop);
        cli_json_set_size(object, "crop_height", how->crop_height);
        cli_json_set_size(object, "crop_width", how->crop_width);
    }
    cli_json_set_bool(object, "rescale", how->rescale);
    if (how->rescale) cli_json_set_number(object, "rescale_factor", (double)how->rescale_factor);
    cli_json_set_bool(object, "normalize", how->normalize);
    if (how->normalize) {
        cli_json_set_numbers(object, "mean", how->mean, 3);
        cli_json_set_numbers(object, "std", how->std, 3);
    }
    return object;
}

static json_t *tokenizer_json(const osprey_tokenizer *tokenizer)
{
    osprey_tokenizer_info info = osprey_tokenizer_get_info(tokenizer);
    json_t *object = json_object();
    cli_json_set_text(object, "kind", info.kind);
    cli_json_set_size(object, "vocabulary", info.vocabulary);
    json_object_set_new(object, "start_id", json_integer(info.start_id));
    json_object_set_new(object, "end_id", json_integer(info.end_id));
    json_object_set_new(object, "pad_id", json_integer(info.pad_id));
    return object;
}

static json_t *files_json(const osprey_model_info *info)
{
    json_t *list = json_array();
    for (size_t i = 0; i < info->file_count; i++) {
        json_t *object = json_object();
        struct stat file;
        cli_json_set_text(object, "path", info->files[i]);
        if (stat(info->files[i], &file) == 0)
            cli_json_set_size(object, "bytes", (uint64_t)file.st_size);
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

/* Takes memory, or NULL. */
static json_t *model_json(const cli_loaded_model *loaded, json_t *memory)
{
    const osprey_model_info *info = loaded->info;
    json_t *object = json_object();
    cli_json_set_text(object, "name", info->name);
    cli_json_set_text(object, "layout", info->layout);
    if (info->arch) cli_json_set_text(object, "arch", info->arch);
    cli_json_set_text(object, "identified_by", info->identified_by);
    cli_json_set_text(object, "weight_format", info->weight_format);
    if (info->not_read) cli_json_set_text(object, "not_read", info->not_read);
    cli_json_set_size(object, "parameters", info->image.parameters + info->text.parameters);
    cli_json_set_text(object, "weight_dtype", info->weight_dtype);
    cli_json_set_size(object, "embed_dim", info->embed_dim);
    cli_json_set_known_size(object, "image_height", info->image_height);
    cli_json_set_known_size(object, "image_width", info->image_width);
    cli_json_set_known_size(object, "head_classes", info->head_classes);
    if (info->head_labels) cli_json_set_text(object, "head_labels", info->head_labels);
    const bool image = info->image.architecture, text = info->text.architecture;
    cli_json_set_known_size(object, "context_length", info->context_length);
    if (image && text) {
        cli_json_set_number(object, "logit_scale", (double)info->logit_scale);
        cli_json_set_number(object, "logit_bias", (double)info->logit_bias);
        json_object_set_new(object, "templates", templates_json(info));
    }
    if (image) json_object_set_new(object, "image", tower_json(&info->image));
    if (text) json_object_set_new(object, "text", tower_json(&info->text));
    if (image)
        json_object_set_new(object, "preprocessing", preprocessing_json(&info->preprocessing));
    const osprey_tokenizer *tokenizer = osprey_model_tokenizer(loaded->model);
    if (tokenizer) json_object_set_new(object, "tokenizer", tokenizer_json(tokenizer));
    const osprey_engine_info *engine = osprey_model_get_engine(loaded->model);
    if (engine) json_object_set_new(object, "engine", cli_engine_facts(engine));
    if (memory) json_object_set_new(object, "memory", memory);
    json_object_set_new(object, "files", files_json(info));
    return object;
}

static cli_exit verify(const cli_loaded_model *loaded)
{
    if (!osprey_model_get_engine(loaded->model))
        return cli_fail(CLI_WRONG_USE, "--verify", "%s is no engine, and has no checksums",
                        loaded->path);
    osprey_error error;
    if (osprey_engine_verify(loaded->model, &error) == OSPREY_OK) return CLI_DONE;
    return cli_fail_error(CLI_NO_MODEL, &error);
}

static cli_exit run(const cli_options *options)
{
    if (options->inputs.count)
        return cli_fail(CLI_WRONG_USE, options->inputs.items[0],
                        "inspect takes no inputs; name the model with -m");
    cli_loaded_model loaded;
    cli_output output = {0};
    json_t *memory = NULL;
    cli_exit code = cli_model_load(&loaded, options);
    if (code == CLI_DONE && options->verify) code = verify(&loaded);
    if (code == CLI_DONE) code = cli_memory_facts(loaded.model, &memory);
    if (code == CLI_DONE) code = cli_output_open(&output, options->output);
    if (code == CLI_DONE) {
        json_t *facts = model_json(&loaded, memory);
        if (!options->json) cli_output_facts(&output, facts);
        if (options->json)
            cli_output_json(&output, facts);
        else
            json_decref(facts);
    } else {
        json_decref(memory);
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
