/* SPDX-License-Identifier: Apache-2.0 */
/* State dicts and TorchScript modules in hand-made archives; hostile tensors. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "format/format_files.h"
#include "format/torch_files.h"
#include "format/torch_zip.h"
#include "format/weight_file.h"

#include <stdio.h>
#include <string.h>

static osprey_status parse(const char *program, osprey__tensor_table *table, uint8_t **bytes,
                           osprey_error *error)
{
    size_t length;
    *bytes = make_checkpoint(program, 24, &length);
    return osprey__torch_zip_parse(*bytes, length, "test", table, error);
}

static void refuse(const char *program, osprey_status wanted, const char *words)
{
    osprey__tensor_table table;
    osprey_error error = {0};
    uint8_t *bytes;
    assert_refused(parse(program, &table, &bytes, &error), &error, wanted, "test", words);
    assert_null(table.tensors);
    osprey__free(bytes);
}

/* The program's only tensor is called that, and is the 2 x 3 floats of the storage in place. */
static void assert_one(const char *program, const char *name)
{
    osprey__tensor_table table;
    osprey_error error = {0};
    uint8_t *bytes;
    if (parse(program, &table, &bytes, &error) != OSPREY_OK) fail_msg("%s", error.message);
    assert_int_equal(table.count, 1);
    const osprey__tensor *tensor = &table.tensors[0];
    assert_string_equal(tensor->name, name);
    assert_int_equal(tensor->dtype, OSPREY__F32);
    assert_int_equal(tensor->rank, 2);
    assert_int_equal(tensor->dims[0], 2);
    assert_int_equal(tensor->dims[1], 3);
    assert_int_equal(tensor->elements, 6);
    assert_int_equal(tensor->bytes, 24);
    const uint8_t *data = tensor->data;
    for (size_t i = 0; i < 24; i++) assert_int_equal(data[i], i);
    osprey__tensor_table_free(&table);
    osprey__free(bytes);
}

#define TENSOR_A TENSOR("0", "6", "0", "#2 #3", "#3 #1")

static void test_state_dicts_and_wrappers(void **state)
{
    (void)state;
    assert_one(ONE_TENSOR, "a");
    assert_one("@collections:OrderedDict ) R 'a' " TENSOR_A " s } 'meta' } s b .", "a");
    assert_one("} 'epoch' #3 s 'state_dict' } 'a' " TENSOR_A " s s .", "a");
    assert_one("} 'model_state_dict' } 'module.a' " TENSOR_A " s s .", "a");
    assert_one("} 'model' } 'state_dict' } 'a' " TENSOR_A " s s s .", "a");
    assert_one("} 'a' @torch._utils:_rebuild_parameter ( " TENSOR_A
               " x88 @collections:OrderedDict ) R t R s .",
               "a");
    assert_one("} 'model' N s 'b' } s #1 " TENSOR_A " s 'a' " TENSOR_A " s .", "a");
    refuse("#1 .", OSPREY_FORMAT, "it holds no state dict");
    refuse("} .", OSPREY_FORMAT, "it holds no state dict");
    refuse("} 'state_dict' } s .", OSPREY_FORMAT, "it holds no state dict");
}

#define MODULE(attributes) " @__torch__.torch.nn:Module ) x81 } ( " attributes " u b "

static void test_names_of_modules_are_paths(void **state)
{
    (void)state;
    assert_one(MODULE("'training' x89 'a' " TENSOR_A) ".", "a");
    assert_one(MODULE("'visual' " MODULE("'0' " MODULE("'w' " TENSOR_A) " 'hook' N")) ".",
               "visual.0.w");
    refuse("@__torch__:M ) x81 .", OSPREY_FORMAT, "it holds no state dict");
}

