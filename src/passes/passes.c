/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/passes.h"

#include "base/status.h"

osprey_status osprey__passes_run(osprey__graph *graph, osprey_error *error)
{
    static osprey__pass *const passes[] = {
#define OSPREY__PASS(function, text) function,
#include "passes/passes.def"
#undef OSPREY__PASS
    };
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
        OSPREY_TRY(passes[i](graph, error));
        OSPREY_TRY(osprey__graph_verify(graph, error));
    }
    return OSPREY_OK;
}
