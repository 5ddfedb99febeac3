/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intermediate representation: a tower as a list of nodes in the order in which they run.
 *
 * Values are numbered; a node computes one value from others. Activations are channels-last. The
 * leading extent of a value is symbolic: one slice a sequence (an image or a text), or one a token
 * (texts are packed one after the other without padding). A graph is built by src/model, rewritten
 * by src/passes and read by src/plan; one thread at a time.
 */
#ifndef OSPREY_GRAPH_GRAPH_H
#define OSPREY_GRAPH_GRAPH_H

#include "base/dtype.h"

#include <osprey/error.h>
#include <osprey/model.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t osprey__value_id;
#define OSPREY__NO_VALUE UINT32_MAX

#define OSPREY__MAX_DIMS   4
#define OSPREY__MAX_INPUTS 6

typedef enum osprey__extent {
    OSPREY__ONCE,         /* constants */
    OSPREY__PER_SEQUENCE, /* dims, for each image or text */
    OSPREY__PER_TOKEN,    /* dims, for each token of all texts */
} osprey__extent;

typedef struct osprey__shape {
    osprey__extent extent;
    size_t rank; /* of dims; the symbolic extent is not counted */
    size_t dims[OSPREY__MAX_DIMS];
} osprey__shape;

typedef enum osprey__value_kind {
    OSPREY__INPUT,
    OSPREY__CONSTANT,
    OSPREY__COMPUTED,
} osprey__value_kind;

typedef struct osprey__value {
    char *name; /* the tensor's, for constants; else the node's */
    osprey__value_kind kind;
    osprey__dtype dtype;
    osprey__shape shape;
    const void *data; /* constants: row-major */
    void *owned;      /* data, where the graph owns it (freed with osprey__aligned_free); or NULL */
} osprey__value;

/* Name in dumps, inputs (optional ones in brackets), what it computes. */
#define OSPREY__OP_MAP(X)                                                                          \
    X(LINEAR, "linear")             /* x, weight [out][in], [bias], [residual]; in `groups` each   \
                                       share of the outputs is made of its share of x */           \
    X(CONV2D, "conv2d")             /* x, weight [out][in][ky][kx], [bias], [residual] */          \
    X(DEPTHWISE, "depthwise")       /* x [h][w][c], filter [m][ky][kx][c], bias [m * c]: channel   \
                                       i * m + j of the result is that of x's channel i and the    \
                                       filters, and biases, [j] */                                 \
    X(BATCH_NORM, "batch_norm")     /* x, scale, shift, mean, variance */                          \
    X(LAYER_NORM, "layer_norm")     /* x, [scale], [shift] */                                      \
    X(ATTENTION, "attention")       /* q, k, v: [rows][heads * head_dim], or `columns` of wider;   \
                                       q may be a constant, the same queries for every sequence;   \
                                       [sizes]: how many tokens each of k's rows stands for;       \
                                       [turns] [rows of k][head_dim]: cosine and sine of the       \
                                       angle by which each pair of a head's elements is turned,    \
                                       in k, and in q, whose rows are the first; [grid]: an input  \
                                       of the graph, which begins with two numbers: k has as many  \
                                       rows as their product, and padding behind them */           \
    X(ACTIVATION, "activation")     /* x */                                                        \
    X(ADD, "add")                   /* x, y of the same dims; y may be a constant */               \
    X(MULTIPLY, "multiply")         /* x, y of the same dims */                                    \
    X(AVERAGE_POOL, "average_pool") /* x [h][w][c]: windows of `size`, `stride` apart, of which    \
                                       what lies outside x does not count */                       \
    X(MAX_POOL, "max_pool")         /* the same */                                                 \
    X(GROUP_NORM, "group_norm")     /* x [h][w][c], scale, shift, [residual] */                    \
    X(GATE, "gate")                 /* x [h][w][c], y of c elements, for each sequence: x *        \
                                       sigmoid(y) */                                               \
    X(MEAN, "mean")                 /* x [rows][c] -> [1][c]; of tokens: [c] of each -> [c] */     \
    X(CONCAT, "concat")             /* x [m][c], y [n][c] -> [m + n][c]; either may be constant */ \
    X(SLICE, "slice")               /* x [rows][c] -> [count][c], from row `start` */              \
    X(GATHER, "gather")             /* table, index: a row of the table for each index */          \
    X(RESHAPE, "reshape")           /* x, to other dims of as many elements */                     \
    X(TRANSPOSE, "transpose")       /* x [m][n], [residual] -> [n][m], residual added */           \
    X(GRID_POSITIONS,                                                                              \
      "grid_positions")           /* table [size * size][c], grid as of an attention: the table    \
                                     resized to the grid's rows and columns -> [count][c], of      \
                                     which the first is repeated behind the others */              \
    X(TOKEN_MATCH, "token_match") /* k as of an attention: which `count` rows merge into which */  \
    X(TOKEN_MERGE, "token_merge") /* x [rows][c], match, [sizes] -> [rows - count][c], averaged */ \
    X(TOKEN_SIZES, "token_sizes") /* match, [sizes] -> [rows - count][1], summed */

