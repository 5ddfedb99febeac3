/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of a directory, without libFuzzer. */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "fuzz/fuzz_target.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

#define INPUT_BYTES_MAX (1u << 20)

/* In a block without a byte to spare, so that AddressSanitizer sees a read behind it. */
static int replay(const char *path)
{
    char *text = NULL;
    size_t length = 0;
    osprey_error error;
    if (osprey__file_read(path, INPUT_BYTES_MAX, &text, &length, &error) != OSPREY_OK) {
        fprintf(stderr, "%s: %s\n", error.subject, error.message);
        return 1;
    }
    uint8_t *exact = osprey__calloc(length, 1);
    if (exact) {
        memcpy(exact, text, length);
        LLVMFuzzerTestOneInput(exact, length);
    }
    osprey__free(exact);
    osprey__free(text);
    return exact ? 0 : 1;
}

int main(int count, char **arguments)
{
    DIR *directory = count == 2 ? opendir(arguments[1]) : NULL;
    if (!directory) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", arguments[0]);
        return 2;
    }
    size_t files = 0;
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.') continue;
        char path[PATH_MAX];
        osprey_error error;
        if (osprey__path_join(path, sizeof path, arguments[1], entry->d_name, &error) != OSPREY_OK)
            continue;
        failed |= replay(path);
        files++;
    }
    closedir(directory);
    printf("%zu inputs\n", files);
    return failed || files == 0;
}
