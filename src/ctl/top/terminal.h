/* terminal.h - the terminal while a program fills it: its modes, its size, keys and signals. All
 * sequences are those of ECMA-48 and the DEC VT100, which every terminal knows, or ignores. Private
 * to podopctl. */
#ifndef PODOP_CTL_TOP_TERMINAL_H
#define PODOP_CTL_TOP_TERMINAL_H

#include "top_page.h"

#include "podop/error.h"

#include <stdint.h>
#include <termios.h>

struct terminal {
    struct termios modes; /* those to restore */
    bool has_keys;        /* standard input is a terminal, too */
    bool is_entered;
    bool has_colour;
    int signals; /* a signalfd */
    int timer;   /* a timerfd */
    int events;  /* an epoll descriptor that is readable when one of these, or a key, is there */
};

/* Returns whether standard output is a terminal that can be filled: TERM names one, not "dumb". */
bool terminal_is_fit(void);

/* Blocks the signals that end, stop or resize the program and takes over the terminal. Returns 0,
 * or -1; t must be closed in both cases. */
int terminal_open(struct terminal *t, struct error *err);
/* Leaves the terminal as it was. */
void terminal_close(struct terminal *t);

void terminal_size(size_t *columns, size_t *lines); /* at least 1 each */

/* Replaces what is shown on a terminal of so many lines. Returns 0, or -1 when the terminal is
 * gone. */
int terminal_draw(struct terminal *t, const struct top_page *page, size_t lines, struct error *err);

enum terminal_event {
    TERMINAL_NOTHING,
    TERMINAL_TICK, /* terminal_set_timer()'s time is over */
    TERMINAL_KEY,
    TERMINAL_RESIZED, /* or continued: what is shown is lost */
    TERMINAL_SIGNAL,  /* a signal that ends the program */
};

/* Has TERMINAL_TICK happen after so many milliseconds, at least 1. */
void terminal_set_timer(struct terminal *t, uint64_t ms);

/* Returns the next event without waiting. *number is the key, or the number of the signal. Stops
 * the process here, with the terminal restored, when it is told to (SIGTSTP). */
enum terminal_event terminal_next(struct terminal *t, int *number);

/* Ends the process by the signal, after terminal_close(). */
void terminal_die(int number);

#endif
