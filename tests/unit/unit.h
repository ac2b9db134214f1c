/* unit.h - included by every unit test: cmocka needs these headers first, and in this order. */
#ifndef PODOP_TESTS_UNIT_H
#define PODOP_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "podop/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Initialises a struct span in a static table, where SPAN() is not allowed. */
#define TEXT(literal) {(literal), sizeof(literal) - 1}

/* Prints the case that a loop is at: the last one before a failed assertion is the one that failed.
 */
#define AT_CASE(format, ...) print_message("at case " format "\n", __VA_ARGS__)

#endif
