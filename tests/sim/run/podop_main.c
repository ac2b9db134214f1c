/* podop_main.c - the whole daemon, with its command line and its signals, as a function. */
#include "podop_main.h"

#define main podop_main
#include "../../../src/main.c"
