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
  'qemu-aarch64-static',
  'buildah',
  'busybox',
  'nsenter',
  'curl',
  'pkill',
  // A second C library, for a base that is made of it.
  '/lib/ld-musl-x86_64.so.1',
]);
const args = process.argv.slice(2);
if (args.length === 0) await import('./check.mjs');
run('vitest', ['run', ...args]);
