const assert = require('assert');

module.exports = () => {
  const at = new Date('2026-07-01T12:00:00Z');
  const clock = (timeZone) =>
    new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' }).format(at);
  assert.strictEqual(clock('Europe/Berlin'), '14:00');
  assert.strictEqual(clock('America/New_York'), '08:00');
  assert.strictEqual(clock('Asia/Kolkata'), '17:30');
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const same = process.env.EXPECTED_ZONE === 'UTC' ? /^(?:Etc\/)?(?:UTC|UCT|Universal|Zulu)$/ : undefined;
  assert.ok(same ? same.test(zone) : zone === process.env.EXPECTED_ZONE, `the default time zone is ${zone}`);
  assert.strictEqual(new Intl.NumberFormat('de-DE').format(1234.5), '1.234,5', 'ICU has no German');
  assert.deepStrictEqual(['ö', 'z', 'a'].sort(new Intl.Collator('sv').compare), ['a', 'z', 'ö'], 'ICU has no Swedish');
  assert.strictEqual('I'.toLocaleLowerCase('tr'), 'ı', 'ICU has no Turkish');
};
