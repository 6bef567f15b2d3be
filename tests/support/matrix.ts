import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject } from 'vitest';
import { exec, type ExecResult } from '../../src/core/exec.ts';
import { runCli } from './cli.ts';
import { linkExpanded, linkStore, temporaryFolder, type Prepared } from './workspace.ts';

export interface CellJson {
  readonly id: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly digest: string;
  readonly platforms: readonly {
    readonly platform: string;
    readonly digest: string;
    readonly sizeBytes: number;
    readonly tests: { readonly passed: number; readonly failed: number; readonly notApplicable: number };
  }[];
  readonly tags: readonly string[];
}

/**
 * A workspace with what another has, as hard links, and a lock of its own: nothing is fetched twice, and no layer is
 * made twice unless that is asked for.
 */
export async function workspaceWith(
  recipe: string,
  from: string = inject('workspace'),
  prepared: Prepared = 'layers',
): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'nodeworthy.yaml'), recipe);
  if (prepared !== 'inputs') {
    linkStore(from, folder, prepared);
    linkExpanded(from, folder);
  } else {
    await mkdir(join(folder, '.nodeworthy/store/blobs'), { recursive: true });
    execFileSync('cp', ['-al', join(from, '.nodeworthy/store/blobs/sha256'), join(folder, '.nodeworthy/store/blobs/')]);
  }
  return folder;
}

export async function command(cwd: string, args: readonly string[], exitCode = 0): Promise<ExecResult> {
  const result = await runCli([...args, '--quiet'], { cwd });
  expect(result.exitCode, `${args.join(' ')}: ${result.stderr}${result.stdout.slice(-3000)}`).toBe(exitCode);
  return result;
}

export async function cells(cwd: string, args: readonly string[], exitCode = 0): Promise<CellJson[]> {
  const { stdout } = await command(cwd, [...args, '--json'], exitCode);
  return (JSON.parse(stdout) as { cells: CellJson[] }).cells;
}

interface ManifestJson {
  readonly layers: { digest: string; size: number; mediaType: string }[];
  readonly config: { digest: string };
}

export async function readJson<T = ManifestJson>(cwd: string, digest: string): Promise<T> {
  return JSON.parse(await readFile(join(cwd, '.nodeworthy/store/blobs/sha256', digest.slice(7)), 'utf8')) as T;
}

export async function run(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const ran = await exec(file, args, { env: { ...process.env, ...env }, timeoutMs: 300_000, maxOutputBytes: 4 << 20 });
  expect(ran.exitCode, `${file} ${args.join(' ')}: ${ran.stderr.slice(-3000)}${ran.stdout.slice(-3000)}`).toBe(0);
  return ran.stdout.trim();
}
