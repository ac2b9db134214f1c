/* list.h - an intrusive, doubly linked list. A struct that can be in a list has a list_node as a
 * member; CONTAINER_OF() leads from the node back to the struct. Nothing is allocated, and every
 * operation but list_count() takes constant time. A list must not be moved in memory. */
#ifndef PODOP_LIST_H
#define PODOP_LIST_H

#include "podop/mem.h"

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised: in no list. */
struct list_node {
    struct list_node *next, *prev;
};

/* A ring of nodes through the one here. Needs list_init() before any other function. */
struct list {
    struct list_node ring;
};

static inline void list_init(struct list *list)
{
    list->ring.next = &list->ring;
    list->ring.prev = &list->ring;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->ring.next == &list->ring;
}

static inline bool list_has(const struct list_node *node)
{
    return node->next != NULL;
}

/* Puts node, which is in no list, before the node at. */
static inline void list_insert_before(struct list_node *at, struct list_node *node)
{
    node->next = at;
    node->prev = at->prev;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_append(struct list *list, struct list_node *node)
{
    list_insert_before(&list->ring, node);
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
    list_insert_before(list->ring.next, node);
}

/* Takes node out of the list that it is in. */
static inline void list_unlink(struct list_node *node)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a node in a list has two neighbours */
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = NULL;
    node->prev = NULL;
}

/* Takes node out of its list. Does nothing when it is in no list. */
static inline void list_remove(struct list_node *node)
{
    if (list_has(node))
        list_unlink(node);
}

/* Returns the first node, or NULL when the list is empty. */
static inline struct list_node *list_first(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->ring.next;
}

/* Returns the last node, or NULL when the list is empty. */
static inline struct list_node *list_last(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->ring.prev;
}

/* Returns the node before node, which must be in list, or NULL at the beginning. */
static inline struct list_node *list_previous(const struct list *list, const struct list_node *node)
{
    return node->prev == &list->ring ? NULL : node->prev;
}

/* Returns the node after node, which must be in list, or NULL at the end. */
static inline struct list_node *list_next(const struct list *list, const struct list_node *node)
{
    return node->next == &list->ring ? NULL : node->next;
}

/* Takes the first node out of the list and returns it, or NULL when the list is empty. */
static inline struct list_node *list_pop(struct list *list)
{
    struct list_node *node = list_first(list);

    if (node != NULL)
        list_unlink(node);
    return node;
}

/* Moves all nodes of from to the end of to. A loop that calls foreign code moves the list to a
 * local one first, so that it ends although that code may append to the original. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->ring.next->prev = to->ring.prev;
    to->ring.prev->next = from->ring.next;
    from->ring.prev->next = &to->ring;
    to->ring.prev = from->ring.prev;
    list_init(from);
}

static inline size_t list_count(const struct list *list)
{
    size_t count = 0;

    for (const struct list_node *at = list->ring.next; at != &list->ring; at = at->next)
        count++;
    return count;
}

static inline void *list_entry_at(struct list_node *node, size_t offset)
{
    return node == NULL ? NULL : (char *)node - offset;
}

/* Returns the struct of this type that has node as the member, or NULL when node is NULL. Evaluates
 * node once, so it may be a call such as list_pop(). */
#define LIST_ENTRY_OR_NULL(node, type, member)                                                     \
    ((type *)list_entry_at((node), offsetof(type, member)))

/* Walks all nodes in order. The body must not remove at; LIST_FOR_EACH_SAFE allows that. */
/* NOLINTBEGIN(bugprone-macro-parentheses): at is the name of the variable that is declared */
#define LIST_FOR_EACH(at, list)                                                                    \
    for (struct list_node *at = (list)->ring.next; at != &(list)->ring; at = at->next)
#define LIST_FOR_EACH_SAFE(at, list)                                                               \
    for (struct list_node *at = (list)->ring.next, *at##_next = at->next; at != &(list)->ring;     \
         at = at##_next, at##_next = at->next)
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
