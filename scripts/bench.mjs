// `npm run bench`: set-up, then our pipeline and docker's side by side.
import { ensureDependencies, ensurePrograms, extendPath, root, run } from './setup.mjs';

await ensureDependencies();
extendPath();
await ensurePrograms(['runc', 'dockerd', 'docker-registry', 'skopeo', 'iptables']);
run('node', [`${root}tests/bench/bench.ts`, ...process.argv.slice(2)]);
