/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu/usable_cores.h"

#include "base/memory.h"
#include "base/os/file_map.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROC_FILE_LIMIT = 1 << 16 };

static size_t affinity_cores(void)
{
    /* The kernel refuses a mask smaller than its own; 64 Ki processors are more than it has. */
    for (size_t cpus = 1024; cpus <= 65536; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (!set) return 1;
        size_t bytes = CPU_ALLOC_SIZE(cpus);
        int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (count > 0) return (size_t)count;
    }
    return 1;
}

size_t osprey__cgroup_quota_cores(const char *cpu_max)
{
    char *end;
    unsigned long long quota = strtoull(cpu_max, &end, 10);
    if (end == cpu_max) return SIZE_MAX;
    unsigned long long period = strtoull(end, NULL, 10);
    if (quota == 0 || period == 0) return SIZE_MAX;
    return quota / period + (quota % period != 0);
}

static size_t quota_cores(const char *group)
{
    char path[4096];
    int needed = snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
    if (needed < 0 || (size_t)needed >= sizeof path) return SIZE_MAX;
    char *text = NULL;
    size_t length = 0;
    if (osprey__file_read(path, PROC_FILE_LIMIT, &text, &length, NULL) != OSPREY_OK)
        return SIZE_MAX;
    size_t cores = osprey__cgroup_quota_cores(text);
    osprey__free(text);
    return cores;
}

size_t osprey__usable_cores(void)
{
    size_t cores = affinity_cores();
    char *text = NULL;
    size_t length = 0;
    if (osprey__file_read("/proc/self/cgroup", PROC_FILE_LIMIT, &text, &length, NULL) != OSPREY_OK)
        return cores;
    /* The line of version 2 is "0::/path"; each group above may have a smaller quota. */
    char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
    if (line) {
        char *group = strchr(line, '/');
        group[strcspn(group, "\n")] = '\0';
        for (;;) {
            size_t quota = quota_cores(group);
            if (quota < cores) cores = quota;
            char *last = strrchr(group, '/');
            if (!last) break;
            *last = '\0';
        }
    }
    osprey__free(text);
    return cores;
}
