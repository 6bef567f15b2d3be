// QUIC is there exactly where the binary says so: a half of it would fail in production.
const assert = require('assert');
const { spawnSync } = require('child_process');
const { mkdtempSync, writeFileSync } = require('fs');

/** What the releases say of a module that they do not have. */
const missing = /^(?:ERR_UNKNOWN_BUILTIN_MODULE|ERR_UNSUPPORTED_ESM_URL_SCHEME|ERR_MODULE_NOT_FOUND)$/;

module.exports = () => {
  const says = String(process.config.variables.node_use_quic) === 'true';
  // In a file: the first releases with ES modules import nothing from the command line.
  const file = `${mkdtempSync('/tmp/quic-')}/quic.mjs`;
  writeFileSync(
    file,
    'import("node:quic").then(({ listen, connect }) => console.log(typeof listen, typeof connect), (e) => console.log(e.code));'
  );
  const flags = process.allowedNodeEnvironmentFlags;
  const allowed = flags.has('--experimental-quic');
  const { stdout } = spawnSync(process.execPath, [...(allowed ? ['--experimental-quic', '--no-warnings'] : []), file], {
    encoding: 'utf8',
  });
  const found = stdout.trim();
  if (says && allowed)
    assert.strictEqual(found, 'function function', 'the binary has QUIC, and the module does not load');
  else assert.ok(found === 'function function' || missing.test(found), `QUIC is neither there nor missing: ${found}`);
};
