/* SPDX-License-Identifier: Apache-2.0 */
#include "model/openclip_changes.h"

#include "open_model.h"
#include "test_directory.h"

void refuse_openclip_changes(const openclip_change *changes, size_t count)
{
    static const char *const files[] = {OPENCLIP_WEIGHTS, "vocab.json", "merges.txt"};
    for (const openclip_change *c = changes; c < changes + count; c++) {
        test_directory d;
        test_directory_create(&d);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            test_directory_link(&d, c->source, files[i]);
        test_directory_replace(&d, c->source, OPENCLIP_CONFIG, c->from, c->to);
        refuse_model(d.path, c->status, c->words);
        test_directory_free(&d);
    }
}
