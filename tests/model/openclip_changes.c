/* SPDX-License-Identifier: Apache-2.0 */
#include "model/openclip_changes.h"

#include "cmocka_all.h"
#include "open_model.h"
#include "test_directory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void refuse_openclip_changes(const openclip_change *changes, size_t count)
{
    static const char *const clip[] = {OPENCLIP_WEIGHTS, "vocab.json", "merges.txt"},
                             *const pieces[] = {OPENCLIP_WEIGHTS, "tokenizer.json",
                                                "tokenizer_config.json"};
    for (const openclip_change *c = changes; c < changes + count; c++) {
        test_directory d;
        const char *name = strrchr(c->source, '/');
        const bool has_pieces =
            strstr(name, "siglip") || strstr(name, "roberta") || strstr(name, "worldwide");
        const char *const *files = has_pieces ? pieces : clip;
        test_directory_create(&d);
        for (size_t i = 0; i < 3; i++) test_directory_link(&d, c->source, files[i]);
        test_directory_replace(&d, c->source, OPENCLIP_CONFIG, c->from, c->to);
        refuse_model(d.path, c->status, c->words);
        test_directory_free(&d);
    }
}

/* The weights with every `from` in their header replaced by as long a `to`. */
static void write_weights(const test_directory *d, const openclip_change *change)
{
    char path[1024];
    const char *from = change->from, *to = change->to;
    const size_t most = 1 << 20, length = strlen(from);
    char *bytes = malloc(most);
    snprintf(path, sizeof path, "%s/" OPENCLIP_WEIGHTS, change->source);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t count = fread(bytes, 1, most, file);
    fclose(file);
    uint64_t header;
    memcpy(&header, bytes, sizeof header);
    assert_true(count < most && length == strlen(to) && header < count - sizeof header);
    size_t found = 0;
    for (size_t i = sizeof header; i + length <= sizeof header + header; i++) {
        if (memcmp(bytes + i, from, length) != 0) continue;
        memcpy(bytes + i, to, length);
        found++;
    }
    assert_true(found > 0);
    snprintf(path, sizeof path, "%s/" OPENCLIP_WEIGHTS, d->path);
    file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    fclose(file);
    free(bytes);
}

void refuse_openclip_tensors(const openclip_change *changes, size_t count)
{
    static const char *const files[] = {OPENCLIP_CONFIG, "vocab.json", "merges.txt"};
    for (const openclip_change *c = changes; c < changes + count; c++) {
        test_directory d;
        test_directory_create(&d);
        for (size_t i = 0; i < 3; i++) test_directory_link(&d, c->source, files[i]);
        write_weights(&d, c);
        refuse_model(d.path, c->status, c->words);
        test_directory_free(&d);
    }
}

void refuse_bare_openclip_weights(const char *source, const char *words, const char *arch,
                                  const char *words_of_arch)
{
    test_directory d;
    osprey_error error = {0};
    osprey_model *model = NULL;
    char path[128];
    test_directory_create(&d);
    test_directory_link(&d, source, OPENCLIP_WEIGHTS);
    test_directory_link(&d, source, "tokenizer.json");
    snprintf(path, sizeof path, "%s/" OPENCLIP_WEIGHTS, d.path);
    assert_int_equal(osprey_model_open(path, &model, &error), OSPREY_UNSUPPORTED);
    assert_non_null(strstr(error.message, words));
    const osprey_model_options options = {.arch = arch};
    assert_int_equal(osprey_model_open_with(path, &options, &model, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, words_of_arch));
    test_directory_free(&d);
}
