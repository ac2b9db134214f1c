/* mem.h - memory that is always there: these never return NULL, a starving machine aborts.
 * What a peer asks for is held to a limit before it gets here. free() gives all of it back. */
#ifndef PODOP_MEM_H
#define PODOP_MEM_H

#include <stddef.h>

void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t bytes); /* zeroed */
void *xrealloc(void *ptr, size_t bytes);
void *xreallocarray(void *ptr, size_t count, size_t bytes);
char *xstrdup(const char *text);
char *xmemdup0(const void *bytes, size_t len); /* a copy with a NUL behind it */

/* Gives memory that free() kept back to the system, where the C library has a way to. */
void mem_trim(void);

/* The struct that holds member, given a pointer to that member. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
