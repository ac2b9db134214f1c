#include "podop/encoding.h"

struct span encoding_skip_mark(struct span text)
{
    return span_starts_with(text, SPAN("\xef\xbb\xbf")) ? span_skip(text, 3) : text;
}

const char *encoding_foreign(struct span text)
{
    const char *p = text.ptr;

    if (text.len >= 4 && (memcmp(p, "\xff\xfe\0\0", 4) == 0 || memcmp(p, "\0\0\xfe\xff", 4) == 0 ||
                          (p[0] != '\0' && p[1] == '\0' && p[2] == '\0' && p[3] == '\0') ||
                          (p[0] == '\0' && p[1] == '\0' && p[2] == '\0' && p[3] != '\0')))
        return "UTF-32";
    if (text.len >= 2 && (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0))
        return "UTF-16";
    if (text.len >= 4 && ((p[0] != '\0' && p[1] == '\0' && p[2] != '\0' && p[3] == '\0') ||
                          (p[0] == '\0' && p[1] != '\0' && p[2] == '\0' && p[3] != '\0')))
        return "UTF-16";
    return NULL;
}
