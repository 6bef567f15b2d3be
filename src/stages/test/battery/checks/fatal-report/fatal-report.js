// A fatal error must leave a report where it is told to, and end the process with the signal that writes a core.
const assert = require('assert');
const { spawnSync } = require('child_process');
const { readFileSync, readdirSync, unlinkSync } = require('fs');

module.exports = () => {
  const folder =
    (/--(?:diagnostic-dir|report-directory)=(\S+)/.exec(process.env.NODE_OPTIONS || '') || [])[1] || '/tmp';
  // A small heap alone: settings of the image could make it larger, or end the process in another way.
  const options = '--max-old-space-size=20';
  const before = new Set(readdirSync(folder));
  const fill = 'const a = []; for (;;) a.push(new Array(1e5).fill({}))';
  const flags = ['--report-on-fatalerror', `--report-directory=${folder}`];
  const { signal } = spawnSync(process.execPath, [...flags, '-e', fill], {
    env: { ...process.env, NODE_OPTIONS: options },
    stdio: 'ignore',
    timeout: 15000,
  });
  assert.strictEqual(signal, 'SIGABRT', 'a fatal error does not abort');
  const reports = readdirSync(folder).filter((file) => !before.has(file) && file.startsWith('report.'));
  assert.strictEqual(reports.length, 1, `no report in ${folder}`);
  assert.match(
    JSON.parse(readFileSync(`${folder}/${reports[0]}`, 'utf8')).header.event,
    /Allocation failed|out of memory/i
  );
  for (const file of reports) unlinkSync(`${folder}/${file}`);
  assert.match(readFileSync('/proc/self/limits', 'utf8'), /Max core file size/);
  assert.strictEqual(spawnSync(process.execPath, ['-e', 'process.abort()'], { stdio: 'ignore' }).signal, 'SIGABRT');
};
