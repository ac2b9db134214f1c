# libmicrohttpd, for the listener of metrics and health checks.
optional_library(MICROHTTPD "${PODOP_HTTP}" "libmicrohttpd>=0.9.75" src/monitor/web_server.c PODOP_WITH_HTTP)
