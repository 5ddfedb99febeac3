/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_files.h"

#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "cmocka_all.h"
#include "memory_hooks.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char folder[] = "/tmp/osprey-engine-XXXXXX";

int make_directory(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static void remove_tree(const char *path)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char inside[1024];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (unlink(inside) != 0) remove_tree(inside);
    }
    closedir(directory);
    assert_int_equal(rmdir(path), 0);
}

int remove_directory(void **state)
{
    (void)state;
    remove_tree(folder);
    return 0;
}

const char *in_directory(const char *name)
{
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

osprey_session *open_session(const osprey_model *model, osprey_tower towers)
{
    const osprey_session_options options = {.towers = towers, .threads = 1};
    return create_session(model, &options);
}

void compile_golden(const char *name, const osprey_engine_options *options, const char *path)
{
    osprey_error error;
    osprey_model *model = open_model(golden_model(name));
    if (osprey_engine_compile(model, options, path, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    osprey_model_free(model);
}

uint8_t *read_bytes(const char *path, size_t *length)
{
    osprey_error error;
    char *text;
    if (osprey__file_read(path, 64 << 20, &text, length, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    uint8_t *bytes = malloc(*length);
    memcpy(bytes, text, *length);
    osprey__free(text);
    return bytes;
}

static osprey_status run_model(const osprey_model *model, osprey_error *error)
{
    const osprey_model_info *info = osprey_model_get_info(model);
    osprey_session *session = NULL;
    const osprey_session_options options = {.threads = 1};
    OSPREY_TRY(osprey_session_create(model, &options, &session, error));
    float *pixels = calloc(osprey_preprocessing_floats(&info->preprocessing), sizeof *pixels);
    float *embedding = calloc(info->embed_dim, sizeof *embedding);
    const char *text = "a photo of a cat";
    osprey_status status =
        osprey_session_embed_pixels(session, pixels, 1, OSPREY_EMBED_RAW, embedding, error);
    if (status == OSPREY_OK)
        status = osprey_session_embed_texts(session, &text, 1, OSPREY_EMBED_RAW, embedding, error);
    free(embedding);
    free(pixels);
    osprey_session_free(session);
    return status;
}

void compile_without_memory(const char *name, const osprey_engine_options *options,
                            const char *path, size_t each, size_t step)
{
    osprey_error error = {0};
    osprey_model *model = open_model(golden_model(name));
    osprey_status status = OSPREY_OUT_OF_MEMORY;
    for (size_t n = 0; status != OSPREY_OK; n += n < each ? 1 : step) {
        size_t left = n;
        osprey__set_memory_hook(fail_at, &left);
        status = osprey_engine_compile(model, options, path, &error);
        osprey__set_memory_hook(NULL, NULL);
        assert_true(status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY);
        assert_int_equal(osprey__file_exists(path), status == OSPREY_OK);
    }
    osprey_model_free(model);
}

osprey_status run_bytes(const uint8_t *bytes, size_t length, osprey_error *error)
{
    char path[64];
    int file = memfd_create("engine", 0);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, length), length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    osprey_model *model = NULL;
    osprey_status status = osprey_model_open(path, &model, error);
    if (status == OSPREY_OK) status = run_model(model, error);
    osprey_model_free(model);
    close(file);
    return status;
}
