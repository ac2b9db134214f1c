/* schema_number.h - values that are one number in their field: integers, durations, sizes,
 * permissions, names of an enum, true and false. Private to src/config. */
#ifndef PODOP_CONFIG_SCHEMA_NUMBER_H
#define PODOP_CONFIG_SCHEMA_NUMBER_H

#include "schema.h"

/* The result of a check of a value. */
enum verdict {
    VALUE_GOOD,
    VALUE_WRONG_KIND,   /* "expects a duration such as ..." */
    VALUE_OUT_OF_RANGE, /* "must be from ... to ..." */
};

/* Reads a value in the unit of the setting's field. */
enum verdict schema_number_read(const struct setting *setting, const struct node *value,
                                uint64_t *n);
/* Sets *n to the index of text among names, which end with NULL. text may be NULL. */
enum verdict schema_number_of_name(const char *const *names, const char *text, uint64_t *n);
/* Writes "from MIN to MAX", as podop.conf spells them. */
void schema_number_range(const struct setting *setting, char *out, size_t size);

#endif
