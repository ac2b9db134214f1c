/* judge_search.c - lookups in tables with search: the forms of a key are looked up one after the
 * other. Only a miss leads to the next form; a failure is the answer, except during an outage, when
 * the cache knows of a miss that is not older than cache.stale. */
#include "forms.h"
#include "judge_state.h"

#include "../kernel/kernel.h"

#include <string.h>

/* A form alone, as if it were looked up by itself. */
static bool allows(const struct search_case *s, struct truth_key *form,
                   enum truth_protocol protocol, const char *text, size_t len)
{
    return judge_allows(s->table, (struct ledger_place){form, 0}, protocol, text, len, s->sent_ns);
}

static enum excuse_reason excuse_form(const struct search_case *s,
                                      const struct excuse_case *failure,
                                      const struct truth_key *form, bool is_stale)
{
    struct excuse_case own = *failure;

    (void)s;
    own.key = form;
    own.is_stale |= is_stale;
    return excuse(&own);
}

/* Whether the form may have failed and have been a miss before, so that the search went on. */
static bool was_miss(const struct search_case *s, struct truth_key *form)
{
    const struct excuse_case failure = {
        .table = s->table, .key = form, .from_ns = s->sent_ns, .to_ns = sim_now()};
    const int64_t age_ns = judge_age_ns(s->table, s->table->ttl_most_ns, s->sent_ns) +
                           judge_age_ns(s->table, s->table->negative_ttl_most_ns, s->sent_ns) +
                           s->table->stale_most_ns;
    const int64_t from_ns =
        s->sent_ns - age_ns > judge.started_ns ? s->sent_ns - age_ns : judge.started_ns;

    return s->table->stale_most_ns > 0 &&
           (truth_had(form, TRUTH_POSTFIX, NULL, 0, from_ns, sim_now()) ||
            truth_had_empty(form, TRUTH_POSTFIX, from_ns, sim_now()) ||
            judge_was_as_miss(s->table, form, from_ns)) &&
           excuse_form(s, &failure, form, true) != EXCUSE_NONE;
}

static bool may_be_passed(const struct search_case *s, struct truth_key *form)
{
    return allows(s, form, TRUTH_POSTFIX, NULL, 0) || was_miss(s, form);
}

/* Whether Postfix gets a miss for a text that Dovecot gets. */
static bool is_empty(const char *text, size_t len)
{
    return len == 0 || (len == 5 && memcmp(text, "false", len) == 0);
}

bool judge_search_allows(const struct search_case *s, const char *text, size_t len)
{
    struct truth_key *forms[FORMS_MAX];
    const size_t count = forms_of(s->spelled, s->rules, forms);
    const bool ends = text != NULL && (s->protocol == TRUTH_POSTFIX || !is_empty(text, len));
    bool was_there = text == NULL;

    for (size_t i = 0; i < count; i++) {
        if (text != NULL && allows(s, forms[i], s->protocol, text, len)) {
            was_there = true;
            if (ends)
                return true;
        }
        if (ends ? !may_be_passed(s, forms[i]) : !allows(s, forms[i], TRUTH_POSTFIX, NULL, 0))
            return false;
        if (text == NULL && !allows(s, forms[i], s->protocol, NULL, 0))
            return false;
    }
    return was_there && !ends;
}

/* Any form that is asked may have failed. */
enum excuse_reason judge_search_excuse(const struct search_case *s,
                                       const struct excuse_case *failure)
{
    struct truth_key *forms[FORMS_MAX];
    const size_t count = forms_of(s->spelled, s->rules, forms);
    enum excuse_reason reason = EXCUSE_NONE;

    for (size_t i = 0; i < count && reason == EXCUSE_NONE; i++) {
        reason = excuse_form(s, failure, forms[i], false);
        if (reason == EXCUSE_NONE && !may_be_passed(s, forms[i]))
            break; /* the search ended here, with a value */
    }
    return reason;
}
