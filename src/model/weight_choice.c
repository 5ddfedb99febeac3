/* SPDX-License-Identifier: Apache-2.0 */
#include "model/weight_choice.h"

#include "base/os/file_map.h"
#include "base/status.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HUGGINGFACE_CONFIG "config.json"
#define OPENCLIP_CONFIG    "open_clip_config.json"

/* The safest first: safetensors has no program in it, and says more exactly what it holds. */
static const struct {
    const char *name;
    bool openclip;
} published[] = {
    {"model.safetensors", false},
    {"model.safetensors.index.json", false},
    {"open_clip_model.safetensors", true},
    {"pytorch_model.bin", false},
    {"pytorch_model.bin.index.json", false},
    {"open_clip_pytorch_model.bin", true},
};

#define PUBLISHED (sizeof published / sizeof *published)

/* Joins directory and name into path and tells whether that file is there. */
static bool has_file(const char *directory, const char *name, char path[OSPREY__PATH_BYTES])
{
    return osprey__path_join(path, OSPREY__PATH_BYTES, directory, name, NULL) == OSPREY_OK &&
           osprey__file_exists(path);
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), wanted = strlen(ending);
    return length >= wanted && strcmp(text + length - wanted, ending) == 0;
}

static bool is_weight_name(const char *name)
{
    static const char *const endings[] = {".safetensors", ".safetensors.index.json",
                                          ".bin",         ".bin.index.json",
                                          ".pt",          ".pth",
                                          ".ckpt",        ".npz"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (ends_with(name, endings[i])) return true;
    }
    return false;
}

static osprey_status open_named(const char *path, osprey__weight_choice *choice,
                                osprey_error *error)
{
    choice->named = true;
    if (!is_weight_name(path))
        return osprey__fail(
            error, OSPREY_UNSUPPORTED, path,
            "not a file of weights: a .safetensors, .bin, .pt, .pth, .ckpt or .npz file, "
            "an index of its shards (.index.json), an .osprey engine or the "
            "model's directory would fit");
    return osprey__weights_open(path, &choice->weights, error);
}

/* A weight file: its directory has what else belongs to the model. */
static osprey_status choose_file(const char *path, osprey__weight_choice *choice,
                                 osprey_error *error)
{
    const char *slash = strrchr(path, '/');
    size_t directory_bytes = slash ? (size_t)(slash - path) : 1;
    memcpy(choice->directory, slash ? path : ".", directory_bytes);
    choice->directory[directory_bytes] = '\0';
    if (!directory_bytes) memcpy(choice->directory, "/", 2);
    return open_named(path, choice, error);
}

static osprey_status choose_in_directory(const char *file, osprey__weight_choice *choice,
                                         osprey_error *error)
{
    char path[OSPREY__PATH_BYTES];
    if (has_file(choice->directory, file, path)) return open_named(path, choice, error);
    if (osprey__file_exists(file)) return open_named(file, choice, error);
    return osprey__fail(error, OSPREY_NOT_FOUND, file,
                        "no such file of weights, neither in %s nor by itself", choice->directory);
}

/* A file of weights that is a model by itself, or by --arch; the first by name, or "". */
static void find_bare(DIR *files, char name[256])
{
    name[0] = '\0';
    for (struct dirent *entry; (entry = readdir(files));)
        if (is_weight_name(entry->d_name) && (!name[0] || strcmp(entry->d_name, name) < 0))
            snprintf(name, 256, "%s", entry->d_name);
}

