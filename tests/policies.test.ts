// Policies as teams write them: tested without an image, with gates of their own, given to clusters.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdmissionServer, type AdmissionServer } from '../src/admission/admission-server.ts';
import { ask, certifiedWorkspace, write } from './support/certified.ts';
import { entry, runCli } from './support/cli.ts';
import { startRegistry, type Daemon } from './support/daemons.ts';

let registry: Daemon;
let repository: string;
let cwd: string;
let recipe: string;

beforeAll(async () => {
  registry = await startRegistry();
  repository = `${registry.address}/acme/node`;
  const environments = [
    '  production:',
    '    gates: { vulnerabilities: { graceDays: { critical: 7 } }, node-line: { phases: [active-lts, maintenance] }, approvals: { automatic: [security-fix] } }',
    '  staging:',
    '    custom: [{ module: gates/name.ts, config: { start: acme } }]',
  ].join('\n');
  cwd = await certifiedWorkspace({ repository, environments });

  await mkdir(join(cwd, 'gates'));
  await writeFile(
    join(cwd, 'gates/name.ts'),
    `interface Input { readonly image: { readonly cell: string } }
export default {
  name: 'name',
  summary: 'Cells have a name that begins as ours do',
  evaluate({ image }: Input, { start }: { start: string }) {
    return image.cell.startsWith(start) ? [] : [{ result: 'deny', reason: \`\${image.cell} does not begin with \${start}\`, fix: 'rename it', evidence: [] }];
  },
};
`,
  );
  recipe = await readFile(join(cwd, 'nodeworthy.yaml'), 'utf8');
}, 300_000);
afterAll(async () => await registry.stop());

