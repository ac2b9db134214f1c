/* http_faults.c - how an HTTP backend answers a request, rightly or not. */
#include "http_service.h"

#include "podop/mem.h"

#include <string.h>

/* Returns what a fault makes of a write. */
static enum ledger_made fate_of(struct http_connection *c, enum http_fault fault)
{
    const bool is_made = sim_chance(&c->backend->random, 0.5);

    switch (fault) {
    case HTTP_WELL: return LEDGER_MADE;
    case HTTP_500:
    case HTTP_NOT_FOUND:
    case HTTP_TELLS_FAILURE:
    case HTTP_REFUSES_WRITE: return LEDGER_REFUSED;
    case HTTP_DRIP:
    case HTTP_LATE: return LEDGER_MADE_LATE;
    case HTTP_503:
    case HTTP_CLOSE:
    case HTTP_RESET:
    case HTTP_TRUNCATE:
    case HTTP_UNNOTIFIED:
    case HTTP_GARBAGE:
    case HTTP_LENGTH:
    case HTTP_HANG:
    case HTTP_FAULTS: break;
    }
    return is_made ? LEDGER_MADE_UNSAID : LEDGER_IGNORED;
}

static void harm(struct http_connection *c, const struct truth_key *key, enum judge_harm kind)
{
    judge_harm(c->backend->scene, key, kind);
}

static void note(const struct http_connection *c, enum judge_outcome outcome)
{
    if (!c->has_left)
        judge_outcome(&c->asked, outcome);
}

static void send_status(struct http_connection *c, const struct truth_key *key,
                        enum http_fault fault)
{
    struct http_answer_parts parts = {.type = "application/json", .body = SPAN("\"out of order\"")};

    parts.status = fault == HTTP_500   ? 500
                   : fault == HTTP_503 ? 502 + (unsigned)sim_random(&c->backend->random, 3)
                                       : 409;
    buf_clear(&c->out);
    harm(c, key, JUDGE_HARM_STATUS);
    note(c, JUDGE_STATUS_5XX);
    http_service_send(c, &parts);
    web_connection_send(c);
}

/* A proxy does not know the path, or not now. */
static void send_not_found(struct http_connection *c, const struct truth_key *key, bool is_write)
{
    const struct http_answer_parts parts = {
        .status = 404, .type = "text/html", .body = SPAN("<h1>Not Found</h1>")};
    const bool is_failure = is_write || c->asked.table->is_strict;

    buf_clear(&c->out);
    harm(c, key, is_write ? JUDGE_HARM_STATUS : JUDGE_HARM_AS_MISS);
    note(c, is_failure ? JUDGE_STATUS_5XX : JUDGE_ANSWERED);
    http_service_send(c, &parts);
    web_connection_send(c);
}

static void tell_failure(struct http_connection *c, const struct truth_key *key)
{
    const struct http_answer_parts parts = {
        .status = 200, .type = "application/json", .body = SPAN("{\"error\": \"no database\"}")};

    buf_clear(&c->out);
    harm(c, key, JUDGE_HARM_FINAL);
    note(c, JUDGE_ANSWERED);
    http_service_send(c, &parts);
    web_connection_send(c);
}

static void send_garbage(struct http_connection *c, const struct truth_key *key, bool is_write)
{
    static const char *const texts[] = {"HTTP/1.1 2oo OK\r\n\r\n", "220 mail.example ESMTP\r\n",
                                        "\x16\x03\x01\x02\r\n\r\n\r\n"};
    struct sim_random *random = &c->backend->random;
    const bool is_http = !is_write && sim_chance(random, 0.5);

    buf_clear(&c->out);
    harm(c, key, is_http ? JUDGE_HARM_FINAL : JUDGE_HARM_STATUS);
    note(c, is_http ? JUDGE_ANSWERED : JUDGE_UNANSWERED);
    if (is_http)
        buf_add(&c->out, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\": ]"));
    else
        buf_add(&c->out, span_of(texts[sim_random(random, 3)]));
    c->closes = true;
    web_connection_send(c);
}