/* What every file with a tensor has to say of it, and lies about. */
static void test_refuses_tensors_that_lie(void **state)
{
    (void)state;
#define DICT_OF(tensor) "} 'a' " tensor " s ."
    refuse(DICT_OF(TENSOR("0", "6", "1", "#2 #3", "#3 #1")), OSPREY_FORMAT, "reaches behind");
    refuse(DICT_OF(TENSOR("0", "6", "0", "#2 #4", "#4 #1")), OSPREY_FORMAT, "reaches behind");
    refuse(DICT_OF(TENSOR("0", "6", "0", "#2 #3", "#2000000000 #2000000000")), OSPREY_FORMAT,
           "reaches behind its storage of 6");
    refuse(DICT_OF(TENSOR("0", "7", "0", "#2 #3", "#3 #1")), OSPREY_FORMAT, "has 24 bytes");
    refuse(DICT_OF(TENSOR("1", "6", "0", "#2 #3", "#3 #1")), OSPREY_NOT_FOUND, "data/1");
    refuse(DICT_OF(TENSOR("0", "6", "0", "#-2 #3", "#3 #1")), OSPREY_FORMAT, "zero or more");
    refuse(DICT_OF(TENSOR("0", "6", "0", "#2 #3", "#3 #-1")), OSPREY_FORMAT, "zero or more");
    refuse(DICT_OF(TENSOR("0", "6", "-1", "#2 #3", "#3 #1")), OSPREY_FORMAT, "its place");
    refuse(DICT_OF(TENSOR("0", "-6", "0", "#2 #3", "#3 #1")), OSPREY_FORMAT, "it has no storage");
    refuse(DICT_OF(TENSOR("0", "6", "0", "#2 #3", "#3")), OSPREY_FORMAT, "shape and strides");
    refuse(DICT_OF(TENSOR("0", "6", "0", "#2 'x'", "#3 #1")), OSPREY_FORMAT, "zero or more");
    refuse(
        DICT_OF(TENSOR("0", "6", "0", "#1 #1 #1 #1 #1 #1 #1 #1 #1", "#1 #1 #1 #1 #1 #1 #1 #1 #1")),
        OSPREY_FORMAT, "more than 8 dimensions");
    refuse(DICT_OF(TENSOR("0", "6", "0", "#2000000000 #2000000000 #2000000000", "#0 #0 #0")),
           OSPREY_FORMAT, "overflows");
    refuse(DICT_OF(TENSOR("0", "6", "0", "#2000000000 #2000000000", "#0 #0")), OSPREY_FORMAT,
           "an expanded view");
    refuse(DICT_OF("@torch._utils:_rebuild_tensor_v2 ) R"), OSPREY_FORMAT, "shape and strides");
    refuse(DICT_OF("@torch._utils:_rebuild_tensor_v2 ( N #0 ( t ( t x89 N t R"), OSPREY_FORMAT,
           "it has no storage");
    refuse(DICT_OF("@torch._utils:_rebuild_tensor_v2 ( ( t Q #0 ( t ( t x89 N t R"), OSPREY_FORMAT,
           "it has no storage");
    refuse(DICT_OF("@torch._utils:_rebuild_tensor_v2 ( ( 'storage' @torch:Size '0' 'cpu' #6 t Q "
                   "#0 ( t ( t x89 N t R"),
           OSPREY_FORMAT, "it has no storage");
}

/* A transposed view is copied into its own order. */
static void test_views_become_row_major(void **state)
{
    (void)state;
    osprey__tensor_table table;
    osprey_error error = {0};
    uint8_t *bytes;
    assert_int_equal(
        parse(DICT_OF(TENSOR("0", "6", "0", "#3 #2", "#1 #3")), &table, &bytes, &error), OSPREY_OK);
    static const uint8_t firsts[] = {0, 12, 4, 16, 8, 20}; /* bytes of the elements */
    const uint8_t *data = table.tensors[0].data;
    for (size_t i = 0; i < 6; i++) assert_int_equal(data[4 * i], firsts[i]);
    osprey__tensor_table_free(&table);
    osprey__free(bytes);

    /* Nothing, and a number by itself. */
    assert_int_equal(parse("} 'none' " TENSOR("0", "6", "6", "#0 #3", "#3 #1") " s 'one' " TENSOR(
                               "0", "6", "5", "", "") " s .",
                           &table, &bytes, &error),
                     OSPREY_OK);
    assert_int_equal(table.tensors[0].bytes, 0);
    assert_int_equal(table.tensors[1].rank, 0);
    assert_int_equal(*(const uint8_t *)table.tensors[1].data, 20);
    osprey__tensor_table_free(&table);
    osprey__free(bytes);
}

/* Copies of one storage, again and again, would come to more than the file. */
static void test_refuses_too_many_copies(void **state)
{
    (void)state;
    static char program[200000];
    size_t used = (size_t)snprintf(program, sizeof program, "} ( ");
    used += (size_t)snprintf(program + used, sizeof program - used, "'0' %s q x00 ",
                             TENSOR("0", "6", "0", "#3 #2", "#1 #3"));
    for (int i = 1; i < 1000; i++)
        used += (size_t)snprintf(program + used, sizeof program - used, "'%d' h x00 ", i);
    snprintf(program + used, sizeof program - used, "u .");
    refuse(program, OSPREY_LIMIT, "more bytes than the file has");
}

