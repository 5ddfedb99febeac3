/* SPDX-License-Identifier: Apache-2.0 */
/* The cache: found again, never stale, within its limit, and no hindrance where it cannot be. */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "format/engine_file.h"

#include <osprey/osprey.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SMALL "hf-vit-p16-gelu-sharded"

/* A copy of the model that may be changed: its files as links, the configuration as a file. */
static const char *copy_model(const char *name)
{
    const char *to = in_directory(name);
    char from[600], link_path[600];
    assert_int_equal(mkdir(to, 0700), 0);
    DIR *files = opendir(golden_model(SMALL));
    for (struct dirent *entry; (entry = readdir(files));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(from, sizeof from, "%s/%s", golden_model(SMALL), entry->d_name);
        snprintf(link_path, sizeof link_path, "%s/%s", to, entry->d_name);
        if (strcmp(entry->d_name, "config.json") != 0) {
            assert_int_equal(symlink(from, link_path), 0);
            continue;
        }
        size_t length;
        uint8_t *text = read_bytes(from, &length);
        assert_int_equal(osprey__file_write(link_path, text, length, NULL), OSPREY_OK);
        free(text);
    }
    closedir(files);
    return to;
}

static osprey_model *open_cached(const char *path, size_t limit_mib)
{
    osprey_error error;
    osprey_model *model = NULL;
    if (osprey_cache_open_model(path, NULL, OSPREY_PRECISION_FP32, limit_mib, &model, NULL,
                                &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return model;
}

static bool is_cached(const char *path, size_t limit_mib)
{
    osprey_model *model = open_cached(path, limit_mib);
    bool cached = osprey_model_get_engine(model) != NULL;
    osprey_model_free(model);
    return cached;
}

static size_t entries(void)
{
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    size_t count = list->count;
    osprey_cache_list_free(list);
    return count;
}

/* Each test begins with a cache that is not there. */
static int use_cache(void **state)
{
    (void)state;
    static size_t number;
    char name[32];
    snprintf(name, sizeof name, "cache-%zu/deep", number++);
    return setenv("XDG_CACHE_HOME", in_directory(name), 1);
}

static void test_found_again(void **state)
{
    (void)state;
    const char *path = golden_model(SMALL);
    assert_int_equal(entries(), 0);
    assert_true(is_cached(path, 100));
    assert_int_equal(entries(), 1);
    assert_true(is_cached(path, 100));
    assert_int_equal(entries(), 1);
    osprey_model *model = open_cached(path, 100);
    assert_string_equal(osprey_model_get_info(model)->name, SMALL);
    osprey_model_free(model);
    assert_int_equal(osprey_cache_clear(NULL), OSPREY_OK);
    assert_int_equal(entries(), 0);
}

/* Also where length and time of modification are the same, as an archive that is unpacked sets
 * them. */
static void test_a_changed_model_is_compiled_again(void **state)
{
    (void)state;
    const char *path = copy_model("changing");
    char config[600];
    snprintf(config, sizeof config, "%s/config.json", path);
    assert_true(is_cached(path, 100));
    size_t length;
    uint8_t *text = read_bytes(config, &length);
    char *activation = memmem(text, length, "\"gelu\"", 6);
    assert_non_null(activation);
    memcpy(activation, "\"relu\"", 6);
    struct stat before;
    assert_int_equal(stat(config, &before), 0);
    assert_int_equal(osprey__file_write(config, text, length, NULL), OSPREY_OK);
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, config, times, 0), 0);
    free(text);
    osprey_model *model = open_cached(path, 100);
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_true(info->image.activation == OSPREY_ACTIVATION_RELU ||
                info->text.activation == OSPREY_ACTIVATION_RELU);
    osprey_model_free(model);
    assert_int_equal(entries(), 2);
}

