/* stage.h - the backends of a run, and what they do by the seed: faults, manners, new values. */
#ifndef SIM_STAGE_H
#define SIM_STAGE_H

#include "../world/actor.h"
#include "../world/http_backend.h"
#include "../world/name_server.h"
#include "../world/program.h"
#include "../world/wire.h"

enum { STAGE_NAME_SERVERS = 2 };

struct stage {
    struct world *world;
    struct truth *stores[SCENE_TABLES_MAX];
    struct http_backend *webs[SCENE_TABLES_MAX]; /* by the backend's place in the scene; or NULL */
    struct program *programs[SCENE_TABLES_MAX];
    struct zone *zone;
    struct name_server *names[STAGE_NAME_SERVERS];
};

/* Makes stores, ledger, judge and backends of the world's scene. */
void stage_open(struct stage *stage, struct world *world);
void stage_close(struct stage *stage);

void stage_start_faults(struct stage *stage); /* and the changes of values, which are no faults */
void stage_mend(struct stage *stage);         /* ends all faults at once */

#endif
