/* idna.c - the only file that calls libidn2. */
#include "idna.h"

#include "podop/mem.h"

#include <idn2.h>

#include <stdlib.h>

enum {
    LABEL_BYTES_MAX = 63,
    /* 253 bytes of A-labels are at most 253 characters of four bytes each. */
    TEXT_BYTES_MAX = 4 * IDNA_NAME_BYTES,
};

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Returns whether label, in lower case, is allowed in a host name. Sets *all_digits when it has
 * nothing but digits. */
static bool is_label(struct span label, bool *all_digits)
{
    *all_digits = true;
    if (label.len == 0 || label.len > LABEL_BYTES_MAX || label.ptr[0] == '-' ||
        label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];

        if (!is_digit(c)) {
            *all_digits = false;
            if (!((c >= 'a' && c <= 'z') || c == '-' || c == '_'))
                return false;
        }
    }
    return true;
}

static bool is_host_name(const char *name)
{
    bool all_digits;

    for (;;) {
        size_t len = strcspn(name, ".");

        if (!is_label((struct span){name, len}, &all_digits))
            return false;
        name += len;
        if (*name == '\0')
            return !all_digits;
        name++;
    }
}

/* Copies ASCII text in lower case and without its last dot. Returns false if the result is not a
 * host name. */
static bool finish(struct span text, char domain[IDNA_NAME_BYTES])
{
    if (text.len > 0 && text.ptr[text.len - 1] == '.')
        text.len--;
    if (text.len >= IDNA_NAME_BYTES || span_has_byte(text, '\0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        domain[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    domain[text.len] = '\0';
    return is_host_name(domain);
}

static bool finish_utf8(struct span text, char domain[IDNA_NAME_BYTES])
{
    uint8_t *ascii = NULL;
    uint8_t *copy;
    bool is_good;

    if (span_has_byte(text, '\0') || !span_is_utf8(text))
        return false;
    copy = (uint8_t *)xmemdup0(text.ptr, text.len);
    is_good = idn2_lookup_u8(copy, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
              finish(span_of((char *)ascii), domain);
    idn2_free(ascii);
    free(copy);
    return is_good;
}

bool idna_of_host(struct span text, char domain[IDNA_NAME_BYTES])
{
    if (text.len > TEXT_BYTES_MAX)
        return false;
    return is_ascii(text) ? finish(text, domain) : finish_utf8(text, domain);
}

bool idna_of_key(struct span key, char domain[IDNA_NAME_BYTES])
{
    const char *at = key.len == 0 ? NULL : memrchr(key.ptr, '@', key.len);

    return idna_of_host(at == NULL ? key : span_skip(key, (size_t)(at - key.ptr) + 1), domain);
}
