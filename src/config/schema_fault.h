/* schema_fault.h - reports values that a setting does not accept. Private to src/config. */
#ifndef PODOP_CONFIG_SCHEMA_FAULT_H
#define PODOP_CONFIG_SCHEMA_FAULT_H

#include "schema_number.h"

/* Each reports one fault and returns -1; where is " in table 'alias'" or "". */

/* Message: "'NAME' WHERE EXPECTED, got VALUE", without VALUE if it may be a secret. */
int schema_fault_value(const struct setting *setting, const struct node *value, const char *where,
                       struct faults *faults, const char *expected);
/* Message: "'NAME' WHERE expects KIND, got VALUE", or "... must be from MIN to MAX, got VALUE". */
int schema_fault_verdict(const struct setting *setting, const struct node *value, const char *where,
                         struct faults *faults, enum verdict verdict);
/* Message: "'NAME' WHERE must be NAMES, got VALUE", with a suggestion. value is a string. */
int schema_fault_name(const struct setting *setting, const struct node *value, const char *where,
                      struct faults *faults);

#endif
