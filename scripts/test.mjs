// `npm test`: set-up, checks, and the whole suite on real programs.
import { ensureDependencies, ensurePrograms, extendPath, run } from './setup.mjs';

await ensureDependencies();
extendPath();
await ensurePrograms([
  'runc',
  'dockerd',
  'podman',
  'skopeo',
  'umoci',
  'docker-registry',
  'openssl',
  'ip',
  'git',
  'iptables',
  'xz',
  'update-ca-certificates',
]);
const args = process.argv.slice(2);
if (args.length === 0) await import('./check.mjs');
run('vitest', ['run', ...args]);
