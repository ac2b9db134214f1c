# cpack makes a Debian package of a build that is configured for /usr (cmake --preset release
# -DCMAKE_INSTALL_PREFIX=/usr). Files that only Debian needs are in packaging/deb.
set(deb ${PROJECT_SOURCE_DIR}/packaging/deb)

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON) # /etc is not below the prefix /usr
set(CPACK_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The podop authors <authors@podop.invalid>" CACHE STRING
    "The maintainer of the package: NAME <ADDRESS>")
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/deb_stage.cmake)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/deb_check.cmake)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser) # for systems without systemd-sysusers
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postfix, dovecot-core")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"podop answers the table lookups of Postfix (socketmap) and the dict requests
of Dovecot from HTTP services that speak JSON, so that one web service can
hold the configuration of a mail system: aliases, domains, mailboxes, users
and passwords, quotas, IMAP METADATA.
.
It keeps its connections to the services open, can remember answers, and
never takes a failure for a missing key.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${deb}/conffiles ${deb}/postinst ${deb}/prerm ${deb}/postrm)

set(CPACK_PODOP_DEB ${deb})
set(CPACK_PODOP_PREFIX ${CMAKE_INSTALL_PREFIX})
include(CPack)
