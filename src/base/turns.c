#include "podop/turns.h"

const uint32_t turn_bucket_ms[TURN_BUCKETS] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 0};

static const uint64_t slack_us = TURN_SLACK_MS * UINT64_C(1000);
static const uint64_t catch_up_us = TURN_CATCH_UP_MS * UINT64_C(1000);

/* Lost time during catching up does not prolong it, so a silent peer is noticed in the end. */
static void lose(struct turns *t, uint64_t now_us, uint64_t us)
{
    t->lost_us += us;
    if (t->is_catching_up)
        return;
    t->is_catching_up = true;
    t->caught_up_at_us = now_us + (us < catch_up_us ? us : catch_up_us);
}

static void count(struct turns *t, uint64_t us)
{
    unsigned i = 0;

    while (i < TURN_BUCKETS - 1 && us > (uint64_t)turn_bucket_ms[i] * 1000)
        i++;
    t->count[i]++;
    t->sum_us += us;
    if (us > t->longest_us)
        t->longest_us = us;
}

/* A long wait counts as lost as a whole, because podop cannot know when it was stopped. */
void turns_begin(struct turns *t, uint64_t now_us, uint64_t due_at_us)
{
    const uint64_t wanted_us = due_at_us > t->began_us ? due_at_us : t->began_us;

    if (due_at_us != 0 && now_us > wanted_us + slack_us)
        lose(t, now_us, now_us - t->began_us - slack_us);
    t->began_us = now_us;
    t->is_running = true;
}

void turns_end(struct turns *t, uint64_t now_us)
{
    uint64_t spent_us = now_us - t->began_us;

    if (!t->is_running) { /* before the first turn, or no watcher was called */
        t->began_us = now_us;
        return;
    }
    count(t, spent_us);
    if (spent_us > slack_us)
        lose(t, now_us, spent_us - slack_us);
    t->began_us = now_us;
    t->is_running = false;
}

bool turns_may_judge(struct turns *t)
{
    if (t->is_catching_up && t->began_us >= t->caught_up_at_us)
        t->is_catching_up = false;
    return !t->is_catching_up;
}