static void change_file(const char *path, int way)
{
    char beside[700];
    size_t length;
    uint8_t *bytes = read_bytes(path, &length);
    FILE *file = NULL;
    switch (way) {
    case 0: /* as cp does */
        file = fopen(path, "wb");
        assert_int_equal(fwrite(bytes, 1, length, file), length);
        break;
    case 1: /* as mv does, with the time of the first */
        snprintf(beside, sizeof beside, "%s.new", path);
        assert_int_equal(osprey__file_write(beside, bytes, length, NULL), OSPREY_OK);
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        const struct timespec times[2] = {info.st_atim, info.st_mtim};
        assert_int_equal(utimensat(AT_FDCWD, beside, times, 0), 0);
        assert_int_equal(rename(beside, path), 0);
        break;
    case 2:
        assert_int_equal(truncate(path, (off_t)length / 2), 0);
        break;
    default:
        assert_int_equal(unlink(path), 0);
    }
    if (file) fclose(file);
    free(bytes);
}

/* A callback that changes it while the engine is made. */
static void change_config(void *context, size_t images_done)
{
    (void)images_done;
    change_file(context, 0);
}

/* What was read is no longer there to be told by its fingerprint. */
static void test_a_model_changed_while_it_is_compiled(void **state)
{
    (void)state;
    static const char *const picture = OSPREY_TEST_DIR "/golden/pictures/picture.png";
    char name[32], config[600];
    for (int way = 0; way < 5; way++) {
        snprintf(name, sizeof name, "changed-%d", way);
        snprintf(config, sizeof config, "%s/config.json", copy_model(name));
        const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
        assert_int_equal(utimensat(AT_FDCWD, config, long_ago, 0), 0);
        osprey_model *model = open_model(in_directory(name));
        osprey_engine_options options = {0};
        if (way < 4) {
            change_file(config, way);
        } else {
            options.precision = OSPREY_PRECISION_INT8;
            options.calibration = (osprey_engine_calibration){
                .method = OSPREY_CALIBRATION_MINMAX,
                .images = &picture,
                .image_count = 1,
                .progress = change_config,
                .progress_context = config,
            };
        }
        osprey_error error;
        const char *engine = in_directory("changed.osprey");
        assert_int_equal(osprey_engine_compile(model, &options, engine, &error), OSPREY_IO);
        assert_string_equal(error.subject, config);
        assert_string_equal(error.message, "changed while it was compiled; run it again");
        assert_false(osprey__file_exists(engine));
        osprey_model_free(model);
    }
}

/* Bytes that are no engine, and a damaged engine that may have gone through a crash. */
static void test_damaged_entries_are_replaced(void **state)
{
    (void)state;
    const char *path = golden_model(SMALL);
    assert_true(is_cached(path, 100));
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    const char *file = list->entries[0].file;
    size_t length;
    uint8_t *good = read_bytes(file, &length);
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    for (int damage = 0; damage < 2; damage++) {
        if (damage) good[length - 40] ^= 1;
        assert_int_equal(osprey__file_write(file, good, damage ? length : 100, NULL), OSPREY_OK);
        assert_int_equal(utimensat(AT_FDCWD, file, long_ago, 0), 0);
        osprey_model *model = open_cached(path, 100);
        assert_non_null(osprey_model_get_engine(model));
        assert_int_equal(osprey_engine_verify(model, NULL), OSPREY_OK);
        osprey_model_free(model);
    }
    free(good);
    osprey_cache_list_free(list);
}

/* The cached engine's image tower run on black. */
static osprey_status run_cached(const char *path, osprey_error *error)
{
    osprey_model *model = open_cached(path, 100);
    const osprey_model_info *info = osprey_model_get_info(model);
    osprey_session *session = open_session(model, OSPREY_TOWER_IMAGE);
    float *pixels = calloc(osprey_preprocessing_floats(&info->preprocessing), sizeof *pixels);
    float *embedding = calloc(info->embed_dim, sizeof *embedding);
    osprey_status status =
        osprey_session_embed_pixels(session, pixels, 1, OSPREY_EMBED_RAW, embedding, error);
    free(embedding);
    free(pixels);
    osprey_session_free(session);
    osprey_model_free(model);
    return status;
}

