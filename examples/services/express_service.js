const express = require("express");
const store = require("./store");

const app = express();
app.use(express.json({ strict: false }));  // strict refuses a bare string or number with 400

function read(response, key) {
  const value = store.get(key);
  response.status(value === null ? 404 : 200).json(value);
}

app.get("/data", (request, response) => read(response, request.query.key));
app.get(/^\/data\/(.*)$/s, (request, response) => read(response, request.params[0]));

app.post("/data", (request, response) => {
  store.set(request.query.key, request.body);
  response.status(204).end();
});

app.delete("/data", (request, response) => {
  store.unset(request.query.key);
  response.status(204).end();
});

app.patch("/data", (request, response) => {
  if (store.increment(request.query.key, request.body.inc)) response.status(204).end();
  else response.status(404).json(null);
});

app.listen(8080, "127.0.0.1");
