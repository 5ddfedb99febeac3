/* SPDX-License-Identifier: Apache-2.0 */
/* Opening directories in which something is missing, or contradicts something else. */
#include "cmocka_all.h"
#include "test_directory.h"

#include <osprey/model.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HUGGINGFACE OSPREY_TEST_DIR "/golden/models/hf-vit-p32-quickgelu"
#define SHARDED     OSPREY_TEST_DIR "/golden/models/hf-vit-p16-gelu-sharded"
#define RESNET      OSPREY_TEST_DIR "/golden/models/openclip-rn"
#define OPENAI      OSPREY_TEST_DIR "/golden/models/openai-vit"
#define OPENCLIP    OSPREY_TEST_DIR "/golden/models/openclip-vit-p16-gelu"

/* Opening path fails with that status, a subject that ends so, and a message with those words. */
static void assert_refused(const char *path, osprey_status status, const char *subject_end,
                           const char *words)
{
    osprey_error error = {0};
    osprey_model *model = NULL;
    osprey_status got = osprey_model_open(path, &model, &error);
    if (got == OSPREY_OK) fail_msg("%s was opened", path);
    assert_null(model);
    size_t length = strlen(error.subject), wanted = strlen(subject_end);
    bool right = got == status && length >= wanted &&
                 strcmp(error.subject + length - wanted, subject_end) == 0 &&
                 strstr(error.message, words) != NULL;
    if (!right)
        fail_msg("%s: %s: %s (wanted %s, ...%s, \"%s\")", osprey_status_name(got), error.subject,
                 error.message, osprey_status_name(status), subject_end, words);
}

