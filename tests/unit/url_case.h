/* url_case.h - shared by the tests of url tables: a loop, an HTTP client, a backend on the same
 * loop, and tables that are opened as in podop, so that only the backend is fake. */
#ifndef PODOP_TESTS_URL_CASE_H
#define PODOP_TESTS_URL_CASE_H

#include "unit.h"

#include "fake_backend.h"

#include "table/url/url_base.h"
#include "table/url/url_settings.h"

#include "podop/http.h"
#include "podop/table.h"
#include "podop/transaction.h"

#include <ev.h>

enum { URL_CASE_TIMEOUT_MS = 10 * 60 * 1000, URL_CASE_URLS_MAX = 4 };

struct url_case {
    struct ev_loop *loop;
    struct http *http;
    struct backend backend;
    struct commits commits;
    struct log log; /* errors only */
};

/* Runs the loop until the condition is true. If it never is, the test's time limit ends the
 * program.
 */
#define URL_CASE_WAIT(c, condition)                                                                \
    do {                                                                                           \
        for (int flags = EVRUN_NOWAIT; !(condition); flags = EVRUN_ONCE)                           \
            ev_run((c)->loop, flags);                                                              \
    } while (0)

int url_case_setup(void **state); /* *state is a struct url_case */
/* The same, with a backend that answers as script says. */
int url_case_setup_script(void **state, const struct backend_script *script, size_t count);
int url_case_teardown(void **state);

/* Opens a table with these URLs, up to the first NULL. "BACKEND" at the beginning of a URL stands
 * for the address of the backend. Settings that are zero get a value that does not matter. */
struct url_table *url_case_open(struct url_case *c, const struct url_settings *settings,
                                const char *const urls[URL_CASE_URLS_MAX]);
/* The same with BACKEND/§ alone. */
struct url_table *url_case_open_plain(struct url_case *c);
void url_case_close(struct url_table *t);

/* Fail, and print text, unless part is or is not in it. text may be the notes of an explanation. */
void url_case_assert_has(const struct buf *text, const char *part);
void url_case_assert_lacks(const struct buf *text, const char *part);

#endif
