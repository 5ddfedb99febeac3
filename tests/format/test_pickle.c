/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle interpreter: what it builds, and what it refuses by name and offset. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "format/format_files.h"
#include "format/pickle.h"
#include "format/torch_files.h"

#include <string.h>

static osprey_status read_program(const char *program, osprey__pickle *pickle, osprey_error *error)
{
    osprey__buffer bytes = assemble(program);
    /* A block of its own, so that AddressSanitizer sees a read behind it. */
    uint8_t *exact = osprey__calloc(bytes.length, 1);
    assert_non_null(exact);
    memcpy(exact, bytes.bytes, bytes.length);
    osprey_status status = osprey__pickle_read(exact, bytes.length, "test", pickle, error);
    osprey__buffer_free(&bytes);
    osprey__free(exact);
    return status;
}

static void refuse(const char *program, osprey_status wanted, const char *words)
{
    osprey__pickle pickle;
    osprey_error error = {0};
    assert_refused(read_program(program, &pickle, &error), &error, wanted, "test", words);
    assert_null(pickle.values);
}

static void test_builds_containers(void **state)
{
    (void)state;
    osprey__pickle pickle;
    osprey_error error = {0};
    osprey__buffer bytes = assemble("} ( 'list' ] ( #1 #-2 x88 N e 'pair' #7 x8a x01 xff x86 u .");
    assert_int_equal(
        osprey__pickle_read((const uint8_t *)bytes.bytes, bytes.length, "test", &pickle, &error),
        OSPREY_OK);
    const osprey__pickle_value *root = osprey__pickle_at(&pickle, pickle.root);
    assert_int_equal(root->kind, OSPREY__PICKLE_DICT);
    assert_int_equal(root->items.count, 4);
    const osprey__pickle_value *list = osprey__pickle_get(&pickle, root, 1);
    assert_int_equal(list->kind, OSPREY__PICKLE_LIST);
    assert_int_equal(osprey__pickle_get(&pickle, list, 1)->number, -2);
    assert_int_equal(osprey__pickle_get(&pickle, list, 3)->kind, OSPREY__PICKLE_NONE);
    assert_null(osprey__pickle_get(&pickle, list, 4));
    const osprey__pickle_value *pair = osprey__pickle_get(&pickle, root, 3);
    assert_int_equal(osprey__pickle_get(&pickle, pair, 0)->number, 7);
    assert_int_equal(osprey__pickle_get(&pickle, pair, 1)->number, -1); /* LONG1 of one byte */
    assert_null(osprey__pickle_get(&pickle, osprey__pickle_get(&pickle, pair, 0), 0));
    osprey__pickle_free(&pickle);
    osprey__buffer_free(&bytes);
}

/* A container may hold itself: nothing follows it. */
static void test_memo_and_cycles(void **state)
{
    (void)state;
    osprey__pickle pickle;
    osprey_error error = {0};
    assert_int_equal(read_program("] q x05 h x05 a .", &pickle, &error), OSPREY_OK);
    const osprey__pickle_value *root = osprey__pickle_at(&pickle, pickle.root);
    assert_ptr_equal(osprey__pickle_get(&pickle, root, 0), root);
    osprey__pickle_free(&pickle);
    refuse("} h x00 .", OSPREY_FORMAT, "never remembered at byte 3");
    refuse("} r xff xff xff x7f .", OSPREY_LIMIT, "numbers a value 2147483647 at byte 3");
    refuse("q x00 .", OSPREY_FORMAT, "nothing to remember");
}

static void test_refuses_globals_by_name(void **state)
{
    (void)state;
    refuse("@os:system ( 'rm' t R .", OSPREY_UNSUPPORTED, "asks for os.system at byte 2");
    refuse("@posix:system 'x' x85 R .", OSPREY_UNSUPPORTED, "posix.system");
    refuse("@builtins:eval 'x' x85 R .", OSPREY_UNSUPPORTED, "builtins.eval");
    refuse("@torch:load 'x' x85 R .", OSPREY_UNSUPPORTED, "torch.load");
    refuse("@torch._utils:_rebuild_tensor ) R .", OSPREY_UNSUPPORTED, "_rebuild_tensor at");
    refuse("@collections:OrderedDictx ) R .", OSPREY_UNSUPPORTED, "OrderedDictx");
    refuse("@collections:OrderedDict ( #1 t R .", OSPREY_FORMAT, "does not make");
    refuse("@torch:FloatStorage ) R .", OSPREY_FORMAT, "does not make");
    refuse("@__torch__:Model ) R .", OSPREY_FORMAT, "does not make");
    refuse("@torch:Size ) x81 .", OSPREY_FORMAT, "no TorchScript class");
    refuse("'os' ) R .", OSPREY_FORMAT, "no function");
    refuse("cos", OSPREY_FORMAT, "a name without an end");
}

