/* SPDX-License-Identifier: Apache-2.0 */
#include "format/pickle.h"

#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"

#include <string.h>

#define NO_ID OSPREY__PICKLE_NO_ID

/* What a global does to the arguments that it is called with. */
typedef enum role {
    ROLE_FIRST_ARGUMENT, /* is that itself, as far as tensors are concerned */
    ROLE_TENSOR,
    ROLE_DICT,
    ROLE_STORAGE_TYPE,
    ROLE_CLASS, /* of TorchScript */
} role;

typedef struct known_global {
    const char *name;
    role role;
    osprey__dtype dtype; /* ROLE_STORAGE_TYPE */
} known_global;

static const known_global globals[] = {
    {"torch._utils _rebuild_tensor_v2", ROLE_TENSOR, 0},
    {"torch._utils _rebuild_parameter", ROLE_FIRST_ARGUMENT, 0},
    {"torch Size", ROLE_FIRST_ARGUMENT, 0},
    {"collections OrderedDict", ROLE_DICT, 0},
    {"torch FloatStorage", ROLE_STORAGE_TYPE, OSPREY__F32},
    {"torch HalfStorage", ROLE_STORAGE_TYPE, OSPREY__F16},
    {"torch BFloat16Storage", ROLE_STORAGE_TYPE, OSPREY__BF16},
    {"torch DoubleStorage", ROLE_STORAGE_TYPE, OSPREY__F64},
    {"torch CharStorage", ROLE_STORAGE_TYPE, OSPREY__I8},
    {"torch ByteStorage", ROLE_STORAGE_TYPE, OSPREY__U8},
    {"torch ShortStorage", ROLE_STORAGE_TYPE, OSPREY__I16},
    {"torch IntStorage", ROLE_STORAGE_TYPE, OSPREY__I32},
    {"torch LongStorage", ROLE_STORAGE_TYPE, OSPREY__I64},
    {"torch BoolStorage", ROLE_STORAGE_TYPE, OSPREY__BOOL},
    /* TorchScript's typed lists, and what notes the type of other containers. */
    {"torch.jit._pickle build_intlist", ROLE_FIRST_ARGUMENT, 0},
    {"torch.jit._pickle build_doublelist", ROLE_FIRST_ARGUMENT, 0},
    {"torch.jit._pickle build_boollist", ROLE_FIRST_ARGUMENT, 0},
    {"torch.jit._pickle build_tensorlist", ROLE_FIRST_ARGUMENT, 0},
    {"torch.jit._pickle restore_type_tag", ROLE_FIRST_ARGUMENT, 0},
};

static const known_global torch_script_class = {"__torch__", ROLE_CLASS, 0};

typedef struct machine {
    osprey__pickle *pickle;
    const char *file;
    osprey_error *error;
    osprey__byte_cursor cursor;
    size_t length, offset; /* of the pickle; of the opcode in hand */
    osprey__pickle_id *stack;
    size_t depth, stack_capacity;
    osprey__pickle_id *memo;
    size_t memo_capacity;
    size_t marks[OSPREY__PICKLE_MARKS_MAX]; /* depths of the stack */
    size_t mark_count;
} machine;

#define FAIL(m, status, ...) osprey__fail((m)->error, (status), (m)->file, __VA_ARGS__)

static osprey_status fail_damaged(const machine *m, const char *what)
{
    return FAIL(m, OSPREY_FORMAT, "its pickle is damaged: %s at byte %zu", what, m->offset);
}

/* Makes room for one more; the block is NULL at first. */
static osprey_status reserve(machine *m, void **block, size_t *capacity, size_t needed,
                             size_t element_bytes)
{
    if (needed <= *capacity) return OSPREY_OK;
    size_t larger = *capacity ? 2 * *capacity : 64;
    if (larger < needed) larger = needed;
    void *grown = osprey__realloc(*block, larger, element_bytes);
    if (!grown) return osprey__fail_memory(m->error, larger * element_bytes);
    *block = grown;
    *capacity = larger;
    return OSPREY_OK;
}

