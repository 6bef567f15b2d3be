import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../../core/exec.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeworthy-'));
});
afterAll(async () => await rm(folder, { recursive: true }));

const loader = new URL('./load-with-imports.ts', import.meta.url).href;

/** In a process of its own: the test runner has a loader of its own. */
async function load(steps: string): Promise<string> {
  const script = `import { writeFileSync } from 'node:fs';
import { loadClosure } from ${JSON.stringify(loader)};
const folder = ${JSON.stringify(folder)};
const write = (name, text) => writeFileSync(folder + '/' + name, text);
const load = (name) => loadClosure(folder + '/' + name, folder).catch((error) => ({ digest: error.message, exports: {} }));
${steps}`;
  await writeFile(join(folder, 'script.mts'), script);
  const ran = await exec(process.execPath, ['--disable-warning=ExperimentalWarning', join(folder, 'script.mts')], {});
  expect(ran.exitCode, ran.stderr).toBe(0);
  return ran.stdout.trim();
}

const importing = (specifier: string): string =>
  `import ${specifier.endsWith('.json') ? `word from '${specifier}' with { type: 'json' }` : `{ word } from '${specifier}'`};
export const say = (): string => word;`;

describe('a gate of a team', () => {
  it.each([
    ['helper.ts', `export const word: string = 'one';`, `export const word: string = 'two';`, './helper.ts'],
    ['helper.mjs', `export const word = 'one';`, `export const word = 'two';`, './helper.mjs'],
    ['words.json', `"one"`, `"two"`, './words.json'],
  ])('is another one when its %s changes, in the same process too', async (name, one, two, specifier) => {
    const answer = await load(`
write('gate.ts', ${JSON.stringify(importing(specifier))});
write(${JSON.stringify(name)}, ${JSON.stringify(one)});
const first = await load('gate.ts');
const again = await load('gate.ts');
write(${JSON.stringify(name)}, ${JSON.stringify(two)});
const second = await load('gate.ts');
console.log(first.digest === again.digest, first.digest === second.digest, first.exports.say(), second.exports.say());`);
    expect(answer).toBe('true false one two');
  });

  it.each([
    ['files', `import fs from 'node:fs'; export default fs;`],
    ['programs', `import { execSync } from 'child_process'; export default execSync;`],
    ['another loader', `import { createRequire } from 'node:module'; export default createRequire;`],
    ['what the machine has', `export default process.getBuiltinModule('fs');`],
  ])('does not reach %s', async (_, text) => {
    const answer = await load(`
write('gate.mjs', ${JSON.stringify(text)});
console.log((await load('gate.mjs')).digest);`);
    expect(answer).toContain('a gate decides on its input alone');
  });

  it.each([
    ['requires others', 'gate.cjs', `const { word } = require('./other.cjs'); exports.say = () => word;`],
    ['imports one that does', 'gate.mjs', `import other from './other.cjs'; export default other;`],
    ['carries code in an address', 'gate.mjs', `import 'data:text/javascript,export * from "node:fs"';`],
  ])('is refused when it %s', async (_, name, text) => {
    const answer = await load(`
write('other.cjs', "exports.word = 'one'");
write(${JSON.stringify(name)}, ${JSON.stringify(text)});
console.log((await load(${JSON.stringify(name)})).digest);`);
    expect(answer).toContain('a gate decides on its input alone');
  });

  it.each([`await import('node:fs')`, `await import('./later.mjs')`])('imports nothing later: %s', async (late) => {
    const answer = await load(`
write('later.mjs', 'export const word = 1;');
write('gate.mjs', ${JSON.stringify(`export const say = async () => ${late};`)});
console.log(await (await load('gate.mjs')).exports.say().catch((error) => error.message));`);
    expect(answer).toMatch(/imports .* when it is asked, and not at its start: a gate decides on its input alone/);
  });

  it('computes with what computes', async () => {
    const answer = await load(`
write('gate.mjs', "import { createHash } from 'node:crypto'; import path from 'path'; export const say = () => path.join('a', createHash('sha256').update('').digest('hex').slice(0, 4));");
console.log((await load('gate.mjs')).exports.say());`);
    expect(answer).toBe('a/e3b0');
  });
});
