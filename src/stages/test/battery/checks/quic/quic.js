// QUIC is there exactly where the binary says so: a half of it would fail in production.
const assert = require('assert');
const { spawnSync } = require('child_process');

module.exports = () => {
  const says = String(process.config.variables.node_use_quic) === 'true';
  const code =
    'import("node:quic").then(({ listen, connect }) => console.log(typeof listen, typeof connect), (e) => console.log(e.code))';
  const flags = process.allowedNodeEnvironmentFlags;
  const allowed = flags.has('--experimental-quic');
  const { stdout } = spawnSync(
    process.execPath,
    [...(allowed ? ['--experimental-quic', '--no-warnings'] : []), '-e', code],
    { encoding: 'utf8' }
  );
  if (says && allowed)
    assert.strictEqual(stdout.trim(), 'function function', 'the binary has QUIC, and the module does not load');
  else
    assert.ok(
      /ERR_UNKNOWN_BUILTIN_MODULE|ERR_UNSUPPORTED_ESM_URL_SCHEME|function function/.test(stdout),
      `QUIC is neither there nor missing: ${stdout}`
    );
};
