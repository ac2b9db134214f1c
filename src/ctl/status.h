/* status.h - the exit status of podopctl, as podopctl(1) documents it. Private to podopctl. */
#ifndef PODOP_CTL_STATUS_H
#define PODOP_CTL_STATUS_H

enum exit_status {
    EXIT_FOUND = 0,
    EXIT_MISS = 1,
    EXIT_USAGE = 64,
    EXIT_FAILED = 75,
    EXIT_CONFIG = 78
};

/* Returns the worse of two: wrong usage, then a failure, then a miss. EXIT_CONFIG is never
 * combined with another status. */
enum exit_status exit_worse(enum exit_status a, enum exit_status b);

#endif