#define RESERVE(m, block, capacity, needed)                                                        \
    do {                                                                                           \
        void *block_ = (block);                                                                    \
        OSPREY_TRY(reserve((m), &block_, &(capacity), (needed), sizeof *(block)));                 \
        (block) = block_;                                                                          \
    } while (0)

static osprey_status push(machine *m, osprey__pickle_id id)
{
    RESERVE(m, m->stack, m->stack_capacity, m->depth + 1);
    m->stack[m->depth++] = id;
    return OSPREY_OK;
}

static osprey_status add(machine *m, osprey__pickle_value value, osprey__pickle_id *id)
{
    osprey__pickle *p = m->pickle;
    if (p->value_count == OSPREY__PICKLE_VALUES_MAX)
        return FAIL(m, OSPREY_LIMIT, "its pickle has more than %u values",
                    OSPREY__PICKLE_VALUES_MAX);
    RESERVE(m, p->values, p->value_capacity, p->value_count + 1);
    *id = (osprey__pickle_id)p->value_count;
    p->values[p->value_count++] = value;
    return OSPREY_OK;
}

static osprey_status push_new(machine *m, osprey__pickle_value value)
{
    osprey__pickle_id id = NO_ID;
    OSPREY_TRY(add(m, value, &id));
    return push(m, id);
}

static osprey_status push_number(machine *m, osprey__pickle_kind kind, int64_t number)
{
    return push_new(m, (osprey__pickle_value){.kind = kind, .number = number});
}

static osprey_status push_container(machine *m, osprey__pickle_kind kind)
{
    return push_new(m, (osprey__pickle_value){.kind = kind, .items = {NO_ID, NO_ID, 0}});
}

/* What lies above the last mark may not be reached from below it. */
static size_t available(const machine *m)
{
    return m->depth - (m->mark_count ? m->marks[m->mark_count - 1] : 0);
}

static osprey_status pop(machine *m, osprey__pickle_id *id)
{
    if (available(m) == 0) return fail_damaged(m, "an opcode without its operands");
    *id = m->stack[--m->depth];
    return OSPREY_OK;
}

static osprey_status pop_mark(machine *m, size_t *depth)
{
    if (m->mark_count == 0) return fail_damaged(m, "an opcode without a mark");
    *depth = m->marks[--m->mark_count];
    return OSPREY_OK;
}

static osprey__pickle_value *value_of(const machine *m, osprey__pickle_id id)
{
    return &m->pickle->values[id];
}

static osprey_status append(machine *m, osprey__pickle_id container, osprey__pickle_id item)
{
    osprey__pickle *p = m->pickle;
    if (p->item_count == OSPREY__PICKLE_VALUES_MAX)
        return FAIL(m, OSPREY_LIMIT, "its pickle has containers of more than %u values",
                    OSPREY__PICKLE_VALUES_MAX);
    RESERVE(m, p->items, p->item_capacity, p->item_count + 1);
    const uint32_t at = (uint32_t)p->item_count++;
    p->items[at] = (osprey__pickle_item){item, NO_ID};
    osprey__pickle_value *to = value_of(m, container);
    if (to->items.count++ == 0)
        to->items.first = at;
    else
        p->items[to->items.last].next = at;
    to->items.last = at;
    return OSPREY_OK;
}

/* Appends what lies on the stack from depth to a container of that kind, and takes it off. */
static osprey_status append_all(machine *m, osprey__pickle_id container, osprey__pickle_kind kind,
                                size_t depth)
{
    if (value_of(m, container)->kind != kind)
        return fail_damaged(m, "items for a value that cannot hold them");
    if (kind == OSPREY__PICKLE_DICT && (m->depth - depth) % 2 != 0)
        return fail_damaged(m, "a key without a value");
    for (size_t i = depth; i < m->depth; i++) OSPREY_TRY(append(m, container, m->stack[i]));
    m->depth = depth;
    return OSPREY_OK;
}

