var assert = require('assert');

module.exports = function () {
  assert.ok(process.stdout.isTTY, 'stdout is not a terminal');
  assert.ok(process.stdin.isTTY, 'stdin is not a terminal');
  process.stdin.setRawMode(true);
  process.stdin.setRawMode(false);
  console.log('a terminal of ' + (process.stdout.columns === undefined ? 'no' : 'some') + ' columns');
  process.exit(0);
};