/* Why a directory without a pair of configuration and weights is no model. */
static osprey_status fail_directory(const osprey__weight_choice *choice, osprey_error *error)
{
    const char *directory = choice->directory;
    char path[OSPREY__PATH_BYTES], bare[256];
    DIR *files = opendir(directory);
    if (!files)
        return osprey__fail(error, OSPREY_IO, directory, "cannot list it: %s", strerror(errno));
    find_bare(files, bare);
    closedir(files);
    for (size_t i = 0; i < PUBLISHED; i++) {
        if (has_file(directory, published[i].name, path))
            return osprey__fail(error, OSPREY_NOT_FOUND, path,
                                "the weights are there, but %s is missing beside them",
                                published[i].openclip ? OPENCLIP_CONFIG : HUGGINGFACE_CONFIG);
    }
    if (has_file(directory, HUGGINGFACE_CONFIG, path))
        return osprey__fail(error, OSPREY_NOT_FOUND, directory,
                            HUGGINGFACE_CONFIG
                            " is there, but no weights: model.safetensors or pytorch_model.bin, "
                            "or the .index.json of one with its shards, would fit");
    if (has_file(directory, OPENCLIP_CONFIG, path))
        return osprey__fail(error, OSPREY_NOT_FOUND, directory,
                            OPENCLIP_CONFIG
                            " is there, but no weights: open_clip_model.safetensors would fit, or "
                            "open_clip_pytorch_model.bin");
    if (bare[0])
        return osprey__fail(error, OSPREY_NOT_FOUND, directory,
                            "no model in this directory but %s, which has no configuration "
                            "beside it: name the file itself",
                            bare);
    return osprey__fail(error, OSPREY_NOT_FOUND, directory,
                        "no model in this directory: " HUGGINGFACE_CONFIG
                        " with model.safetensors or pytorch_model.bin (Hugging Face), or "
                        "open_clip_config.json with open_clip_model.safetensors or "
                        "open_clip_pytorch_model.bin (OpenCLIP) would fit");
}

/* What another file cannot be better at. */
static bool is_about_file(osprey_status status)
{
    return status != OSPREY_OUT_OF_MEMORY;
}

/* The first that opens. If none does, the first one's error tells the most. */
static osprey_status choose_published(osprey__weight_choice *choice, osprey_error *error)
{
    char path[OSPREY__PATH_BYTES];
    const bool has_config[] = {has_file(choice->directory, HUGGINGFACE_CONFIG, path),
                               has_file(choice->directory, OPENCLIP_CONFIG, path)};
    size_t found = 0;
    osprey_error first = {0}, reason = {0};
    const char *refused = NULL, *used = NULL;
    for (size_t i = 0; i < PUBLISHED; i++) {
        if (!has_config[published[i].openclip] ||
            !has_file(choice->directory, published[i].name, path))
            continue;
        found++;
        if (used) continue;
        choice->openclip = published[i].openclip;
        osprey_status status = osprey__weights_open(path, &choice->weights, &reason);
        if (status == OSPREY_OK) {
            used = published[i].name;
        } else if (!is_about_file(status)) {
            if (error) *error = reason;
            return status;
        } else if (!refused) {
            refused = published[i].name;
            first = reason;
        }
    }
    if (found == 0) return fail_directory(choice, error);
    if (!used) {
        if (error) *error = first;
        return first.status;
    }
    if (refused)
        snprintf(choice->note, sizeof choice->note, "%s is damaged (%s); %s is used", refused,
                 first.message, used);
    else if (found > 1)
        snprintf(choice->note, sizeof choice->note, "of %zu weight files, %s is used", found, used);
    return OSPREY_OK;
}

osprey_status osprey__choose_weights(const char *path, const char *file,
                                     osprey__weight_choice *choice, osprey_error *error)
{
    *choice = (osprey__weight_choice){0};
    size_t length = strlen(path);
    if (length >= OSPREY__PATH_BYTES - 64)
        return osprey__fail(error, OSPREY_LIMIT, path, "the path is too long");
    if (osprey__is_directory(path)) {
        memcpy(choice->directory, path, length + 1);
        while (length > 1 && choice->directory[length - 1] == '/')
            choice->directory[--length] = '\0';
        return file ? choose_in_directory(file, choice, error) : choose_published(choice, error);
    }
    if (!osprey__file_exists(path))
        return osprey__fail(error, OSPREY_NOT_FOUND, path,
                            "no such model: a directory in Hugging Face's or OpenCLIP's layout, or "
                            "a file of weights, would fit");
    if (file)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, file,
                            "the model is a file itself, %s: weights are chosen in a directory",
                            path);
    return choose_file(path, choice, error);
}
