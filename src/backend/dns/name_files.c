#include "name_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines and words */

static struct span take_line(struct span *text)
{
    const char *feed = memchr(text->ptr, '\n', text->len);
    struct span line = {text->ptr, feed == NULL ? text->len : (size_t)(feed - text->ptr)};

    *text = span_skip(*text, feed == NULL ? text->len : line.len + 1);
    return line;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Takes the next word off the line. Returns an empty word at the end. */
static struct span take_word(struct span *line)
{
    struct span word;
    size_t len = 0;

    while (line->len > 0 && is_space(line->ptr[0]))
        *line = span_skip(*line, 1);
    while (len < line->len && !is_space(line->ptr[len]))
        len++;
    word = (struct span){line->ptr, len};
    *line = span_skip(*line, len);
    return word;
}

static struct span without_comment(struct span line, const char *marks)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] != '\0' && strchr(marks, line.ptr[i]) != NULL)
            line.len = i;
    }
    return line;
}

/* resolv.conf */

/* Adds a server. Accepts a port, as c-ares does and the C library does not. */
static void add_server(struct resolv_conf *to, struct span address)
{
    char text[ENDPOINT_TEXT_BYTES] = "";
    struct endpoint server;

    if (to->server_count == NAME_SERVERS_MAX || address.len == 0 || address.len >= sizeof(text))
        return;
    memcpy(text, address.ptr, address.len);
    if (endpoint_parse(text, &server))
        endpoint_print(&server, to->servers[to->server_count++]);
}

static void add_search(struct resolv_conf *to, struct span domain)
{
    while (domain.len > 0 && domain.ptr[domain.len - 1] == '.')
        domain.len--;
    if (domain.len == 0 || domain.len >= DNS_NAME_BYTES || span_has_byte(domain, '\0') ||
        to->search_count == SEARCH_DOMAINS_MAX)
        return;
    memcpy(to->search[to->search_count], domain.ptr, domain.len);
    to->search[to->search_count++][domain.len] = '\0';
}

/* Replaces the search domains, because the last "search" or "domain" line counts. */
static void read_search(struct resolv_conf *to, struct span line, bool is_list)
{
    struct span domain;

    to->search_count = 0;
    do {
        domain = take_word(&line);
        add_search(to, domain);
    } while (is_list && domain.len > 0);
}

static void read_options(struct resolv_conf *to, struct span line)
{
    struct span option;

    while ((option = take_word(&line)).len > 0) {
        unsigned n = 0;

        if (!span_starts_with(option, SPAN("ndots:")))
            continue;
        for (size_t i = strlen("ndots:"); i < option.len; i++) {
            if (option.ptr[i] < '0' || option.ptr[i] > '9')
                return;
            n = n < NDOTS_MAX ? n * 10 + (unsigned)(option.ptr[i] - '0') : n;
        }
        to->ndots = n < NDOTS_MAX ? n : NDOTS_MAX;
    }
}

void resolv_conf_parse(struct span text, const char *own_domain, struct resolv_conf *to)
{
    bool has_search = false;

    *to = (struct resolv_conf){.ndots = 1};
    while (text.len > 0) {
        struct span line = without_comment(take_line(&text), "#;");
        struct span keyword = take_word(&line);

        if (span_equal(keyword, SPAN("nameserver"))) {
            add_server(to, take_word(&line));
        } else if (span_equal(keyword, SPAN("search")) || span_equal(keyword, SPAN("domain"))) {
            read_search(to, line, keyword.ptr[0] == 's');
            has_search = true;
        } else if (span_equal(keyword, SPAN("options"))) {
            read_options(to, line);
        }
    }
    if (!has_search)
        add_search(to, span_of(own_domain));
    if (to->server_count == 0)
        add_server(to, SPAN("127.0.0.1"));
}