static void assert_opens(const char *path, const char *layout)
{
    osprey_error error = {0};
    osprey_model *model = NULL;
    if (osprey_model_open(path, &model, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    assert_string_equal(error.subject, ""); /* success leaves it as it was */
    assert_string_equal(error.message, "");
    assert_string_equal(osprey_model_get_info(model)->layout, layout);
    osprey_model_free(model);
}

static void test_missing_files_are_named(void **state)
{
    (void)state;
    assert_refused("/nonexistent/model", OSPREY_NOT_FOUND, "/nonexistent/model", "no such model");
    test_directory d;
    test_directory_create(&d);
    assert_refused(d.path, OSPREY_NOT_FOUND, d.path, "no model in this directory");
    test_directory_link(&d, OPENAI, "ViT-tiny.pt");
    assert_refused(d.path, OSPREY_NOT_FOUND, d.path,
                   "no model in this directory but ViT-tiny.pt, which has no configuration");
    test_directory_remove(&d, "ViT-tiny.pt");
    test_directory_link(&d, HUGGINGFACE, "config.json");
    assert_refused(d.path, OSPREY_NOT_FOUND, d.path, "model.safetensors");
    test_directory_link(&d, HUGGINGFACE, "model.safetensors");
    assert_refused(d.path, OSPREY_NOT_FOUND, d.path, "preprocessor_config.json is missing");
    test_directory_link(&d, HUGGINGFACE, "preprocessor_config.json");
    assert_refused(d.path, OSPREY_NOT_FOUND, d.path, "tokenizer.json");
    test_directory_link(&d, HUGGINGFACE, "vocab.json");
    assert_refused(d.path, OSPREY_FORMAT, d.path, "without merges.txt");
    test_directory_link(&d, HUGGINGFACE, "merges.txt");
    assert_opens(d.path, "huggingface");
    test_directory_remove(&d, "config.json");
    assert_refused(d.path, OSPREY_NOT_FOUND, "model.safetensors", "config.json is missing");
    test_directory_free(&d);

    test_directory_create(&d);
    test_directory_link(&d, RESNET, "open_clip_model.safetensors");
    assert_refused(d.path, OSPREY_NOT_FOUND, "open_clip_model.safetensors",
                   "open_clip_config.json is missing");
    test_directory_link(&d, RESNET, "open_clip_config.json");
    /* Its configuration names a tokenizer other than CLIP's own. */
    assert_refused(d.path, OSPREY_NOT_FOUND, d.path, "tokenizer.json");
    test_directory_remove(&d, "open_clip_model.safetensors");
    assert_refused(d.path, OSPREY_NOT_FOUND, d.path, "open_clip_model.safetensors would fit");
    test_directory_free(&d);
}

static void test_a_missing_shard_is_named(void **state)
{
    (void)state;
    test_directory d;
    test_directory_create(&d);
    static const char *const files[] = {"config.json",
                                        "preprocessor_config.json",
                                        "vocab.json",
                                        "merges.txt",
                                        "model.safetensors.index.json",
                                        "model-00001-of-00003.safetensors",
                                        "model-00003-of-00003.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        test_directory_link(&d, SHARDED, files[i]);
    assert_refused(d.path, OSPREY_NOT_FOUND, "model-00002-of-00003.safetensors", "");
    test_directory_link(&d, SHARDED, "model-00002-of-00003.safetensors");
    assert_opens(d.path, "huggingface");
    test_directory_free(&d);
}

/* The golden model's config.json with `from` replaced by `to`. */
static void open_with_config(const char *from, const char *to, osprey_status status,
                             const char *subject_end, const char *words)
{
    test_directory d;
    test_directory_create(&d);
    test_directory_link(&d, HUGGINGFACE, "model.safetensors");
    test_directory_link(&d, HUGGINGFACE, "tokenizer.json");
    test_directory_link(&d, HUGGINGFACE, "preprocessor_config.json");
    test_directory_replace(&d, HUGGINGFACE, "config.json", from, to);
    assert_refused(d.path, status, subject_end, words);
    test_directory_free(&d);
}

static void test_contradictions_name_the_tensor(void **state)
{
    (void)state;
    open_with_config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", OSPREY_NOT_FOUND,
                     "model.safetensors", "layers.2.");
    open_with_config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", OSPREY_FORMAT,
                     "model.safetensors", "layers.1.");
    open_with_config("\"projection_dim\": 24", "\"projection_dim\": 25", OSPREY_FORMAT,
                     "model.safetensors", "[25, ");
    open_with_config("\"patch_size\": 32", "\"patch_size\": 16", OSPREY_FORMAT, "model.safetensors",
                     "vision_model.embeddings.");
    open_with_config("\"model_type\": \"clip\"", "\"model_type\": \"gpt2\"", OSPREY_UNSUPPORTED,
                     "config.json", "gpt2");
}

/* An OpenCLIP model with `from` replaced by `to` in its configuration leaves the tensor unused. */
static void assert_unused(const char *source, const char *from, const char *to, const char *tensor)
{
    test_directory d;
    test_directory_create(&d);
    static const char *const files[] = {"open_clip_model.safetensors", "vocab.json", "merges.txt",
                                        "special_tokens_map.json", "tokenizer_config.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        test_directory_link(&d, source, files[i]);
    test_directory_replace(&d, source, "open_clip_config.json", from, to);
    assert_refused(d.path, OSPREY_FORMAT, "open_clip_model.safetensors", tensor);
    assert_refused(d.path, OSPREY_FORMAT, "", "open_clip_config.json");
    test_directory_free(&d);
}

static void test_unused_layers_are_named(void **state)
{
    (void)state;
    assert_unused(OPENCLIP, "\"layers\": 2", "\"layers\": 1", "resblocks.1.");
    assert_unused(RESNET, "        2,\n", "        1,\n", "visual.layer2.1.");
    assert_unused(RESNET, "\"layers\": 2", "\"layers\": 1", "\"transformer.resblocks.1.");
}

static void test_settings_that_cannot_work_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"\"do_center_crop\": true", "\"do_center_crop\": false", "\"do_center_crop\""},
        {"0.26862954", "-1", "\"image_std\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_directory d;
        test_directory_create(&d);
        static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json"};
        for (size_t f = 0; f < 3; f++) test_directory_link(&d, HUGGINGFACE, files[f]);
        test_directory_replace(&d, HUGGINGFACE, "preprocessor_config.json", cases[i].from,
                               cases[i].to);
        osprey_model *model = NULL;
        osprey_error error = {0};
        assert_true(osprey_model_open(d.path, &model, &error) != OSPREY_OK);
        assert_non_null(strstr(error.subject, "preprocessor_config.json"));
        assert_non_null(strstr(error.message, cases[i].words));
        test_directory_free(&d);
    }
}

static void test_a_weight_file_stands_for_its_directory(void **state)
{
    (void)state;
    assert_opens(HUGGINGFACE "/model.safetensors", "huggingface");
    assert_opens(SHARDED "/model.safetensors.index.json", "huggingface");
    assert_opens(RESNET "/open_clip_model.safetensors", "openclip");
    assert_opens(RESNET "//", "openclip");
    test_directory d;
    test_directory_create(&d);
    test_directory_link(&d, RESNET, "open_clip_model.safetensors");
    char path[512];
    snprintf(path, sizeof path, "%s/open_clip_model.safetensors", d.path);
    assert_refused(path, OSPREY_UNSUPPORTED, "open_clip_model.safetensors",
                   "needs an open_clip_config.json beside it");
    assert_refused(HUGGINGFACE "/config.json", OSPREY_UNSUPPORTED, "config.json",
                   "not a file of weights");
    test_directory_free(&d);
}

