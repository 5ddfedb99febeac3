/* SPDX-License-Identifier: Apache-2.0 */
#include "session/golden_texts.h"

#include "cmocka_all.h"

#include <string.h>

golden_texts read_golden_texts(const char *path)
{
    golden_texts golden = {.expected = json_load_file(path, 0, NULL)};
    size_t i;
    const json_t *text;
    assert_non_null(golden.expected);
    json_array_foreach(json_object_get(golden.expected, "texts"), i, text)
    {
        assert_true(i < sizeof golden.texts / sizeof *golden.texts);
        golden.texts[golden.count++] = json_string_value(json_object_get(text, "text"));
    }
    assert_true(golden.count);
    return golden;
}

void check_golden_ids(const golden_texts *golden, const osprey_model *model)
{
    const json_t *texts = json_object_get(golden->expected, "texts");
    const size_t context = osprey_model_get_info(model)->context_length;
    for (size_t i = 0; i < golden->count; i++) {
        int32_t ids[128];
        size_t count;
        osprey_error error;
        assert_true(context <= sizeof ids / sizeof *ids);
        assert_int_equal(osprey_tokenizer_encode(osprey_model_tokenizer(model), golden->texts[i],
                                                 strlen(golden->texts[i]), ids, context, &count,
                                                 &error),
                         OSPREY_OK);
        const json_t *wanted = json_object_get(json_array_get(texts, i), "ids");
        assert_int_equal(count, json_array_size(wanted));
        for (size_t k = 0; k < count; k++)
            assert_int_equal(ids[k], json_integer_value(json_array_get(wanted, k)));
    }
}

void free_golden_texts(golden_texts *golden)
{
    json_decref(golden->expected);
}
