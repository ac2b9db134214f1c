#include "podop/protocol.h"

#include "podop/clock.h"

const struct request_name request_kinds[REQUEST_KINDS] = {
    [REQUEST_SOCKETMAP_LOOKUP] = {"socketmap", "lookup"},
    [REQUEST_DICT_LOOKUP] = {"dict", "lookup"},
    [REQUEST_DICT_ITERATION] = {"dict", "iteration"},
    [REQUEST_DICT_TRANSACTION] = {"dict", "transaction"},
    [REQUEST_CONTROL] = {"control", "command"},
};

struct service *service_ref(struct service *service)
{
    service->refs++;
    return service;
}

void service_unref(struct service **pservice)
{
    struct service *service = *pservice;

    *pservice = NULL;
    if (service != NULL && --service->refs == 0)
        service->destroy(service);
}

void service_log_long_request(struct service *service, const char *protocol)
{
    const char *socket = service->listen->socket;

    service->long_requests++;
    if (!rate_limit_allows(&service->long_requests_logged, clock_now_ms(), LOG_INTERVAL_MS))
        return;
    log_warning(service->log, "long_request", LOG_STR("proto", protocol),
                LOG_IF(socket != NULL, LOG_STR("socket", socket)),
                LOG_UINT("count", service->long_requests));
}
