# Run by cpack after it has installed into its own directory and before it packs that: adds what Debian
# requires in /usr/share and "cmake --install" does not do.
set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
set(doc ${share}/doc/podop)

file(STRINGS ${CPACK_PODOP_DEB}/changelog first LIMIT_COUNT 1)
set(version ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
if(NOT first MATCHES "^podop \\(${version}\\) ")
    message(FATAL_ERROR "packaging/deb/changelog does not begin with version ${version}: ${first}")
endif()

file(COPY ${CPACK_PODOP_DEB}/copyright DESTINATION ${doc})
configure_file(${CPACK_PODOP_DEB}/changelog ${doc}/changelog.Debian COPYONLY)
file(COPY ${CPACK_PODOP_DEB}/lintian-overrides DESTINATION ${share}/lintian/overrides)
file(RENAME ${share}/lintian/overrides/lintian-overrides ${share}/lintian/overrides/podop)
file(CHMOD ${doc}/copyright ${doc}/changelog.Debian ${share}/lintian/overrides/podop
    PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ) # whatever the permissions of the sources are
file(REMOVE ${doc}/LICENSE) # copyright contains it
file(GLOB_RECURSE to_compress ${share}/man/*.[0-9] ${doc}/changelog.Debian)
execute_process(COMMAND gzip -9nf ${to_compress} COMMAND_ERROR_IS_FATAL ANY)

file(GLOB_RECURSE staged LIST_DIRECTORIES ON ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*)
foreach(path ${staged}) # whatever the umask is
    if(IS_DIRECTORY ${path})
        file(CHMOD ${path} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
            GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    endif()
endforeach()
