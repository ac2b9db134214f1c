import store
from fastapi import Body, FastAPI
from fastapi.responses import JSONResponse, Response

app = FastAPI()


@app.exception_handler(404)
def unknown_path(request, exception):  # FastAPI's own 404 is JSON, too, so podop would take it for a miss
    return Response(status_code=501)


@app.get("/data")
@app.get("/data/{key:path}")
def read(key: str):
    value = store.get(key)
    return JSONResponse(value, 404 if value is None else 200)


@app.post("/data")
def write(key: str, value=Body()):
    store.set(key, value)
    return Response(status_code=204)


@app.delete("/data")
def remove(key: str):
    store.unset(key)
    return Response(status_code=204)


@app.patch("/data")
def increment(key: str, inc: int = Body(embed=True)):
    if store.increment(key, inc):
        return Response(status_code=204)
    return JSONResponse(None, 404)
