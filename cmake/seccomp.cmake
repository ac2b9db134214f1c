# libseccomp, for the filter of system calls in the sandbox.
string(TOUPPER "${PODOP_SECCOMP}" wanted)
if(wanted STREQUAL "AUTO")
    pkg_check_modules(SECCOMP IMPORTED_TARGET libseccomp>=2.5)
elseif(wanted)
    pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5)
endif()
if(wanted AND SECCOMP_FOUND)
    set_source_files_properties(src/server/seccomp_filter.c PROPERTIES COMPILE_DEFINITIONS PODOP_WITH_SECCOMP)
    target_link_libraries(podop_core PRIVATE PkgConfig::SECCOMP)
else()
    message(STATUS "podop is built without libseccomp")
endif()

# Sanitizers read the program that they describe, and coverage is written beside it.
if(PODOP_SANITIZE OR CMAKE_C_FLAGS MATCHES "--coverage")
    set_source_files_properties(src/server/sandbox_files.c PROPERTIES
        COMPILE_DEFINITIONS PODOP_BUILD_DIR="${PROJECT_BINARY_DIR}")
endif()
