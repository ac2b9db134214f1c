#include "tree.h"

#include "podop/buf.h"
#include "podop/mem.h"
#include "string_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DESCRIBED_BYTES_MAX = 60, /* of a text in a message */
    MESSAGE_BYTES_MAX = 1024,
    REPORT_BYTES_MAX = 32 * 1024, /* an origin may be a path of PATH_MAX, each byte as \xNN */
};

struct node *node_new(enum node_kind kind, const char *name, const char *origin)
{
    struct node *node = xcalloc(1, sizeof(*node));

    node->kind = kind;
    node->name = name == NULL ? NULL : xstrdup(name);
    node->origin = xstrdup(origin);
    return node;
}

struct node *node_new_string(const char *name, const char *text, const char *origin)
{
    struct node *node = node_new(NODE_STRING, name, origin);

    node->text = xstrdup(text);
    return node;
}

void node_free(struct node **pnode)
{
    struct node *node = *pnode;

    if (node == NULL)
        return;
    *pnode = NULL;
    for (size_t i = 0; i < node->count; i++)
        node_free(&node->children[i]);
    free(node->children);
    free(node->text);
    free(node->origin);
    free(node->name);
    free(node);
}

void node_add(struct node *parent, struct node *child)
{
    if ((parent->count & (parent->count - 1)) == 0) /* 0 or a power of two: double the room */
        parent->children = xreallocarray(
            parent->children, parent->count == 0 ? 1 : parent->count * 2, sizeof(struct node *));
    parent->children[parent->count++] = child;
}

void node_assign(struct node *node, struct node **value)
{
    struct node old = *node;

    *node = **value;
    node->name = old.name;
    old.name = (*value)->name;
    **value = old;
    node_free(value);
}

struct node *node_find(const struct node *group, const char *name)
{
    if (group == NULL || group->kind != NODE_GROUP)
        return NULL;
    for (size_t i = 0; i < group->count; i++) {
        if (strcmp(group->children[i]->name, name) == 0)
            return group->children[i];
    }
    return NULL;
}

const char *node_find_text(const struct node *group, const char *name)
{
    const struct node *node = node_find(group, name);

    return node == NULL || node->kind != NODE_STRING ? NULL : node->text;
}

void node_describe(const struct node *node, char *out, size_t size)
{
    switch (node->kind) {
    case NODE_GROUP: snprintf(out, size, "a group"); return;
    case NODE_LIST: snprintf(out, size, "a list"); return;
    case NODE_ARRAY: snprintf(out, size, "an array"); return;
    case NODE_INTEGER: snprintf(out, size, "%lld", node->integer); return;
    case NODE_FLOAT: snprintf(out, size, "%.15g", node->real); return;
    case NODE_BOOL: snprintf(out, size, "%s", node->integer ? "true" : "false"); return;
    case NODE_STRING: break;
    }
    snprintf(out, size, "\"%.*s%s\"", DESCRIBED_BYTES_MAX, node->text,
             strlen(node->text) > DESCRIBED_BYTES_MAX ? "..." : "");
}

static void add_printable(struct buf *out, const char *text)
{
    for (struct span rest = span_of(text); rest.len > 0;) {
        const unsigned char byte = (unsigned char)rest.ptr[0];
        size_t len = span_utf8_char(rest);
        char code[8];

        if (len > 0 && byte >= ' ' && byte != 0x7f) {
            buf_add(out, (struct span){rest.ptr, len});
        } else {
            snprintf(code, sizeof(code), "\\x%02x", byte);
            buf_add(out, span_of(code));
            len = 1;
        }
        rest = span_skip(rest, len);
    }
}

/* Writes "ORIGIN: MESSAGE" into line. The caller must call buf_deinit() on it. */
__attribute__((format(printf, 4, 0))) static void
compose(struct buf *line, const char *origin, const char *kind, const char *format, va_list args)
{
    char message[MESSAGE_BYTES_MAX];

    vsnprintf(message, sizeof(message), format, args);
    buf_init(line, REPORT_BYTES_MAX);
    add_printable(line, origin);
    if (line->len > REPORT_BYTES_MAX / 2) { /* a very long --set must leave room for the message */
        line->len = REPORT_BYTES_MAX / 2;
        line->is_over = false;
    }
    buf_add(line, span_of(kind));
    add_printable(line, message);
}

void fault_add(struct faults *faults, const char *origin, const char *format, ...)
{
    struct buf line;
    va_list args;

    faults->count++;
    if (faults->report == NULL)
        return;
    va_start(args, format);
    compose(&line, origin, ": ", format, args);
    va_end(args);
    faults->report(faults->arg, buf_string(&line));
    buf_deinit(&line);
}

void fault_warn(struct faults *faults, const char *origin, const char *format, ...)
{
    struct string_list *list = faults->warnings;
    struct buf line;
    va_list args;

    if (list == NULL)
        return;
    va_start(args, format);
    compose(&line, origin, ": warning: ", format, args);
    va_end(args);
    string_list_add(list, buf_string(&line));
    buf_deinit(&line);
}
