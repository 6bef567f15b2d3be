// `npm run bench`: set-up, then our pipeline and others side by side.
import { ensureDependencies, ensurePrograms, extendPath, root, run } from './setup.mjs';

await ensureDependencies();
extendPath();
await ensurePrograms(['runc', 'dockerd', 'docker-registry', 'skopeo', 'iptables', 'pigz', 'qemu-aarch64-static']);
run('node', [`${root}tests/bench/bench.ts`, ...process.argv.slice(2)]);
run('node', [`${root}tests/bench/matrix.ts`]);
run('node', [`${root}tests/bench/tests.ts`]);
run('node', ['--disable-warning=ExperimentalWarning', `${root}tests/bench/evidence.ts`]);