static void test_refuses_other_opcodes(void **state)
{
    (void)state;
    static const char *const opcodes[] = {"i", "o", "x93", "x82", "P",   "S",   "I",
                                          "L", "F", "x95", "x8c", "x94", "x8f", "B",
                                          "U", "p", "g",   "d",   "l",   "0"};
    for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++)
        refuse(opcodes[i], OSPREY_UNSUPPORTED, "at byte 2, which PyTorch does not write");
    refuse("x80 x04 } .", OSPREY_UNSUPPORTED, "protocol 4");
}

static void test_refuses_what_does_not_fit(void **state)
{
    (void)state;
    refuse("", OSPREY_FORMAT, "no end");
    refuse("}", OSPREY_FORMAT, "no end");
    refuse(".", OSPREY_FORMAT, "more or less than one value");
    refuse("} } .", OSPREY_FORMAT, "more or less than one value");
    refuse("} ( .", OSPREY_FORMAT, "more or less than one value");
    refuse("t .", OSPREY_FORMAT, "without a mark");
    refuse("( u .", OSPREY_FORMAT, "items without a container");
    refuse("} ( 'key' u .", OSPREY_FORMAT, "a key without a value");
    refuse("} ( 'key' #1 e .", OSPREY_FORMAT, "cannot hold them");
    refuse("#1 'key' #1 s .", OSPREY_FORMAT, "cannot hold them");
    refuse("} ( 'key' #1 s .", OSPREY_FORMAT, "items without a container");
    refuse("#1 ( x85 .", OSPREY_FORMAT, "a tuple without its items");
    refuse("#1 N b .", OSPREY_FORMAT, "a state for what has none");
    refuse("N b .", OSPREY_FORMAT, "a state without an object");
    refuse("'x' Q .", OSPREY_FORMAT, "a storage without a name");
    refuse("X x01 x00", OSPREY_FORMAT, "ends inside");
    refuse("X x09 x00 x00 x00 abc", OSPREY_FORMAT, "ends behind the file");
    refuse("x8a x09 x00 x00 x00 x00 x00 x00 x00 x00 x01 .", OSPREY_UNSUPPORTED, "9 bytes");
    refuse("G x00 .", OSPREY_FORMAT, "ends inside");
}

static void test_limits(void **state)
{
    (void)state;
    char nested[2 * OSPREY__PICKLE_MARKS_MAX + 16];
    for (size_t i = 0; i < sizeof nested; i++) nested[i] = i % 2 ? ' ' : '(';
    nested[sizeof nested - 1] = '\0';
    refuse(nested, OSPREY_LIMIT, "more than 1000 containers");

    /* NONE again and again, each a value on the stack. */
    const size_t length = OSPREY__PICKLE_VALUES_MAX + 8;
    uint8_t *many = osprey__calloc(length, 1);
    assert_non_null(many);
    memset(many, 'N', length);
    osprey__pickle pickle;
    osprey_error error = {0};
    assert_refused(osprey__pickle_read(many, length, "test", &pickle, &error), &error, OSPREY_LIMIT,
                   "test", "more than 4000000 values");
    osprey__free(many);
    uint8_t one = '.';
    assert_refused(
        osprey__pickle_read(&one, (size_t)OSPREY__PICKLE_BYTES_MAX + 1, "test", &pickle, &error),
        &error, OSPREY_LIMIT, "test", "16777217 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builds_containers),
        cmocka_unit_test(test_memo_and_cycles),
        cmocka_unit_test(test_refuses_globals_by_name),
        cmocka_unit_test(test_refuses_other_opcodes),
        cmocka_unit_test(test_refuses_what_does_not_fit),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
