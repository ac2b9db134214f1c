# What depends on the compiler, the architecture and the C library: each flag is asked for first.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckSymbolExists)

# Clang says of another architecture's flags that they are unused, and compiles all the same.
function(podop_add_flag flag)
    string(REGEX REPLACE "=/.*" "" name "${flag}")
    string(MAKE_C_IDENTIFIER "PODOP_CC_HAS${name}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
        string(REGEX REPLACE "=.*" "" option "${flag}")
        set(CMAKE_REQUIRED_FLAGS ${flag})
        check_c_source_compiles("int main(void) { return 0; }" ${known}_USED
            FAIL_REGEX "unused during compilation: '${option}")
    endif()
    if(${known}_USED)
        target_compile_options(podop_flags INTERFACE ${flag})
    endif()
endfunction()

# Times are constants of enums in milliseconds, and libev takes seconds: TICK_MS / 1000.0.
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    podop_add_flag(-Wno-enum-float-conversion)
endif()

# The same source in another folder becomes the same program, build ID included.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    foreach(map IN ITEMS ${PROJECT_BINARY_DIR}=build ${PROJECT_SOURCE_DIR}=.)
        podop_add_flag(-ffile-prefix-map=${map})
        if(PODOP_CC_HAS_ffile_prefix_map_USED) # link-time optimisation writes paths, too
            target_link_options(podop_flags INTERFACE -ffile-prefix-map=${map})
        endif()
    endforeach()
endif()

if(PODOP_HARDEN)
    # Whatever level the compiler or CFLAGS begin with. CMake leaves out an option that is there already, and so an
    # -U whose -D comes later, but not from within SHELL.
    target_compile_options(podop_flags INTERFACE -fPIE "SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
    target_link_options(podop_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
    podop_add_flag(-fstack-protector-strong)
    podop_add_flag(-fstack-clash-protection)
    podop_add_flag(-fcf-protection)         # x86
    podop_add_flag(-mbranch-protection=standard) # arm64
endif()

# GCC's link-time optimisation uses all processors where it finds make to run its jobs. Without make it
# warns at each link that they run one after the other; with one job there is nothing to warn of.
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    find_program(PODOP_MAKE make PATHS ENV PATH NO_DEFAULT_PATH) # as GCC looks for it
    mark_as_advanced(PODOP_MAKE)
    target_link_options(podop_flags INTERFACE -flto=auto
        $<$<NOT:$<BOOL:${PODOP_MAKE}>>:-flto-partition=one>)
endif()

# Two hundred tests are linked with sanitizers, for which a faster linker needs half of the time.
if(PODOP_SANITIZE)
    foreach(linker IN ITEMS lld gold)
        set(CMAKE_REQUIRED_FLAGS -fsanitize=address,undefined)
        set(CMAKE_REQUIRED_LINK_OPTIONS -fuse-ld=${linker})
        check_c_source_compiles("int main(void) { return 0; }" PODOP_HAVE_LINKER_${linker})
        unset(CMAKE_REQUIRED_FLAGS)
        unset(CMAKE_REQUIRED_LINK_OPTIONS)
        if(PODOP_HAVE_LINKER_${linker})
            target_link_options(podop_flags INTERFACE -fuse-ld=${linker})
            break()
        endif()
    endforeach()
endif()

# What glibc has and musl has not; the sources know another way or go without.
set(CMAKE_REQUIRED_DEFINITIONS -D_GNU_SOURCE)
check_symbol_exists(malloc_trim malloc.h PODOP_HAVE_MALLOC_TRIM)
check_symbol_exists(close_range unistd.h PODOP_HAVE_CLOSE_RANGE)
unset(CMAKE_REQUIRED_DEFINITIONS)
foreach(name IN ITEMS MALLOC_TRIM CLOSE_RANGE)
    if(PODOP_HAVE_${name})
        target_compile_definitions(podop_flags INTERFACE PODOP_HAVE_${name})
    endif()
endforeach()
