/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/file_writer.h"
#include "base/status.h"
#include "format/engine_file.h"

#include <osprey/engine.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A typing error is not to cost a photograph or a model's vocabulary. */
static bool is_other_file(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) return false;
    char magic[OSPREY__ENGINE_MAGIC_BYTES];
    FILE *file = fopen(path, "rbe");
    bool is_engine = file && fread(magic, 1, sizeof magic, file) == sizeof magic &&
                     memcmp(magic, OSPREY__ENGINE_MAGIC, sizeof magic) == 0;
    if (file) fclose(file);
    return !is_engine;
}

osprey_status osprey_engine_check_output(const char *path, osprey_error *error)
{
    osprey__file_writer writer = {0};
    if (is_other_file(path))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, path,
                            "is there already and is no engine, which alone is replaced; name "
                            "another file");
    osprey_status status = osprey__file_writer_open(&writer, path, error);
    osprey__file_writer_close(&writer);
    return status;
}
