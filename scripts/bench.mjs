// `npm run bench`: set-up, then our pipeline and others side by side. A part that fails is told, and the others go on;
// `npm run bench -- matrix evidence` runs only these. It ends with a table of all bars.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { ensureDependencies, ensurePrograms, extendPath, fail, root } from './setup.mjs';

/** The part that takes an hour comes last, and goes on where it was stopped. */
const parts = ['bench', 'matrix', 'tests', 'evidence', 'attacks', 'releases'];
const asked = process.argv.slice(2);
const unknown = asked.find((part) => !parts.includes(part));
if (unknown !== undefined) fail(`there is no part ${unknown} of the benchmark`, `parts: ${parts.join(', ')}`);

await ensureDependencies();
extendPath();
await ensurePrograms(['runc', 'dockerd', 'docker-registry', 'skopeo', 'iptables', 'pigz', 'qemu-aarch64-static']);
const rows = [];
for (const part of asked.length > 0 ? asked : parts) {
  const file = `${root}bench-results/${part}.json`;
  rmSync(file, { force: true });
  process.stderr.write(`\n== ${part}\n`);
  const { status } = spawnSync('node', ['--disable-warning=ExperimentalWarning', `${root}tests/bench/${part}.ts`], {
    cwd: root,
    stdio: 'inherit',
  });
  const bars = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).bars : [];
  for (const { name, value, limit, unit, holds } of bars)
    rows.push([holds ? 'held' : 'FELL SHORT', part, name, `${Number(value).toFixed(2)}${unit} of ${limit}${unit}`]);
  if (status !== 0 || bars.length === 0)
    rows.push(['NOT RUN', part, 'the part did not come to its end', 'see above what it said']);
}
for (const part of asked.length > 0 ? parts.filter((name) => !asked.includes(name)) : [])
  rows.push(['NOT RUN', part, 'was not asked for', '']);
const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)));
process.stdout.write(
  `\n${rows
    .map((row) =>
      row
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')}\n`,
);
process.exitCode = rows.some(([result]) => result !== 'held') ? 1 : 0;