/* Damage that the first run finds: the entry goes, so that the next start has a good one. */
static void test_what_a_run_finds_damaged_is_removed(void **state)
{
    (void)state;
    osprey_error error = {0};
    const char *path = golden_model(SMALL);
    assert_true(is_cached(path, 100));
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    const char *entry = list->entries[0].file;
    size_t length;
    uint8_t *bytes = read_bytes(entry, &length);
    osprey__engine_file file;
    assert_int_equal(osprey__engine_file_parse(bytes, length, entry, &file, &error), OSPREY_OK);
    const osprey__engine_section *weights = osprey__engine_file_find(&file, "image.weights");
    bytes[weights->bytes - bytes + (ptrdiff_t)weights->length / 2] ^= 1;
    assert_int_equal(osprey__file_write(entry, bytes, length, NULL), OSPREY_OK);
    assert_int_equal(run_cached(path, &error), OSPREY_STALE);
    assert_string_equal(error.subject, entry);
    assert_non_null(strstr(error.message, "removed"));
    assert_int_equal(entries(), 0);
    assert_int_equal(run_cached(path, &error), OSPREY_OK);
    assert_int_equal(entries(), 1);
    free(bytes);
    osprey_cache_list_free(list);
}

/* The path of SMALL's entry, not there; the caller frees it. */
static char *empty_place(void)
{
    assert_true(is_cached(golden_model(SMALL), 100));
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    char *place = strdup(list->entries[0].file);
    osprey_cache_list_free(list);
    assert_int_equal(unlink(place), 0);
    return place;
}

/* Put right where nothing is lost by it. */
static void test_what_is_no_file_makes_room(void **state)
{
    (void)state;
    const char *path = golden_model(SMALL);
    char *place = empty_place(), *read = NULL;
    const char *others = in_directory("others.txt");
    size_t length;
    osprey_error error;
    assert_int_equal(osprey__file_write(others, "thesis", 6, &error), OSPREY_OK);
    for (int kind = 0; kind < 5; kind++) {
        int made = -1;
        if (kind == 0) made = mkdir(place, 0700);
        if (kind == 1) made = mkfifo(place, 0600);
        if (kind == 2) made = symlink("nothing", place);
        if (kind == 3) made = symlink(place, place);
        if (kind == 4) made = symlink(others, place);
        assert_int_equal(made, 0);
        assert_int_equal(entries(), 0);
        assert_true(osprey_cache_would_compile(path, NULL, OSPREY_PRECISION_FP32, 100));
        assert_true(is_cached(path, 100));
        assert_int_equal(entries(), 1);
        assert_int_equal(unlink(place), 0);
    }
    assert_int_equal(osprey__file_read(others, 100, &read, &length, &error), OSPREY_OK);
    assert_string_equal(read, "thesis");
    osprey__free(read);
    free(place);
}

/* A directory with files is named and stays, whatever is done with the cache; a model in it is not
 * taken for the one asked for. */
static void test_a_full_directory_in_an_entrys_place(void **state)
{
    (void)state;
    const char *path = golden_model(SMALL);
    char *place = empty_place(), inside[800];
    assert_int_equal(rename(copy_model("in_the_place"), place), 0);
    snprintf(inside, sizeof inside, "%s/config.json", place);
    osprey_error uncached, error;
    osprey_model *model;
    assert_int_equal(
        osprey_cache_open_model(path, NULL, OSPREY_PRECISION_FP32, 100, &model, &uncached, &error),
        OSPREY_OK);
    assert_null(osprey_model_get_engine(model));
    assert_string_equal(osprey_model_get_info(model)->name, SMALL);
    osprey_model_free(model);
    assert_int_equal(uncached.status, OSPREY_INVALID_ARGUMENT);
    assert_string_equal(uncached.subject, place);
    assert_non_null(strstr(uncached.message, "directory with files"));
    assert_true(is_cached(copy_model("beside_the_place"), 1)); /* which evicts */
    assert_int_equal(osprey_cache_clear(NULL), OSPREY_OK);
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    assert_int_equal(list->count, 0);
    assert_int_equal(list->other_count, 1);
    assert_string_equal(list->others[0], place);
    osprey_cache_list_free(list);
    assert_true(osprey__file_exists(inside));
    free(place);
}

