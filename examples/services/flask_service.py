import store
from flask import Flask, jsonify, request

app = Flask(__name__)


@app.get("/data")
@app.get("/data/<path:key>")
def read(key=None):
    value = store.get(request.args["key"] if key is None else key)
    return jsonify(value), 404 if value is None else 200


@app.post("/data")
def write():
    store.set(request.args["key"], request.get_json())
    return "", 204


@app.delete("/data")
def remove():
    store.unset(request.args["key"])
    return "", 204


@app.patch("/data")
def increment():
    if store.increment(request.args["key"], request.get_json()["inc"]):
        return "", 204
    return jsonify(None), 404
