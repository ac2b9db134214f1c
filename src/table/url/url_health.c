#include "url_health.h"

#include "podop/mem.h"

#include <stdlib.h>

struct url_health *url_health_new(size_t count)
{
    struct url_health *health =
        xcalloc(1, sizeof(struct url_health) + count * sizeof(struct url_state));

    health->refs = 1;
    health->used = 1;
    hash_key_init_random(&health->hash_key);
    health->draw.state = hash_span(&health->hash_key, SPAN("draw"));
    return health;
}

struct url_health *url_health_ref(struct url_health *health)
{
    health->refs++;
    return health;
}

void url_health_unref(struct url_health **phealth)
{
    struct url_health *health = *phealth;

    *phealth = NULL;
    if (health != NULL && --health->refs == 0)
        free(health);
}
