/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "input/text/text_tokenizer.h"
#include "model/bare_weights.h"
#include "model/class_head.h"
#include "model/class_names.h"
#include "model/engine_model.h"
#include "model/flax_weights.h"
#include "model/hf_text.h"
#include "model/lit_weights.h"
#include "model/model_data.h"
#include "model/model_tokenizer.h"
#include "model/position_grid.h"
#include "model/timm_trunks.h"
#include "model/towers.h"
#include "model/unused_weights.h"
#include "model/weight_choice.h"

#include <osprey/model.h>

#include <math.h>
#include <string.h>

#define PATH_BYTES OSPREY__PATH_BYTES

osprey_status osprey__model_add_file(osprey_model *model, const char *path, osprey_error *error)
{
    if (model->file_count == model->file_capacity) {
        size_t larger = model->file_capacity ? 2 * model->file_capacity : 8;
        char **grown = osprey__realloc(model->files, larger, sizeof *grown);
        if (!grown) return osprey__fail_memory(error, larger * sizeof *grown);
        model->files = grown;
        osprey__file_mark *marks = osprey__realloc(model->marks, larger, sizeof *marks);
        if (!marks) return osprey__fail_memory(error, larger * sizeof *marks);
        model->marks = marks;
        model->file_capacity = larger;
    }
    char *copy = osprey__strdup(path);
    if (!copy) return osprey__fail_memory(error, strlen(path) + 1);
    model->marks[model->file_count] = osprey__file_mark_of(path);
    model->files[model->file_count++] = copy;
    return OSPREY_OK;
}

osprey_status osprey__model_check_files(const osprey_model *model, osprey_error *error)
{
    for (size_t i = 0; i < model->file_count; i++) {
        const osprey__file_mark now = osprey__file_mark_of(model->files[i]);
        if (!osprey__file_marks_equal(&now, &model->marks[i]))
            return osprey__fail(error, OSPREY_IO, model->files[i],
                                "changed while it was compiled; run it again");
    }
    return OSPREY_OK;
}

osprey_status osprey__model_add_file_in(osprey_model *model, const char *directory,
                                        const char *name, osprey_error *error)
{
    char path[PATH_BYTES];
    OSPREY_TRY(osprey__path_join(path, sizeof path, directory, name, error));
    return osprey__model_add_file(model, path, error);
}

static osprey_status add_config_files(osprey_model *model, const char *directory,
                                      osprey_error *error)
{
    const osprey__model_config *config = &model->config;
    const char *const files[] = {config->file, config->preprocessing_file, config->modules_file,
                                 config->pooling_file};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] && *files[i])
            OSPREY_TRY(osprey__model_add_file_in(model, directory, files[i], error));
    return OSPREY_OK;
}

static osprey_status open_huggingface(osprey_model *model, const char *directory,
                                      const osprey_model_options *options, osprey_error *error)
{
    if (options->arch)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, options->arch,
                            "an architecture is named for OpenCLIP's weights; these are in Hugging "
                            "Face's layout, whose config.json has it");
    OSPREY_TRY(osprey__hf_config_read(directory, &model->config, error));
    model->names = &osprey__huggingface_names;
    if (model->config.text.kind == OSPREY__TEXT_SIGLIP) model->names = &osprey__siglip_names;
    if (model->config.text.kind == OSPREY__TEXT_BERT)
        model->names =
            model->config.image.layers ? &osprey__chinese_clip_names : &osprey__bert_names;
    model->identified_by = "config.json";
    return add_config_files(model, directory, error);
}

