import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const code = (script) => spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).status;
assert.equal(code('Promise.reject(new Error("x"))'), 1, 'an unhandled rejection does not end the process');
assert.equal(code('throw new Error("x")'), 1, 'an uncaught exception');
assert.equal(code('process.exitCode = 9'), 9, 'the exit code of the process');
