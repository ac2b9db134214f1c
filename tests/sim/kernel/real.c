#include "real.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void real_find(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL)
        abort();
    memcpy(function, &found, sizeof(found)); /* POSIX allows this for dlsym() */
}
