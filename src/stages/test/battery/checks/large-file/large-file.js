var assert = require('assert');
var fs = require('fs');
var bytes = require('/nodeworthy-test/check.js').bytes;

module.exports = function () {
  var path = '/tmp/large-file';
  var file = fs.openSync(path, 'w+');
  var offset = 5 * Math.pow(2, 30);
  fs.writeSync(file, bytes('end'), 0, 3, offset);
  var read = bytes(3);
  fs.readSync(file, read, 0, 3, offset);
  assert.equal(read.toString(), 'end', 'files beyond 4 GiB');
  assert.equal(fs.statSync(path).size, offset + 3, 'files beyond 4 GiB');
  fs.closeSync(file);
  fs.unlinkSync(path);
};
