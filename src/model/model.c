/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "input/text/text_tokenizer.h"
#include "model/engine_model.h"
#include "model/model_data.h"
#include "model/towers.h"
#include "model/unused_weights.h"

#include <osprey/model.h>

#include <math.h>
#include <string.h>

#define PATH_BYTES 4096

/* Where a model lies: its directory, and the weights and configuration of one layout in it. */
typedef struct location {
    char directory[PATH_BYTES];
    char weights[PATH_BYTES];
    bool openclip;
} location;

/* Joins directory and name into path and tells whether that file is there. */
static bool has_file(const char *directory, const char *name, char *path)
{
    return osprey__path_join(path, PATH_BYTES, directory, name, NULL) == OSPREY_OK &&
           osprey__file_exists(path);
}

static osprey_status no_weights(const location *at, osprey_error *error)
{
    char path[PATH_BYTES];
    if (has_file(at->directory, "config.json", path))
        return osprey__fail(error, OSPREY_NOT_FOUND, at->directory,
                            "config.json is there, but no weights: model.safetensors or "
                            "model.safetensors.index.json with its shards would fit");
    if (has_file(at->directory, "open_clip_config.json", path))
        return osprey__fail(error, OSPREY_NOT_FOUND, at->directory,
                            "open_clip_config.json is there, but no weights: "
                            "open_clip_model.safetensors would fit");
    return osprey__fail(error, OSPREY_NOT_FOUND, at->directory,
                        "no model in this directory: config.json with model.safetensors (Hugging "
                        "Face) or open_clip_config.json with open_clip_model.safetensors "
                        "(OpenCLIP) would fit");
}

static osprey_status no_config(const char *weights, const char *config, osprey_error *error)
{
    return osprey__fail(error, OSPREY_NOT_FOUND, weights,
                        "the weights are there, but %s is missing beside them", config);
}

/* A directory: Hugging Face's layout where both lie in it, as it carries its own tokenizer. */
static osprey_status locate_in_directory(location *at, osprey_error *error)
{
    char path[PATH_BYTES];
    bool has_config = has_file(at->directory, "config.json", path);
    bool has_openclip_config = has_file(at->directory, "open_clip_config.json", path);
    bool has_weights = has_file(at->directory, "model.safetensors", at->weights) ||
                       has_file(at->directory, "model.safetensors.index.json", at->weights);
    if (has_weights && has_config) return OSPREY_OK;
    if (has_weights && !has_openclip_config) return no_config(at->weights, "config.json", error);
    at->openclip = true;
    if (!has_file(at->directory, "open_clip_model.safetensors", at->weights))
        return no_weights(at, error);
    if (!has_openclip_config) return no_config(at->weights, "open_clip_config.json", error);
    return OSPREY_OK;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), wanted = strlen(ending);
    return length >= wanted && strcmp(text + length - wanted, ending) == 0;
}

/* A weight file: its directory has the rest. */
static osprey_status locate_weights(const char *path, location *at, osprey_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (!ends_with(name, ".safetensors") && !ends_with(name, ".safetensors.index.json"))
        return osprey__fail(error, OSPREY_UNSUPPORTED, path,
                            "not a file of weights: a .safetensors file, its "
                            ".safetensors.index.json, an .osprey engine or the model's directory "
                            "would fit");
    size_t directory_bytes = slash ? (size_t)(slash - path) : 1;
    memcpy(at->directory, slash ? path : ".", directory_bytes);
    at->directory[directory_bytes] = '\0';
    if (!directory_bytes) memcpy(at->directory, "/", 2);
    memcpy(at->weights, path, strlen(path) + 1);
    at->openclip = strncmp(name, "open_clip", strlen("open_clip")) == 0;
    const char *config = at->openclip ? "open_clip_config.json" : "config.json";
    char config_path[PATH_BYTES];
    if (has_file(at->directory, config, config_path)) return OSPREY_OK;
    return no_config(path, config, error);
}

static osprey_status locate(const char *path, location *at, osprey_error *error)
{
    *at = (location){0};
    size_t length = strlen(path);
    if (length >= PATH_BYTES - 64)
        return osprey__fail(error, OSPREY_LIMIT, path, "the path is too long");
    if (osprey__is_directory(path)) {
        memcpy(at->directory, path, length + 1);
        while (length > 1 && at->directory[length - 1] == '/') at->directory[--length] = '\0';
        return locate_in_directory(at, error);
    }
    if (!osprey__file_exists(path))
        return osprey__fail(error, OSPREY_NOT_FOUND, path,
                            "no such model: a directory in Hugging Face's or OpenCLIP's layout, or "
                            "a .safetensors file in one, would fit");
    return locate_weights(path, at, error);
}

/* Remembers a file for inspection. */
static osprey_status add_file(osprey_model *model, const char *path, osprey_error *error)
{
    if (model->file_count == model->file_capacity) {
        size_t larger = model->file_capacity ? 2 * model->file_capacity : 8;
        char **grown = osprey__realloc(model->files, larger, sizeof *grown);
        if (!grown) return osprey__fail_memory(error, larger * sizeof *grown);
        model->files = grown;
        model->file_capacity = larger;
    }
    char *copy = osprey__strdup(path);
    if (!copy) return osprey__fail_memory(error, strlen(path) + 1);
    model->files[model->file_count++] = copy;
    return OSPREY_OK;
}

