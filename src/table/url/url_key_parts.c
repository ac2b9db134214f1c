#include "url_key_parts.h"

#include "mail/mail_address.h"
#include "table/table_type.h"

void url_key_parts_init(struct url_key_parts *parts, const struct table_key *key,
                        const char *delimiters)
{
    const struct mail_address address = mail_address_split(key->is_private ? key->user : key->key);

    parts->domain = address.domain;
    buf_init(&parts->scratch, BUF_LIMITED_BY_INPUT);
    if (mail_address_cut(address.local, delimiters, &parts->scratch, &parts->local,
                         &parts->extension))
        parts->extension = span_skip(parts->extension, 1);
}

void url_key_parts_deinit(struct url_key_parts *parts)
{
    buf_deinit(&parts->scratch);
}
