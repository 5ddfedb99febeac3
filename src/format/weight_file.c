/* SPDX-License-Identifier: Apache-2.0 */
#include "format/weight_file.h"

#include "base/status.h"
#include "format/npz.h"
#include "format/safetensors.h"
#include "format/torch_zip.h"

#include <stdbool.h>
#include <string.h>

/* What a file begins with; where is not 0 in tar files only. */
typedef struct signature {
    size_t where, length;
    const char *bytes;
} signature;

/* Formats that users meet and that osprey does not read, each with the way out. */
static const struct {
    signature first;
    const char *message;
} refused[] = {
    /* LONG1 of PyTorch's magic number, 0x1950a86a20f9469cfc6c, after PROTO 2. */
    {{0, 14, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"},
     "an old file of torch.save (before PyTorch 1.6): with PyTorch, torch.save(torch.load(FILE), "
     "NEW) writes one that osprey reads"},
    {{257, 5, "ustar"},
     "a tar file, as torch.save wrote it before PyTorch 0.1.10: with PyTorch, "
     "torch.save(torch.load(FILE), NEW) writes one that osprey reads"},
    {{0, 2, "\x80\x02"}, "a pickle by itself; osprey reads what torch.save writes, a zip file"},
    {{0, 2, "\x80\x04"}, "a pickle by itself; osprey reads what torch.save writes, a zip file"},
    {{0, 8, "\x89HDF\r\n\x1a\n"},
     "an HDF5 file; osprey reads safetensors, PyTorch's files "
     "and .npz"},
    {{0, 4, "GGUF"}, "a GGUF file; osprey reads safetensors, PyTorch's files and .npz"},
    {{0, 6, "\x93NUMPY"},
     "an array by itself; osprey reads archives of a model's arrays, which np.savez writes"},
    {{0, 34, "version https://git-lfs.github.com"},
     "a pointer of Git LFS in place of the weights: fetch them with \"git lfs pull\""},
};

static bool begins_with(const osprey__file_map *map, const signature *wanted)
{
    return map->length >= wanted->where && map->length - wanted->where >= wanted->length &&
           memcmp((const char *)map->bytes + wanted->where, wanted->bytes, wanted->length) == 0;
}

typedef osprey_status reader(const uint8_t *bytes, size_t length, const char *file,
                             osprey__tensor_table *table, osprey_error *error);

/* safetensors has no signature: what is nothing else. */
static reader *find_reader(const osprey__file_map *map)
{
    static const signature zip = {0, 4, "PK\x03\x04"};
    if (!begins_with(map, &zip)) return osprey__safetensors_parse;
    return osprey__is_npz(map->bytes, map->length) ? osprey__npz_parse : osprey__torch_zip_parse;
}

osprey_status osprey__weight_file_open(const char *path, osprey__weight_file *file,
                                       osprey_error *error)
{
    *file = (osprey__weight_file){0};
    OSPREY_TRY(osprey__file_map_open(path, &file->map, error));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (begins_with(&file->map, &refused[i].first))
            return osprey__fail(error, OSPREY_UNSUPPORTED, path, "%s", refused[i].message);
    }
    return find_reader(&file->map)(file->map.bytes, file->map.length, path, &file->table, error);
}

void osprey__weight_file_close(osprey__weight_file *file)
{
    osprey__tensor_table_free(&file->table);
    osprey__file_map_close(&file->map);
}
