import assert from 'node:assert/strict';
import v8 from 'node:v8';

const limit = v8.getHeapStatistics().heap_size_limit / (1 << 20);
const wanted = Number(process.env.EXPECTED_HEAP_MB);
console.log(`heap limit ${limit.toFixed(0)} MiB`);
if (process.env.EXPECTED_EXACT === 'yes')
  assert.ok(
    Math.abs(limit - wanted) <= wanted * 0.7 + 64 && limit < Number(process.env.CONTAINER_MB) * 0.65,
    `the override of ${wanted} MiB does not win: ${limit} MiB`,
  );
else
  assert.ok(
    limit < Number(process.env.CONTAINER_MB),
    `the heap may grow to ${limit} MiB in a container of ${process.env.CONTAINER_MB} MiB`,
  );
