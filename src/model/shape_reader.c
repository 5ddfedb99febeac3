/* SPDX-License-Identifier: Apache-2.0 */
#include "model/shape_reader.h"

#include "base/status.h"
#include "format/model_config.h"

#include <math.h>
#include <stdio.h>

bool osprey__shape_has(const osprey__shape_reader *reader, const char *name)
{
    return osprey__weights_find(reader->weights, name);
}

osprey_status osprey__shape_dim(const osprey__shape_reader *reader, const char *name, size_t rank,
                                size_t index, size_t limit, size_t *dim)
{
    const osprey__tensor *tensor;
    OSPREY_TRY(osprey__weights_get(reader->weights, name, &tensor, reader->error));
    if (tensor->rank != rank || tensor->dims[index] == 0)
        return osprey__fail(reader->error, OSPREY_FORMAT, reader->file,
                            "tensor \"%s\" has to have %zu dimensions, none of them 0", name, rank);
    *dim = tensor->dims[index];
    if (*dim <= limit) return OSPREY_OK;
    return osprey__fail(reader->error, OSPREY_LIMIT, reader->file,
                        "tensor \"%s\" has a dimension of %zu; at most %zu are allowed", name, *dim,
                        limit);
}

size_t osprey__shape_blocks(const osprey__shape_reader *reader, const char *prefix, size_t first,
                            const char *suffix)
{
    for (size_t count = 0; count < OSPREY__CONFIG_LAYERS_MAX; count++) {
        char name[256];
        snprintf(name, sizeof name, "%s%zu%s", prefix, first + count, suffix);
        if (!osprey__shape_has(reader, name)) return count;
    }
    return OSPREY__CONFIG_LAYERS_MAX;
}

size_t osprey__shape_stages(const osprey__shape_reader *reader, const char *prefix,
                            const char *suffix, size_t stages, size_t *blocks)
{
    size_t all = 0;
    for (size_t stage = 0; stage < stages; stage++) {
        char name[128];
        snprintf(name, sizeof name, "%s%zu.blocks.", prefix, stage);
        blocks[stage] = osprey__shape_blocks(reader, name, 0, suffix);
        all += blocks[stage];
    }
    return all;
}

size_t osprey__shape_square_side(size_t count)
{
    const size_t side = (size_t)lround(sqrt((double)count));
    return side * side == count ? side : 0;
}

osprey_status osprey__shape_image_side(const osprey__shape_reader *reader, const char *name,
                                       size_t leading, size_t patch, size_t *pixels)
{
    const size_t most = (size_t)OSPREY__CONFIG_IMAGE_MAX * OSPREY__CONFIG_IMAGE_MAX;
    size_t positions = 0;
    OSPREY_TRY(osprey__shape_dim(reader, name, 3, 1, most, &positions));
    const size_t side = positions > leading ? osprey__shape_square_side(positions - leading) : 0;
    *pixels = side * patch;
    if (side && side <= OSPREY__CONFIG_IMAGE_MAX / patch) return OSPREY_OK;
    return osprey__fail(reader->error, OSPREY_UNSUPPORTED, reader->file,
                        "tensor \"%s\" has %zu positions; those of a square of patches%s would be "
                        "right",
                        name, positions, leading ? " and of a class token" : "");
}
