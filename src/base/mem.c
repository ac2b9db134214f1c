#include "podop/mem.h"

#ifdef PODOP_HAVE_MALLOC_TRIM
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *ptr)
{
    if (ptr == NULL) {
        fputs("podop: out of memory\n", stderr);
        abort();
    }
    return ptr;
}

void *xmalloc(size_t bytes)
{
    return must(malloc(bytes == 0 ? 1 : bytes));
}

void *xmalloc_aligned(size_t alignment, size_t bytes)
{
    void *ptr;

    return must(posix_memalign(&ptr, alignment, bytes) == 0 ? ptr : NULL);
}

void *xcalloc(size_t count, size_t bytes)
{
    return must(calloc(count == 0 ? 1 : count, bytes == 0 ? 1 : bytes));
}

void *xrealloc(void *ptr, size_t bytes)
{
    return must(realloc(ptr, bytes == 0 ? 1 : bytes));
}

void *xreallocarray(void *ptr, size_t count, size_t bytes)
{
    return must(reallocarray(ptr, count == 0 ? 1 : count, bytes == 0 ? 1 : bytes));
}

char *xstrdup(const char *text)
{
    return xmemdup0(text, strlen(text));
}

char *xmemdup0(const void *bytes, size_t len)
{
    char *copy = xmalloc(len + 1);

    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

void mem_trim(void)
{
#ifdef PODOP_HAVE_MALLOC_TRIM
    malloc_trim(0);
#endif
}
