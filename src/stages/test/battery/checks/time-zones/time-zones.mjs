import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';

const at = new Date('2026-07-01T12:00:00Z');
const clock = (timeZone, locale = 'en-GB') =>
  new Intl.DateTimeFormat(locale, { timeZone, hour: '2-digit', minute: '2-digit' }).format(at);
assert.equal(clock('Europe/Berlin'), '14:00');
assert.equal(clock('America/New_York'), '08:00');
assert.equal(clock('Asia/Kolkata'), '17:30');
assert.equal(new Intl.DateTimeFormat().resolvedOptions().timeZone, process.env.EXPECTED_ZONE, 'the default time zone');
process.env.TZ = 'Australia/Sydney';
assert.equal(at.getHours(), 22, 'TZ is not honoured');
assert.ok(existsSync('/usr/share/zoneinfo/Europe/Berlin'), 'zone files for native code');
assert.ok(readFileSync('/etc/localtime').subarray(0, 4).equals(Buffer.from('TZif')), '/etc/localtime');
assert.equal(new Intl.NumberFormat('de-DE').format(1234.5), '1.234,5', 'ICU has no German');
assert.deepEqual(['ö', 'z', 'a'].sort(new Intl.Collator('sv').compare), ['a', 'z', 'ö'], 'ICU has no Swedish order');
assert.equal('I'.toLocaleLowerCase('tr'), 'ı', 'ICU has no Turkish');
