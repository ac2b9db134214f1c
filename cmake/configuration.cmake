# Run by "cmake --install": a first configuration, only where there is none. What somebody has
# edited, or removed from beside it, stays as it is. SYSCONFDIR and SOURCES are set by who includes this.
if(EXISTS "$ENV{DESTDIR}${SYSCONFDIR}/podop.conf")
    message(STATUS "Kept as it is: $ENV{DESTDIR}${SYSCONFDIR}/podop.conf")
    return()
endif()
file(INSTALL DESTINATION "${SYSCONFDIR}" TYPE FILE FILES "${SOURCES}/podop.conf")
file(INSTALL DESTINATION "${SYSCONFDIR}/podop" TYPE FILE FILES "${SOURCES}/local.json")
