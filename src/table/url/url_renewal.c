#include "url_renewal.h"

#include "table/table_type.h"

#include "podop/file_watch.h"
#include "podop/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct url_renewal {
    struct url_backends *backends; /* NULL: the table is gone, and only the job is left */
    struct url_site_plan *plan;    /* a reference; the thread reads it */
    struct watched_files *files;   /* NULL: they are not watched */
    struct list waits;             /* those that the reading under way ends */
    struct list later;             /* those that the next one ends, which sees later changes */
    bool is_reading;
    bool is_due;        /* read again after the reading under way */
    bool has_read;      /* at least once since the files were watched */
    struct error known; /* the last reason why the files could not be used; empty: none */
    /* The thread uses these while is_reading. */
    struct worker_job job;
    struct url_sites *used; /* a reference */
    struct url_access found;
    struct error failure; /* empty: found is good */
    bool is_denied;       /* podop's user may not read one of the files */
};

/* Reading, in the thread */

static bool is_denied(const char *file)
{
    return file != NULL && access(file, R_OK) == -1 && errno == EACCES;
}

static bool is_any_denied(const struct url_site_plan *plan)
{
    return is_denied(plan->auth.password_file) || is_denied(plan->auth.token_file) ||
           is_denied(plan->tls.ca_file) || is_denied(plan->tls.cert_file) ||
           is_denied(plan->tls.key_file);
}

static void run(struct worker_job *job)
{
    struct url_renewal *r = CONTAINER_OF(job, struct url_renewal, job);
    const struct url_access_known known = {.access = &r->used->access};

    r->failure = (struct error){0};
    r->is_denied = false;
    if (url_access_open(&r->found, &r->plan->auth, &r->plan->tls, &known, &r->failure) == 0)
        return;
    url_access_close(&r->found);
    r->is_denied = is_any_denied(r->plan);
}

/* What was read */

static void log_kept(const struct url_renewal *r)
{
    static const char hint[] = "; the user that podop runs as must be able to read the file";
    char reason[sizeof(r->failure.text) + sizeof(hint)];

    snprintf(reason, sizeof(reason), "%s%s", r->failure.text, r->is_denied ? hint : "");
    log_warning(r->backends->table->env.log, "credentials_kept", LOG_STR("table", r->plan->table),
                LOG_STR("reason", reason));
}

/* Logs each reason once. At the start, a warning about the configuration says already which files
 * cannot be read. */
static void keep(struct url_renewal *r)
{
    if (strcmp(r->known.text, r->failure.text) == 0 || (!r->has_read && r->is_denied))
        return;
    r->known = r->failure;
    log_kept(r);
}

static void renew(struct url_renewal *r)
{
    const struct url_site_plan *plan = r->plan;
    struct log *log = r->backends->table->env.log;

    url_access_log_exposed(&r->found, &plan->auth, &plan->tls, plan->table, log);
    if (url_backends_renew(r->backends, &r->found, &r->failure) == -1)
        keep(r);
    else
        log_info(log, "credentials_renewed", LOG_STR("table", plan->table));
}

static void take_found(struct url_renewal *r)
{
    if (r->failure.text[0] != '\0') {
        keep(r);
        return;
    }
    r->known.text[0] = '\0';
    if (!url_access_equal(&r->found, &r->backends->sites->access))
        renew(r);
    url_access_close(&r->found);
}

static void end_waits(struct url_renewal *r)
{
    struct url_renewal_wait *wait;
    struct list waits;

    list_init(&waits);
    list_move_all(&waits, &r->waits); /* each may wait again */
    while ((wait = LIST_ENTRY_OR_NULL(list_pop(&waits), struct url_renewal_wait, node)) != NULL)
        wait->ended(wait);
}

static void destroy(struct url_renewal *r)
{
    url_access_close(&r->found);
    url_site_plan_unref(&r->plan);
    free(r);
}

static void begin(struct url_renewal *r);

/* The waits may be the last requests of a retired table. */
static void on_read(struct worker_job *job)
{
    struct url_renewal *r = CONTAINER_OF(job, struct url_renewal, job);
    struct table *table;

    r->is_reading = false;
    url_sites_unref(&r->used);
    if (r->backends == NULL) {
        destroy(r);
        return;
    }
    table = table_ref(r->backends->table);
    take_found(r);
    r->has_read = true;
    end_waits(r);
    if (r->is_due && !r->is_reading)
        begin(r);
    table_unref(&table);
}

static void begin(struct url_renewal *r)
{
    struct worker *worker = file_watch_worker(r->backends->table->env.file_watch);

    r->is_reading = true;
    r->is_due = false;
    list_move_all(&r->waits, &r->later);
    r->used = url_sites_ref(r->backends->sites);
    worker_add(worker, &r->job);
}

/* Asking for it */

void url_renewal_look(struct url_renewal *r)
{
    if (r->is_reading)
        r->is_due = true;
    else
        begin(r);
}

void url_renewal_wait(struct url_renewal *r, struct url_renewal_wait *wait)
{
    list_append(&r->later, &wait->node);
    url_renewal_look(r);
}

void url_renewal_cancel(struct url_renewal_wait *wait)
{
    list_remove(&wait->node);
}

static void on_changed(void *arg)
{
    url_renewal_look(arg);
}

void url_renewal_start(struct url_renewal *r)
{
    const struct auth_config *auth = r == NULL ? NULL : &r->plan->auth;
    const struct tls_config *tls = r == NULL ? NULL : &r->plan->tls;

    if (r == NULL)
        return;
    r->has_read = false;
    r->files = file_watch_add(r->backends->table->env.file_watch,
                              (const char *const[]){auth->password_file, auth->token_file,
                                                    tls->ca_file, tls->cert_file, tls->key_file},
                              5, on_changed, r);
}

void url_renewal_stop(struct url_renewal *r)
{
    if (r != NULL)
        file_watch_remove(&r->files);
}

/* Opening and freeing */

struct url_renewal *url_renewal_new(struct url_backends *b)
{
    struct url_renewal *r;

    if (b->table->env.file_watch == NULL || !url_site_plan_has_files(b->plan))
        return NULL;
    r = xcalloc(1, sizeof(*r));
    r->backends = b;
    r->plan = url_site_plan_ref(b->plan);
    r->job = (struct worker_job){.run = run, .done = on_read};
    list_init(&r->waits);
    list_init(&r->later);
    return r;
}

void url_renewal_free(struct url_renewal **prenewal)
{
    struct url_renewal *r = *prenewal;

    if (r == NULL)
        return;
    *prenewal = NULL;
    url_renewal_stop(r);
    r->backends = NULL;
    if (!r->is_reading)
        destroy(r);
}