/* Cuts the answer in out, which is right, and ends the connection. */
static void send_part(struct http_connection *c)
{
    c->out.len = 1 + (size_t)sim_random(&c->backend->random, c->out.len - 1);
    c->closes = true;
    web_connection_send(c);
}

/* Sends what looks like a whole answer and is the beginning of a longer one: it has no length, and
 * TLS ends without close_notify. */
static void send_unnotified(struct http_connection *c)
{
    static const char *const parts[] = {"1", "\"a part\"", "null", "true", "[]", "{}", ""};

    buf_clear(&c->out);
    buf_add(&c->out, SPAN("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                          "Connection: close\r\n\r\n"));
    buf_add(&c->out, span_of(parts[sim_random(&c->backend->random, ARRAY_LEN(parts))]));
    c->closes = true;
    c->cuts = true;
    web_connection_send(c);
}

/* Sends the answer in out with a Content-Length that is never reached. */
static void send_short(struct http_connection *c)
{
    buf_clear(&c->out);
    buf_add(&c->out, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n\"v\""));
    c->closes = true;
    web_connection_send(c);
}

static bool is_unanswered(enum http_fault fault)
{
    switch (fault) {
    case HTTP_CLOSE:
    case HTTP_RESET:
    case HTTP_TRUNCATE:
    case HTTP_UNNOTIFIED:
    case HTTP_LENGTH:
    case HTTP_HANG:
    case HTTP_DRIP:
    case HTTP_LATE: return true;
    case HTTP_WELL:
    case HTTP_500:
    case HTTP_503:
    case HTTP_GARBAGE: /* send_garbage() */
    case HTTP_REFUSES_WRITE:
    case HTTP_NOT_FOUND:
    case HTTP_TELLS_FAILURE:
    case HTTP_FAULTS: break;
    }
    return false;
}

/* Does what the fault says; out has the right answer. */
static void misbehave(struct http_connection *c, enum http_fault fault, const struct truth_key *key,
                      bool is_write)
{
    struct sim_random *random = &c->backend->random;

    if (is_unanswered(fault))
        note(c, JUDGE_UNANSWERED);
    switch (fault) {
    case HTTP_WELL:
        note(c, JUDGE_ANSWERED);
        if (c->backend->is_drop_felt) /* the connection may have come as podop gave it up */
            ledger_doubt(c->backend->ledger, sim_now());
        web_connection_send(c);
        return;
    case HTTP_500:
    case HTTP_503:
    case HTTP_REFUSES_WRITE: send_status(c, key, fault); return;
    case HTTP_NOT_FOUND: send_not_found(c, key, is_write); return;
    case HTTP_TELLS_FAILURE: tell_failure(c, key); return;
    case HTTP_GARBAGE: send_garbage(c, key, is_write); return;
    case HTTP_TRUNCATE:
        harm(c, key, JUDGE_HARM_CUT);
        send_part(c);
        return;
    case HTTP_UNNOTIFIED:
        harm(c, key, JUDGE_HARM_CUT);
        send_unnotified(c);
        return;
    case HTTP_LENGTH:
        harm(c, key, JUDGE_HARM_CUT);
        send_short(c);
        return;
    case HTTP_CLOSE:
    case HTTP_RESET:
        harm(c, key, JUDGE_HARM_CUT);
        web_connection_end(c, fault == HTTP_RESET);
        return;
    case HTTP_HANG: web_connection_hang(c, HTTP_HANGING, key, 0); return;
    case HTTP_DRIP: web_connection_hang(c, HTTP_DRIPPING, key, 0); return;
    case HTTP_LATE:
        web_connection_hang(c, HTTP_WAITING_LATE, key,
                            500000000 + (int64_t)sim_random(random, 8000000000));
        return;
    case HTTP_FAULTS: break;
    }
}

/* A kept connection that a server ends at the moment at which a request comes. */
static void end_kept(struct http_connection *c, const struct truth_key *key)
{
    static const char *const texts[] = {
        "", "\r\n",
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"};

    harm(c, key, JUDGE_HARM_KEPT);
    buf_add(&c->out, span_of(texts[sim_random(&c->backend->random, 3)]));
    if (c->out.len == 0) {
        web_connection_end(c, sim_chance(&c->backend->random, 0.3));
        return;
    }
    c->closes = true;
    web_connection_send(c);
}

/* A second answer right after the first. podop can know it only while it has not sent the next
 * request, so it comes in the same segment, and in the same record of TLS. */
static void add_second(struct http_connection *c)
{
    const struct sim_route *route = &c->backend->route;
    const struct tls_manner *tls = &c->backend->tls;

    if (c->has_no_length || tls->record > 0 || tls->empty > 0)
        return;
    if (route->delay_ns == 0 && route->segment == 0 && route->cut == 0 &&
        sim_chance(&c->backend->random, c->backend->manner.twice))
        buf_add(&c->out, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\"second\""));
}

/* Returns the key whose fault decides: of a commit, the first that has one. *first: the first key,
 * by which podop knows the request. */
static const struct truth_key *key_of(struct http_connection *c, struct http_request *r,
                                      enum http_fault *fault, const struct truth_key **first)
{
    struct http_changes changes;
    const struct truth_key *key = truth_add(c->backend->truth, r->key.ptr, r->key.len);
    enum ledger_kind kind;
    struct span value;

    *fault = http_backend_fault(c->backend, key);
    *first = key;
    if (r->verb != HTTP_COMMIT)
        return key;
    http_changes_init(&changes, r);
    for (size_t i = 0; http_changes_next(&changes, &kind, &value); i++) {
        key = truth_add(c->backend->truth, changes.key.ptr, changes.key.len);
        *first = i == 0 ? key : *first;
        if (*fault != HTTP_WELL) /* of all requests */
            break;
        *fault = http_backend_fault(c->backend, key);
        if (*fault != HTTP_WELL)
            break;
    }
    http_changes_deinit(&changes);
    return *fault == HTTP_WELL ? *first : key;
}

/* Whether the fault means anything for the request. A 404 to an unset is a success, and one to an
 * increment is about the key. */
static bool can_be(enum http_fault fault, const struct http_request *r)
{
    if (fault == HTTP_REFUSES_WRITE)
        return http_service_is_write(r);
    if (fault == HTTP_NOT_FOUND)
        return r->verb == HTTP_GET || r->verb == HTTP_SET;
    return fault != HTTP_TELLS_FAILURE || (r->table->has_error && r->verb != HTTP_LIST);
}

static bool has_other_host(const struct http_backend *b, struct span host)
{
    char text[100];
    const size_t len = strlen(scene_host(b->scene, text, sizeof(text)));

    return host.len < len || memcmp(host.ptr, text, len) != 0;
}

static void serve(struct http_connection *c, struct http_request *r)
{
    struct http_backend *b = c->backend;
    const bool is_write = http_service_is_write(r);
    enum http_fault fault;
    const struct truth_key *first;
    const struct truth_key *key = key_of(c, r, &fault, &first);

    if (!can_be(fault, r))
        fault = HTTP_WELL;
    if (fault == HTTP_UNNOTIFIED && c->tls == NULL)
        fault = HTTP_TRUNCATE;
    c->needs_length = fault != HTTP_WELL;
    b->figures.faults[fault]++;
    c->asked = (struct judge_request){.backend = b->scene,
                                      .table = r->table,
                                      .key = first,
                                      .is_commit = r->verb == HTTP_COMMIT,
                                      .has_other_path = r->has_other_path,
                                      .has_other_host = has_other_host(b, r->host)};
    if (fault == HTTP_WELL && !is_write && c->served > 0 &&
        sim_chance(&b->random, b->manner.idle_end)) {
        end_kept(c, key);
        return;
    }
    http_service_answer(c, r, fate_of(c, fault));
    if (fault == HTTP_WELL)
        add_second(c);
    misbehave(c, fault, key, is_write);
}

void http_serve(struct http_connection *c)
{
    struct http_request request;

    http_request_init(&request, (struct span){c->in.ptr, c->in.len});
    if (!c->has_left)
        serve(c, &request);
    else if (http_service_is_write(&request) && sim_chance(&c->backend->random, 0.5))
        http_service_answer(c, &request, LEDGER_MADE_UNSAID); /* nobody will read it */
    if (c->has_left)
        web_connection_end(c, false);
    http_request_deinit(&request);
}