typedef enum osprey__op {
#define OSPREY__OP_ENUM(name, text) OSPREY__OP_##name,
    OSPREY__OP_MAP(OSPREY__OP_ENUM)
#undef OSPREY__OP_ENUM
} osprey__op;

/* Those that an op does not have are 0. */
typedef struct osprey__attributes {
    osprey_activation activation;  /* linear, conv2d, depthwise, group_norm, gate: comes last */
    bool transposed;               /* linear: the weight is stored as [in][out] */
    float epsilon;                 /* batch_norm, layer_norm, group_norm */
    size_t heads, head_dim;        /* attention, token_match */
    size_t columns[3];             /* attention: where q, k and v begin in a row of their input;
                                      token_match: k in the first */
    float scale;                   /* attention: of q . k */
    bool causal;                   /* attention: tokens of a text see those before them; one query
                                      a text is its last, which sees all */
    size_t stride;                 /* conv2d, depthwise, max_pool; average_pool: 0 is `size` */
    size_t padding, padding_after; /* the same: rows above and columns left, rows below and right */
    size_t groups;                 /* group_norm: of channels that have mean and variance together;
                                      linear: 0 or 1 is all, else the weight is [groups * out][in],
                                      transposed [groups * in][out] */
    bool planar;                   /* conv2d: x is [c][h][w] */
    size_t size;                   /* average_pool, max_pool, grid_positions */
    size_t start, count;           /* slice; token_match, grid_positions: count */
    osprey__shape shape;           /* reshape */
    osprey_precision precision;    /* linear, conv2d: set after the passes */
    float input_range;             /* linear, conv2d: calibrated largest magnitude of x; 0: none */
} osprey__attributes;

/* How far apart windows are. */
static inline size_t osprey__pool_stride(const osprey__attributes *pool)
{
    return pool->stride ? pool->stride : pool->size;
}

typedef struct osprey__node {
    osprey__op op;
    osprey__value_id inputs[OSPREY__MAX_INPUTS]; /* OSPREY__NO_VALUE for an absent optional one */
    osprey__value_id output;
    osprey__attributes attributes;
} osprey__node;

typedef struct osprey__graph {
    const char *name;
    osprey__value *values;
    size_t value_count, value_capacity;
    osprey__node *nodes;
    size_t node_count, node_capacity;
    osprey__value_id output;
    /* The first failure while building: later calls do nothing, and osprey__graph_finish tells. */
    osprey_error failure;
} osprey__graph;

/* name: static storage. The caller frees with osprey__graph_free. */
osprey_status osprey__graph_create(const char *name, osprey__graph **graph, osprey_error *error);

/* Takes NULL. */
void osprey__graph_free(osprey__graph *graph);

/*
 * Building. Each call returns the new value, or OSPREY__NO_VALUE after a failure, which the graph
 * keeps; so a builder can be written without a check after each line.
 */
