const assert = require('assert');
const { spawnSync } = require('child_process');

module.exports = () => {
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
  const run = (code, ...flags) =>
    spawnSync(process.execPath, [flag, '--no-warnings', ...flags, '-e', code], { encoding: 'utf8' });
  assert.match(run('require("fs").readFileSync("/etc/passwd")').stderr, /ERR_ACCESS_DENIED/, 'reading is not denied');
  assert.match(
    run('require("child_process").spawnSync("node")').stderr,
    /ERR_ACCESS_DENIED/,
    'processes are not denied'
  );
  assert.strictEqual(
    run('require("fs").readFileSync("/etc/passwd")', '--allow-fs-read=/etc/*').status &&
      run('require("fs").readFileSync("/etc/passwd")', '--allow-fs-read=/etc').status,
    0,
    'what is allowed is denied'
  );
};
