// Runs the shared checks one after the other in this process, or in a child where a check wants other variables.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const only = JSON.parse(process.env.ONLY);
const checks = JSON.parse(readFileSync('/nodeworthy-test/shared.json', 'utf8')).filter(({ id }) => only.includes(id));
delete process.env.ONLY;
const write = process.stdout.write.bind(process.stdout);
const timeoutMs = 20_000;

for (const check of checks) {
  let output = '';
  const keep = (chunk) => ((output += chunk), true);
  const started = performance.now();
  let error;
  process.stdout.write = keep;
  process.stderr.write = keep;
  try {
    await Promise.race([check.env ? inChild(check, keep) : import(`/nodeworthy-test/${check.script}`), timeOut()]);
  } catch (problem) {
    error = String(problem?.message ?? problem);
  }
  write(
    `@@nodeworthy-case ${JSON.stringify({ id: check.id, ms: performance.now() - started, output: output.slice(0, 16_384), error })}\n`,
  );
}
process.exit(0);

async function inChild(check, keep) {
  const child = spawn(process.execPath, [`/nodeworthy-test/${check.script}`], {
    env: { ...process.env, ...check.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stdout.on('data', keep);
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
}

function timeOut() {
  return new Promise((_, reject) =>
    setTimeout(() => reject(new Error(`did not end within ${timeoutMs / 1000} s`)), timeoutMs).unref(),
  );
}