static void write_padding(const char *path)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (1 << 20) - 100), 0);
    fclose(file);
}

/* The path of an entry that the cache could have made, in its directory. */
static void name_entry(const osprey_cache_list *list, unsigned number, char path[700])
{
    snprintf(path, 700, "%s/padding-%032x.osprey", list->directory, number);
}

static void test_the_limit_holds(void **state)
{
    (void)state;
    const char *first = copy_model("first"), *second = copy_model("second");
    assert_false(is_cached(first, 0));
    assert_int_equal(entries(), 0);
    assert_true(is_cached(first, 1));
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    uint64_t bytes = list->bytes;
    char *kept = strdup(list->entries[0].file), padding[700];
    name_entry(list, 1, padding);
    osprey_cache_list_free(list);
    assert_true(bytes < 1 << 20 && 4 * bytes > 1 << 20);
    /* Older than what comes next, so that it is the first to go. */
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, kept, long_ago, 0), 0);
    write_padding(padding);
    assert_true(is_cached(second, 1));
    assert_false(osprey__file_exists(kept));
    /* The limit is held where nothing is compiled, too: it may be lower than it was. */
    write_padding(padding);
    assert_int_equal(utimensat(AT_FDCWD, padding, long_ago, 0), 0);
    assert_true(is_cached(second, 1));
    assert_false(osprey__file_exists(padding));
    assert_int_equal(entries(), 1);
    free(kept);
}

static bool others_are_quicker, looks_on;
static size_t entries_at_first_removal;

/* Stands before the C library's: another process may remove an entry a moment earlier. */
int unlink(const char *path)
{
    if (looks_on && !entries_at_first_removal) entries_at_first_removal = entries();
    const int result = unlinkat(AT_FDCWD, path, 0);
    if (!others_are_quicker || result != 0) return result;
    errno = ENOENT;
    return -1;
}

/* What others have removed makes room as well: no more goes than has to. */
static void test_room_of_others(void **state)
{
    (void)state;
    char padding[2][700];
    assert_true(is_cached(golden_model(SMALL), 100));
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    for (unsigned i = 0; i < 2; i++) {
        const struct timespec used[2] = {{.tv_sec = 1 + i}, {.tv_sec = 1 + i}};
        name_entry(list, i, padding[i]);
        write_padding(padding[i]);
        assert_int_equal(utimensat(AT_FDCWD, padding[i], used, 0), 0);
    }
    osprey_cache_list_free(list);
    others_are_quicker = true;
    assert_true(is_cached(golden_model(SMALL), 2));
    others_are_quicker = false;
    assert_false(osprey__file_exists(padding[0]));
    assert_true(osprey__file_exists(padding[1]));
}

static bool disk_is_full;

/* Stands before the C library's. */
int statvfs(const char *path, struct statvfs *disk)
{
    (void)path;
    *disk = (struct statvfs){.f_frsize = 4096, .f_bavail = disk_is_full ? 0 : 1 << 20};
    return 0;
}

/* The path of an entry of just below 1 MiB, or of one byte, that was used long ago; the caller
 * frees it. */
static char *add_old_entry(unsigned number, bool is_large)
{
    char path[700];
    osprey_cache_list *list;
    const struct timespec used[2] = {{.tv_sec = 1 + number}, {.tv_sec = 1 + number}};
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    name_entry(list, number, path);
    osprey_cache_list_free(list);
    if (is_large)
        write_padding(path);
    else
        assert_int_equal(osprey__file_write(path, "", 1, NULL), OSPREY_OK);
    assert_int_equal(utimensat(AT_FDCWD, path, used, 0), 0);
    return strdup(path);
}

/* Before the engine is written, so that the limit holds meanwhile too. */
static void test_room_is_made_before(void **state)
{
    (void)state;
    const char *other = copy_model("other");
    assert_true(is_cached(golden_model(SMALL), 2));
    char *padding = add_old_entry(0, true);
    looks_on = true;
    assert_true(is_cached(other, 1));
    looks_on = false;
    assert_int_equal(entries_at_first_removal, 2);
    assert_false(osprey__file_exists(padding));
    free(padding);
}

