/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of .npy files: right ones of every kind, and the tricks that wrong ones play. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "format/format_files.h"
#include "format/npz.h"
#include "format/torch_files.h"

#include <stdio.h>
#include <string.h>

static const uint8_t elements[64] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

/* An .npy file of that version with that header, before `bytes` of the elements. */
static osprey__buffer make_npy(unsigned version, const char *header, size_t bytes)
{
    osprey__buffer out = {0};
    osprey__buffer_append(&out, "\x93NUMPY", 6, NULL);
    osprey__buffer_number(&out, version, 1, NULL);
    osprey__buffer_number(&out, 0, 1, NULL);
    osprey__buffer_number(&out, strlen(header), version == 1 ? 2 : 4, NULL);
    osprey__buffer_append(&out, header, strlen(header), NULL);
    osprey__buffer_append(&out, elements, bytes, NULL);
    return out;
}

static void add_array(zip_file *zip, const char *name, const char *header, size_t bytes)
{
    osprey__buffer npy = make_npy(1, header, bytes);
    zip_add(zip, name, npy.bytes, npy.length);
    osprey__buffer_free(&npy);
}

/* The one array of an archive; the caller frees *bytes and the table. */
static osprey_status parse_npy(unsigned version, const char *header, size_t data_bytes,
                               uint8_t **bytes, osprey__tensor_table *table, osprey_error *error)
{
    zip_file zip = {0};
    osprey__buffer npy = make_npy(version, header, data_bytes);
    size_t length;
    zip_add(&zip, "a/b.npy", npy.bytes, npy.length);
    osprey__buffer_free(&npy);
    *bytes = zip_finish(&zip, &length);
    assert_true(osprey__is_npz(*bytes, length));
    return osprey__npz_parse(*bytes, length, "test", table, error);
}

static void test_finds_arrays(void **state)
{
    (void)state;
    zip_file zip = {0};
    size_t length;
    add_array(&zip, "head/kernel.npy",
              "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", 24);
    add_array(&zip, "cls.npy", "{'descr': '|V2', 'fortran_order': False, 'shape': (), }\n", 2);
    uint8_t *bytes = zip_finish(&zip, &length);
    osprey__tensor_table table;
    osprey_error error = {0};
    assert_int_equal(osprey__npz_parse(bytes, length, "test", &table, &error), OSPREY_OK);
    assert_int_equal(table.format, OSPREY__NUMPY_ARCHIVE);
    assert_int_equal(table.count, 2);
    const osprey__tensor *cls = &table.tensors[0], *kernel = &table.tensors[1];
    assert_string_equal(cls->name, "cls");
    assert_int_equal(cls->dtype, OSPREY__BF16);
    assert_int_equal(cls->rank, 0);
    assert_int_equal(cls->elements, 1);
    assert_string_equal(kernel->name, "head/kernel");
    assert_int_equal(kernel->dtype, OSPREY__F32);
    assert_int_equal(kernel->rank, 2);
    assert_int_equal(kernel->dims[1], 3);
    assert_int_equal(kernel->bytes, 24);
    const uint8_t *data = kernel->data;
    assert_true(data > bytes && data < bytes + length); /* in place */
    assert_memory_equal(data, elements, 24);
    osprey__tensor_table_free(&table);
    osprey__free(bytes);
}

