/* SPDX-License-Identifier: Apache-2.0 */
#include "format/torch_files.h"

#include "base/memory.h"
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void put(osprey__buffer *buffer, const void *bytes, size_t length)
{
    assert_int_equal(osprey__buffer_append(buffer, bytes, length, NULL), OSPREY_OK);
}

static void put_number(osprey__buffer *buffer, uint64_t number, size_t bytes)
{
    assert_int_equal(osprey__buffer_number(buffer, number, bytes, NULL), OSPREY_OK);
}

static void assemble_word(osprey__buffer *out, const char *word, size_t length)
{
    if (word[0] == '\'') {
        put(out, "X", 1);
        put_number(out, length - 2, 4);
        put(out, word + 1, length - 2);
    } else if (word[0] == '@') {
        const char *colon = memchr(word, ':', length);
        assert_non_null(colon);
        put(out, "c", 1);
        put(out, word + 1, (size_t)(colon - word) - 1);
        put(out, "\n", 1);
        put(out, colon + 1, (size_t)(word + length - colon) - 1);
        put(out, "\n", 1);
    } else if (word[0] == '#') {
        put(out, "J", 1);
        put_number(out, (uint64_t)strtoll(word + 1, NULL, 10), 4);
    } else if (word[0] == 'x') {
        put_number(out, strtoull(word + 1, NULL, 16), 1);
    } else {
        put(out, word, length);
    }
}

osprey__buffer assemble(const char *program)
{
    osprey__buffer out = {0};
    put(&out, "\x80\x02", 2);
    while (*program) {
        const size_t length = strcspn(program, " ");
        if (length) assemble_word(&out, program, length);
        program += length + (program[length] == ' ');
    }
    return out;
}

/* What local header and directory say alike: version, flags, method, time, CRC, sizes, lengths. */
static void put_facts(osprey__buffer *out, const char *name, size_t length)
{
    put_number(out, 20, 2);
    put_number(out, 0, 8);
    put_number(out, 0, 4);
    put_number(out, length, 4);
    put_number(out, length, 4);
    put_number(out, strlen(name), 2);
    put_number(out, 0, 2);
}

void zip_add(zip_file *zip, const char *name, const void *data, size_t length)
{
    const size_t header = zip->bytes.length;
    put_number(&zip->bytes, 0x04034b50, 4);
    put_facts(&zip->bytes, name, length);
    put(&zip->bytes, name, strlen(name));
    put(&zip->bytes, data, length);
    put_number(&zip->directory, 0x02014b50, 4);
    put_number(&zip->directory, 20, 2);
    put_facts(&zip->directory, name, length);
    put_number(&zip->directory, 0, 8);
    put_number(&zip->directory, 0, 2);
    put_number(&zip->directory, header, 4);
    put(&zip->directory, name, strlen(name));
    zip->count++;
}

uint8_t *zip_finish(zip_file *zip, size_t *length)
{
    const size_t begin = zip->bytes.length;
    put(&zip->bytes, zip->directory.bytes, zip->directory.length);
    put_number(&zip->bytes, 0x06054b50, 4);
    put_number(&zip->bytes, 0, 4);
    put_number(&zip->bytes, zip->count, 2);
    put_number(&zip->bytes, zip->count, 2);
    put_number(&zip->bytes, zip->directory.length, 4);
    put_number(&zip->bytes, begin, 4);
    put_number(&zip->bytes, 0, 2);
    *length = zip->bytes.length;
    uint8_t *exact = osprey__calloc(*length, 1);
    assert_non_null(exact);
    memcpy(exact, zip->bytes.bytes, *length);
    osprey__buffer_free(&zip->bytes);
    osprey__buffer_free(&zip->directory);
    return exact;
}

uint8_t *make_checkpoint(const char *program, size_t storage_bytes, size_t *length)
{
    zip_file zip = {0};
    osprey__buffer pickle = assemble(program), storage = {0};
    for (size_t i = 0; i < storage_bytes; i++) put_number(&storage, i, 1);
    zip_add(&zip, "top/data.pkl", pickle.bytes, pickle.length);
    zip_add(&zip, "top/byteorder", "little", 6);
    zip_add(&zip, "top/data/0", storage.bytes, storage.length);
    osprey__buffer_free(&pickle);
    osprey__buffer_free(&storage);
    return zip_finish(&zip, length);
}
