// What people do in a shell of the image: core utilities, npm, and what the package database says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const sh = (script) => execFileSync('/bin/sh', ['-euc', script], { encoding: 'utf8' }).trim();
assert.equal(sh('printf "b\\na\\n" | sort | head -n 1 | tr a-z A-Z'), 'A');
assert.equal(sh('grep -c . /etc/os-release | sed "s/[0-9]*/ok/"'), 'ok');
assert.match(sh('npm --version'), /^\d+\.\d+\.\d+$/);
assert.match(sh('npx --version'), /^\d+\.\d+\.\d+$/);
assert.equal(sh('dpkg --audit'), '', 'packages are not wholly installed');
assert.match(sh('dpkg-query --show --showformat "\\${db:Status-Status}" libstdc++6'), /^installed$/);
assert.equal(sh('dpkg-query --search /usr/bin/tini'), 'tini: /usr/bin/tini');
assert.match(sh('apt-get --version'), /^apt \d/);
assert.ok(sh('getent passwd node').startsWith('node:x:1000:1000:'));
for (const file of ['/etc/machine-id', '/var/log/dpkg.log', '/etc/passwd-'])
  assert.throws(() => readFileSync(file), { code: 'ENOENT' }, `${file} was left behind`);
