/* instrumented.h - what builds for tests need that the sandbox would forbid: AddressSanitizer
 * traces its own process to find leaks, and coverage is written into the build directory. */
#ifndef PODOP_SERVER_INSTRUMENTED_H
#define PODOP_SERVER_INSTRUMENTED_H

#include <stdbool.h>
#include <stddef.h>

static inline bool instrumented_traces_itself(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return true;
#else
    return false;
#endif
#else
    return false;
#endif
}

/* Returns the directory that an instrumented program reads and writes, or NULL in other builds. */
static inline const char *instrumented_directory(void)
{
#ifdef PODOP_BUILD_DIR /* CMake defines it for such builds */
    return PODOP_BUILD_DIR;
#else
    return NULL;
#endif
}

#endif
