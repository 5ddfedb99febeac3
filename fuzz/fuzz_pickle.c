/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle interpreter: what it accepts is a graph whose ids and items lead nowhere else. */
#include "format/pickle.h"
#include "fuzz/fuzz_target.h"

static void check_value(const osprey__pickle *pickle, const osprey__pickle_value *value,
                        const uint8_t *bytes, size_t length)
{
    const bool has_inner =
        value->kind == OSPREY__PICKLE_TENSOR || value->kind == OSPREY__PICKLE_STORAGE ||
        (value->kind == OSPREY__PICKLE_OBJECT && value->inner != OSPREY__PICKLE_NO_ID);
    if (has_inner) FUZZ_PROMISE(value->inner < pickle->value_count);
    if (value->kind == OSPREY__PICKLE_STRING) {
        const uint8_t *text = (const uint8_t *)value->text.bytes;
        FUZZ_PROMISE(text >= bytes && value->text.length <= (size_t)(bytes + length - text));
    }
    if (value->kind != OSPREY__PICKLE_TUPLE && value->kind != OSPREY__PICKLE_LIST &&
        value->kind != OSPREY__PICKLE_DICT)
        return;
    FUZZ_PROMISE(value->kind != OSPREY__PICKLE_DICT || value->items.count % 2 == 0);
    uint32_t at = value->items.first;
    for (size_t i = 0; i < value->items.count; i++) {
        FUZZ_PROMISE(at < pickle->item_count && pickle->items[at].value < pickle->value_count);
        at = pickle->items[at].next;
    }
    FUZZ_PROMISE(at == OSPREY__PICKLE_NO_ID);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    osprey__pickle pickle;
    osprey_error error = {0};
    if (osprey__pickle_read(bytes, length, "fuzz", &pickle, &error) != OSPREY_OK) {
        FUZZ_PROMISE(error.message[0] && !pickle.values && !pickle.items);
        return 0;
    }
    FUZZ_PROMISE(pickle.root < pickle.value_count);
    for (size_t i = 0; i < pickle.value_count; i++)
        check_value(&pickle, &pickle.values[i], bytes, length);
    osprey__pickle_free(&pickle);
    return 0;
}