bool resolv_conf_read(struct resolv_conf *to)
{
    char host[DNS_NAME_BYTES] = "";
    const char *dot;
    struct buf text;
    bool was_read;
    int error;

    if (gethostname(host, sizeof(host) - 1) == -1)
        host[0] = '\0';
    dot = strchr(host, '.');
    buf_init(&text, NAME_FILE_BYTES_MAX);
    was_read = name_file_read(RESOLV_CONF_PATH, &text);
    error = errno;
    resolv_conf_parse(buf_span(&text), dot == NULL ? "" : dot + 1, to);
    buf_deinit(&text);
    errno = error;
    return was_read;
}

/* hosts */

static bool is_name(struct span word, struct span name)
{
    return word.len == name.len && strncasecmp(word.ptr, name.ptr, name.len) == 0;
}

static bool has_word(struct span line, struct span name)
{
    struct span word;

    while ((word = take_word(&line)).len > 0) {
        if (is_name(word, name))
            return true;
    }
    return false;
}

static bool has_address(const struct endpoint *list, size_t count, const struct endpoint *address)
{
    for (size_t i = 0; i < count; i++) {
        if (endpoint_is_same_address(&list[i], address))
            return true;
    }
    return false;
}

size_t hosts_find(struct span text, const char *name, struct endpoint *to, size_t max)
{
    struct span wanted = span_of(name);
    size_t count = 0;

    if (wanted.len > 1 && name[wanted.len - 1] == '.')
        wanted.len--;
    while (text.len > 0 && count < max) {
        struct span line = without_comment(take_line(&text), "#");
        struct span address = take_word(&line);

        if (address.len > 0 && has_word(line, wanted) &&
            endpoint_parse_address(address, &to[count]) && !has_address(to, count, &to[count]))
            count++;
    }
    return count;
}

/* Files */

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

bool name_file_read(const char *path, struct buf *to)
{
    enum { READ_BYTES = 16384 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = 1;

    if (fd == -1)
        return !is_shortage(errno);
    while (n > 0 && to->max - to->len > READ_BYTES) {
        n = read(fd, buf_reserve(to, READ_BYTES), READ_BYTES);
        to->len += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    return true;
}

bool name_file_has_changed(const char *path, struct name_file_state *state)
{
    const struct name_file_state before = *state;
    struct stat now;

    *state = (struct name_file_state){0};
    if (stat(path, &now) == 0)
        *state = (struct name_file_state){now.st_dev, now.st_ino, now.st_size, now.st_mtim};
    return state->device != before.device || state->inode != before.inode ||
           state->size != before.size || state->changed.tv_sec != before.changed.tv_sec ||
           state->changed.tv_nsec != before.changed.tv_nsec;
}

/* Search */

static unsigned dots_in(struct span name)
{
    unsigned dots = 0;

    for (size_t i = 0; i < name.len; i++)
        dots += name.ptr[i] == '.';
    return dots;
}

bool resolv_conf_candidate(const struct resolv_conf *conf, const char *host, size_t number,
                           char name[DNS_NAME_BYTES])
{
    struct span bare = span_of(host);
    const bool is_whole = bare.len > 0 && host[bare.len - 1] == '.';
    const bool comes_first = is_whole || dots_in(bare) >= conf->ndots;
    const char *domain = NULL;
    struct buf text;

    bare.len -= is_whole;
    if (number > (is_whole ? 0 : conf->search_count))
        return false;
    if (comes_first && number > 0)
        domain = conf->search[number - 1];
    else if (!comes_first && number < conf->search_count)
        domain = conf->search[number];
    buf_init(&text, DNS_NAME_BYTES - 1);
    buf_add(&text, bare);
    buf_add(&text, domain == NULL ? SPAN("") : SPAN("."));
    buf_add(&text, span_of(domain == NULL ? "" : domain));
    if (text.is_over)
        buf_clear(&text);
    if (text.len > 0)
        memcpy(name, text.ptr, text.len);
    name[text.len] = '\0';
    buf_deinit(&text);
    return true;
}
