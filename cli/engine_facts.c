/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_facts.h"

#include "json_fields.h"
#include "report.h"

static json_t *reduction_json(const osprey_engine_reduction *reduction)
{
    json_t *object = json_object();
    cli_json_set_number(object, "prune_heads", (double)reduction->prune_heads);
    cli_json_set_number(object, "prune_mlp", (double)reduction->prune_mlp);
    cli_json_set_bool(object, "by_activation", reduction->by_activation);
    cli_json_set_size(object, "token_merge", reduction->token_merge);
    cli_json_set_size(object, "whole_parameters", reduction->parameters);
    cli_json_set_size(object, "samples", reduction->samples);
    if (reduction->samples) {
        cli_json_set_number(object, "least_cosine", (double)reduction->least_cosine);
        cli_json_set_number(object, "mean_cosine", (double)reduction->mean_cosine);
    }
    if (reduction->ms[0] > 0) {
        /* Of batches of 1 and 8. */
        cli_json_set_numbers(object, "whole_ms", reduction->whole_ms, 2);
        cli_json_set_numbers(object, "ms", reduction->ms, 2);
    }
    return object;
}

static json_t *choice_json(const osprey_product_choice *choice)
{
    json_t *object = json_object();
    cli_json_set_size(object, "m", choice->m);
    cli_json_set_size(object, "n", choice->n);
    cli_json_set_size(object, "k", choice->k);
    cli_json_set_text(object, "precision", osprey_precision_name(choice->precision));
    cli_json_set_text(object, "activation", osprey_activation_name(choice->activation));
    cli_json_set_bool(object, "convolution", choice->convolution);
    cli_json_set_bool(object, "residual", choice->residual);
    cli_json_set_bool(object, "rounded", choice->rounded);
    cli_json_set_size(object, "products", choice->products);
    cli_json_set_size(object, "task_rows", choice->split.rows);
    cli_json_set_size(object, "task_columns", choice->split.columns);
    cli_json_set_bool(object, "columns_first", choice->split.columns_first);
    cli_json_set_number(object, "default_us", (double)choice->default_us);
    cli_json_set_number(object, "us", (double)choice->us);
    const double faster =
        choice->us > 0 ? 100 * ((double)choice->default_us / (double)choice->us - 1) : 0;
    cli_json_set_number(object, "faster_percent", faster);
    return object;
}

/* What compile --tune found; 0 is the default. */
static json_t *tuning_json(const osprey_engine_tower *tower)
{
    json_t *object = json_object(), *choices = json_array();
    cli_json_set_size(object, "threads", tower->tuned_threads);
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
        cli_json_set_size(line, "batch", profiles[i].batch);
        cli_json_set_size(line, "arena_bytes", profiles[i].arena_bytes);
        cli_json_set_size(line, "scratch_bytes_a_thread", profiles[i].scratch_bytes);
        json_array_append_new(list, line);
    }
    return list;
}

cli_exit cli_memory_facts(const osprey_model *model, json_t **facts)
{
    osprey_memory_plan plan;
    osprey_error error;
    *facts = NULL;
    if (osprey_model_get_engine(model)) return CLI_DONE;
    if (osprey_engine_plan_memory(model, NULL, &plan, &error) != OSPREY_OK)
        return cli_fail_error(CLI_DONE, &error);
    json_t *object = *facts = json_object();
    if (plan.image_count)
        json_object_set_new(object, "image", profiles_json(plan.image, plan.image_count));
    if (plan.text_count)
        json_object_set_new(object, "text", profiles_json(plan.text, plan.text_count));
    return CLI_DONE;
}

static json_t *engine_tower_json(const osprey_engine_tower *tower)
{
    json_t *object = json_object();
    cli_json_set_size(object, "weight_bytes", tower->weight_bytes);
    cli_json_set_size(object, "constant_bytes", tower->constant_bytes);
    json_object_set_new(object, "memory", profiles_json(tower->profiles, tower->profile_count));
    if (tower->reduction)
        json_object_set_new(object, "reduction", reduction_json(tower->reduction));
    if (tower->choice_count) json_object_set_new(object, "tuning", tuning_json(tower));
    return object;
}

static json_t *cosines_json(const osprey_cosines *cosines, const char *unit)
{
    json_t *object = json_object();
    cli_json_set_size(object, unit, cosines->count);
    cli_json_set_number(object, "least_cosine", cosines->least);
    cli_json_set_number(object, "mean_cosine", cosines->mean);
    return object;
}

/* What compile --verify found. */
static json_t *precision_report_json(const osprey_engine_info *engine)
{
    const osprey_cosines *image = &engine->image.cosines, *text = &engine->text.cosines;
    json_t *object = json_object();
    bool missed = (image->count && image->least < engine->cosine_limit) ||
                  (text->count && text->least < engine->cosine_limit);
    cli_json_set_number(object, "limit", engine->cosine_limit);
    cli_json_set_bool(object, "forced", missed);
    if (image->count) json_object_set_new(object, "image", cosines_json(image, "images"));
    if (text->count) json_object_set_new(object, "text", cosines_json(text, "prompts"));
    image = &engine->image.static_cosines;
    text = &engine->text.static_cosines;
    if (image->count) json_object_set_new(object, "static_image", cosines_json(image, "images"));
    if (text->count) json_object_set_new(object, "static_text", cosines_json(text, "prompts"));
    return object;
}

json_t *cli_keep_json(const osprey_engine_info *engine)
{
    json_t *list = json_array();
    for (size_t i = 0; i < engine->keep_count; i++)
        json_array_append_new(list, json_string(engine->keep[i]));
    return list;
}

json_t *cli_engine_facts(const osprey_engine_info *engine)
{
    json_t *object = json_object();
    cli_json_set_text(object, "osprey_version", engine->osprey_version);
    cli_json_set_size(object, "format_version", engine->format_version);
    cli_json_set_text(object, "instruction_set", engine->instruction_set);
    cli_json_set_text(object, "packing", engine->packing);
    cli_json_set_text(object, "precision", engine->precision);
    cli_json_set_text(object, "factors", engine->factors);
    if (engine->keep_count) json_object_set_new(object, "keep", cli_keep_json(engine));
    if (engine->cosine_limit > 0)
        json_object_set_new(object, "precision_report", precision_report_json(engine));
    cli_json_set_bool(object, "portable", engine->portable);
    cli_json_set_text(object, "calibration", osprey_calibration_method_name(engine->calibration));
    cli_json_set_size(object, "calibration_images", engine->calibration_images);
    cli_json_set_text(object, "source_layout", engine->source_layout);
    cli_json_set_text(object, "fingerprint", engine->fingerprint);
    if (engine->image.profile_count)
        json_object_set_new(object, "image", engine_tower_json(&engine->image));
    if (engine->text.profile_count)
        json_object_set_new(object, "text", engine_tower_json(&engine->text));
    return object;
}