/* OpenCLIP's configuration where there is one that counts; else what the weights tell. */
static osprey_status open_openclip(osprey_model *model, const char *directory,
                                   const osprey_model_options *options, osprey_error *error)
{
    static const char file[] = "open_clip_config.json";
    char path[PATH_BYTES];
    osprey__model_config *config = &model->config;
    OSPREY_TRY(osprey__path_join(path, sizeof path, directory, file, error));
    const bool script = osprey__weights_format(model->weights) == OSPREY__TORCH_SCRIPT;
    if (options->arch || script || !osprey__file_exists(path)) {
        OSPREY_TRY(osprey__bare_weights_config(model->weights, options->arch, config,
                                               &model->identified_by, error));
    } else {
        OSPREY_TRY(osprey__openclip_config_read(directory, config, error));
        model->identified_by = file;
        OSPREY_TRY(add_config_files(model, directory, error));
        if (*config->trunk.name)
            OSPREY_TRY(osprey__timm_trunk_config(model->weights, config, error));
        if (*config->hf_text.name)
            OSPREY_TRY(osprey__hf_text_config(model->weights, config, error));
    }
    model->names =
        config->text_is_prefixed ? &osprey__openclip_prefixed_names : &osprey__openclip_names;
    if (config->image.kind == OSPREY__IMAGE_CONV_STEM_VIT)
        model->names = &osprey__openclip_conv_stem_names;
    if (config->image.is_trunk) model->names = &osprey__openclip_trunk_vit_names;
    const bool siglip = config->text.kind == OSPREY__TEXT_SIGLIP;
    if (siglip) model->names = &osprey__openclip_siglip_names;
    if (config->text.kind == OSPREY__TEXT_ROBERTA) model->names = &osprey__openclip_hf_text_names;
    if (siglip == config->image.attention_pooled && config->text_is_prefixed >= siglip)
        return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, config->file,
                        "SigLIP's image tower, \"timm_model_name\" with \"siglip\" in it, and its "
                        "text tower, \"pool_type\" last, are supported together, with "
                        "\"custom_text\"");
}

/* google-research/vision_transformer: the arrays tell everything. */
static osprey_status open_flax(osprey_model *model, const osprey_model_options *options,
                               osprey_error *error)
{
    if (options->arch)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, options->arch,
                            "an architecture is named for OpenCLIP's weights; a NumPy archive "
                            "tells its own");
    model->identified_by = "names and shapes, as vision_transformer has them";
    if (osprey__is_lit(model->weights))
        return osprey__lit_weights_config(model->weights, &model->config, &model->names, error);
    model->names = &osprey__flax_names;
    return osprey__flax_weights_config(model->weights, &model->config, error);
}

static osprey_status open_config(osprey_model *model, const osprey__weight_choice *choice,
                                 const osprey_model_options *options, osprey_error *error)
{
    if (osprey__weights_format(model->weights) == OSPREY__NUMPY_ARCHIVE)
        return open_flax(model, options, error);
    const bool openclip =
        choice->named ? !osprey__has_huggingface_names(model->weights) : choice->openclip;
    return (openclip ? open_openclip : open_huggingface)(model, choice->directory, options, error);
}

static osprey_status open_weights(osprey_model *model, const char *path,
                                  const osprey_model_options *options,
                                  osprey__weight_choice *choice, osprey_error *error)
{
    osprey_status status = osprey__choose_weights(path, options->weights, choice, error);
    model->weights = choice->weights;
    OSPREY_TRY(status);
    if (!choice->note[0]) return OSPREY_OK;
    model->note = osprey__strdup(choice->note);
    return model->note ? OSPREY_OK : osprey__fail_memory(error, sizeof choice->note);
}

static osprey_status add_weight_files(osprey_model *model, osprey_error *error)
{
    size_t count;
    const char *const *files = osprey__weights_files(model->weights, &count);
    for (size_t i = 0; i < count; i++) OSPREY_TRY(osprey__model_add_file(model, files[i], error));
    return OSPREY_OK;
}

