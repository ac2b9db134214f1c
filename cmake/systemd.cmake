# systemd: libsystemd for READY=1, the watchdog and socket activation; units, sysusers and tmpfiles.
# The units are installed if PODOP_SYSTEMD is ON, or if it is AUTO and libsystemd is installed.
optional_library(SYSTEMD "${PODOP_SYSTEMD}" "libsystemd>=239" src/base/systemd.c PODOP_WITH_SYSTEMD)
if(NOT SYSTEMD_FOUND)
    return()
endif()

# Returns the directory of systemd.pc if the prefix is /usr. Otherwise returns one below the prefix.
function(systemd_dir result variable fallback)
    pkg_get_variable(dir systemd ${variable})
    if(NOT dir OR NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
        set(dir ${CMAKE_INSTALL_PREFIX}/lib/${fallback})
    endif()
    set(${result} ${dir} PARENT_SCOPE)
endfunction()
systemd_dir(unit_dir systemdsystemunitdir systemd/system)
systemd_dir(sysusers_dir sysusersdir sysusers.d)
systemd_dir(tmpfiles_dir tmpfilesdir tmpfiles.d)

# etc/systemd/podop.service is for systemd 253 and later, and for the prefix /usr. Older versions do not
# have Type=notify-reload: there, the unit sends SIGHUP by ExecReload, and a reload does not wait.
file(READ etc/systemd/podop.service unit)
if(SYSTEMD_VERSION VERSION_LESS 253)
    string(REPLACE "Type=notify-reload" "Type=notify\nExecReload=/bin/kill -HUP $MAINPID" unit "${unit}")
endif()
string(REPLACE "/usr/sbin/podop" "${CMAKE_INSTALL_FULL_SBINDIR}/podop" unit "${unit}")
file(WRITE ${PROJECT_BINARY_DIR}/systemd/podop.service "${unit}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS etc/systemd/podop.service)

install(FILES ${PROJECT_BINARY_DIR}/systemd/podop.service etc/systemd/podop.socket
    DESTINATION ${unit_dir})
install(FILES etc/sysusers.d/podop.conf DESTINATION ${sysusers_dir})
install(FILES etc/tmpfiles.d/podop.conf DESTINATION ${tmpfiles_dir})
