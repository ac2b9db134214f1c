/* main.c - podop_sim: runs podop in a simulated world, one process for each seed. */
#include "directory.h"
#include "run.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
    "Usage: podop_sim [OPTION...]\n"
    "Runs podop in a simulated world and checks its promises. See tests/sim/README.md.\n"
    "  --seed N          the first seed (1)\n"
    "  --seeds N         how many, one after the other (1)\n"
    "  --profile NAME    dense, daily or long\n"
    "  --seconds N       virtual seconds until the faults end\n"
    "  --requests N      or so many requests\n"
    "  --without NAMES   actors that are left out, with commas between them\n"
    "  --with NAMES      the only fault makers; \"\": none\n"
    "  --acts NAME=N+N,...  the only acts of these actors\n"
    "  --only TABLES     the tables that podop has\n"
    "  --trace           prints everything that happens\n"
    "  --json            figures as JSON\n"
    "  --list            names of the actors of this seed\n";

enum {
    OPTION_SEED = 1,
    OPTION_SEEDS,
    OPTION_PROFILE,
    OPTION_SECONDS,
    OPTION_REQUESTS,
    OPTION_WITHOUT,
    OPTION_WITH,
    OPTION_ACTS,
    OPTION_ONLY,
    OPTION_TRACE,
    OPTION_JSON,
    OPTION_LIST,
    OPTION_HELP
};

static const struct option options[] = {
    {"seed", required_argument, NULL, OPTION_SEED},
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"requests", required_argument, NULL, OPTION_REQUESTS},
    {"without", required_argument, NULL, OPTION_WITHOUT},
    {"with", required_argument, NULL, OPTION_WITH},
    {"acts", required_argument, NULL, OPTION_ACTS},
    {"json", no_argument, NULL, OPTION_JSON},
    {"only", required_argument, NULL, OPTION_ONLY},
    {"trace", no_argument, NULL, OPTION_TRACE},
    {"list", no_argument, NULL, OPTION_LIST},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

/* Ends this process with its parent, which may have ended already. */
static void die_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        raise(SIGKILL);
}

/* Ends at these signals, even if they were ignored or blocked, as in the background of a script. */
static void heed_signals(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
    sigset_t none;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        signal(numbers[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Runs the seed in a process of its own. Returns whether it ended well. */
static bool run_once(struct run_options *run)
{
    const pid_t parent = getpid();
    int status;
    pid_t child;

    run->directory = directory_make(run->seed);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        if (setpgid(0, 0) == -1) /* podop takes SIGTERM and SIGINT for itself: they go to us only */
            perror("podop_sim: setpgid");
        die_with(parent);
        exit(run_seed(run));
    }
    if (child == -1 || waitpid(child, &status, 0) == -1) {
        perror("podop_sim");
        exit(2);
    }
    directory_remove(run->directory);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        fprintf(stderr, "broken: signal: %d\n", WTERMSIG(status));
    return false;
}

/* Runs a seed that fails once more, for the transcript, which costs time to keep. */
static bool run_apart(struct run_options *run)
{
    if (run_once(run))
        return true;
    if (!run->is_json && !run->is_traced) {
        run->is_kept = true;
        run_once(run);
        run->is_kept = false;
    }
    fflush(stderr);
    printf("FAILED seed %" PRIu64 ", profile %s\n", run->seed, run_profile_name(run->profile));
    return false;
}

/* Starts the program once more, without random addresses: some of podop's choices hash them. */
static void fix_addresses(char **argv)
{
    const int now = personality(0xffffffff);

    if (now == -1 || (now & ADDR_NO_RANDOMIZE) != 0 ||
        personality((unsigned long)now | ADDR_NO_RANDOMIZE) == -1)
        return;
    execv("/proc/self/exe", argv);
}

/* Takes an option of a run. Returns false for one that is not known or has no valid value. */
static bool take_option(struct run_options *run, int option, const char *value)
{
    switch (option) {
    case OPTION_SEED: run->seed = strtoull(value, NULL, 0); break;
    case OPTION_PROFILE: return run_find_profile(value, &run->profile);
    case OPTION_SECONDS: run->seconds = strtod(value, NULL); break;
    case OPTION_REQUESTS: run->requests = strtoull(value, NULL, 0); break;
    case OPTION_WITHOUT: run->cast.without = value; break;
    case OPTION_WITH: run->cast.with = value; break;
    case OPTION_ACTS: run->cast.acts = value; break;
    case OPTION_ONLY: run->only = value; break;
    case OPTION_JSON: run->is_json = true; break;
    case OPTION_TRACE: run->is_traced = true; break;
    case OPTION_LIST: run->cast.is_listed = true; break;
    default: return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct run_options run = {.seed = 1};
    uint64_t count = 1;
    bool is_good = true;
    int option;

    fix_addresses(argv);
    die_with(getppid());
    heed_signals();
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            fputs(help, stdout);
            return 0;
        }
        if (option == OPTION_SEEDS) {
            count = strtoull(optarg, NULL, 0);
        } else if (!take_option(&run, option, optarg)) {
            fputs(help, stderr);
            return 2;
        }
    }
    for (; count > 0; count--, run.seed++)
        is_good = run_apart(&run) && is_good;
    return is_good ? 0 : 1;
}
