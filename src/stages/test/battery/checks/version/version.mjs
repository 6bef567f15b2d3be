import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

assert.equal(process.version, `v${process.env.EXPECTED_RELEASE}`, 'the binary is of another release than the cell');
assert.equal(process.env.NODE_VERSION, process.env.EXPECTED_RELEASE, 'NODE_VERSION of the image');
assert.equal(process.execPath, '/usr/local/bin/node');
assert.match(readFileSync('/usr/local/share/doc/node/LICENSE', 'utf8'), /Node\.js is licensed/);
// A base of somebody else has no suite that we could expect.
if (process.env.EXPECTED_SUITE)
  assert.match(readFileSync('/etc/os-release', 'utf8'), new RegExp(`VERSION_CODENAME=${process.env.EXPECTED_SUITE}`));
// For the bill of materials: what this very binary says that it is made of.
console.log(`process.versions ${JSON.stringify(process.versions)}`);