static osprey_status add_file_in(osprey_model *model, const char *directory, const char *name,
                                 osprey_error *error)
{
    char path[PATH_BYTES];
    OSPREY_TRY(osprey__path_join(path, sizeof path, directory, name, error));
    return add_file(model, path, error);
}

static osprey_status open_config(osprey_model *model, const location *at, osprey_error *error)
{
    osprey__model_config *config = &model->config;
    if (at->openclip) {
        OSPREY_TRY(osprey__openclip_config_read(at->directory, config, error));
        model->names =
            config->text_is_prefixed ? &osprey__openclip_prefixed_names : &osprey__openclip_names;
    } else {
        OSPREY_TRY(osprey__hf_config_read(at->directory, config, error));
        model->names = &osprey__huggingface_names;
    }
    OSPREY_TRY(add_file_in(model, at->directory, config->file, error));
    if (config->preprocessing_file)
        OSPREY_TRY(add_file_in(model, at->directory, config->preprocessing_file, error));
    return OSPREY_OK;
}

static osprey_status open_weights(osprey_model *model, const location *at, osprey_error *error)
{
    OSPREY_TRY(osprey__weights_open(at->weights, &model->weights, error));
    size_t count;
    const char *const *files = osprey__weights_files(model->weights, &count);
    for (size_t i = 0; i < count; i++) OSPREY_TRY(add_file(model, files[i], error));
    return OSPREY_OK;
}

static osprey_status check_tokenizer(const osprey_model *model, const char *subject,
                                     osprey_error *error)
{
    size_t ids = osprey_tokenizer_get_info(model->tokenizer).vocabulary;
    if (ids <= model->config.text.vocabulary) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, subject,
                        "the tokenizer has %zu tokens, but %s gives the text tower %zu", ids,
                        model->config.file, model->config.text.vocabulary);
}

static osprey_status open_tokenizer(osprey_model *model, const location *at, osprey_error *error)
{
    osprey__tokenizer_files files;
    osprey_error reason;
    osprey_status status =
        osprey__tokenizer_open_directory(at->directory, &model->tokenizer, &files, &reason);
    if (status == OSPREY_NOT_FOUND && at->openclip && !model->config.foreign_tokenizer) {
        OSPREY_TRY(osprey__tokenizer_builtin(&model->tokenizer, error));
        files.count = 0;
    } else if (status != OSPREY_OK) {
        if (error) *error = reason;
        return status;
    }
    for (size_t i = 0; i < files.count; i++)
        OSPREY_TRY(add_file_in(model, at->directory, files.names[i], error));
    return check_tokenizer(model, at->directory, error);
}

/* A tensor of one number, as a float. */
static osprey_status read_number(const osprey_model *model, const char *name, float *number,
                                 osprey_error *error)
{
    const osprey__tensor *tensor;
    OSPREY_TRY(osprey__weights_get(model->weights, name, &tensor, error));
    bool is_float = tensor->dtype == OSPREY__F32 || tensor->dtype == OSPREY__F16 ||
                    tensor->dtype == OSPREY__BF16;
    if (tensor->elements != 1 || !is_float)
        return osprey__fail(error, OSPREY_FORMAT, tensor->file,
                            "tensor \"%s\" has to be a single number in F32, F16 or BF16", name);
    osprey__to_f32(tensor->dtype, tensor->data, 1, number);
    if (!isfinite(*number))
        return osprey__fail(error, OSPREY_FORMAT, tensor->file, "tensor \"%s\" is not finite",
                            name);
    return OSPREY_OK;
}

/* The type of most of the weights' bytes. */
static const char *main_dtype(const osprey_model *model)
{
    size_t count, bytes[OSPREY__BOOL + 1] = {0};
    const osprey__tensor *tensors = osprey__weights_tensors(model->weights, &count);
    osprey__dtype most = OSPREY__F32;
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].foreign_dtype) continue;
        bytes[tensors[i].dtype] += tensors[i].bytes;
        if (bytes[tensors[i].dtype] > bytes[most]) most = tensors[i].dtype;
    }
    return osprey__dtype_name(most);
}

/* Builds a tower once, counts its parameters and marks the weights that it has. */
static osprey_status check_tower(const osprey_model *model, osprey_tower tower,
                                 uint64_t *parameters, bool *used, osprey_error *error)
{
    osprey__graph *graph;
    OSPREY_TRY(osprey__model_build_graph(model, tower, &graph, parameters, error));
    osprey__mark_used_weights(model, graph, used);
    osprey__graph_free(graph);
    return OSPREY_OK;
}