describe('a policy', () => {
  const cases = `environment: production
cases:
  - name: an image in order waits for a person
    expect: { result: waiting, gates: { approvals: wait } }
  - name: one that a person approved is allowed
    given: { approvals: [{ person: bob@example.com }] }
    expect: { result: allowed }
  - name: a repair needs nobody
    given: { repairs: [CVE-2026-1] }
    expect: { result: allowed }
  - name: a critical hole that could have been closed for ten days is denied
    given: { findings: [{ id: CVE-2026-2, severity: critical, fixedVersion: '2', fixedSince: 2026-11-11 }] }
    expect: { result: denied, gates: { vulnerabilities: deny } }
  - name: a current line is denied
    given: { phase: current, release: 26.1.0 }
    expect: { result: denied, gates: { node-line: deny } }
`;

  it('is tested by cases, without an image', async () => {
    await write(cwd, 'production.test.yaml', cases);
    const tested = await ask<{ cases: { name: string; problem?: string }[] }>(cwd, [
      'gate',
      'test',
      'production.test.yaml',
    ]);
    expect(tested.json.cases.map(({ problem }) => problem)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(tested.exitCode).toBe(0);
    await write(cwd, 'production.test.yaml', cases.replace('result: waiting', 'result: allowed'));
    const failed = await runCli(['gate', 'test', 'production.test.yaml'], { cwd });
    expect(failed.exitCode).toBe(10);
    expect(failed.stdout).toContain('the decision is waiting, not allowed (approvals: has 0 of 1 approvals)');
  });

  it.each([
    ['an unknown key', cases.replace('given: { phase', 'given: { fase'), 'unknown key "fase"'],
    ['an unknown environment', cases.replace('environment: production', 'environment: prod'), 'no environment "prod"'],
    ['no cases', 'environment: production\ncases: []\n', 'cases'],
  ])('test with %s says so', async (_, text, message) => {
    await write(cwd, 'wrong.yaml', text);
    const wrong = await runCli(['gate', 'test', 'wrong.yaml'], { cwd });
    expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) as string });
  });

  it('can ask a gate of the team, in TypeScript, with its settings', async () => {
    const text =
      'environment: staging\ncases:\n  - name: of another team\n    expect: { result: denied, gates: { name: deny } }\n  - name: of ours\n    given: { cell: acme-node }\n    expect: { result: allowed, gates: { name: allow } }\n';
    await write(cwd, 'staging.test.yaml', text);
    const tested = await runCli(['gate', 'test', 'staging.test.yaml'], { cwd });
    expect(tested.exitCode, tested.stdout + tested.stderr).toBe(0);
  });

  it.each([
    ['is not there', 'nothing.ts', undefined, 'cannot be read'],
    ['does not parse', 'broken.ts', 'export default {', 'cannot be loaded'],
    ['is no gate', 'no-gate.ts', 'export default { name: "No Gate" };', 'is no gate'],
    [
      'does not take its settings',
      'strict.ts',
      'export default { name: "strict", summary: "", evaluate: () => [], Config: { safeParse: () => ({ success: false, error: { message: "start is needed" } }) } };',
      'start is needed',
    ],
  ])('with a gate that %s is refused', async (_, file, text, message) => {
    if (text !== undefined) await write(cwd, `gates/${file}`, text);
    await write(cwd, 'nodeworthy.yaml', recipe.replace('gates/name.ts', `gates/${file}`));
    const refused = await runCli(['gate', '--environment', 'staging'], {
      cwd,
      env: { NODEWORTHY_PASSPHRASE: 'correct horse battery staple' },
    });
    await write(cwd, 'nodeworthy.yaml', recipe);
    expect(refused.exitCode, refused.stderr).toBe(2);
    expect(refused.stderr).toContain(message);
    expect(refused.stderr).not.toContain('    at ');
  });

  it.each([
    ['an unknown gate', 'gates: { vulnerabilitys: {} }', 'did you mean "vulnerabilities"?'],
    [
      'a waiver without a reason',
      'waivers: [{ vulnerability: CVE-1, reason: no, by: bob, until: 2027-01-01 }]',
      'waivers',
    ],
    ['a waiver without an end', 'waivers: [{ vulnerability: CVE-1, reason: it is not reachable, by: bob }]', 'until'],
    ['a key that is trusted for approvals and is nobody’s', undefined, 'a key for approvals needs a person'],
    ['one key for releases and failures', undefined, 'are the same key'],
  ])('with %s is refused with its line', async (what, settings, message) => {
    const changed = what.startsWith('a key')
      ? recipe.replace(', person: bob@example.com', '')
      : what.startsWith('one key')
        ? recipe.replace('failures: { key: keys/failures.key }', 'failures: { key: keys/release.key }')
        : recipe.replace(/ {2}staging:\n {4}custom: .*/, `  staging:\n    ${settings}`);
    await write(cwd, 'nodeworthy.yaml', changed);
    const refused = await runCli([what.startsWith('one key') ? 'run' : 'gate', '--environment', 'staging'], {
      cwd,
      env: { NODEWORTHY_PASSPHRASE: 'correct horse battery staple' },
    });
    await write(cwd, 'nodeworthy.yaml', recipe);
    expect(refused.exitCode).toBe(what.startsWith('one key') ? 13 : 2);
    expect(refused.stderr).toContain(message);
  });

  it('of another environment is chosen by name', async () => {
    const wrong = await runCli(['gate', '--environment', 'prodction'], { cwd });
    expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('did you mean production?') as string });
  });
});

