var assert = require('assert');

module.exports = function () {
  var limit = require('v8').getHeapStatistics().heap_size_limit / (1 << 20);
  var wanted = Number(process.env.EXPECTED_HEAP_MB);
  console.log('heap limit ' + limit.toFixed(0) + ' MiB');
  var container = Number(process.env.CONTAINER_MB);
  if (wanted > 0)
    assert.ok(
      limit >= wanted && limit <= wanted + 64,
      'the override of ' + wanted + ' MiB does not win: ' + limit + ' MiB'
    );
  else assert.ok(limit < container, 'the heap may grow to ' + limit + ' MiB in a container of ' + container + ' MiB');
};
