/* hints.c - what a setting that does not exist probably means: the nearest name, the group that it
 * belongs in, or the setting that has another name in podop. */
#include "hints.h"

#include "schema.h"

#include "podop/mem.h"
#include "podop/suggestion.h"

#include <stdio.h>
#include <strings.h>

/* Names that other programs use, and what to do instead. */
static const char *advice_for(const char *name)
{
    static const struct {
        const char *name, *advice;
    } known_words[] = {
        {"token",
         "write the token into a file, and the path of the file as 'token_file' in 'auth'"},
        {"password",
         "write the password into a file, and the path of the file as 'password_file' in 'auth'"},
        {"secret", "write the secret into a file, and the path of the file as 'token_file' or "
                   "'password_file' in 'auth'"},
        {"api_key",
         "write the token into a file, and the path of the file as 'token_file' in 'auth'"},
        {"bearer",
         "write the token into a file, and the path of the file as 'token_file' in 'auth'"},
        {"username", "did you mean 'user' in 'auth'?"},
        {"login", "did you mean 'user' in 'auth'?"},
        {"url", "the URL is the value of 'param'"},
        {"uri", "the URL is the value of 'param'"},
        {"endpoint", "the URL is the value of 'param'"},
        {"file", "the file is the value of 'param'"},
        {"filename", "the file is the value of 'param'"},
        {"command", "the program is the value of 'param'"},
        {"exec", "the program is the value of 'param'"},
        {"hosts", "the mail hosts are the value of 'param'"},
        {"retry", "did you mean 'retries'?"},
        {"method", "did you mean 'lookup'?"},
        {"verify",
         "certificates are always verified: 'ca_file' in 'tls' names an authority of yours"},
        {"insecure",
         "certificates are always verified: 'ca_file' in 'tls' names an authority of yours"},
        {"ssl", "did you mean 'tls'?"},
        {"ca", "did you mean 'ca_file'?"},
        {"cafile", "did you mean 'ca_file'?"},
        {"cert", "did you mean 'cert_file'?"},
        {"keyfile", "did you mean 'key_file'?"},
        {"address", "did you mean 'socket'?"},
        {"bind", "did you mean 'socket'?"},
        {"path", "did you mean 'socket' of a listener, or 'param' of a table?"},
        {"port", "the port is a part of 'socket', \"HOST:PORT\""},
        {"chmod", "did you mean 'permissions'?"},
        {"umask", "did you mean 'permissions'?"},
        {"socket_mode", "did you mean 'permissions'?"},
        {"protocol", "did you mean 'mode'?"},
        {"sockets", "did you mean 'listen'?"},
        {"listeners", "did you mean 'listen'?"},
        {"maps", "did you mean 'tables'?"},
        {"log_level", "did you mean 'level' in 'log'?"},
        {"loglevel", "did you mean 'level' in 'log'?"},
        {"verbose", "did you mean 'level' in 'log'?"},
        {"debug", "did you mean 'level' in 'log'?"},
        {"pid_file", "podop stays in the foreground and writes no such file"},
        {"pidfile", "podop stays in the foreground and writes no such file"},
        {"daemonize", "podop stays in the foreground: a service manager starts it"},
        {"comment", "a comment begins with '#'"},
        {"description", "a comment begins with '#'"},
        {"include", "write @include \"FILE\" at the beginning of a line"},
    };

    for (size_t i = 0; i < ARRAY_LEN(known_words); i++) {
        if (strcasecmp(known_words[i].name, name) == 0)
            return known_words[i].advice;
    }
    return NULL;
}

/* Returns the setting of the group that is itself a group with the setting name, or NULL. */
static const struct setting *find_holder(const struct setting_group *group, const char *name)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *s = &group->settings[i];

        if (s->kind == SETTING_GROUP && schema_find(s->group, name) != NULL)
            return s;
    }
    return NULL;
}

static void offer_group(struct suggestion *suggestion, const struct setting_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        suggestion_offer(suggestion, group->settings[i].name);
}

/* The names of groups, and those of the settings in them. */
struct nearest {
    struct suggestion own, inner;
    const char *holder; /* of inner.best */
};

static void offer_inner(struct nearest *nearest, const struct setting_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        const char *before = nearest->inner.best;

        if (group->settings[i].kind == SETTING_GROUP)
            offer_group(&nearest->inner, group->settings[i].group);
        if (nearest->inner.best != before)
            nearest->holder = group->settings[i].name;
    }
}

static bool write_nearest(const struct nearest *nearest, char *out, size_t size)
{
    const struct suggestion *own = &nearest->own, *inner = &nearest->inner;

    if (own->best != NULL && inner->best != NULL && inner->distance == own->distance)
        snprintf(out, size, " (did you mean '%s', or '%s' in '%s'?)", own->best, inner->best,
                 nearest->holder);
    else if (own->best != NULL && (inner->best == NULL || own->distance < inner->distance))
        snprintf(out, size, " (did you mean '%s'?)", own->best);
    else if (inner->best != NULL)
        snprintf(out, size, " (did you mean '%s' in '%s'?)", inner->best, nearest->holder);
    return own->best != NULL || inner->best != NULL;
}

/* Writes where else in the file the setting could be. */
static bool write_place(const char *name, char *out, size_t size)
{
    const struct setting *holder = find_holder(&schema_root, name);

    if (schema_find(&schema_listen, name) != NULL)
        snprintf(out, size, " (it belongs in a group of 'listen')");
    else if (holder != NULL)
        snprintf(out, size, " (it belongs in '%s')", holder->name);
    else if (schema_find(&schema_root, name) != NULL)
        snprintf(out, size, " (it belongs outside of all brackets)");
    else if (schema_find(&schema_table, name) != NULL || find_holder(&schema_table, name) != NULL)
        snprintf(out, size, " (it belongs in a group of 'tables')");
    return out[0] != '\0';
}

/* Writes the nearest name of a setting elsewhere in the file. */
static void write_far(const char *name, char *out, size_t size)
{
    struct suggestion listen = {.word = name}, table = {.word = name};

    offer_group(&listen, &schema_listen);
    offer_group(&table, &schema_table);
    if (listen.best != NULL)
        snprintf(out, size, " (did you mean '%s' in a group of 'listen'?)", listen.best);
    else if (table.best != NULL)
        snprintf(out, size, " (did you mean '%s' in a group of 'tables'?)", table.best);
}

void hint_write(const struct setting_group *const groups[], size_t count, const char *name,
                char *out, size_t size)
{
    struct nearest nearest = {.own.word = name, .inner.word = name};
    const struct setting *holder = NULL;
    const char *advice = advice_for(name);

    out[0] = '\0';
    for (size_t i = 0; i < count && holder == NULL; i++) {
        holder = find_holder(groups[i], name);
        offer_group(&nearest.own, groups[i]);
        offer_inner(&nearest, groups[i]);
    }
    if (holder != NULL && (groups[0] != &schema_root || schema_find(&schema_listen, name) == NULL))
        snprintf(out, size, " (it belongs in '%s')", holder->name);
    else if (advice != NULL)
        snprintf(out, size, " (%s)", advice);
    else if (!write_place(name, out, size) && !write_nearest(&nearest, out, size))
        write_far(name, out, size);
}
