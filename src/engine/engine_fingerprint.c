/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_fingerprint.h"

#include "base/os/file_map.h"
#include "base/status.h"

#include <string.h>

static osprey_status add_file(osprey__checksum_stream *stream, const char *path,
                              osprey_error *error)
{
    osprey__file_map map;
    OSPREY_TRY(osprey__file_map_open(path, &map, error));
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const uint64_t length = map.length;
    osprey__checksum_add(stream, name, strlen(name) + 1);
    osprey__checksum_add(stream, &length, sizeof length);
    osprey__checksum_add(stream, map.bytes, map.length);
    osprey__file_map_close(&map);
    return OSPREY_OK;
}

osprey_status osprey__engine_fingerprint(const osprey_model *model,
                                         char fingerprint[OSPREY__FINGERPRINT_BYTES],
                                         osprey_error *error)
{
    const osprey_model_info *info = osprey_model_get_info(model);
    osprey__checksum_stream *stream;
    OSPREY_TRY(osprey__checksum_create(&stream, error));
    osprey_status status = OSPREY_OK;
    /* The same bare weights are another model under another name. */
    if (info->arch) osprey__checksum_add(stream, info->arch, strlen(info->arch) + 1);
    for (size_t i = 0; i < info->file_count && status == OSPREY_OK; i++)
        status = add_file(stream, info->files[i], error);
    osprey__checksum_print(stream, fingerprint);
    osprey__checksum_free(stream);
    return status;
}