/* The last count values become a tuple. */
static osprey_status make_tuple(machine *m, size_t count)
{
    osprey__pickle_id tuple = NO_ID;
    if (available(m) < count) return fail_damaged(m, "a tuple without its items");
    OSPREY_TRY(add(m,
                   (osprey__pickle_value){.kind = OSPREY__PICKLE_TUPLE, .items = {NO_ID, NO_ID, 0}},
                   &tuple));
    OSPREY_TRY(append_all(m, tuple, OSPREY__PICKLE_TUPLE, m->depth - count));
    return push(m, tuple);
}

static osprey_status make_marked_tuple(machine *m)
{
    size_t depth = 0;
    OSPREY_TRY(pop_mark(m, &depth));
    return make_tuple(m, m->depth - depth);
}

/* Puts what was pushed since the last mark into the container below it. */
static osprey_status fill_marked(machine *m, osprey__pickle_kind kind)
{
    size_t depth = 0;
    OSPREY_TRY(pop_mark(m, &depth));
    if (available(m) == m->depth - depth) return fail_damaged(m, "items without a container");
    return append_all(m, m->stack[depth - 1], kind, depth);
}

/* The same for the last count values. */
static osprey_status fill_last(machine *m, osprey__pickle_kind kind, size_t count)
{
    if (available(m) <= count) return fail_damaged(m, "items without a container");
    const size_t depth = m->depth - count;
    return append_all(m, m->stack[depth - 1], kind, depth);
}

static osprey_status take_number(machine *m, size_t bytes, uint64_t *number)
{
    if (osprey__cursor_number(&m->cursor, bytes, false, number)) return OSPREY_OK;
    return fail_damaged(m, "it ends inside the opcode");
}

static osprey_status push_integer(machine *m, size_t bytes, bool is_signed)
{
    uint64_t number = 0;
    OSPREY_TRY(take_number(m, bytes, &number));
    const uint64_t sign = (uint64_t)1 << (8 * bytes - 1);
    if (is_signed) number = (number ^ sign) - sign;
    return push_number(m, OSPREY__PICKLE_INT, (int64_t)number);
}

static osprey_status push_long(machine *m)
{
    uint64_t bytes = 0;
    OSPREY_TRY(take_number(m, 1, &bytes));
    if (bytes == 0) return push_number(m, OSPREY__PICKLE_INT, 0);
    if (bytes <= 8) return push_integer(m, (size_t)bytes, true);
    return FAIL(m, OSPREY_UNSUPPORTED,
                "its pickle has an integer of %llu bytes at byte %zu; osprey reads up to 8",
                (unsigned long long)bytes, m->offset);
}

static osprey_status push_string(machine *m)
{
    uint64_t length = 0;
    OSPREY_TRY(take_number(m, 4, &length));
    if (length > m->cursor.remaining) return fail_damaged(m, "a string that ends behind the file");
    if (length > OSPREY__PICKLE_STRING_MAX)
        return FAIL(m, OSPREY_LIMIT,
                    "its pickle has a string of %llu bytes at byte %zu; at most %u are allowed",
                    (unsigned long long)length, m->offset, OSPREY__PICKLE_STRING_MAX);
    const char *bytes = (const char *)osprey__cursor_take(&m->cursor, (size_t)length);
    return push_new(
        m, (osprey__pickle_value){.kind = OSPREY__PICKLE_STRING, .text = {bytes, (size_t)length}});
}

/* Up to a line feed, which is passed over. */
static osprey_status take_line(machine *m, const char **line, size_t *length)
{
    const uint8_t *begin = m->cursor.at;
    const uint8_t *end = memchr(begin, '\n', m->cursor.remaining);
    if (!end) return fail_damaged(m, "a name without an end");
    *line = (const char *)begin;
    *length = (size_t)(end - begin);
    osprey__cursor_take(&m->cursor, *length + 1);
    return OSPREY_OK;
}

