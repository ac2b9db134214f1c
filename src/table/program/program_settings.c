/* program_settings.c - the schema of a program table's settings. */
#include "program_settings.h"

#define FIELD(member) SETTING_FIELD(program_settings, member)

static const struct setting settings[] = {
    {"processes", SETTING_INTEGER, FIELD(processes), 1, 64, .default_text = "2",
     .doc = "number of processes that run at the same time"},
    {"max_response", SETTING_SIZE, FIELD(max_response), 1, 256 * SETTING_MIB,
     .default_text = "\"1M\"", .doc = "a longer answer is a temporary failure"},
};
const struct setting_group program_settings = {.name = "tables", SETTINGS_OF(settings)};
