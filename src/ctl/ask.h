/* ask.h - one question for each key, over one connection, with the answers in the keys' order.
 * Private to podopctl. */
#ifndef PODOP_CTL_ASK_H
#define PODOP_CTL_ASK_H

#include "keys.h"
#include "options.h"
#include "output.h"
#include "speaker.h"

/* Asks question for each of keys in turn (its key is not looked at) and prints what comes back.
 * Many questions are under way at the same time; memory is bounded however many keys there are.
 * What is asked for once may be answered once: after a fault, nothing is asked again. */
enum exit_status ask_keys(const struct options *options, struct question *question,
                          struct keys *keys, struct output *output);

/* How podop is asked, by what the command line said. */
const struct speaker *ask_speaker(const struct options *options, enum operation operation);

#endif
