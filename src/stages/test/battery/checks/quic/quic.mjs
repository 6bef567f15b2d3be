// QUIC is there exactly where the binary says so: a half of it would fail in production.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const says = process.config.variables.node_use_quic === true || process.config.variables.node_use_quic === 'true';
const code =
  'import("node:quic").then(({ listen, connect }) => console.log(typeof listen, typeof connect), (e) => console.log(e.code))';
const allowed = process.allowedNodeEnvironmentFlags.has('--experimental-quic');
const { stdout } = spawnSync(
  process.execPath,
  [...(allowed ? ['--experimental-quic', '--no-warnings'] : []), '-e', code],
  { encoding: 'utf8' },
);
if (says && allowed)
  assert.equal(stdout.trim(), 'function function', 'the binary has QUIC, and the module does not load');
else assert.match(stdout, /ERR_UNKNOWN_BUILTIN_MODULE|function function/, 'QUIC is neither there nor missing');
