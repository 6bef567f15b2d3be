#!/usr/bin/env node
// Starts Nodeworthy on a Node.js that can run it: this one, or the one installed beside it.
import { spawnSync } from 'node:child_process';
import module from 'node:module';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major, minor, patch] = process.versions.node.split('.').map(Number);
const supported =
  (major === 22 && (minor > 22 || (minor === 22 && patch >= 2))) || (major === 24 && minor >= 15) || major > 24;
const source = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const built = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

if (supported) {
  // Compiled code is kept beside the dependencies: a run with nothing to do is mostly loading.
  module.enableCompileCache?.(fileURLToPath(new URL('../node_modules/.cache/nodeworthy', import.meta.url)));
  // A checkout has the source, which Node.js runs as it is; a package has the built files.
  const { main } = await import(existsSync(source) ? source : built);
  await main(process.argv.slice(2));
} else {
  const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(own)) {
    process.stderr.write(
      `nodeworthy: Node.js ${process.versions.node} is too old; 22.22.2, 24.15 or later is needed\nhint: run \`npm run quickstart\` or \`npm install\` in the project: both bring their own Node.js\n`,
    );
    process.exit(2);
  }
  const result = spawnSync(own, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  if (result.signal) process.kill(process.pid, result.signal);
  process.exit(result.status ?? 1);
}
