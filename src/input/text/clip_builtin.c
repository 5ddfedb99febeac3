/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "input/text/clip_bpe.h"
#include "input/text/clip_bpe_build.h"

#include <string.h>
#include <zlib.h>

/* The file holds 262144 merges; CLIP uses the first 49152 - 256 - 2, after a line of version. */
#define MERGE_COUNT 48894
#define TEXT_BYTES  524645

/* 256 byte symbols, the same with </w>, the merges, two special tokens. */
#define VOCABULARY (512 + MERGE_COUNT + 2)

/* Each symbol twice, in at most two bytes, and </w>. */
#define SYMBOL_BYTES (256 * (2 + 2 + 4))

extern const unsigned char osprey__clip_vocabulary[];
extern const unsigned char osprey__clip_vocabulary_end[];

static const char *const file_name = "the built-in vocabulary";

/* The beginning of the file, of exactly TEXT_BYTES. */
static osprey_status unpack(char *text, osprey_error *error)
{
    z_stream stream = {0};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return osprey__fail_memory(error, 1 << 16);
    stream.next_in = (z_const Bytef *)osprey__clip_vocabulary;
    stream.avail_in = (uInt)(osprey__clip_vocabulary_end - osprey__clip_vocabulary);
    stream.next_out = (Bytef *)text;
    stream.avail_out = TEXT_BYTES;
    int result = inflate(&stream, Z_SYNC_FLUSH);
    inflateEnd(&stream);
    if (result == Z_MEM_ERROR) return osprey__fail_memory(error, 1 << 16);
    if (result != Z_OK || stream.avail_out)
        return osprey__fail(error, OSPREY_FORMAT, file_name, "it does not unpack");
    return OSPREY_OK;
}

/* The two parts of the merge at *text, which is moved to the next line. */
typedef struct merge_line {
    const char *left, *right;
    size_t left_length, right_length;
} merge_line;

static merge_line next_merge(const char **text)
{
    const char *space = strchr(*text, ' ');
    const char *end = strchr(space, '\n');
    merge_line line = {*text, space + 1, (size_t)(space - *text), (size_t)(end - space - 1)};
    *text = end + 1;
    return line;
}

/* The byte of the i-th symbol: the printable ones come first. */
static uint8_t byte_at(unsigned i)
{
    static const struct {
        unsigned first, count;
    } runs[] = {{'!', 94}, {0xa1, 12}, {0xae, 82}, {0, 33}, {0x7f, 34}, {0xad, 1}};
    size_t run = 0;
    while (i >= runs[run].count) i -= runs[run++].count;
    return (uint8_t)(runs[run].first + i);
}

/* arena has room for the symbols and for every merge without its space. */
static osprey_status fill_map(osprey__token_map *map, const char *text, char *arena,
                              osprey_error *error)
{
    const size_t word_end_length = strlen(OSPREY__CLIP_WORD_END);
    int32_t id = 0;
    for (unsigned i = 0; i < 512; i++) {
        size_t length = osprey__clip_byte_symbol(byte_at(i % 256), arena);
        if (i >= 256) {
            memcpy(arena + length, OSPREY__CLIP_WORD_END, word_end_length);
            length += word_end_length;
        }
        OSPREY_TRY(osprey__token_map_insert(map, arena, length, id++, error));
        arena += length;
    }
    for (size_t i = 0; i < MERGE_COUNT; i++) {
        merge_line line = next_merge(&text);
        memcpy(arena, line.left, line.left_length);
        memcpy(arena + line.left_length, line.right, line.right_length);
        size_t length = line.left_length + line.right_length;
        OSPREY_TRY(osprey__token_map_insert(map, arena, length, id++, error));
        arena += length;
    }
    const char *start = OSPREY__CLIP_START, *end = OSPREY__CLIP_END;
    OSPREY_TRY(osprey__token_map_insert(map, start, strlen(start), id++, error));
    return osprey__token_map_insert(map, end, strlen(end), id++, error);
}

static osprey_status build(const osprey__token_map *map, const char *text,
                           osprey__clip_bpe **tokenizer, osprey_error *error)
{
    const char *start = OSPREY__CLIP_START, *end = OSPREY__CLIP_END;
    OSPREY_TRY(osprey__clip_bpe_begin(map, MERGE_COUNT, start, end, end, tokenizer, error));
    osprey__clip_bpe *made = *tokenizer;
    for (size_t i = 0; i < MERGE_COUNT; i++) {
        merge_line line = next_merge(&text);
        OSPREY_TRY(osprey__clip_bpe_add_merge(made, map, line.left, line.left_length, line.right,
                                              line.right_length, file_name, i, error));
    }
    OSPREY_TRY(osprey__bpe_merges_finish(&made->merges, error));
    made->splits_special = true;
    OSPREY_TRY(osprey__clip_bpe_add_token(made, start, strlen(start), made->start_id, false,
                                          file_name, error));
    return osprey__clip_bpe_add_token(made, end, strlen(end), made->end_id, false, file_name,
                                      error);
}

osprey_status osprey__clip_bpe_builtin(osprey__clip_bpe **tokenizer, osprey_error *error)
{
    *tokenizer = NULL;
    osprey__token_map map = {0};
    osprey_status status;
    char *text = osprey__calloc(TEXT_BYTES + 1, 1);
    char *arena = osprey__calloc(TEXT_BYTES + SYMBOL_BYTES, 1);
    if (!text || !arena) {
        status = osprey__fail_memory(error, TEXT_BYTES + SYMBOL_BYTES);
        goto fail;
    }
    OSPREY_TRY_GOTO(unpack(text, error));
    const char *merges = strchr(text, '\n') + 1;
    OSPREY_TRY_GOTO(osprey__token_map_create(&map, VOCABULARY, file_name, error));
    OSPREY_TRY_GOTO(fill_map(&map, merges, arena, error));
    status = build(&map, merges, tokenizer, error);
fail:
    if (status != OSPREY_OK) {
        osprey__clip_bpe_free(*tokenizer);
        *tokenizer = NULL;
    }
    osprey__token_map_free(&map);
    osprey__free(arena);
    osprey__free(text);
    return status;
}