describe('a cluster', () => {
  it.each(['policy-controller', 'kyverno', 'ratify', 'webhook', 'nodeworthy'])(
    'gets a policy for %s from the same trust',
    async (kind) => {
      const { stdout, exitCode } = await runCli(['policies', '--for', kind], { cwd });
      expect(exitCode).toBe(0);
      const documents = parseAllDocuments(stdout).map(
        (document) => document.toJS() as { kind?: string; apiVersion?: string },
      );
      expect(documents.length).toBeGreaterThan(0);
      if (kind === 'nodeworthy') return expect(stdout).toContain('roles:');
      for (const document of documents) expect(document.apiVersion).toMatch(/\/v1(?:beta1)?$/);
      if (kind === 'webhook') return expect(stdout).toContain('failurePolicy: Fail');
      expect(stdout).toContain(repository);
      const pem = await readFile(join(cwd, 'keys/release.pub'), 'utf8');
      expect(stdout).toContain(pem.split('\n')[1]);
      // Keys of approvers and of failures certify nothing.
      for (const other of ['bob', 'failures'])
        expect(stdout).not.toContain((await readFile(join(cwd, `keys/${other}.pub`), 'utf8')).split('\n')[2]);
    },
  );

  const review = (...images: string[]) => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u1',
      object: {
        kind: 'Pod',
        spec: { containers: images.map((image, at) => ({ name: `c${at}`, image })), initContainers: [] },
      },
    },
  });
  interface Answer {
    readonly response: {
      readonly uid: string;
      readonly allowed: boolean;
      readonly status?: { readonly message: string };
    };
  }
  const send = async (port: number, body: unknown) =>
    await fetch(`http://127.0.0.1:${port}/validate`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  it('is answered by a server that fails closed', async () => {
    const digest = `@sha256:${'a'.repeat(64)}`;
    const server: AdmissionServer = await startAdmissionServer({
      host: '127.0.0.1',
      port: 0,
      judge: async (image) => {
        if (image.startsWith('broken')) throw new Error('the registry did not answer');
        return { ok: image.startsWith('good'), reason: 'it has no certificate' };
      },
    });
    try {
      const answer = async (...images: string[]) =>
        ((await (await send(server.port, review(...images))).json()) as Answer).response;
      expect(await answer(`good${digest}`)).toEqual({ uid: 'u1', allowed: true });
      expect((await answer(`good${digest}`, `bad${digest}`)).status?.message).toBe(
        `bad${digest}: it has no certificate`,
      );
      expect((await answer('good:24')).status?.message).toContain('is not named by digest');
      expect(await answer(`broken${digest}`)).toMatchObject({ allowed: false });
      const many = Array.from({ length: 3000 }, (_, at) => `good/${at}${digest}`);
      expect((await answer(...many)).status?.message).toContain('the pod has 3000 images, at most 64 are looked at');
      expect((await send(server.port, 'nonsense')).status).toBe(400);
      expect((await send(server.port, '['.repeat(4 << 20))).status).toBe(400);
      expect((await send(server.port, { kind: 'Pod' })).status).toBe(400);
      expect((await fetch(`http://127.0.0.1:${server.port}/validate`)).status).toBe(404);
      expect((await fetch(`http://127.0.0.1:${server.port}/livez`)).status).toBe(200);
    } finally {
      await server.close();
    }
  });

  it('is answered about real images, until the server is stopped', async () => {
    const published = await ask<{ cells: { outcome: string; digest: string }[] }>(cwd, [
      'run',
      '--environment',
      'staging',
      '--cells',
      '24*',
    ]);
    expect(published.json.cells[0]?.outcome).toBe('denied');
    await write(cwd, 'nodeworthy.yaml', recipe.replace('start: acme', "start: '24'"));
    const again = await ask<{ cells: { outcome: string; digest: string }[] }>(cwd, ['run', '--environment', 'staging']);
    expect(again.json.cells[0]?.outcome).toBe('published');
    const image = `${repository}@${again.json.cells[0]?.digest}`;
    const child = spawn(process.execPath, [entry, 'admission', '--listen', '127.0.0.1:0', '--environment', 'staging'], {
      cwd,
      env: { ...process.env, CI: 'true' },
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    try {
      await expect.poll(() => stderr, { timeout: 20_000 }).toContain('answering at');
      const port = Number(/127\.0\.0\.1:(\d+)\/validate/.exec(stderr)?.[1]);
      const answer = async (name: string) => ((await (await send(port, review(name))).json()) as Answer).response;
      expect(await answer(image)).toEqual({ uid: 'u1', allowed: true });
      expect((await answer(`${repository}@sha256:${'0'.repeat(64)}`)).allowed).toBe(false);
    } finally {
      child.kill('SIGTERM');
      const code = await new Promise((done) => child.on('close', done));
      expect(code, stderr).toBe(0);
      await write(cwd, 'nodeworthy.yaml', recipe);
    }
  }, 300_000);
});