static void test_huggingface_goes_first(void **state)
{
    (void)state;
    test_directory d;
    test_directory_create(&d);
    static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json"};
    for (size_t i = 0; i < 3; i++) test_directory_link(&d, HUGGINGFACE, files[i]);
    test_directory_link(&d, HUGGINGFACE, "preprocessor_config.json");
    test_directory_link(&d, RESNET, "open_clip_config.json");
    test_directory_link(&d, RESNET, "open_clip_model.safetensors");
    assert_opens(d.path, "huggingface");
    test_directory_remove(&d, "model.safetensors");
    assert_opens(d.path, "openclip");
    test_directory_free(&d);
}

static void test_info_tells_what_is_there(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = NULL;
    assert_int_equal(osprey_model_open(RESNET "/", &model, &error), OSPREY_OK);
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_string_equal(info->name, "openclip-rn");
    assert_string_equal(info->image.architecture, "modified_resnet");
    assert_int_equal(info->image.stage_layers[1], 2);
    assert_string_equal(info->weight_dtype, "F32");
    /* sum(p.numel() for p in model.visual.parameters()), and of the text tower */
    assert_int_equal(info->image.parameters, 87034);
    assert_int_equal(info->text.parameters, 13092);
    assert_string_equal(info->files[0], RESNET "/open_clip_config.json");
    osprey_model_free(model);
}

/* A configuration with these parameters of the task; NULL: the golden one. */
static void put_templates(const test_directory *d, const char *name, const char *task)
{
    char path[512], *text;
    size_t length;
    snprintf(path, sizeof path, "%s/%s", d->path, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    text = calloc(1, 1 << 16);
    length = fread(text, 1, (1 << 16) - 1, file);
    fclose(file);
    while (length && text[length - 1] != '}') length--;
    text[length - 1] = '\0';
    unlink(path); /* a link to the golden one */
    file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "%s, \"task_specific_params\": %s}", text, task);
    assert_int_equal(fclose(file), 0);
    free(text);
}

static void link_model(test_directory *d, const char *from, const char *const *names)
{
    test_directory_create(d);
    for (; *names; names++) test_directory_link(d, from, *names);
}

/* The templates of a model, "|" behind each. */
static void assert_templates(const char *path, const char *wanted)
{
    char texts[256] = "";
    osprey_error error = {0};
    osprey_model *model = NULL;
    if (osprey_model_open(path, &model, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    const osprey_model_info *info = osprey_model_get_info(model);
    for (size_t i = 0, used = 0; i < info->template_count; i++)
        used += (size_t)snprintf(texts + used, sizeof texts - used, "%s|", info->templates[i]);
    assert_string_equal(texts, wanted);
    osprey_model_free(model);
}

#define TASK(value) "{\"zero-shot-image-classification\": {\"hypothesis_template\": " value "}}"

static void test_a_model_brings_its_templates(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "preprocessor_config.json",
                                        "model.safetensors", "tokenizer.json", NULL};
    static const struct {
        const char *task, *templates;
    } right[] = {
        {"null", "a photo of a {}.|"},
        {"{\"summarization\": {\"prefix\": \"a\"}}", "a photo of a {}.|"},
        {TASK("null"), "a photo of a {}.|"},
        {TASK("[]"), "a photo of a {}.|"},
        {TASK("\"{}\""), "{}|"},
        {TASK("[\"a {}\", \"the {label}\"]"), "a {}|the {label}|"},
    };
    static const struct {
        const char *task, *words;
    } wrong[] = {
        {"[]", "task_specific_params"},
        {TASK("1"), "\"hypothesis_template\" has to hold strings"},
        {TASK("[\"{}\", null]"), "\"hypothesis_template\" has to hold strings"},
        {TASK("\"a photo\""), "\"hypothesis_template\": the template has no place"},
        {TASK("\"{} {}\""), "more than one place"},
    };
    assert_templates(HUGGINGFACE, "a photo of a {}.|");
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        test_directory d;
        link_model(&d, HUGGINGFACE, files);
        put_templates(&d, "config.json", right[i].task);
        assert_templates(d.path, right[i].templates);
        test_directory_free(&d);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        test_directory d;
        link_model(&d, HUGGINGFACE, files);
        put_templates(&d, "config.json", wrong[i].task);
        assert_refused(d.path, OSPREY_FORMAT, "config.json", wrong[i].words);
        test_directory_free(&d);
    }
    assert_templates(OSPREY_SOURCE_DIR "/models/osprey-mini", "{}|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_files_are_named),
        cmocka_unit_test(test_a_missing_shard_is_named),
        cmocka_unit_test(test_contradictions_name_the_tensor),
        cmocka_unit_test(test_a_weight_file_stands_for_its_directory),
        cmocka_unit_test(test_unused_layers_are_named),
        cmocka_unit_test(test_settings_that_cannot_work_are_refused),
        cmocka_unit_test(test_huggingface_goes_first),
        cmocka_unit_test(test_info_tells_what_is_there),
        cmocka_unit_test(test_a_model_brings_its_templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
