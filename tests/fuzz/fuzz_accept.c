/* The input is a header Accept, and after its first NUL a label of a metric. */
#include "fuzz.h"

#include "podop/mem.h"

#include "monitor/accept.h"
#include "monitor/exposition.h"

#include <stdlib.h>

struct snapshot {
    struct span name;
    uint64_t count;
};

/* The samples of any label are one line, in which the label's own bytes end nothing. */
static void check_label(struct span name)
{
    /* clang-format off: a table */
    static const struct counter counters[] = {
        {COUNTER_LABEL,
         NULL,
         NULL,
         NULL,
         "",
         offsetof(struct snapshot, name),
         COUNTER_ALWAYS_SHOWN,
         {NULL, "x", NULL, 0}},
        {COUNTER_GAUGE,
         NULL,
         NULL,
         NULL,
         "",
         offsetof(struct snapshot, count),
         COUNTER_ALWAYS_SHOWN,
         {"m", NULL, NULL, 0}},
    };
    /* clang-format on */
    static const struct counter_set set = {counters, ARRAY_LEN(counters)};
    static const struct metric_family family = {"m", COUNTER_GAUGE, ""};
    const struct snapshot snapshot = {name, 7};
    struct span text;
    struct buf out;
    size_t i;

    buf_init(&out, SIZE_MAX);
    exposition_add_samples(&family, &set, &snapshot, &out);
    text = buf_span(&out);
    PROMISE(span_starts_with(text, SPAN("m{x=\"")) && span_is_utf8(text));
    for (i = 5; i < text.len && text.ptr[i] != '"'; i++) {
        PROMISE(text.ptr[i] != '\n');
        i += text.ptr[i] == '\\';
    }
    PROMISE(i <= text.len && span_equal(span_skip(text, i), SPAN("\"} 7\n")));
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct span input = {(const char *)data, len};
    char *header = xmemdup0(data, len);
    const size_t header_len = strlen(header);
    const struct accept_quality is = accept_quality(header, SPAN("text/plain"), SPAN("0.0.4"));

    PROMISE(is.quality <= 1000);
    PROMISE(!is.is_named || header_len >= strlen("text/plain"));
    check_label(header_len < len ? span_skip(input, header_len + 1) : SPAN(""));
    free(header);
    return 0;
}
