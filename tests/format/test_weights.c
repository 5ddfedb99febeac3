/* SPDX-License-Identifier: Apache-2.0 */
/* Weights over one file and over shards. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "format/format_files.h"
#include "format/weights.h"

#include <stdio.h>
#include <string.h>

#define INDEX "model.safetensors.index.json"

static void write_shards(void)
{
    write_safetensors("one.safetensors",
                      "{'z':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},"
                      "'b':{'dtype':'U16','shape':[1],'data_offsets':[8,10]}}",
                      10);
    write_safetensors("two.safetensors", "{'a':{'dtype':'F16','shape':[3],'data_offsets':[0,6]}}",
                      6);
}

static void test_one_file(void **state)
{
    (void)state;
    write_shards();
    osprey__weights *weights = NULL;
    osprey_error error;
    const char *path = in_directory("one.safetensors");
    assert_int_equal(osprey__weights_open(path, &weights, &error), OSPREY_OK);
    size_t count = 0;
    const osprey__tensor *tensors = osprey__weights_tensors(weights, &count);
    assert_int_equal(count, 2);
    assert_string_equal(tensors[0].name, "b");
    assert_string_equal(tensors[1].name, "z");
    const char *const *files = osprey__weights_files(weights, &count);
    assert_int_equal(count, 1);
    assert_string_equal(files[0], path);

    assert_null(osprey__weights_find(weights, "a"));
    const osprey__tensor *tensor = NULL;
    assert_int_equal(osprey__weights_get(weights, "z", &tensor, &error), OSPREY_OK);
    assert_int_equal(tensor->elements, 2);
    assert_string_equal(tensor->file, path);
    assert_refused(osprey__weights_get(weights, "a", &tensor, &error), &error, OSPREY_NOT_FOUND,
                   "one.safetensors", "tensor \"a\" is missing");
    assert_refused(osprey__weights_get(weights, "b", &tensor, &error), &error, OSPREY_UNSUPPORTED,
                   "one.safetensors", "tensor \"b\" is of type U16");
    osprey__weights_free(weights);
}

static void test_shards(void **state)
{
    (void)state;
    write_shards();
    write_text(INDEX, "{'metadata':{'total_size':1},'weight_map':{'a':'two.safetensors',"
                      "'b':'one.safetensors','z':'one.safetensors'}}");
    osprey__weights *weights = NULL;
    osprey_error error;
    assert_int_equal(osprey__weights_open(in_directory(INDEX), &weights, &error), OSPREY_OK);
    size_t count = 0;
    const osprey__tensor *tensors = osprey__weights_tensors(weights, &count);
    assert_int_equal(count, 3);
    assert_string_equal(tensors[0].name, "a");
    assert_string_equal(tensors[0].file, in_directory("two.safetensors"));
    const char *const *files = osprey__weights_files(weights, &count);
    assert_int_equal(count, 3);
    assert_string_equal(files[0], in_directory(INDEX));
    const uint8_t *z = osprey__weights_find(weights, "z")->data;
    assert_int_equal(z[7], 7);
    osprey__weights_free(weights);
}

static void test_refuses_wrong_indexes(void **state)
{
    (void)state;
    write_shards();
    write_safetensors("twin.safetensors", "{'z':{'dtype':'U8','shape':[1],'data_offsets':[0,1]}}",
                      1);
    write_text("text.safetensors", "not a model");
    static const struct {
        const char *index;
        osprey_status status;
        const char *subject_part, *message_part;
    } refusals[] = {
        {"[1]", OSPREY_FORMAT, INDEX, "no \"weight_map\""},
        {"{}", OSPREY_FORMAT, INDEX, "no \"weight_map\""},
        {"{'weight_map':{}}", OSPREY_FORMAT, INDEX, "no \"weight_map\""},
        {"{'weight_map':[]}", OSPREY_FORMAT, INDEX, "\"weight_map\" has to be an object"},
        {"{'weight_map':{'a':1}}", OSPREY_FORMAT, INDEX, "tensor \"a\" the plain name"},
        {"{'weight_map':{'a':''}}", OSPREY_FORMAT, INDEX, "plain name"},
        {"{'weight_map':{'a':'..'}}", OSPREY_FORMAT, INDEX, "plain name"},
        {"{'weight_map':{'a':'../two.safetensors'}}", OSPREY_FORMAT, INDEX, "plain name"},
        {"{'weight_map':{'a':'/two.safetensors'}}", OSPREY_FORMAT, INDEX, "plain name"},
        {"{'weight_map':{'a':'a\\\\two.safetensors'}}", OSPREY_FORMAT, INDEX, "plain name"},
        {"{'weight_map':{'a':'two.safetensors','q':'three.safetensors'}}", OSPREY_NOT_FOUND,
         "three.safetensors", INDEX " says that it holds \"q\""},
        {"{'weight_map':{'q':'two.safetensors'}}", OSPREY_FORMAT, INDEX,
         "tensor \"q\" is not in two.safetensors"},
        {"{'weight_map':{'a':'one.safetensors','z':'one.safetensors'}}", OSPREY_FORMAT, INDEX,
         "tensor \"a\" is not in one.safetensors"},
        {"{'weight_map':{'a':'two.safetensors','z':'two.safetensors','b':'one.safetensors'}}",
         OSPREY_FORMAT, INDEX, "tensor \"z\" is not in two.safetensors"},
        {"{'weight_map':{'z':'one.safetensors','y':'twin.safetensors'}}", OSPREY_FORMAT,
         ".safetensors", "tensor \"z\" is also in "},
        {"{'weight_map':{'a':'text.safetensors'}}", OSPREY_FORMAT, "text.safetensors",
         "neither a safetensors file nor"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        write_text(INDEX, refusals[i].index);
        osprey__weights *weights = NULL;
        osprey_error error;
        osprey_status got = osprey__weights_open(in_directory(INDEX), &weights, &error);
        assert_refused(got, &error, refusals[i].status, refusals[i].subject_part,
                       refusals[i].message_part);
        assert_null(weights);
    }
}

static void test_refuses_what_is_no_file(void **state)
{
    (void)state;
    osprey__weights *weights = NULL;
    osprey_error error;
    assert_refused(osprey__weights_open(in_directory("absent"), &weights, &error), &error,
                   OSPREY_NOT_FOUND, "absent", "cannot open");
    assert_refused(osprey__weights_open(in_directory("absent.index.json"), &weights, &error),
                   &error, OSPREY_NOT_FOUND, "absent.index.json", "cannot open");
    assert_refused(osprey__weights_open(in_directory("."), &weights, &error), &error, OSPREY_IO,
                   "/.", "not a regular file");
    write_text("empty", "");
    assert_refused(osprey__weights_open(in_directory("empty"), &weights, &error), &error,
                   OSPREY_FORMAT, "empty", "the file is empty");
    osprey__weights_free(NULL);
}

static bool allow_some(size_t bytes, void *context)
{
    (void)bytes;
    size_t *left = context;
    if (*left == 0) return false;
    (*left)--;
    return true;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    write_shards();
    write_text(INDEX, "{'weight_map':{'a':'two.safetensors','z':'one.safetensors'}}");
    char path[512];
    snprintf(path, sizeof path, "%s", in_directory(INDEX));
    size_t allowed = 0;
    osprey_status status = OSPREY_OUT_OF_MEMORY;
    for (; status == OSPREY_OUT_OF_MEMORY; allowed++) {
        size_t left = allowed;
        osprey__weights *weights = NULL;
        osprey_error error;
        osprey__set_memory_hook(allow_some, &left);
        status = osprey__weights_open(path, &weights, &error);
        osprey__set_memory_hook(NULL, NULL);
        if (status != OSPREY_OK) assert_null(weights);
        osprey__weights_free(weights);
    }
    assert_int_equal(status, OSPREY_OK);
    assert_true(allowed > 8);
}

static void test_reads_the_golden_models(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t tensors, files;
        osprey__dtype dtype; /* of logit_scale */
    } models[] = {
        {"hf-vit-p14-bf16-sparse/model.safetensors", 64, 1, OSPREY__BF16},
        {"hf-vit-p14-f16-config-dict/model.safetensors", 80, 1, OSPREY__F16},
        {"hf-vit-p16-gelu-sharded/" INDEX, 78, 4, OSPREY__F32},
        {"openclip-rn/open_clip_model.safetensors", 171, 1, OSPREY__F32},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/golden/models/%s", OSPREY_TEST_DIR, models[i].name);
        osprey__weights *weights = NULL;
        osprey_error error;
        if (osprey__weights_open(path, &weights, &error) != OSPREY_OK)
            fail_msg("%s: %s", error.subject, error.message);
        size_t count = 0;
        osprey__weights_tensors(weights, &count);
        assert_int_equal(count, models[i].tensors);
        osprey__weights_files(weights, &count);
        assert_int_equal(count, models[i].files);
        const osprey__tensor *scale = NULL;
        assert_int_equal(osprey__weights_get(weights, "logit_scale", &scale, &error), OSPREY_OK);
        assert_int_equal(scale->dtype, models[i].dtype);
        assert_int_equal(scale->elements, 1);
        osprey__weights_free(weights);
    }
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(test_one_file),
        WITH_DIRECTORY(test_shards),
        WITH_DIRECTORY(test_refuses_wrong_indexes),
        WITH_DIRECTORY(test_refuses_what_is_no_file),
        WITH_DIRECTORY(test_every_allocation_may_fail),
        cmocka_unit_test(test_reads_the_golden_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
