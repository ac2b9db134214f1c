#include "fake_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t fake_now_ns;
jmp_buf fake_broken;
const char *fake_kind;
static char text_of_fault[2000];

int64_t sim_now(void)
{
    return fake_now_ns;
}

void sim_trace(const char *format, ...)
{
    (void)format;
}

void sim_broken(const char *kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(text_of_fault, sizeof(text_of_fault), format, args);
    va_end(args);
    fake_kind = kind;
    longjmp(fake_broken, 1);
}

void fake_assert_kind(const char *kind, int line)
{
    if (kind == NULL ? fake_kind == NULL : fake_kind != NULL && strcmp(kind, fake_kind) == 0)
        return;
    fprintf(stderr, "line %d: expected '%s', got '%s': %s\n", line, kind == NULL ? "-" : kind,
            fake_kind == NULL ? "-" : fake_kind, text_of_fault);
    abort();
}
