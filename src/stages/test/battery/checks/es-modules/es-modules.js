// A module that imports another, as packages of today are written.
const assert = require('assert');
const { spawnSync } = require('child_process');
const { mkdtempSync, writeFileSync } = require('fs');

module.exports = () => {
  const folder = mkdtempSync('/tmp/modules-');
  writeFileSync(`${folder}/part.mjs`, 'export const answer = 42;');
  writeFileSync(
    `${folder}/main.mjs`,
    'import { readFileSync } from "fs"; import { answer } from "./part.mjs"; console.log(typeof readFileSync, answer);'
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${folder}/main.mjs`], { encoding: 'utf8' });
  assert.strictEqual(status, 0, stderr);
  assert.strictEqual(stdout.trim(), 'function 42');
};
