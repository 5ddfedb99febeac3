/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/passes.h"

#include "base/status.h"

osprey_status osprey__passes_run(osprey__graph *graph, osprey__pass_observer *observer,
                                 void *context, osprey_error *error)
{
    static const struct {
        const char *name;
        osprey__pass *run;
    } passes[] = {
#define OSPREY__PASS(name, text) {#name, osprey__##name},
#include "passes/passes.def"
#undef OSPREY__PASS
    };
    if (observer) OSPREY_TRY(observer(context, "built", graph, error));
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
        OSPREY_TRY(passes[i].run(graph, error));
        if (observer) OSPREY_TRY(observer(context, passes[i].name, graph, error));
        OSPREY_TRY(osprey__graph_verify(graph, error));
    }
    return OSPREY_OK;
}
