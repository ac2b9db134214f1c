#include "warnings.h"

#include "access.h"
#include "privileges.h"

#include "podop/account.h"

#include <unistd.h>

bool warnings_is_user(const struct config *config)
{
    struct error unknown = {0};
    uid_t uid;
    gid_t gid;

    return geteuid() != 0 && config->user != NULL &&
           account_find_user(config->user, &uid, &gid, &unknown) == 0 && uid == geteuid();
}

void warnings_report(const struct config *config, bool is_user, config_report_fn *warn, void *arg)
{
    for (size_t i = 0; i < config->warnings.count; i++)
        warn(arg, config->warnings.items[i]);
    if (is_user)
        access_check(config, warn, arg);
}

void warnings_report_as_user(const struct config *config, config_report_fn *warn, void *arg)
{
    struct error ignored = {0};

    if (geteuid() == 0 && config->user != NULL)
        privileges_drop(config->user, config->group, &ignored);
    warnings_report(config, warnings_is_user(config), warn, arg);
}
