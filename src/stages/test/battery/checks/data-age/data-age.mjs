// Rules of time zones and authorities go out of date: an image that is rebuilt must carry those of its time.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

const year = new Date().getFullYear();
const zones = process.versions.tz;
assert.ok(Number(zones.slice(0, 4)) >= year - 2, `time zones of ICU are of ${zones}`);
const data = '/usr/share/zoneinfo/tzdata.zi';
if (existsSync(data)) {
  const [, version = ''] = /^# version (\S+)/.exec(readFileSync(data, 'utf8')) ?? [];
  assert.ok(Number(version.slice(0, 4)) >= year - 2, `time zones of the system are of ${version}`);
}
const bundle = process.env.SSL_CERT_FILE ?? '/etc/ssl/certs/ca-certificates.crt';
if (existsSync(bundle)) {
  const texts = readFileSync(bundle, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = texts.map((text) => new X509Certificate(text));
  const expired = certificates.filter(({ validTo }) => new Date(validTo) < new Date());
  assert.ok(certificates.length >= 50, `${bundle} has ${certificates.length} authorities`);
  assert.ok(
    expired.length <= certificates.length / 10,
    `${expired.length} of ${certificates.length} authorities have expired`,
  );
  const newest = Math.max(...certificates.map(({ validFrom }) => new Date(validFrom).getFullYear()));
  assert.ok(newest >= year - 6, `the newest authority is of ${newest}`);
}