/* On a full disk what was not used for longest makes room, where that is enough. */
static void test_room_on_a_full_disk(void **state)
{
    (void)state;
    const char *first = copy_model("first_on_disk"), *second = copy_model("second_on_disk");
    disk_is_full = true;
    assert_true(is_cached(first, 100));
    char *padding[2] = {add_old_entry(0, true), add_old_entry(1, true)};
    assert_true(is_cached(second, 100));
    assert_false(osprey__file_exists(padding[0]));
    assert_true(osprey__file_exists(padding[1]));
    assert_int_equal(osprey_cache_clear(NULL), OSPREY_OK);
    char *small = add_old_entry(2, false);
    assert_true(is_cached(first, 100));
    assert_true(osprey__file_exists(small));
    disk_is_full = false;
    free(padding[0]);
    free(padding[1]);
    free(small);
}

/* Uses within a second have an order; the cache's own are noted as finely. */
static void test_order_of_use(void **state)
{
    (void)state;
    static const long used_ns[] = {5, 7000000, 6, 6999999};
    static const unsigned order[] = {1, 3, 2, 0};
    char path[700];
    assert_true(is_cached(golden_model(SMALL), 100));
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    for (unsigned i = 0; i < 4; i++) {
        const struct timespec times[2] = {{100, used_ns[i]}, {100, used_ns[i]}};
        name_entry(list, i, path);
        assert_int_equal(osprey__file_write(path, "", 0, NULL), OSPREY_OK);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    char *used = strdup(list->entries[0].file);
    osprey_cache_list_free(list);
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    assert_int_equal(list->count, 5);
    assert_string_equal(list->entries[0].file, used);
    for (unsigned i = 0; i < 4; i++) {
        name_entry(list, order[i], path);
        assert_string_equal(list->entries[1 + i].file, path);
        assert_int_equal(list->entries[1 + i].used_at_ns, used_ns[order[i]]);
    }
    osprey_cache_list_free(list);
    free(used);
}

/* Engines that the user has put there count for nothing, and stay. */
static void test_what_is_not_the_caches_stays(void **state)
{
    (void)state;
    static const char *const names[] = {"mine.osprey", "-0123456789abcdef.osprey", "notes",
                                        "mine-0123456789ABCDEF0123456789ABCDEF.osprey"};
    char path[700];
    assert_true(is_cached(golden_model(SMALL), 1));
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    const uint64_t bytes = list->bytes;
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", list->directory, names[i]);
        write_padding(path);
    }
    osprey_cache_list_free(list);
    assert_true(is_cached(golden_model(SMALL), 1)); /* which holds the limit */
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    assert_int_equal(list->count, 1);
    assert_true(list->bytes == bytes);
    osprey_cache_list_free(list);
    assert_int_equal(osprey_cache_clear(NULL), OSPREY_OK);
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    assert_int_equal(list->count, 0);
    assert_int_equal(list->other_count, 3);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", list->directory, names[i]);
        assert_true(osprey__file_exists(path));
    }
    osprey_cache_list_free(list);
}

static void write_temporary(const char *path, bool stale)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, "half", 4), 4);
    if (stale) assert_int_equal(close(file), 0);
    if (!stale) assert_int_equal(flock(file, LOCK_EX), 0); /* as its writer does */
}

