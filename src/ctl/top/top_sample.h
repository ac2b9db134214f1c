/* top_sample.h - what one answer to "stats" says, as numbers that can be compared with those of
 * another answer. Private to podopctl. */
#ifndef PODOP_CTL_TOP_TOP_SAMPLE_H
#define PODOP_CTL_TOP_TOP_SAMPLE_H

#include "podop/span.h"

#include <stdint.h>

/* What only grows, until podop restarts or the table is replaced. */
enum top_counter {
    TOP_LOOKUPS,
    TOP_FOUND,
    TOP_MISS,
    TOP_FAILED, /* temporary and permanent failures, and timeouts */
    TOP_FRESH,
    TOP_STALE,
    TOP_ABSENT,
    TOP_JOINED,
    TOP_LOST, /* pending writes that were given up */
    TOP_COUNTERS
};

enum { TOP_BUCKETS_MAX = 32 };

/* How many lookups took at most how long. A bound of 0 is none: all that took longer. */
struct top_durations {
    size_t buckets; /* 0: podop does not say */
    uint64_t at_most_us[TOP_BUCKETS_MAX];
    uint64_t counts[TOP_BUCKETS_MAX];
};

struct top_table {
    char *name;
    uint64_t counts[TOP_COUNTERS];
    uint64_t entries, pending;
    bool has_cache;
    struct top_durations durations;
};

enum top_state {
    TOP_SUSPENDED,
    TOP_DOWN,    /* a program that does not run */
    TOP_FAILING, /* it is asked, and some of its requests fail */
    TOP_UP,
    TOP_UNUSED, /* nothing was asked of it yet */
};

/* One place of a URL, or one process of a program, of one table. */
struct top_backend {
    char *table, *name, *reason; /* reason: of the last failure, may be empty */
    enum top_state state;
    uint64_t requests, failures;
    bool has_requests; /* requests and failures are counted */
    uint64_t in_flight;
    uint64_t waiting;  /* for a connection to this host, of all tables */
    uint64_t since_ms; /* how long it has been suspended or failing */
    bool has_failed;
    uint64_t failed_ms; /* since the last failure */
};

struct top_process {
    char *version;
    uint64_t pid, uptime_s, rss_bytes;
    uint64_t clients, requests;
    uint64_t longest_us, lost_ms;
    uint64_t reloads, reloads_failed;
    uint64_t reloaded_at; /* the last reload, also one that failed: seconds since 1970; 0: never */
    bool last_reload_failed;
};

struct top_sample {
    uint64_t at_ms; /* on the monotonic clock */
    struct top_process process;
    struct top_table *tables;
    size_t table_count;
    struct top_backend *backends;
    size_t backend_count;
};

/* Reads an answer, a JSON object that json_check() accepted. Copies what it keeps. What the answer
 * does not have is 0 or empty. */
void top_sample_init(struct top_sample *sample, struct span answer, uint64_t at_ms);
void top_sample_deinit(struct top_sample *sample);

#endif
