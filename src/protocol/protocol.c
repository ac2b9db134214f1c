#include "podop/protocol.h"

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
