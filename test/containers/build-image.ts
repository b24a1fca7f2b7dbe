// `npm run image [-- BASE]`: builds the container image from dist, on BASE (such as node:22-slim)
// or on a base made of this machine's node.

import { buildImage } from "./image.ts";

console.log(`built ${buildImage(process.argv[2])}`);
