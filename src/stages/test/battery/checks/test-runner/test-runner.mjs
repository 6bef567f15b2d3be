import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';

const folder = mkdtempSync('/tmp/runner-');
const file = (name, code) => (writeFileSync(`${folder}/${name}`, code), `${folder}/${name}`);
const good = file(
  'good.test.mjs',
  'import test from "node:test"; test("a", () => {}); test.skip("b", () => { throw 1; });',
);
const bad = file('bad.test.mjs', 'import test from "node:test"; test("a", () => { throw new Error("no"); });');
const run = (path) => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return spawnSync(process.execPath, ['--test', '--test-reporter=tap', path], { encoding: 'utf8', env });
};
const passed = run(good);
assert.equal(passed.status, 0, passed.stdout);
assert.match(passed.stdout, /# pass 1\b/);
assert.equal(run(bad).status, 1, 'a failing test is not noticed');
rmSync(folder, { recursive: true });
