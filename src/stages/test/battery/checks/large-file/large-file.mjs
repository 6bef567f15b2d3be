import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs';

const path = '/tmp/large-file';
const file = openSync(path, 'w+');
const offset = 5 * 2 ** 30;
ftruncateSync(file, offset);
writeSync(file, 'end', offset);
const bytes = Buffer.alloc(3);
readSync(file, bytes, 0, 3, offset);
assert.equal(bytes.toString(), 'end', 'files beyond 4 GiB');
assert.equal(statSync(path).size, offset + 3);
closeSync(file);
unlinkSync(path);
