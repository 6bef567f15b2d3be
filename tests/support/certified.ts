import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCli } from './cli.ts';

import { smallWorkspace } from './workspace.ts';

/** Keys of a team: who releases, who states failures, and people. */
export const people = ['release', 'failures', 'alice', 'bob', 'carol', 'mallory'] as const;
export const passphrase = 'correct horse battery staple';
export const author = 'alice@example.com';

export interface CertifiedOptions {
  readonly repository?: string;
  readonly environments?: string;
  readonly feeds?: string;
  readonly more?: string;
  readonly keep?: (cell: string) => boolean;
}

const approvals = '      approvals: { required: 1, roles: { security: 1 } }';

/** A workspace as a team has it: keys with a passphrase, people with roles, a policy that waits for one of them. */
export async function certifiedWorkspace(options: CertifiedOptions = {}): Promise<string> {
  const { repository, environments, feeds = '[]', more = '' } = options;
  const keep = options.keep ?? ((cell: string) => /^24\..*-trixie/.test(cell));
  const person = (name: string, roles: string): string =>
    `  - { name: ${name}, publicKey: keys/${name}.pub, states: [approvals], person: ${name}@example.com, roles: [${roles}] }`;
  const cwd = await smallWorkspace(keep, (recipe) =>
    [
      recipe.replace('publish: []', `publish: [${repository === undefined ? '' : `{ repository: ${repository} }`}]`),
      'signing:',
      '  release: { key: keys/release.key }',
      '  failures: { key: keys/failures.key }',
      `  author: ${author}`,
      'trust:',
      '  - { name: acme-release, publicKey: keys/release.pub, states: [evidence, certificates, revocations, vex] }',
      '  - { name: acme-failures, publicKey: keys/failures.pub, states: [failures] }',
      person('alice', 'security'),
      person('bob', 'security'),
      person('carol', 'platform'),
      `feeds: ${feeds}`,
      `environments:\n${environments ?? `  production:\n    gates:\n${approvals}`}`,
      more,
      '',
    ].join('\n'),
  );
  await mkdir(join(cwd, 'keys'));
  for (const name of people) {
    const made = await runCli(['keys', 'create', name, '--output', 'keys'], { cwd, env: keyEnvironment });
    if (made.exitCode !== 0) throw new Error(made.stderr);
  }
  await writeFile(join(cwd, '.gitignore'), '.nodeworthy\n*.key\n');
  commitAll(cwd, author);
  return cwd;
}

/** Commits everything in a folder as somebody, and makes it a repository where it is none. */
export function commitAll(cwd: string, mail: string): void {
  const name = { GIT_AUTHOR_NAME: mail, GIT_COMMITTER_NAME: mail };
  const env = { ...process.env, ...name, GIT_AUTHOR_EMAIL: mail, GIT_COMMITTER_EMAIL: mail };
  for (const args of [
    ['init', '--quiet'],
    ['add', '--all'],
    ['commit', '--quiet', '--message', 'as it is'],
  ])
    execFileSync('git', args, { cwd, env });
}

export const keyEnvironment = { NODEWORTHY_PASSPHRASE: passphrase } as const;

export interface Ran<T> {
  readonly exitCode: number | null;
  readonly json: T;
  readonly stderr: string;
}

/** A command with the passphrase, and its JSON. */
export async function ask<T>(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran<T>> {
  const ran = await runCli([...args, '--json', '--quiet'], { cwd, env: { ...keyEnvironment, ...env } });
  return { exitCode: ran.exitCode, json: JSON.parse(ran.stdout || 'null') as T, stderr: ran.stderr };
}

export interface Cells {
  readonly cells: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly digest: string;
    readonly reason?: string;
    readonly tags: readonly string[];
    readonly platforms: readonly { readonly digest: string }[];
    readonly verdicts: readonly { readonly gate: string; readonly verdict: string; readonly reason: string }[];
  }[];
}

export interface Verified {
  readonly verified: boolean;
  readonly digest: string;
  readonly checks: readonly { readonly id: string; readonly ok: boolean; readonly reason: string }[];
}

/** Ids and reasons of what failed. */
export function failedChecks({ checks }: Verified): string[] {
  return checks.filter(({ ok }) => !ok).map(({ id, reason }) => `${id}: ${reason}`);
}

export async function write(cwd: string, file: string, value: unknown): Promise<void> {
  await writeFile(join(cwd, file), typeof value === 'string' ? value : JSON.stringify(value));
}
