// A server that takes whatever it is sent and answers nothing. It says its port.

import { createServer } from "node:net";

const server = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.resume();
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 511 }, () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.send?.(address.port);
});
process.on("disconnect", () => process.exit());
