# libseccomp, for the filter of system calls in the sandbox.
optional_library(SECCOMP "${PODOP_SECCOMP}" "libseccomp>=2.5" src/server/seccomp_filter.c PODOP_WITH_SECCOMP)

# Sanitizers read the program that they describe, and coverage is written beside it.
if(PODOP_SANITIZE OR CMAKE_C_FLAGS MATCHES "--coverage")
    set_source_files_properties(src/server/sandbox_files.c PROPERTIES
        COMPILE_DEFINITIONS PODOP_BUILD_DIR="${PROJECT_BINARY_DIR}")
endif()
