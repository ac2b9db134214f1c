#include "faults.h"

static struct sim_random random_stream;
static double shares[FAULT_COUNT];
static uint64_t hits[FAULT_COUNT];

static const char *const names[FAULT_COUNT] = {
    [FAULT_WOULD_BLOCK] = "would_block", [FAULT_INTERRUPTED] = "interrupted",
    [FAULT_SHORT_COUNT] = "short_count", [FAULT_SEND_FAILS] = "send_fails",
    [FAULT_NO_MEMORY] = "no_memory",     [FAULT_NO_DESCRIPTOR] = "no_descriptor",
    [FAULT_SPURIOUS] = "spurious",       [FAULT_CONNECT_FAILS] = "connect_fails",
    [FAULT_NO_THREAD] = "no_thread",     [FAULT_NO_PROCESS] = "no_process",
    [FAULT_LATE_THREAD] = "late_thread",
};

void faults_begin(void)
{
    random_stream = sim_random_of("call faults");
}

void sim_call_faults(struct sim_call_faults faults)
{
    shares[FAULT_WOULD_BLOCK] = faults.would_block;
    shares[FAULT_INTERRUPTED] = faults.interrupted;
    shares[FAULT_SHORT_COUNT] = faults.short_count;
    shares[FAULT_SEND_FAILS] = faults.send_fails;
    shares[FAULT_NO_MEMORY] = faults.no_memory;
    shares[FAULT_NO_DESCRIPTOR] = faults.no_descriptor;
    shares[FAULT_SPURIOUS] = faults.spurious;
    shares[FAULT_CONNECT_FAILS] = faults.connect_fails;
    shares[FAULT_NO_THREAD] = faults.no_thread;
    shares[FAULT_NO_PROCESS] = faults.no_process;
    shares[FAULT_LATE_THREAD] = faults.late_thread;
}

bool fault_hits(enum fault fault)
{
    if (!sim_chance(&random_stream, shares[fault]))
        return false;
    hits[fault]++;
    return true;
}

size_t fault_shorten(size_t len)
{
    return len > 1 && fault_hits(FAULT_SHORT_COUNT) ? 1 + sim_random(&random_stream, len - 1) : len;
}

uint64_t fault_choose(uint64_t bound)
{
    return sim_random(&random_stream, bound);
}

int fault_error(enum fault fault, const int *errnos, size_t count)
{
    return fault_hits(fault) ? errnos[fault_choose(count)] : 0;
}

const char *sim_fault_hits(size_t index, uint64_t *count)
{
    if (index >= FAULT_COUNT)
        return NULL;
    *count = hits[index];
    return names[index];
}