/* Each module holds the one before it 20 times: 20^20 paths. */
static void test_refuses_modules_that_explode(void **state)
{
    (void)state;
    static char program[100000];
    size_t used = (size_t)snprintf(program, sizeof program,
                                   "@__torch__:M ) x81 } ( 'm0' " MODULE("'a' N") " q x00 ");
    for (int level = 1; level < 20; level++) {
        used += (size_t)snprintf(program + used, sizeof program - used,
                                 "'m%d' @__torch__:M ) x81 } ( ", level);
        for (int i = 0; i < 20; i++)
            used += (size_t)snprintf(program + used, sizeof program - used, "'%d' h x%02x ", i,
                                     level - 1);
        used += (size_t)snprintf(program + used, sizeof program - used, "u b q x%02x ", level);
    }
    snprintf(program + used, sizeof program - used, "u b .");
    refuse(program, OSPREY_LIMIT, "lead to more than 4000000 values");
}

static void test_refuses_modules_without_an_end(void **state)
{
    (void)state;
    refuse("@__torch__:M ) x81 q x00 } 'self' h x00 s b .", OSPREY_LIMIT, "nested too deep");
}

static void refuse_archive(zip_file *zip, osprey_status wanted, const char *words)
{
    size_t length;
    uint8_t *bytes = zip_finish(zip, &length);
    osprey__tensor_table table;
    osprey_error error = {0};
    assert_refused(osprey__torch_zip_parse(bytes, length, "test", &table, &error), &error, wanted,
                   "test", words);
    osprey__free(bytes);
    *zip = (zip_file){0};
}

static void test_refuses_other_archives(void **state)
{
    (void)state;
    osprey__buffer pickle = assemble(ONE_TENSOR);
    zip_file zip = {0};
    zip_add(&zip, "word/document.xml", "<>", 2);
    refuse_archive(&zip, OSPREY_UNSUPPORTED, "not PyTorch's");
    zip_add(&zip, "data.pkl", pickle.bytes, pickle.length);
    refuse_archive(&zip, OSPREY_UNSUPPORTED, "not PyTorch's");
    zip_add(&zip, "a/data.pkl", pickle.bytes, pickle.length);
    zip_add(&zip, "b/data.pkl", pickle.bytes, pickle.length);
    refuse_archive(&zip, OSPREY_FORMAT, "it has both \"a/data.pkl\" and \"b/data.pkl\"");
    zip_add(&zip, "a/data.pkl", pickle.bytes, pickle.length);
    zip_add(&zip, "a/byteorder", "big", 3);
    refuse_archive(&zip, OSPREY_UNSUPPORTED, "not \"little\"");
    zip_add(&zip, "a/data.pkl", pickle.bytes, pickle.length);
    refuse_archive(&zip, OSPREY_NOT_FOUND, "\"a/data/0\" is missing");
    osprey__buffer_free(&pickle);
}

/* Old files of torch.save, and others that users try. */
static void test_other_formats_are_named(void **state)
{
    (void)state;
    osprey__weight_file file;
    osprey_error error = {0};
    assert_refused(
        osprey__weight_file_open(OSPREY_TEST_DIR "/golden/torch/refused/legacy.pt", &file, &error),
        &error, OSPREY_UNSUPPORTED, "legacy.pt", "torch.save(torch.load(FILE), NEW)");
    osprey__weight_file_close(&file);
    static const struct {
        const char *text, *words;
    } others[] = {
        {"GGUF and so on", "GGUF"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"},
        {"<!DOCTYPE html>", "safetensors"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_text("other.bin", others[i].text);
        osprey_status status = osprey__weight_file_open(in_directory("other.bin"), &file, &error);
        assert_int_not_equal(status, OSPREY_OK);
        assert_non_null(strstr(error.message, others[i].words));
        osprey__weight_file_close(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_dicts_and_wrappers),
        cmocka_unit_test(test_names_of_modules_are_paths),
        cmocka_unit_test(test_refuses_tensors_that_lie),
        cmocka_unit_test(test_views_become_row_major),
        cmocka_unit_test(test_refuses_too_many_copies),
        cmocka_unit_test(test_refuses_modules_that_explode),
        cmocka_unit_test(test_refuses_modules_without_an_end),
        cmocka_unit_test(test_refuses_other_archives),
        cmocka_unit_test(test_other_formats_are_named),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
