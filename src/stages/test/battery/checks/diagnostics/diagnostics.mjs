import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import v8 from 'node:v8';

const folder = '/var/diagnostics';
process.report.directory = folder;
const report = JSON.parse(readFileSync(`${folder}/${process.report.writeReport('report.json')}`, 'utf8'));
assert.equal(report.header.nodejsVersion, process.version);
const snapshot = v8.writeHeapSnapshot(`${folder}/heap.heapsnapshot`);
assert.ok(statSync(snapshot).size > 100_000, 'the heap snapshot is too small');
assert.ok(readdirSync(folder).length >= 2);