/* What a killed process left is no entry, and goes; what is being written stays. */
static void test_half_written_entries(void **state)
{
    (void)state;
    const char *path = golden_model(SMALL);
    char stale[700], live[700];
    assert_true(is_cached(path, 100));
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    snprintf(stale, sizeof stale, "%s.123.tmp", list->entries[0].file);
    snprintf(live, sizeof live, "%s.124.tmp", list->entries[0].file);
    char *entry = strdup(list->entries[0].file);
    osprey_cache_list_free(list);
    write_temporary(live, false);
    for (int by_clearing = 0; by_clearing < 2; by_clearing++) {
        write_temporary(stale, true);
        assert_int_equal(entries(), 1);
        if (by_clearing) assert_int_equal(osprey_cache_clear(NULL), OSPREY_OK);
        if (!by_clearing) assert_int_equal(unlink(entry), 0);
        if (!by_clearing) assert_true(is_cached(path, 100));
        assert_false(osprey__file_exists(stale));
        assert_true(osprey__file_exists(live));
    }
    assert_int_equal(entries(), 0);
    assert_true(osprey_cache_would_compile(path, NULL, OSPREY_PRECISION_FP32, 100));
    assert_true(is_cached(path, 100));
    assert_false(osprey_cache_would_compile(path, NULL, OSPREY_PRECISION_FP32, 100));
    assert_true(osprey_cache_would_compile(path, NULL, OSPREY_PRECISION_INT8, 100));
    assert_false(
        osprey_cache_would_compile(entry, NULL, OSPREY_PRECISION_FP32, 100)); /* an engine */
    free(entry);
}

/* A process of the same number, as containers have them, is not stopped by what another left. */
static void test_a_temporary_name_is_taken_over(void **state)
{
    (void)state;
    const char *path = in_directory("taken.osprey");
    char temporary[700];
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    write_temporary(temporary, true);
    compile_golden(SMALL, NULL, path);
    assert_true(osprey__file_exists(path));
    assert_false(osprey__file_exists(temporary));
}

/* The model is opened itself, and the reason told; a list that cannot be had is not empty. */
static void assert_no_place(const char *subject, osprey_status status)
{
    osprey_error uncached, error;
    osprey_model *model;
    osprey_cache_list *list;
    assert_int_equal(osprey_cache_open_model(golden_model(SMALL), NULL, OSPREY_PRECISION_FP32, 100,
                                             &model, &uncached, &error),
                     OSPREY_OK);
    assert_null(osprey_model_get_engine(model));
    osprey_model_free(model);
    assert_int_equal(uncached.status, status);
    assert_non_null(strstr(uncached.subject, subject));
    assert_int_equal(osprey_cache_read(&list, &error), status);
    assert_null(list);
    assert_non_null(strstr(error.subject, subject));
    assert_int_equal(osprey_cache_clear(&error), status);
}

static void test_no_place_for_a_cache(void **state)
{
    (void)state;
    char inside[600];
    assert_int_equal(osprey__file_write(in_directory("a_file"), "x", 1, NULL), OSPREY_OK);
    setenv("XDG_CACHE_HOME", in_directory("a_file"), 1);
    assert_no_place("/a_file", OSPREY_IO);
    snprintf(inside, sizeof inside, "%s/osprey", in_directory("looping"));
    assert_int_equal(mkdir(in_directory("looping"), 0700), 0);
    assert_int_equal(symlink(inside, inside), 0);
    setenv("XDG_CACHE_HOME", in_directory("looping"), 1);
    assert_no_place("/looping/osprey", OSPREY_IO);
    setenv("XDG_CACHE_HOME", "relative", 1);
    unsetenv("HOME");
    assert_no_place("XDG_CACHE_HOME", OSPREY_NOT_FOUND);
}

/* Permissions do not hold the superuser back. */
static void test_a_cache_that_may_not_be_read(void **state)
{
    (void)state;
    if (geteuid() == 0) skip();
    osprey_cache_list *list;
    osprey_error error;
    assert_true(is_cached(golden_model(SMALL), 100));
    assert_int_equal(osprey_cache_read(&list, NULL), OSPREY_OK);
    char *directory = strdup(list->directory);
    osprey_cache_list_free(list);
    /* Neither listed nor searched, and listed alone. */
    for (mode_t mode = 0; mode <= 0400; mode += 0400) {
        assert_int_equal(chmod(directory, mode), 0);
        assert_int_equal(osprey_cache_read(&list, &error), OSPREY_IO);
        assert_non_null(strstr(error.subject, directory));
    }
    assert_int_equal(chmod(directory, 0700), 0);
    free(directory);
}

