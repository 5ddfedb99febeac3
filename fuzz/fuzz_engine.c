/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine: whatever is accepted runs without harm. Checksums are made right first, so that the
 * fuzzer gets behind them.
 */
#include "base/memory.h"
#include "base/status.h"
#include "fuzz/fuzz_target.h"
#include "tests/engine/engine_seal.h"

#include <osprey/osprey.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK_BYTES_MAX ((size_t)64 << 20)

/* A hostile size is asked for, and not had, as on a machine with little memory. */
static bool allow_small(size_t bytes, void *context)
{
    (void)context;
    return bytes <= BLOCK_BYTES_MAX;
}

static osprey_status run_tower(const osprey_model *model, osprey_tower tower, osprey_error *error)
{
    const osprey_model_info *info = osprey_model_get_info(model);
    const osprey_session_options options = {.towers = tower, .threads = 1};
    const char *text = "a photo of <|endoftext|> \xc3\xa9's";
    osprey_session *session = NULL;
    OSPREY_TRY(osprey_session_create(model, &options, &session, error));
    osprey_status status = OSPREY_OK;
    const osprey_preprocessing *how = &info->preprocessing;
    float *pixels = osprey__calloc(osprey_preprocessing_floats(how), sizeof *pixels);
    float *embedding = osprey__calloc(info->embed_dim, sizeof *embedding);
    if (pixels && how->resize == OSPREY_RESIZE_PATCHES) {
        pixels[0] = 1;
        pixels[1] = (float)how->max_patches;
    }
    if (pixels && embedding && tower == OSPREY_TOWER_IMAGE)
        status =
            osprey_session_embed_pixels(session, pixels, 1, OSPREY_EMBED_RAW, embedding, error);
    if (embedding && tower == OSPREY_TOWER_TEXT)
        status = osprey_session_embed_texts(session, &text, 1, OSPREY_EMBED_RAW, embedding, error);
    osprey__free(embedding);
    osprey__free(pixels);
    osprey_session_free(session);
    return status;
}

static void open_engine(const char *path)
{
    osprey_error error = {0};
    osprey_model *model = NULL;
    if (osprey_model_open(path, &model, &error) != OSPREY_OK) {
        FUZZ_PROMISE(error.message[0] && !model);
        return;
    }
    const osprey_engine_info *info = osprey_model_get_engine(model);
    FUZZ_PROMISE(info && !osprey_model_tokenizer(model) == !info->text.profile_count);
    FUZZ_PROMISE(osprey_engine_verify(model, &error) == OSPREY_OK);
    error = (osprey_error){0};
    FUZZ_PROMISE(run_tower(model, OSPREY_TOWER_IMAGE, &error) == OSPREY_OK || error.message[0]);
    error = (osprey_error){0};
    FUZZ_PROMISE(run_tower(model, OSPREY_TOWER_TEXT, &error) == OSPREY_OK || error.message[0]);
    osprey_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    uint8_t *sealed = osprey__calloc(length, 1);
    int file = memfd_create("engine", MFD_CLOEXEC);
    if (!sealed || file < 0) abort();
    if (length) memcpy(sealed, bytes, length);
    engine_seal(sealed, length);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    osprey__set_memory_hook(allow_small, NULL);
    if (write(file, sealed, length) == (ssize_t)length) open_engine(path);
    osprey__set_memory_hook(NULL, NULL);
    close(file);
    osprey__free(sealed);
    return 0;
}
