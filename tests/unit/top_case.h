/* top_case.h - answers to "stats" for the tests of podopctl top. */
#ifndef PODOP_TESTS_TOP_CASE_H
#define PODOP_TESTS_TOP_CASE_H

#include "unit.h"

#include "ctl/top/top_rates.h"

#include "podop/json_value.h"

/* Reads an answer that is written with ' instead of ". */
static inline struct top_sample top_case_sample(const char *answer, uint64_t at_ms)
{
    char *text = xstrdup(answer);
    struct top_sample sample;
    struct error err;

    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    assert_int_equal(json_check(span_of(text), &err), 0);
    top_sample_init(&sample, span_of(text), at_ms);
    free(text);
    return sample;
}

#endif