static void test_types_and_versions(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        const char *header;
        size_t bytes;
        osprey__dtype dtype;
        const char *foreign;
    } cases[] = {
        {1, "{'descr':'<f2','fortran_order':False,'shape':(3,)}", 6, OSPREY__F16, NULL},
        {2, "{'shape': (3,), 'fortran_order': True, \"descr\": \"<f8\"}", 24, OSPREY__F64, NULL},
        {3, "{'descr': 'bfloat16', 'fortran_order': False, 'shape': (2, 1)}", 4, OSPREY__BF16,
         NULL},
        {1, "{'descr': '<i8', 'fortran_order': False, 'shape': (0, 5)}", 0, OSPREY__I64, NULL},
        {1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", 8, OSPREY__F32, ">f4"},
        {1, "{'descr': '|O', 'fortran_order': False, 'shape': ()}", 9, OSPREY__F32, "|O"},
        {1, "{'descr': '<U99999999999999999999999999', 'fortran_order': False, 'shape': ()}", 9,
         OSPREY__F32, "<U999999999999999999999"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *bytes;
        osprey__tensor_table table;
        osprey_error error = {0};
        assert_int_equal(
            parse_npy(cases[i].version, cases[i].header, cases[i].bytes, &bytes, &table, &error),
            OSPREY_OK);
        if (cases[i].foreign)
            assert_string_equal(table.tensors[0].foreign_dtype, cases[i].foreign);
        else
            assert_int_equal(table.tensors[0].dtype, cases[i].dtype);
        osprey__tensor_table_free(&table);
        osprey__free(bytes);
    }
}

static void test_refuses_headers(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        const char *header;
        osprey_status status;
        const char *words;
    } cases[] = {
        {4, "{}", OSPREY_UNSUPPORTED, "version 4.0 of .npy"},
        {1, "", OSPREY_FORMAT, "not what NumPy writes"},
        {1, "{}", OSPREY_FORMAT, "lacks \"descr\""},
        {1, "{'descr': '<f4'", OSPREY_FORMAT, "not what NumPy writes"},
        {1, "{'descr': '<f4', 'fortran_order': False}", OSPREY_FORMAT, "lacks \"descr\""},
        {1, "{'descr': '<f4', 'descr': '<f4'}", OSPREY_FORMAT, "not what NumPy writes"},
        {1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", OSPREY_FORMAT,
         "structures"},
        {1, "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", OSPREY_FORMAT, "NumPy writes"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': 4}", OSPREY_FORMAT, "\"shape\""},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4", OSPREY_FORMAT, "\"shape\""},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", OSPREY_FORMAT, "\"shape\""},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4 4)}", OSPREY_FORMAT, "\"shape\""},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
         OSPREY_FORMAT, "\"shape\""},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", OSPREY_LIMIT,
         "more than 8 dimensions"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,4294967296)}",
         OSPREY_FORMAT, "larger than any memory"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}",
         OSPREY_FORMAT, "are not those of its shape"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", OSPREY_FORMAT,
         "its 16 bytes are not those of its shape and type, F32"},
        {1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", OSPREY_UNSUPPORTED,
         "np.ascontiguousarray"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *bytes;
        osprey__tensor_table table;
        osprey_error error = {0};
        assert_refused(parse_npy(cases[i].version, cases[i].header, 16, &bytes, &table, &error),
                       &error, cases[i].status, "test", cases[i].words);
        assert_null(table.tensors);
        osprey__free(bytes);
    }
}

static void refuse(zip_file *zip, osprey_status status, const char *words)
{
    size_t length;
    uint8_t *bytes = zip_finish(zip, &length);
    osprey__tensor_table table;
    osprey_error error = {0};
    assert_refused(osprey__npz_parse(bytes, length, "test", &table, &error), &error, status, "test",
                   words);
    osprey__free(bytes);
}

static void test_refuses_archives(void **state)
{
    (void)state;
    zip_file empty = {0}, other = {0}, unnamed = {0}, cut = {0}, wide = {0};
    refuse(&empty, OSPREY_FORMAT, "no arrays");
    zip_add(&other, "model.json", "{}", 2);
    refuse(&other, OSPREY_FORMAT, "\"model.json\" is no .npy file");
    zip_add(&unnamed, ".npy", "{}", 2);
    refuse(&unnamed, OSPREY_FORMAT, "\".npy\" is no .npy file");
    zip_add(&cut, "a.npy", "\x93NUMPY\x01\x00\x40", 9);
    refuse(&cut, OSPREY_FORMAT, "its .npy header is cut off");
    zip_add(&wide, "a.npy", "\x93NUMPY\x02\x00\xff\xff\xff\xff", 12);
    refuse(&wide, OSPREY_LIMIT, "a header of 4294967295 bytes");
}

static void test_compressed_arrays_are_refused(void **state)
{
    (void)state;
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}";
    zip_file zip = {0};
    add_array(&zip, "a.npy", header, 4);
    zip.bytes.bytes[8] = zip.directory.bytes[10] = 8; /* deflated */
    refuse(&zip, OSPREY_UNSUPPORTED, "save the file anew with np.savez in place");
}

static void test_what_is_an_npz(void **state)
{
    (void)state;
    size_t length;
    uint8_t *torch = make_checkpoint(ONE_TENSOR, 24, &length);
    assert_false(osprey__is_npz(torch, length));
    for (size_t cut = 0; cut < 34; cut++) assert_false(osprey__is_npz(torch, cut));
    osprey__free(torch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_arrays),
        cmocka_unit_test(test_types_and_versions),
        cmocka_unit_test(test_refuses_headers),
        cmocka_unit_test(test_refuses_archives),
        cmocka_unit_test(test_compressed_arrays_are_refused),
        cmocka_unit_test(test_what_is_an_npz),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