/* The configuration's, or the usual one. */
static osprey_status read_templates(osprey_model *model, const char *directory, osprey_error *error)
{
    char path[PATH_BYTES];
    if (!model->config.bare) {
        OSPREY_TRY(osprey__path_join(path, sizeof path, directory, model->config.file, error));
        OSPREY_TRY(osprey__prompt_templates_read(&model->templates, path, error));
    }
    if (model->templates.count) return OSPREY_OK;
    return osprey__prompt_templates_add_usual(&model->templates, model->config.has_logit_bias,
                                              error);
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

/* Builds the towers, so that contradictions show at opening. */
static osprey_status check_towers(osprey_model *model, osprey_error *error)
{
    osprey_model_info *info = &model->info;
    size_t count;
    osprey__weights_tensors(model->weights, &count);
    bool *used = osprey__calloc(count, sizeof *used);
    if (!used) return osprey__fail_memory(error, count * sizeof *used);
    osprey_status status;
    if (osprey__model_towers(model) & OSPREY_TOWER_IMAGE)
        OSPREY_TRY_GOTO(
            check_tower(model, OSPREY_TOWER_IMAGE, &info->image.parameters, used, error));
    if (osprey__model_towers(model) & OSPREY_TOWER_TEXT)
        OSPREY_TRY_GOTO(check_tower(model, OSPREY_TOWER_TEXT, &info->text.parameters, used, error));
    if (model->config.head_classes) OSPREY_TRY_GOTO(osprey__class_head_check(model, used, error));
    status = osprey__check_unused_weights(model, used, error);
fail:
    osprey__free(used);
    return status;
}

static const char *image_architecture(const osprey__image_config *image)
{
    static const char *const names[] = {
        [OSPREY__IMAGE_VIT] = "vit",
        [OSPREY__IMAGE_MODIFIED_RESNET] = "modified_resnet",
        [OSPREY__IMAGE_HYBRID] = "hybrid",
        [OSPREY__IMAGE_MIXER] = "mixer",
        [OSPREY__IMAGE_EVA] = "eva",
        [OSPREY__IMAGE_CONV_STEM_VIT] = "conv_stem_vit",
        [OSPREY__IMAGE_FASTVIT] = "fastvit",
        [OSPREY__IMAGE_CONVNEXT] = "convnext",
        [OSPREY__IMAGE_PE] = "perception_encoder",
        [OSPREY__IMAGE_VITAMIN] = "vitamin",
    };
    return image->layers ? names[image->kind] : NULL;
}

static const char *text_architecture(const osprey__text_config *text)
{
    static const char *const names[] = {
        [OSPREY__TEXT_CLIP] = "clip_text", [OSPREY__TEXT_CLIP_FILLED] = "clip_text",
        [OSPREY__TEXT_BERT] = "bert",      [OSPREY__TEXT_SIGLIP] = "siglip_text",
        [OSPREY__TEXT_COCA] = "coca_text", [OSPREY__TEXT_ROBERTA] = "bert",
    };
    return text->layers ? names[text->kind] : NULL;
}

static const char *find_not_read(const osprey_model *model)
{
    static const char decoder[] = "text_decoder.";
    size_t count = 0;
    const osprey__tensor *tensors =
        model->weights ? osprey__weights_tensors(model->weights, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(tensors[i].name, decoder, sizeof decoder - 1) == 0)
            return "text_decoder.*, a decoder of captions";
    return NULL;
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
        .arch = config->bare && strcmp(config->layout, "openclip") == 0 ? config->file : NULL,
        .identified_by = model->identified_by,
        .note = model->note,
        .not_read = find_not_read(model),
        .embed_dim = config->embed_dim,
        .image_height = image->image_height,
        .image_width = image->image_width,
        .context_length = text->context_length,
        .image = {.architecture = image_architecture(image),
                  .width = image->width,
                  .layers = image->layers,
                  .heads = image->heads,
                  .mlp_width = image->mlp_width,
                  .token_mlp_width = image->token_mlp_width,
                  .patch_size = image->patch_size,
                  .activation = image->activation},
        .head_classes = config->head_classes,
        .head_labels = osprey__class_list_title(config->head_classes),
        .text = {.architecture = text_architecture(text),
                 .width = text->width,
                 .layers = text->layers,
                 .heads = text->heads,
                 .mlp_width = text->mlp_width,
                 .activation = text->activation},
        .preprocessing = config->preprocessing,
        .templates = (const char *const *)model->templates.texts,
        .template_count = model->templates.count,
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
    info->weight_format = osprey__weight_format_name(osprey__weights_format(model->weights));
    if (osprey__model_towers(model) != OSPREY_TOWER_BOTH) return check_towers(model, error);
    OSPREY_TRY(read_number(model, model->names->temperature, &info->logit_scale, error));
    info->logit_scale = expf(info->logit_scale);
    if (model->config.has_logit_bias)
        OSPREY_TRY(read_number(model, "logit_bias", &info->logit_bias, error));
    return check_towers(model, error);
}

/* A directory's last component, a file's without its ending; "." and the like are resolved by the
 * caller's shell, not here. */
static osprey_status name_model(osprey_model *model, const osprey__weight_choice *choice,
                                osprey_error *error)
{
    const char *path = choice->directory;
    const bool bare = model->config.bare;
    if (bare) path = model->files[0];
    const char *slash = strrchr(path, '/'), *name = slash && slash[1] ? slash + 1 : path;
    const char *dot = bare ? strrchr(name, '.') : NULL;
    model->name = osprey__strndup(name, dot > name ? (size_t)(dot - name) : strlen(name));
    return model->name ? OSPREY_OK : osprey__fail_memory(error, strlen(name) + 1);
}

static osprey_status open_engine(const char *path, osprey_model *model,
                                 const osprey_model_options *options, osprey_error *error)
{
    if (options->arch || options->weights)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, path,
                            "an engine has its architecture and its weights: none can be chosen");
    OSPREY_TRY(osprey__model_add_file(model, path, error));
    OSPREY_TRY(osprey__engine_open(model->files[0], model, error));
    if (model->tokenizer) OSPREY_TRY(osprey__check_tokenizer(model, path, error));
    const osprey__engine_manifest *manifest = &model->engine->manifest;
    model->name = osprey__strdup(manifest->name);
    if (!model->name) return osprey__fail_memory(error, sizeof manifest->name);
    model->identified_by = "its first bytes";
    if (options->image_size)
        OSPREY_TRY(osprey__model_set_image_size(model, options->image_size, error));
    fill_info(model);
    model->info.weight_format = "engine";
    model->info.weight_dtype = manifest->weight_dtype;
    model->info.logit_scale = manifest->logit_scale;
    model->info.logit_bias = manifest->logit_bias;
    model->info.image.parameters = manifest->image.parameters;
    model->info.text.parameters = manifest->text.parameters;
    return OSPREY_OK;
}

