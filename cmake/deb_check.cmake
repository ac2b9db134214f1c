# Run by cpack before it does anything.
if(CPACK_GENERATOR STREQUAL "DEB" AND NOT CPACK_PODOP_PREFIX STREQUAL "/usr")
    message(FATAL_ERROR "a Debian package is made of a build for /usr, and this one is for "
        "${CPACK_PODOP_PREFIX}: run cmake with -DCMAKE_INSTALL_PREFIX=/usr first")
endif()
