#include "real.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static void find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);

    if (found == NULL)
        abort();
    memcpy(function, &found, sizeof(found)); /* POSIX allows this for dlsym() */
}

void real_find(const char *name, void *function)
{
    find(RTLD_NEXT, name, function);
}

void real_find_in_libc(const char *name, void *function)
{
    find(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), name, function);
}
