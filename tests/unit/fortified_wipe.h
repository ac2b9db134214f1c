/* fortified_wipe.h - for a test that wraps explicit_bzero(): wraps the function that glibc's
 * headers call instead with _FORTIFY_SOURCE. Included by one file, after its wrapper. */
#ifndef PODOP_TESTS_UNIT_FORTIFIED_WIPE_H
#define PODOP_TESTS_UNIT_FORTIFIED_WIPE_H

#include <stddef.h>

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
void __wrap___explicit_bzero_chk(void *bytes, size_t len, size_t room);

void __wrap___explicit_bzero_chk(void *bytes, size_t len, size_t room)
{
    if (len > room)
        abort();
    __wrap_explicit_bzero(bytes, len);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#endif
