/* url_settings.h - the settings of a url table, besides those of every table. */
#ifndef PODOP_TABLE_URL_URL_SETTINGS_H
#define PODOP_TABLE_URL_URL_SETTINGS_H

#include "config/config_type.h"

enum url_lookup_method { LOOKUP_GET, LOOKUP_POST };
enum url_encode { ENCODE_PATH, ENCODE_COMPONENT };
enum url_balance { BALANCE_FIRST, BALANCE_SPREAD };
enum value_form { VALUE_AUTO, VALUE_STRING };

enum auth_type { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

/* The credentials that podop sends to a backend. */
struct auth_config {
    enum auth_type type;
    char *user, *password_file; /* basic */
    char *token_file;           /* bearer */
};

/* Settings for https; NULL: none. A certificate and its key come together. */
struct tls_config {
    char *ca_file; /* instead of the system's authorities */
    char *cert_file, *key_file;
};

struct url_settings {
    uint32_t connect_timeout_ms;
    uint32_t retries;
    struct string_list headers; /* "Name: value", checked */
    struct auth_config auth;
    struct tls_config tls;
    char *unix_socket;   /* NULL: none */
    size_t max_response; /* bytes of an answer */
    char *select;        /* a JSON pointer; NULL: the whole answer */
    char *error;         /* a JSON pointer to a failure in the answer; NULL: none */
    bool strict;         /* only the service's own answers are a miss */
    enum url_lookup_method lookup;
    enum url_encode encode;
    enum url_balance balance;
    enum value_form value;
    char *commit_url;                  /* NULL: each change is a request of its own */
    struct status_set miss, temporary; /* exceptions to the rules of url_status.h */
};

static inline const struct url_settings *url_settings_of(const struct table_config *config)
{
    return config->settings;
}

extern const struct setting_group url_settings; /* of struct url_settings */

/* Functions of struct config_type. */
void url_cross_check(const struct node *table, const struct table_config *config, const char *where,
                     struct faults *faults);
void url_cross_check_defaults(const struct node *defaults, const struct table_config *config,
                              struct faults *faults);

#endif