static bool is_global(const known_global *global, const char *module, size_t module_length,
                      const char *name, size_t name_length)
{
    return strlen(global->name) == module_length + 1 + name_length &&
           memcmp(global->name, module, module_length) == 0 && global->name[module_length] == ' ' &&
           memcmp(global->name + module_length + 1, name, name_length) == 0;
}

static osprey_status push_global(machine *m)
{
    const char *module = NULL, *name = NULL;
    size_t module_length = 0, name_length = 0;
    OSPREY_TRY(take_line(m, &module, &module_length));
    OSPREY_TRY(take_line(m, &name, &name_length));
    const known_global *found = NULL;
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (is_global(&globals[i], module, module_length, name, name_length)) found = &globals[i];
    }
    const size_t prefix = strlen(torch_script_class.name);
    if (!found && module_length >= prefix && memcmp(module, torch_script_class.name, prefix) == 0)
        found = &torch_script_class;
    if (!found)
        return FAIL(m, OSPREY_UNSUPPORTED,
                    "its pickle asks for %.*s.%.*s at byte %zu, which is no part of a tensor, and "
                    "nothing in a file is ever executed: save the model's state_dict() alone",
                    module_length > 100 ? 100 : (int)module_length, module,
                    name_length > 100 ? 100 : (int)name_length, name, m->offset);
    return push_new(m,
                    (osprey__pickle_value){
                        .kind = OSPREY__PICKLE_GLOBAL,
                        .global = {found->role, found->role == ROLE_STORAGE_TYPE, found->dtype}});
}

/* A call: kept as what it would make. */
static osprey_status reduce(machine *m)
{
    osprey__pickle_id arguments = NO_ID, function = NO_ID;
    OSPREY_TRY(pop(m, &arguments));
    OSPREY_TRY(pop(m, &function));
    const osprey__pickle_value *called = value_of(m, function), *with = value_of(m, arguments);
    if (called->kind != OSPREY__PICKLE_GLOBAL || with->kind != OSPREY__PICKLE_TUPLE)
        return fail_damaged(m, "a call of what is no function");
    switch ((role)called->global.role) {
    case ROLE_TENSOR:
        return push_new(m,
                        (osprey__pickle_value){.kind = OSPREY__PICKLE_TENSOR, .inner = arguments});
    case ROLE_DICT:
        if (with->items.count == 0) return push_container(m, OSPREY__PICKLE_DICT);
        break;
    case ROLE_FIRST_ARGUMENT:
        if (with->items.count) return push(m, m->pickle->items[with->items.first].value);
        break;
    case ROLE_STORAGE_TYPE:
    case ROLE_CLASS:
        break;
    }
    return fail_damaged(m, "a call that PyTorch does not make");
}

static osprey_status make_object(machine *m)
{
    osprey__pickle_id arguments = NO_ID, class = NO_ID;
    OSPREY_TRY(pop(m, &arguments));
    OSPREY_TRY(pop(m, &class));
    const osprey__pickle_value *of = value_of(m, class);
    if (of->kind != OSPREY__PICKLE_GLOBAL || of->global.role != ROLE_CLASS)
        return fail_damaged(m, "an object of what is no TorchScript class");
    return push_new(m, (osprey__pickle_value){.kind = OSPREY__PICKLE_OBJECT, .inner = NO_ID});
}

/* Gives an object its state. The attributes that a dict or a tensor may carry change no weight. */
static osprey_status build(machine *m)
{
    osprey__pickle_id state = NO_ID;
    OSPREY_TRY(pop(m, &state));
    if (available(m) == 0) return fail_damaged(m, "a state without an object");
    osprey__pickle_value *object = value_of(m, m->stack[m->depth - 1]);
    if (object->kind == OSPREY__PICKLE_DICT || object->kind == OSPREY__PICKLE_TENSOR)
        return OSPREY_OK;
    if (object->kind != OSPREY__PICKLE_OBJECT || object->inner != NO_ID)
        return fail_damaged(m, "a state for what has none");
    object->inner = state;
    return OSPREY_OK;
}

