/* idna.c - the only file that calls libidn2. */
#include "idna.h"

#include "ascii.h"

#include "podop/mem.h"

#include <idn2.h>

#include <stdlib.h>
#include <strings.h>

enum {
    LABEL_BYTES_MAX = 63,
    /* 253 bytes of A-labels are at most 253 characters of four bytes each. */
    TEXT_BYTES_MAX = 4 * IDNA_NAME_BYTES,
};

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
    return ascii_only(text) ? finish(text, domain) : finish_utf8(text, domain);
}

bool idna_of_key(struct span key, char domain[IDNA_NAME_BYTES])
{
    const char *at = key.len == 0 ? NULL : memrchr(key.ptr, '@', key.len);

    return idna_of_host(at == NULL ? key : span_skip(key, (size_t)(at - key.ptr) + 1), domain);
}

static bool begins_label(struct span domain, size_t i)
{
    return i == 0 || domain.ptr[i - 1] == '.';
}

static bool has_a_label(struct span domain)
{
    static const char prefix[] = "xn--";

    for (size_t i = 0; i + sizeof(prefix) - 1 <= domain.len; i++) {
        if (begins_label(domain, i) && strncasecmp(domain.ptr + i, prefix, sizeof(prefix) - 1) == 0)
            return true;
    }
    return false;
}

/* Appends the U-labels of domain, a host name in A-labels. A name that does not give the same
 * A-labels again is refused: it has labels that only look like A-labels. */
static bool add_u_labels(const char *domain, struct buf *out)
{
    char again[IDNA_NAME_BYTES];
    char *text = NULL;
    bool is_good = idn2_to_unicode_8z8z(domain, &text, IDN2_NONTRANSITIONAL) == IDN2_OK &&
                   idna_of_host(span_of(text), again) && strcmp(again, domain) == 0;

    if (is_good)
        buf_add(out, span_of(text));
    idn2_free(text);
    return is_good;
}

/* Converts domain, which has no dot at its beginning. */
static bool convert(struct span domain, enum idna_labels labels, struct buf *out)
{
    char name[IDNA_NAME_BYTES];

    if (!idna_of_host(domain, name))
        return false;
    if (labels == IDNA_U_LABELS && !add_u_labels(name, out))
        return false;
    if (labels == IDNA_A_LABELS)
        buf_add(out, span_of(name));
    if (domain.ptr[domain.len - 1] == '.')
        buf_add_char(out, '.');
    return true;
}

bool idna_convert(struct span domain, enum idna_labels labels, struct buf *out)
{
    size_t dots = domain.len > 0 && domain.ptr[0] == '.';
    size_t before = out->len;

    if (ascii_only(domain) && !has_a_label(domain))
        return false;
    buf_add(out, (struct span){domain.ptr, dots});
    if (convert(span_skip(domain, dots), labels, out))
        return true;
    out->len = before;
    return false;
}
