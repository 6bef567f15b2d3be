import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';

const [uid, gid] = process.env.EXPECTED_USER.split(':').map(Number);
assert.equal(process.getuid(), uid);
assert.equal(process.getgid(), gid);
if (process.env.EXPECTED_VARIANT !== 'build') assert.notEqual(uid, 0, 'runs as root');
for (const folder of ['/app', '/home/node', '/var/diagnostics', '/tmp']) {
  const made = mkdtempSync(`${folder}/check-`);
  writeFileSync(`${made}/file`, 'x');
  rmSync(made, { recursive: true });
}
// Root without capabilities is still the owner of what root owns.
if (uid !== 0)
  for (const file of ['/usr/local/bin/node', '/etc/passwd', '/etc/ssl/certs/ca-certificates.crt'].filter(existsSync)) {
    assert.throws(
      () => writeFileSync(file, 'x', { flag: 'r+' }),
      { code: /EACCES|EROFS|ETXTBSY/ },
      `${file} can be written`,
    );
  }