static osprey_status make_storage(machine *m)
{
    osprey__pickle_id tuple = NO_ID;
    OSPREY_TRY(pop(m, &tuple));
    if (value_of(m, tuple)->kind != OSPREY__PICKLE_TUPLE)
        return fail_damaged(m, "a storage without a name");
    return push_new(m, (osprey__pickle_value){.kind = OSPREY__PICKLE_STORAGE, .inner = tuple});
}

/* Names are numbered as they come, so that there are fewer of them than bytes. */
static osprey_status memo_put(machine *m, size_t bytes)
{
    uint64_t index = 0;
    OSPREY_TRY(take_number(m, bytes, &index));
    if (available(m) == 0) return fail_damaged(m, "nothing to remember");
    if (index >= m->length)
        return FAIL(m, OSPREY_LIMIT, "its pickle numbers a value %llu at byte %zu, of %zu bytes",
                    (unsigned long long)index, m->offset, m->length);
    for (size_t i = m->memo_capacity; i <= index; i = m->memo_capacity) {
        RESERVE(m, m->memo, m->memo_capacity, (size_t)index + 1);
        for (; i < m->memo_capacity; i++) m->memo[i] = NO_ID;
    }
    m->memo[index] = m->stack[m->depth - 1];
    return OSPREY_OK;
}

static osprey_status memo_get(machine *m, size_t bytes)
{
    uint64_t index = 0;
    OSPREY_TRY(take_number(m, bytes, &index));
    if (index >= m->memo_capacity || m->memo[index] == NO_ID)
        return fail_damaged(m, "a value that was never remembered");
    return push(m, m->memo[index]);
}

static osprey_status push_mark(machine *m)
{
    if (m->mark_count == OSPREY__PICKLE_MARKS_MAX)
        return FAIL(m, OSPREY_LIMIT, "its pickle opens more than %u containers at once",
                    OSPREY__PICKLE_MARKS_MAX);
    m->marks[m->mark_count++] = m->depth;
    return OSPREY_OK;
}

static osprey_status check_protocol(machine *m)
{
    uint64_t protocol = 0;
    OSPREY_TRY(take_number(m, 1, &protocol));
    if (protocol == 2) return OSPREY_OK;
    return FAIL(m, OSPREY_UNSUPPORTED,
                "its pickle is of protocol %llu; osprey reads 2, torch.save's own",
                (unsigned long long)protocol);
}

static osprey_status push_float(machine *m)
{
    uint64_t number = 0;
    OSPREY_TRY(take_number(m, 8, &number));
    return push_number(m, OSPREY__PICKLE_FLOAT, 0);
}

