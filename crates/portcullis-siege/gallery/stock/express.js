// Express as it comes, with three routes.
"use strict";

const express = require("express");

const app = express();
app.get("/", (request, response) => response.send("hello"));
app.get("/users/:id", (request, response) => response.json({ id: request.params.id }));
app.post("/echo", express.text({ type: () => true }), (request, response) => {
  response.type("text/plain").send(request.body ?? "");
});
const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`listening on http://127.0.0.1:${server.address().port}\n`);
});
