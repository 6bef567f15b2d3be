// The compiler leaves alone what runs inside of images, and what is no TypeScript; the package needs it beside the code.
import { cpSync, readdirSync } from 'node:fs';
import { root } from './setup.mjs';

const wanted =
  /^(?:stages\/test\/battery\/[^/]+\.mjs|stages\/test\/battery\/checks\/[^/]+\/[^/]+|stages\/test\/canaries\/[^/]+\/[^/]+\.(?:json|mjs)|runtimes\/[^/]+\/[^/]+\.mjs)$/;
for (const path of readdirSync(`${root}src`, { recursive: true }).filter((file) => wanted.test(file)))
  cpSync(`${root}src/${path}`, `${root}dist/${path}`);
