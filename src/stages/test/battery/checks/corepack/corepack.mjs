import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const { status, stdout, stderr } = spawnSync('corepack', ['--version'], { encoding: 'utf8' });
assert.equal(status, 0, `corepack does not run: ${stderr}`);
assert.match(stdout, /^\d+\.\d+\.\d+/);