/* Builds both towers, so that contradictions show at opening. */
static osprey_status check_towers(osprey_model *model, osprey_error *error)
{
    osprey_model_info *info = &model->info;
    size_t count;
    osprey__weights_tensors(model->weights, &count);
    bool *used = osprey__calloc(count, sizeof *used);
    if (!used) return osprey__fail_memory(error, count * sizeof *used);
    osprey_status status;
    OSPREY_TRY_GOTO(check_tower(model, OSPREY_TOWER_IMAGE, &info->image.parameters, used, error));
    OSPREY_TRY_GOTO(check_tower(model, OSPREY_TOWER_TEXT, &info->text.parameters, used, error));
    status = osprey__check_unused_weights(model, used, error);
fail:
    osprey__free(used);
    return status;
}

static void fill_info(osprey_model *model)
{
    const osprey__model_config *config = &model->config;
    const osprey__image_config *image = &config->image;
    const osprey__text_config *text = &config->text;
    osprey_model_info *info = &model->info;
    *info = (osprey_model_info){
        .name = model->name,
        .layout = config->layout,
        .embed_dim = config->embed_dim,
        .image_height = image->image_height,
        .image_width = image->image_width,
        .context_length = text->context_length,
        .image = {.architecture = image->kind == OSPREY__IMAGE_VIT ? "vit" : "modified_resnet",
                  .width = image->width,
                  .layers = image->layers,
                  .heads = image->heads,
                  .mlp_width = image->mlp_width,
                  .patch_size = image->patch_size,
                  .activation = image->activation},
        .text = {.architecture = "clip_text",
                 .width = text->width,
                 .layers = text->layers,
                 .heads = text->heads,
                 .mlp_width = text->mlp_width,
                 .activation = text->activation},
        .preprocessing = config->preprocessing,
        .file_count = model->file_count,
        .files = (const char *const *)model->files,
    };
    memcpy(info->image.stage_layers, image->stage_layers, sizeof info->image.stage_layers);
}

/* What the weights say. */
static osprey_status read_weights(osprey_model *model, osprey_error *error)
{
    osprey_model_info *info = &model->info;
    info->weight_dtype = main_dtype(model);
    OSPREY_TRY(read_number(model, "logit_scale", &info->logit_scale, error));
    info->logit_scale = expf(info->logit_scale);
    if (model->config.has_logit_bias)
        OSPREY_TRY(read_number(model, "logit_bias", &info->logit_bias, error));
    return check_towers(model, error);
}

/* The directory's last component; "." and the like are resolved by the caller's shell, not here. */
static osprey_status name_model(osprey_model *model, const location *at, osprey_error *error)
{
    const char *slash = strrchr(at->directory, '/');
    model->name = osprey__strdup(slash && slash[1] ? slash + 1 : at->directory);
    return model->name ? OSPREY_OK : osprey__fail_memory(error, strlen(at->directory) + 1);
}

static osprey_status open_engine(const char *path, osprey_model *model, osprey_error *error)
{
    OSPREY_TRY(add_file(model, path, error));
    OSPREY_TRY(osprey__engine_open(model->files[0], model, error));
    if (model->tokenizer) OSPREY_TRY(check_tokenizer(model, path, error));
    const osprey__engine_manifest *manifest = &model->engine->manifest;
    model->name = osprey__strdup(manifest->name);
    if (!model->name) return osprey__fail_memory(error, sizeof manifest->name);
    fill_info(model);
    model->info.weight_dtype = manifest->weight_dtype;
    model->info.logit_scale = manifest->logit_scale;
    model->info.logit_bias = manifest->logit_bias;
    model->info.image.parameters = manifest->image.parameters;
    model->info.text.parameters = manifest->text.parameters;
    return OSPREY_OK;
}

static osprey_status open_published(const char *path, osprey_model *model, osprey_error *error)
{
    location at;
    OSPREY_TRY(locate(path, &at, error));
    OSPREY_TRY(name_model(model, &at, error));
    OSPREY_TRY(open_config(model, &at, error));
    OSPREY_TRY(open_weights(model, &at, error));
    OSPREY_TRY(open_tokenizer(model, &at, error));
    fill_info(model);
    return read_weights(model, error);
}

osprey_status osprey_model_open(const char *path, osprey_model **model, osprey_error *error)
{
    *model = NULL;
    osprey_model *opened = osprey__calloc(1, sizeof *opened);
    if (!opened) return osprey__fail_memory(error, sizeof *opened);
    osprey_status status = osprey__is_engine(path) ? open_engine(path, opened, error)
                                                   : open_published(path, opened, error);
    if (status != OSPREY_OK) {
        osprey_model_free(opened);
        return status;
    }
    *model = opened;
    return OSPREY_OK;
}

const osprey_model_info *osprey_model_get_info(const osprey_model *model)
{
    return &model->info;
}

const osprey_tokenizer *osprey_model_tokenizer(const osprey_model *model)
{
    return model->tokenizer;
}

void osprey_model_free(osprey_model *model)
{
    if (!model) return;
    osprey__tokenizer_free(model->tokenizer);
    osprey__weights_free(model->weights);
    osprey__engine_free(model->engine);
    for (size_t i = 0; i < model->file_count; i++) osprey__free(model->files[i]);
    osprey__free(model->files);
    osprey__free(model->name);
    osprey__free(model);
}
