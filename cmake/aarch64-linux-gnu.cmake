# A cross build for arm64 on a Debian with "dpkg --add-architecture arm64", gcc-aarch64-linux-gnu and the libraries
# of that architecture, such as libev-dev:arm64: cmake --preset release -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# Programs run here; .pc files and libraries are those of the other architecture.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
find_program(PKG_CONFIG_EXECUTABLE NAMES aarch64-linux-gnu-pkg-config REQUIRED)

# Where it is installed, tests run by it without a setting of the kernel.
find_program(PODOP_EMULATOR NAMES qemu-aarch64-static qemu-aarch64)
if(PODOP_EMULATOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${PODOP_EMULATOR})
endif()
