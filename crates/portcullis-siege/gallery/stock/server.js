// Node's http module as it comes, with nothing set.
"use strict";

const server = require("node:http").createServer((request, response) => {
  request.resume();
  request.on("end", () => response.end("hello"));
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`listening on http://127.0.0.1:${server.address().port}\n`);
});
