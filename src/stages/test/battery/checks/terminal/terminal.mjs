import assert from 'node:assert/strict';

assert.ok(process.stdout.isTTY, 'stdout is no terminal');
assert.ok(process.stdin.isTTY, 'stdin is no terminal');
process.stdin.setRawMode(true).setRawMode(false);
console.log('a terminal of', process.stdout.columns === undefined ? 'no' : 'some', 'columns');
process.exit(0);