osprey__value_id osprey__graph_input(osprey__graph *graph, const char *name, osprey__dtype dtype,
                                     osprey__shape shape);

/* data is not copied and has to outlive the graph. name is copied. */
osprey__value_id osprey__graph_constant(osprey__graph *graph, const char *name, osprey__dtype dtype,
                                        size_t rank, const size_t *dims, const void *data);

/* A constant that the graph owns, for a pass to fill through *data, which is not zeroed. */
osprey__value_id osprey__graph_new_constant(osprey__graph *graph, const char *name, size_t rank,
                                            const size_t *dims, float **data);

/* name is copied. attributes may be NULL. Infers and checks the output's shape. */
osprey__value_id osprey__graph_node(osprey__graph *graph, osprey__op op, const char *name,
                                    const osprey__value_id *inputs, size_t input_count,
                                    const osprey__attributes *attributes);

/* Records a failure that the builder itself found, unless there is one. */
void osprey__graph_fail(osprey__graph *graph, const osprey_error *error);

/* The failure that the graph keeps, if there is one. */
osprey_status osprey__graph_status(const osprey__graph *graph, osprey_error *error);

/* Sets the output and verifies the whole. */
osprey_status osprey__graph_finish(osprey__graph *graph, osprey__value_id output,
                                   osprey_error *error);

/* The shape that the node's output must have; OSPREY_INVALID_ARGUMENT says what does not fit. */
osprey_status osprey__graph_infer_shape(const osprey__graph *graph, const osprey__node *node,
                                        osprey__shape *shape, osprey_error *error);

/*
 * Checks that nodes use only what was computed before, that every value is computed once, that
 * shapes are what inference says, and that the output exists. Run between passes.
 */
osprey_status osprey__graph_verify(const osprey__graph *graph, osprey_error *error);

/* The graph as text, a line a node; *text is NUL-terminated, freed with osprey__free. */
osprey_status osprey__graph_dump(const osprey__graph *graph, char **text, osprey_error *error);

const char *osprey__op_name(osprey__op op);

/* The groups of a linear, at least 1. */
static inline size_t osprey__linear_groups(const osprey__node *node)
{
    return node->attributes.groups ? node->attributes.groups : 1;
}

/* Elements of one slice of the leading extent. */
size_t osprey__shape_elements(const osprey__shape *shape);
bool osprey__shape_equal(const osprey__shape *a, const osprey__shape *b);

/* How many inputs of all nodes, and the output, refer to value. */
size_t osprey__graph_uses(const osprey__graph *graph, osprey__value_id value);

/* The index of the node that computes value; SIZE_MAX for inputs and constants. */
size_t osprey__graph_producer(const osprey__graph *graph, osprey__value_id value);

/* Takes the node at index out of the list. */
void osprey__graph_remove_node(osprey__graph *graph, size_t index);

/* Moves the node at `from` to a place `to` before it. */
void osprey__graph_move_node(osprey__graph *graph, size_t from, size_t to);

/* Takes the nodes of which remove[index] is true out of the list. */
void osprey__graph_remove_nodes(osprey__graph *graph, const bool *remove);

/* A constant's elements as a new block of floats (freed with osprey__free), or NULL. */
float *osprey__graph_constant_f32(const osprey__value *value);

/*
 * The floats of the constant *id, of which the caller holds one use, for a pass to change: its own
 * where the graph owns them and there is no other use, else those of a copy, which *id then names.
 * NULL after a failure, which the graph keeps.
 */
float *osprey__graph_edit_constant(osprey__graph *graph, osprey__value_id *id);

/* The same for the bias of a linear or conv2d: zeros where it had none. */
float *osprey__graph_edit_bias(osprey__graph *graph, osprey__node *node);

/* Frees a constant's elements, where the graph owns them: nothing may read them any more. */
void osprey__graph_release(osprey__graph *graph, osprey__value_id id);

/* The same, unless a node uses the constant. */
void osprey__graph_release_unused(osprey__graph *graph, osprey__value_id id);

#endif
