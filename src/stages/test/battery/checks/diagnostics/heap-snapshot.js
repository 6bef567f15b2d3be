const assert = require('assert');
const { statSync } = require('fs');
const v8 = require('v8');

module.exports = () => {
  const snapshot = v8.writeHeapSnapshot('/var/diagnostics/heap.heapsnapshot');
  assert.ok(statSync(snapshot).size > 100000, 'the heap snapshot is too small');
};
