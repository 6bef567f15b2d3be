// The compiler leaves the scripts that run inside of images alone; the package needs them beside the built code.
import { cpSync, readdirSync } from 'node:fs';
import { root } from './setup.mjs';

const from = `${root}src/stages/test/battery/`;
for (const name of readdirSync(from).filter((file) => /\.m?js$/.test(file)))
  cpSync(from + name, `${root}dist/stages/test/battery/${name}`);