/* What the limit keeps out is told before anything is compiled; nothing is told of an engine. */
static void test_why_there_is_no_engine(void **state)
{
    (void)state;
    const char *path = golden_model(SMALL);
    osprey_error uncached, error;
    osprey_model *model;
    for (size_t limit_mib = 0; limit_mib <= 100; limit_mib += 100) {
        assert_int_equal(osprey_cache_would_compile(path, NULL, OSPREY_PRECISION_FP32, limit_mib),
                         limit_mib > 0);
        assert_int_equal(osprey_cache_open_model(path, NULL, OSPREY_PRECISION_FP32, limit_mib,
                                                 &model, &uncached, &error),
                         OSPREY_OK);
        assert_int_equal(osprey_model_get_engine(model) != NULL, limit_mib > 0);
        osprey_model_free(model);
        assert_int_equal(uncached.status, limit_mib ? OSPREY_OK : OSPREY_LIMIT);
        if (!limit_mib) assert_non_null(strstr(uncached.message, "the cache may hold 0 MiB"));
    }
}

/* Of that file's own: what else has a similar name is another's. */
static void test_compiling_removes_what_a_killed_one_left(void **state)
{
    (void)state;
    static const char *const stale[] = {"again.osprey.123.tmp", "again.osprey.1.tmp"};
    static const char *const others[] = {
        "again.osprey.tmp",       "again.osprey..tmp",     "again.osprey.12a.tmp",
        "again.osprey.0.tmp",     "an.again.osprey.1.tmp", "again.osprey.1.tmp.1",
        "again.osprey.old.1.tmp", "other.osprey.123.tmp",
    };
    for (size_t i = 0; i < 2; i++) write_temporary(in_directory(stale[i]), true);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        write_temporary(in_directory(others[i]), true);
    write_temporary(in_directory("again.osprey.124.tmp"), false);
    compile_golden(SMALL, NULL, in_directory("again.osprey"));
    for (size_t i = 0; i < 2; i++) assert_false(osprey__file_exists(in_directory(stale[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(osprey__file_exists(in_directory(others[i])));
    assert_true(osprey__file_exists(in_directory("again.osprey.124.tmp")));
}

static void test_errors_are_those_of_the_model(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model;
    assert_int_equal(osprey_cache_open_model(in_directory("nothing"), NULL, OSPREY_PRECISION_FP32,
                                             100, &model, NULL, &error),
                     OSPREY_NOT_FOUND);
    assert_null(model);
    assert_non_null(strstr(error.subject, "nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_found_again, use_cache),
        cmocka_unit_test_setup(test_a_changed_model_is_compiled_again, use_cache),
        cmocka_unit_test_setup(test_a_model_changed_while_it_is_compiled, use_cache),
        cmocka_unit_test_setup(test_damaged_entries_are_replaced, use_cache),
        cmocka_unit_test_setup(test_what_a_run_finds_damaged_is_removed, use_cache),
        cmocka_unit_test_setup(test_what_is_no_file_makes_room, use_cache),
        cmocka_unit_test_setup(test_a_full_directory_in_an_entrys_place, use_cache),
        cmocka_unit_test_setup(test_the_limit_holds, use_cache),
        cmocka_unit_test_setup(test_room_of_others, use_cache),
        cmocka_unit_test_setup(test_room_is_made_before, use_cache),
        cmocka_unit_test_setup(test_room_on_a_full_disk, use_cache),
        cmocka_unit_test_setup(test_order_of_use, use_cache),
        cmocka_unit_test_setup(test_what_is_not_the_caches_stays, use_cache),
        cmocka_unit_test_setup(test_half_written_entries, use_cache),
        cmocka_unit_test_setup(test_a_temporary_name_is_taken_over, use_cache),
        cmocka_unit_test_setup(test_errors_are_those_of_the_model, use_cache),
        cmocka_unit_test_setup(test_why_there_is_no_engine, use_cache),
        cmocka_unit_test_setup(test_a_cache_that_may_not_be_read, use_cache),
        cmocka_unit_test_setup(test_compiling_removes_what_a_killed_one_left, use_cache),
        cmocka_unit_test_setup(test_no_place_for_a_cache, use_cache),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
