/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/passes.h"

#include "base/status.h"

osprey_status osprey__passes_run(osprey__graph *graph, const osprey__reductions *how,
                                 osprey__pass_observer *observer, void *context,
                                 osprey_error *error)
{
    static const osprey__reductions none;
    if (!how) how = &none;
    const struct {
        const char *name;
        osprey__pass *run;
        osprey__reduction *reduce; /* where run is NULL */
        bool wanted;
    } passes[] = {
#define OSPREY__PASS(name, text)              {#name, osprey__##name, NULL, true},
#define OSPREY__REDUCTION(name, member, text) {#name, NULL, osprey__##name, how->member > 0},
#include "passes/passes.def"
#undef OSPREY__PASS
#undef OSPREY__REDUCTION
    };
    if (observer) OSPREY_TRY(observer(context, "built", graph, error));
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
        if (!passes[i].wanted) continue;
        OSPREY_TRY(passes[i].run ? passes[i].run(graph, error)
                                 : passes[i].reduce(graph, how, error));
        if (observer) OSPREY_TRY(observer(context, passes[i].name, graph, error));
        OSPREY_TRY(osprey__graph_verify(graph, error));
    }
    return OSPREY_OK;
}

osprey__node *osprey__plain_writer(osprey__graph *graph, osprey__value_id value)
{
    size_t producer = osprey__graph_producer(graph, value);
    if (producer == SIZE_MAX || osprey__graph_uses(graph, value) != 1) return NULL;
    osprey__node *node = &graph->nodes[producer];
    bool is_plain = node->op == OSPREY__OP_LINEAR && node->inputs[3] == OSPREY__NO_VALUE &&
                    node->attributes.activation == OSPREY_ACTIVATION_NONE;
    return is_plain ? node : NULL;
}
