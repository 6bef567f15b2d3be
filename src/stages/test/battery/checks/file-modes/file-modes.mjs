// Walks the whole file system as the image's own user sees it.
import assert from 'node:assert/strict';
import { lstatSync, readdirSync } from 'node:fs';

const skipped = new Set(['/proc', '/sys', '/dev', '/nodeworthy-test']);
const worldWritable = new Set(['/tmp', '/var/tmp', '/run/lock']);
const problems = [];
let seen = 0;
function walk(path) {
  if (skipped.has(path)) return;
  const stats = lstatSync(path);
  seen++;
  if (stats.isSymbolicLink()) return;
  if (stats.mode & 0o6000) problems.push(`${path} has a set-id bit`);
  if (stats.mode & 0o002 && !worldWritable.has(path)) problems.push(`${path} is writable by everybody`);
  if (!stats.isDirectory()) return;
  let names = [];
  try {
    names = readdirSync(path);
  } catch (error) {
    if (error.code !== 'EACCES') throw error;
  }
  for (const name of names) walk(path === '/' ? `/${name}` : `${path}/${name}`);
}
walk('/');
// A base of somebody else may be small.
assert.ok(seen > (process.env.EXPECTED_SUITE ? 500 : 20), `only ${seen} files were seen`);
assert.deepEqual(problems, []);
const unwanted =
  process.env.EXPECTED_VARIANT === 'runtime' && process.env.EXPECTED_SUITE
    ? ['sh', 'bash', 'dash', 'busybox', 'apt', 'dpkg', 'npm', 'npx', 'su', 'passwd']
    : [];
for (const program of unwanted) {
  for (const folder of ['/bin', '/usr/bin', '/usr/local/bin', '/sbin', '/usr/sbin']) {
    assert.throws(
      () => lstatSync(`${folder}/${program}`),
      { code: 'ENOENT' },
      `${folder}/${program} has no place in a runtime image`,
    );
  }
}
