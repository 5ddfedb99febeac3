/* SPDX-License-Identifier: Apache-2.0 */
#include "test_cpu.h"

#include "base/cpu/cpu_features.h"
#include "cmocka_all.h"

#define NOT_RUN 77

int test_cpu_missing(void)
{
    osprey_error error;
    const osprey__cpu_features *features;
    if (osprey__cpu_features_get(&features, &error) == OSPREY_OK) {
        print_message("instruction set: %s\n", features->level_name);
        return 0;
    }
    print_message("not run: %s: %s\n", error.subject, error.message);
    return error.status == OSPREY_UNSUPPORTED ? NOT_RUN : 1;
}
