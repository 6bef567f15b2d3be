const assert = require('assert');
const { readFileSync } = require('fs');

module.exports = () => {
  const folder = '/var/diagnostics';
  process.report.directory = folder;
  const file = process.report.writeReport('report.json');
  const report = JSON.parse(readFileSync(file.startsWith('/') ? file : `${folder}/${file}`, 'utf8'));
  assert.strictEqual(report.header.nodejsVersion, process.version);
};
