// `npm run quickstart`: everything a fresh machine needs, then the main job on the example.
import { existsSync } from 'node:fs';
import { ensureDependencies, ensurePrograms, extendPath, root, run } from './setup.mjs';

await ensureDependencies();
extendPath();
// An engine that is running is as good as runc; without one, runc is the smallest thing to install.
if (
  !existsSync((process.env.DOCKER_HOST ?? '').replace(/^unix:\/\//, '') || '/var/run/docker.sock') ||
  process.getuid() === 0
)
  await ensurePrograms(['runc']);
run('node', [
  `${root}bin/nodeworthy.mjs`,
  'run',
  '--recipe',
  'examples/quickstart/nodeworthy.yaml',
  ...process.argv.slice(2),
]);
