# The status page of src/monitor/page, as a C source.
set(page ${PROJECT_SOURCE_DIR}/src/monitor/page)
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/status_page_text.c
    COMMAND ${CMAKE_COMMAND} -D DIRECTORY=${page} -D OUTPUT=${PROJECT_BINARY_DIR}/status_page_text.c
        -P ${PROJECT_SOURCE_DIR}/cmake/embed_page.cmake
    DEPENDS ${page}/page.html ${page}/page.css ${page}/page.js ${PROJECT_SOURCE_DIR}/cmake/embed_page.cmake
    VERBATIM)
target_sources(podop_core PRIVATE ${PROJECT_BINARY_DIR}/status_page_text.c)
