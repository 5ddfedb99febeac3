/* SPDX-License-Identifier: Apache-2.0 */
#include "token_golden.h"

#include "base/memory.h"
#include "cmocka_all.h"

#include <stdbool.h>
#include <zlib.h>

/* More than the longest text and its ids. */
#define MOST 8192

void token_golden_assert_ids(const osprey_tokenizer *tokenizer, const char *text, size_t text_bytes,
                             const int32_t *ids, size_t count, size_t capacity)
{
    static int32_t got[MOST];
    size_t got_count = 0;
    osprey_error error;
    assert_int_equal(
        osprey_tokenizer_encode(tokenizer, text, text_bytes, got, capacity, &got_count, &error),
        OSPREY_OK);
    assert_int_equal(got_count, count);
    assert_memory_equal(got, ids, count * sizeof *ids);
}

/* LEB128, as the golden script writes it; false at the end of the file. */
static bool read_number(gzFile file, uint32_t *number)
{
    *number = 0;
    for (unsigned shift = 0; shift < 32; shift += 7) {
        int byte = gzgetc(file);
        if (byte < 0) return false;
        *number |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

size_t token_golden_check(const osprey_tokenizer *tokenizer, const char *path)
{
    static char text[MOST];
    static int32_t ids[MOST];
    size_t texts = 0;
    uint32_t length, count;
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    for (; read_number(file, &length); texts++) {
        assert_true(length <= MOST);
        assert_int_equal(gzread(file, text, length), length);
        assert_true(read_number(file, &count) && count <= MOST);
        int32_t last = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t step;
            assert_true(read_number(file, &step));
            last += step & 1 ? -(int32_t)(step / 2) - 1 : (int32_t)(step / 2);
            ids[i] = last;
        }
        /* A block of its own, so that AddressSanitizer sees a read behind the text. */
        char *block = osprey__strndup(text, length);
        block = osprey__realloc(block, length, 1);
        token_golden_assert_ids(tokenizer, block, length, ids, count, MOST);
        osprey__free(block);
    }
    gzclose(file);
    return texts;
}
