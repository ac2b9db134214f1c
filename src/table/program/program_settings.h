/* program_settings.h - the settings of a program table, besides those of every table. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_SETTINGS_H
#define PODOP_TABLE_PROGRAM_PROGRAM_SETTINGS_H

#include "config/schema.h"

struct program_settings {
    uint32_t processes;  /* of the program, at the same time */
    size_t max_response; /* bytes of an answer */
};

extern const struct setting_group program_settings; /* of struct program_settings */

#endif
