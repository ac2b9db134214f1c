# Run by "cmake --install": installs a first configuration if there is none. An existing one stays
# unchanged, and no file is added to it. The including script sets SYSCONFDIR and SOURCES.
if(EXISTS "$ENV{DESTDIR}${SYSCONFDIR}/podop.conf")
    message(STATUS "Kept unchanged: $ENV{DESTDIR}${SYSCONFDIR}/podop.conf")
    return()
endif()
file(INSTALL DESTINATION "${SYSCONFDIR}" TYPE FILE FILES "${SOURCES}/podop.conf")
file(INSTALL DESTINATION "${SYSCONFDIR}/podop" TYPE FILE FILES "${SOURCES}/local.json")
