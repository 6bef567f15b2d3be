// The binary is no FIPS build: it must neither say so nor take the switch without a word.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { getFips } from 'node:crypto';

assert.equal(getFips(), 0, 'FIPS mode is on, and no evidence of a validated module is in the image');
const { status } = spawnSync(process.execPath, ['--force-fips', '-p', 'require("crypto").getFips()'], {
  encoding: 'utf8',
});
assert.notEqual(status, 0, '--force-fips is taken although there is no FIPS provider');
