/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are written under a temporary name, while others write the same. */
#include "cli/run_cli.h"
#include "cmocka_all.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 20000

/* Whether the folder has a file that ends so. */
static bool has_ending(const char *ending)
{
    bool found = false;
    DIR *directory = opendir(temporary_folder());
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name);
        found |=
            length > strlen(ending) && strcmp(entry->d_name + length - strlen(ending), ending) == 0;
    }
    closedir(directory);
    return found;
}

/* Who writes takes what a killed process has left of the same file away, but not what another is
 * writing: the pixels come so slowly here that it does. */
static void test_what_is_being_written_stays(void **state)
{
    (void)state;
    const char *target = temporary_path("shared"), *left = temporary_path("shared.999999999.tmp");
    char command[1024];
    size_t length, written, first = 1000;
    char *pixels = read_file(MODEL "/pixels.npy", &length);
    assert_non_null(pixels);
    snprintf(command, sizeof command, "%s embed --no-cache -m %s --pixels - --format npy -o %s",
             OSPREY_CLI, MODEL, target);
    FILE *slow = popen(command, "w");
    assert_non_null(slow);
    written = fwrite(pixels, 1, first, slow);
    assert_int_equal(written + (size_t)fflush(slow), first);
    for (size_t ms = 0; !has_ending(".tmp") && ms < PATIENCE_MS; ms++) usleep(1000);
    assert_true(has_ending(".tmp"));

    write_text(left, "half of an engine");
    cli_run run = run_cli("compile", "-m", MODEL, "-o", target);
    assert_int_equal(run.code, 0);
    cli_run_free(&run);
    assert_int_equal(access(left, F_OK), -1);
    assert_true(has_ending(".tmp"));

    assert_int_equal(fwrite(pixels + first, 1, length - first, slow), length - first);
    assert_int_equal(pclose(slow), 0);
    assert_false(has_ending(".tmp"));
    free(pixels);
    char *embeddings = read_file(target, &length);
    assert_memory_equal(embeddings, "\x93NUMPY", 6);
    free(embeddings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_being_written_stays),
    };
    return cmocka_run_group_tests(tests, NULL, remove_temporary_folder);
}
