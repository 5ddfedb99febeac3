/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu/cache_sizes.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line of /sys/devices/system/cpu/cpu0/cache/indexN/name, without its end. */
static bool read_line(int index, const char *name, char *line, size_t capacity)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, name);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool read = fgets(line, (int)capacity, file) != NULL;
    fclose(file);
    if (read) line[strcspn(line, "\n")] = '\0';
    return read;
}

void osprey__cache_sizes(size_t bytes[3])
{
    char type[32], level[32], size[32];
    for (int index = 0; read_line(index, "type", type, sizeof type); index++) {
        if (strcmp(type, "Instruction") == 0 || !read_line(index, "level", level, sizeof level) ||
            !read_line(index, "size", size, sizeof size) || level[0] < '1' || level[0] > '3')
            continue;
        char *unit;
        unsigned long count = strtoul(size, &unit, 10);
        if (count > 0 && count < 1UL << 22 && strcmp(unit, "K") == 0)
            bytes[level[0] - '1'] = (size_t)count << 10;
    }
}
