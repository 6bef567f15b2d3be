// What others wrote, printed and written: it is shown, and acts on nothing.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { serve } from '../support/http-server.ts';
import { makeShellImage } from '../support/shell-image.ts';
import { temporaryFolder } from '../support/workspace.ts';

/** Clears the screen, turns the text around, and says something else. */
const escape = '\u001B[2J\u001B[H\u202Eall is verified\u202C\u009B31m\u0007';
const markup = '```\n````\n<script>alert(1)</script>| a | b |\n# all passed\n[x](javascript:alert(1))';
/** Control and bidirectional characters that act in a terminal or editor. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const acting = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069]/;

let cwd: string;
let printed: string;
beforeAll(async () => {
  cwd = await temporaryFolder();
  const image = await makeShellImage();
  const say = `process.stdout.write(${JSON.stringify(`${escape}\n${markup}\nok 2 - all passed\n1..1\n]]>\n`)}); process.exit(1);`;
  const tests = {
    schemaVersion: '2.0.0',
    commandTests: [
      { name: `one ${escape} ${markup}`, command: 'node', args: ['-e', say], expectedOutput: [`no ${escape}`] },
    ],
  };
  await writeFile(join(cwd, 'x.json'), JSON.stringify(tests));
  const reports = ['html', 'xml', 'tap', 'md', 'json'].flatMap((ending) => ['--report', `report.${ending}`]);
  const ran = await runCli(['test', image, '--with', 'x.json', ...reports], { cwd });
  expect(ran.exitCode, ran.stderr).toBe(4);
  printed = ran.stdout + ran.stderr;
}, 120_000);

describe('names and output of a test', () => {
  it('are shown on the terminal', () => {
    expect(printed).toContain('all is verified');
    expect(printed).not.toMatch(acting);
  });

  it.each(['html', 'xml', 'tap', 'md', 'json'])('are written to a report in %s, and act on nothing', async (ending) => {
    const whole = await readFile(join(cwd, `report.${ending}`), 'utf8');
    expect(whole).toContain('all is verified');
    expect(whole).not.toMatch(acting);
    // What stands in a block of code, or as text between tags, is only shown.
    const text = whole
      .replaceAll(/^(`{3,})\n[\s\S]*?\n\1$/gm, '')
      .replaceAll(/(?<=>)[^<]*/g, ending === 'html' ? '' : '$&');
    if (ending === 'html' || ending === 'md') {
      expect(text).not.toContain('<script>alert');
      expect(text).not.toMatch(/\[x\]\(javascript:/);
      expect(text).not.toMatch(/^# all passed/m);
    }
    if (ending === 'xml') expect(text.match(/<testcase /g)).toHaveLength(1);
    if (ending === 'tap') {
      expect(text.match(/^(?:not )?ok /gm)).toHaveLength(1);
      expect(text).toMatch(/^not ok 1/m);
      expect(text.match(/^1\.\./gm)).toHaveLength(1);
    }
    if (ending === 'json') expect(() => JSON.parse(text) as unknown).not.toThrow();
  });
});

describe('a registry', () => {
  it.each([
    ['its error', { errors: [{ code: 'DENIED', message: escape, detail: escape }] }],
    ['its code', { errors: [{ code: escape, message: 'no' }] }],
    ['no JSON', escape],
  ])('cannot write on the terminal with %s', async (_, body) => {
    const server = await serve((_request, response) =>
      response
        .writeHead(403, { 'content-type': 'application/json' })
        .end(typeof body === 'string' ? body : JSON.stringify(body)),
    );
    await writeFile(join(cwd, 'key.pub'), '');
    const ran = await runCli(['show', `${server.host}/a/b:c`], { cwd });
    expect(ran.exitCode).toBeGreaterThan(0);
    expect(ran.stderr).not.toMatch(acting);
  });
});

it.each([
  ['the name of a file', ['test', `oci:${escape}:x`, '--with', 'x.json']],
  ['an option', ['verify', '24', `--${escape}`]],
  ['a command', [escape]],
  ['a value', ['plan', '--concurrency', escape]],
  ['a recipe', ['plan', '--recipe', escape]],
])('what is wrong with %s is told without acting', async (_, args) => {
  const ran = await runCli(args, { cwd });
  expect(ran.exitCode).toBeGreaterThan(1);
  expect(ran.stderr).not.toMatch(acting);
});
