/* SPDX-License-Identifier: Apache-2.0 */
#include "model/openclip_changes.h"

#include "open_model.h"
#include "test_directory.h"

#include <string.h>

void refuse_openclip_changes(const openclip_change *changes, size_t count)
{
    static const char *const clip[] = {OPENCLIP_WEIGHTS, "vocab.json", "merges.txt"},
                             *const pieces[] = {OPENCLIP_WEIGHTS, "tokenizer.json",
                                                "tokenizer_config.json"};
    for (const openclip_change *c = changes; c < changes + count; c++) {
        test_directory d;
        const char *const *files = strstr(c->source, "siglip") ? pieces : clip;
        test_directory_create(&d);
        for (size_t i = 0; i < 3; i++) test_directory_link(&d, c->source, files[i]);
        test_directory_replace(&d, c->source, OPENCLIP_CONFIG, c->from, c->to);
        refuse_model(d.path, c->status, c->words);
        test_directory_free(&d);
    }
}
