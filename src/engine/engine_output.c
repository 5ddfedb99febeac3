/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/file_writer.h"
#include "base/status.h"
#include "format/engine_file.h"

#include <osprey/engine.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Refuses to replace a file that is no engine: a typing error is not to cost a photograph or a
 * model's vocabulary. */
static osprey_status check_replaced(const char *path, osprey_error *error)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) return OSPREY_OK;
    char magic[OSPREY__ENGINE_MAGIC_BYTES];
    FILE *file = fopen(path, "rbe");
    if (!file)
        return osprey__fail(error, OSPREY_IO, path,
                            "is there already, and cannot be read (%s) to see whether it is an "
                            "engine, which alone is replaced",
                            strerror(errno));
    bool is_engine = fread(magic, 1, sizeof magic, file) == sizeof magic &&
                     memcmp(magic, OSPREY__ENGINE_MAGIC, sizeof magic) == 0;
    fclose(file);
    if (is_engine) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, path,
                        "is there already and is no engine, which alone is replaced; name "
                        "another file");
}

osprey_status osprey_engine_check_output(const char *path, osprey_error *error)
{
    osprey__file_writer writer = {0};
    OSPREY_TRY(check_replaced(path, error));
    osprey_status status = osprey__file_writer_open(&writer, path, error);
    osprey__file_writer_close(&writer);
    return status;
}