static osprey_status open_published(const char *path, osprey_model *model,
                                    const osprey_model_options *options, osprey_error *error)
{
    osprey__weight_choice choice;
    OSPREY_TRY(open_weights(model, path, options, &choice, error));
    OSPREY_TRY(open_config(model, &choice, options, error));
    if (options->image_size)
        OSPREY_TRY(osprey__model_set_image_size(model, options->image_size, error));
    OSPREY_TRY(add_weight_files(model, error));
    OSPREY_TRY(name_model(model, &choice, error));
    if (osprey__model_towers(model) & OSPREY_TOWER_TEXT) {
        OSPREY_TRY(osprey__open_tokenizer(model, choice.directory, error));
        OSPREY_TRY(read_templates(model, choice.directory, error));
    }
    fill_info(model);
    return read_weights(model, error);
}

osprey_status osprey_model_open_with(const char *path, const osprey_model_options *options,
                                     osprey_model **model, osprey_error *error)
{
    static const osprey_model_options defaults = {0};
    if (!options) options = &defaults;
    *model = NULL;
    osprey_model *opened = osprey__calloc(1, sizeof *opened);
    if (!opened) return osprey__fail_for(path, osprey__fail_memory(error, sizeof *opened), error);
    osprey_status status = osprey__is_engine(path) ? open_engine(path, opened, options, error)
                                                   : open_published(path, opened, options, error);
    if (status != OSPREY_OK) {
        osprey_model_free(opened);
        return osprey__fail_for(path, status, error);
    }
    *model = opened;
    return OSPREY_OK;
}

osprey_status osprey_model_open(const char *path, osprey_model **model, osprey_error *error)
{
    return osprey_model_open_with(path, NULL, model, error);
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
    osprey__free(model->marks);
    osprey__free(model->name);
    osprey__free(model->note);
    osprey__prompt_templates_free(&model->templates);
    osprey__free(model);
}
