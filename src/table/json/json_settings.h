/* json_settings.h - the settings of a json table, besides those of every table. */
#ifndef PODOP_TABLE_JSON_JSON_SETTINGS_H
#define PODOP_TABLE_JSON_JSON_SETTINGS_H

#include "config/schema.h"

struct json_settings {
    bool watch; /* the file is read again when it changes */
};

extern const struct setting_group json_settings; /* of struct json_settings */

#endif
