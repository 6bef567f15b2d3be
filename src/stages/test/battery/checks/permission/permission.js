const assert = require('assert');
const { spawnSync } = require('child_process');
const { capable } = require('/nodeworthy-test/check.js');

module.exports = () => {
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
  const run = (code, ...flags) =>
    spawnSync(process.execPath, [flag, '--no-warnings', ...flags, '-e', code], { encoding: 'utf8' });
  assert.match(run('require("fs").readFileSync("/etc/passwd")').stderr, /ERR_ACCESS_DENIED/, 'reading is not denied');
  assert.match(
    // A release that does not do it by itself does it as soon as anything is allowed.
    run(
      'require("child_process").spawnSync("node")',
      ...(capable('permission-default') ? [] : ['--allow-fs-read=/etc/*'])
    ).stderr,
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
