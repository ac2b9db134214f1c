import store
from aiohttp import web

routes = web.RouteTableDef()


@routes.get("/data")
@routes.get("/data/{key:(?s:.*)}")
async def read(request):
    value = store.get(request.match_info["key"] if "key" in request.match_info else request.query["key"])
    return web.json_response(value, status=404 if value is None else 200)


@routes.post("/data")
async def write(request):
    store.set(request.query["key"], await request.json())
    return web.Response(status=204)


@routes.delete("/data")
async def remove(request):
    store.unset(request.query["key"])
    return web.Response(status=204)


@routes.patch("/data")
async def increment(request):
    if store.increment(request.query["key"], (await request.json())["inc"]):
        return web.Response(status=204)
    return web.json_response(None, status=404)


app = web.Application()
app.add_routes(routes)
if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=8080)
