const assert = require('assert');
const { isMainThread, parentPort, Worker, workerData } = require('worker_threads');

module.exports = async () => {
  const shared = new SharedArrayBuffer(4);
  const answers = await Promise.all(
    [1, 2].map(
      () =>
        new Promise((resolve, reject) =>
          new Worker(__filename, { workerData: shared }).on('message', resolve).on('error', reject)
        )
    )
  );
  assert.deepStrictEqual(answers, [42, 42]);
  assert.strictEqual(new Int32Array(shared)[0], 2);
};

if (!isMainThread) {
  Atomics.add(new Int32Array(workerData), 0, 1);
  parentPort.postMessage(6 * 7);
}
