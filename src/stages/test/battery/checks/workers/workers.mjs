import assert from 'node:assert/strict';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';

if (!isMainThread) {
  const view = new Int32Array(workerData);
  Atomics.add(view, 0, 1);
  parentPort.postMessage(6 * 7);
} else {
  const shared = new SharedArrayBuffer(4);
  const answers = await Promise.all(
    [1, 2].map(
      () =>
        new Promise((resolve, reject) =>
          new Worker(fileURLToPath(import.meta.url), { workerData: shared }).on('message', resolve).on('error', reject),
        ),
    ),
  );
  assert.deepEqual(answers, [42, 42]);
  assert.equal(new Int32Array(shared)[0], 2);
}
