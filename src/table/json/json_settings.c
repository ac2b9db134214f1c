/* json_settings.c - the schema of a json table's settings. */
#include "json_settings.h"

static const struct setting settings[] = {
    {"watch", SETTING_BOOL, SETTING_FIELD(json_settings, watch), .default_text = "false",
     .doc = "whether the file is read again when it changes, without a reload"},
};
const struct setting_group json_settings = {.name = "tables", SETTINGS_OF(settings)};
