const assert = require('assert');
const { spawnSync } = require('child_process');
const { mkdtempSync, writeFileSync } = require('fs');
const { capable } = require('/nodeworthy-test/check.js');

module.exports = () => {
  const folder = mkdtempSync('/tmp/runner-');
  const file = (name, code) => (writeFileSync(`${folder}/${name}`, code), `${folder}/${name}`);
  const good = file(
    'good.test.mjs',
    'import test from "node:test"; test("a", () => {}); test("b", { skip: true }, () => { throw 1; });'
  );
  const bad = file('bad.test.mjs', 'import test from "node:test"; test("a", () => { throw new Error("no"); });');
  const reporter = capable('test-reporters') ? ['--test-reporter=tap'] : [];
  const run = (path) => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    return spawnSync(process.execPath, ['--test', ...reporter, path], { encoding: 'utf8', env });
  };
  const passed = run(good);
  assert.strictEqual(passed.status, 0, passed.stdout);
  assert.match(passed.stdout, /# pass 1\b/);
  assert.strictEqual(run(bad).status, 1, 'a failing test is not noticed');
};