/* The names of Python's pickletools in the order of its list. */
static osprey_status execute(machine *m, uint8_t opcode)
{
    switch (opcode) {
    case 'J':
        return push_integer(m, 4, true); /* BININT */
    case 'K':
        return push_integer(m, 1, false); /* BININT1 */
    case 'M':
        return push_integer(m, 2, false); /* BININT2 */
    case 0x8a:
        return push_long(m); /* LONG1 */
    case 'X':
        return push_string(m); /* BINUNICODE */
    case 'N':
        return push_number(m, OSPREY__PICKLE_NONE, 0); /* NONE */
    case 0x88:
        return push_number(m, OSPREY__PICKLE_BOOL, 1); /* NEWTRUE */
    case 0x89:
        return push_number(m, OSPREY__PICKLE_BOOL, 0); /* NEWFALSE */
    case 'G':
        return push_float(m); /* BINFLOAT */
    case ']':
        return push_container(m, OSPREY__PICKLE_LIST); /* EMPTY_LIST */
    case 'a':
        return fill_last(m, OSPREY__PICKLE_LIST, 1); /* APPEND */
    case 'e':
        return fill_marked(m, OSPREY__PICKLE_LIST); /* APPENDS */
    case ')':
        return push_container(m, OSPREY__PICKLE_TUPLE); /* EMPTY_TUPLE */
    case 't':
        return make_marked_tuple(m); /* TUPLE */
    case 0x85:
        return make_tuple(m, 1); /* TUPLE1 */
    case 0x86:
        return make_tuple(m, 2); /* TUPLE2 */
    case 0x87:
        return make_tuple(m, 3); /* TUPLE3 */
    case '}':
        return push_container(m, OSPREY__PICKLE_DICT); /* EMPTY_DICT */
    case 's':
        return fill_last(m, OSPREY__PICKLE_DICT, 2); /* SETITEM */
    case 'u':
        return fill_marked(m, OSPREY__PICKLE_DICT); /* SETITEMS */
    case '(':
        return push_mark(m); /* MARK */
    case 'h':
        return memo_get(m, 1); /* BINGET */
    case 'j':
        return memo_get(m, 4); /* LONG_BINGET */
    case 'q':
        return memo_put(m, 1); /* BINPUT */
    case 'r':
        return memo_put(m, 4); /* LONG_BINPUT */
    case 'c':
        return push_global(m); /* GLOBAL */
    case 'R':
        return reduce(m); /* REDUCE */
    case 'b':
        return build(m); /* BUILD */
    case 0x81:
        return make_object(m); /* NEWOBJ */
    case 0x80:
        return check_protocol(m); /* PROTO */
    case 'Q':
        return make_storage(m); /* BINPERSID */
    default:
        return FAIL(m, OSPREY_UNSUPPORTED,
                    "its pickle has the opcode 0x%02x at byte %zu, which PyTorch does not write "
                    "for tensors",
                    opcode, m->offset);
    }
}

static osprey_status run(machine *m)
{
    for (;;) {
        m->offset = m->length - m->cursor.remaining;
        const uint8_t *opcode = osprey__cursor_take(&m->cursor, 1);
        if (!opcode) return fail_damaged(m, "no end");
        if (*opcode == '.') break; /* STOP */
        OSPREY_TRY(execute(m, *opcode));
    }
    if (m->depth != 1 || m->mark_count) return fail_damaged(m, "more or less than one value");
    m->pickle->root = m->stack[0];
    return OSPREY_OK;
}

osprey_status osprey__pickle_read(const uint8_t *bytes, size_t length, const char *file,
                                  osprey__pickle *pickle, osprey_error *error)
{
    *pickle = (osprey__pickle){0};
    if (length > OSPREY__PICKLE_BYTES_MAX)
        return osprey__fail(error, OSPREY_LIMIT, file,
                            "its pickle has %zu bytes; at most %u are allowed", length,
                            OSPREY__PICKLE_BYTES_MAX);
    machine m = {.pickle = pickle,
                 .file = file,
                 .error = error,
                 .cursor = osprey__cursor_over(bytes, length),
                 .length = length};
    osprey_status status = run(&m);
    osprey__free(m.stack);
    osprey__free(m.memo);
    if (status != OSPREY_OK) osprey__pickle_free(pickle);
    return status;
}

const osprey__pickle_value *osprey__pickle_get(const osprey__pickle *pickle,
                                               const osprey__pickle_value *value, size_t index)
{
    if (value->kind != OSPREY__PICKLE_TUPLE && value->kind != OSPREY__PICKLE_LIST &&
        value->kind != OSPREY__PICKLE_DICT)
        return NULL;
    if (index >= value->items.count) return NULL;
    uint32_t at = value->items.first;
    for (size_t i = 0; i < index; i++) at = pickle->items[at].next;
    return osprey__pickle_at(pickle, pickle->items[at].value);
}

void osprey__pickle_free(osprey__pickle *pickle)
{
    osprey__free(pickle->values);
    osprey__free(pickle->items);
    *pickle = (osprey__pickle){0};
}
