#include "podop/json_media_type.h"

#include <strings.h>

static bool ends_with(struct span text, struct span lower_case)
{
    return text.len >= lower_case.len &&
           strncasecmp(text.ptr + text.len - lower_case.len, lower_case.ptr, lower_case.len) == 0;
}

/* RFC 6838 section 4.2 */
static bool is_name(struct span text)
{
    static const char others[] = "!#$&-^_.+";

    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr(others, c) != NULL)))
            return false;
    }
    return text.len > 0;
}

/* Returns type without its parameters and the blanks before them. */
static struct span without_parameters(struct span type)
{
    const char *semicolon = type.len == 0 ? NULL : memchr(type.ptr, ';', type.len);

    if (semicolon != NULL)
        type.len = (size_t)(semicolon - type.ptr);
    while (type.len > 0 && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t'))
        type.len--;
    return type;
}

static bool is_json(struct span type)
{
    const struct span json = SPAN("application/json"), suffix = SPAN("+json");
    const char *slash = type.len == 0 ? NULL : memchr(type.ptr, '/', type.len);
    size_t main_len;

    if (slash == NULL)
        return false;
    if (type.len == json.len && ends_with(type, json))
        return true;
    main_len = (size_t)(slash - type.ptr);
    return ends_with(type, suffix) && is_name((struct span){type.ptr, main_len}) &&
           is_name(span_skip(type, main_len + 1)) && type.len > main_len + 1 + suffix.len;
}

bool json_media_type(struct span type)
{
    return !span_has_byte(type, ',') && is_json(without_parameters(type));
}
