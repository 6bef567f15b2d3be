import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allowedSettings, leadsElsewhere } from './registry-only.ts';
import { canonicalJson } from '../../../../core/canonical-json.ts';
import { SingleFlight } from '../../../../core/concurrency.ts';
import { digestOf, hexOf } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';
import { exec } from '../../../../core/exec.ts';
import { namesIn } from '../../../../core/files.ts';
import { dropKept, keptFolder, keptPath, noteKept, readKept, type KeptFile } from '../../../../store/kept-files.ts';
import type { LayoutStore } from '../../../../store/layout/layout-store.ts';
import { readTestFile } from '../test-files.ts';

export interface Dependencies {
  /** Folder of the application, with its lock file. */
  readonly folder: string;
  /** Folder that its files may be of. */
  readonly root: string;
  readonly shown: string;
  readonly platform: string;
  readonly libc: 'glibc' | 'musl';
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const kind = 'test-dependencies';
const flights = new SingleFlight<string>();
const cpus: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'arm64' };

/**
 * The locked dependencies of an application for the platform of an image, installed on this machine without running
 * their scripts: the image needs neither npm nor a network for it.
 * @returns a folder that holds `node_modules`, the same for the same lock and platform
 * @throws Failure RECIPE_INVALID when npm refuses the lock; SOURCE_UNREACHABLE with npm's words for anything else
 */
export async function installDependencies(store: LayoutStore, application: Dependencies): Promise<string> {
  const { platform, libc } = application;
  const files = await readManifests(application);
  const key = digestOf(canonicalJson([files, platform, libc]));
  const kept: KeptFile = { kind, name: hexOf(key) };
  const made = keptPath(store, kept);
  return await flights.run(made, async () => {
    if ((await readKept(store, kept)) !== undefined) return made;
    await keptFolder(store, kind);
    const temporary = `${made}.${process.pid}.tmp`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary);
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(temporary, name), text);
      await install(temporary, application);
      await rm(join(temporary, '.npmrc'), { force: true });
      await dropKept(store, kept);
      await rename(temporary, made);
      await noteKept(store, kept, '');
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return made;
  });
}

/** @throws Failure RECIPE_INVALID for what would have npm read files or variables of this machine */
async function readManifests({ folder, root, shown }: Dependencies): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of ['package.json', 'package-lock.json', 'npm-shrinkwrap.json', '.npmrc']) {
    const text = (await readTestFile(root, join(folder, name)))?.toString('utf8');
    if (text === undefined) continue;
    files[name] = name === '.npmrc' ? settingsOf(text, shown) : text;
    if (name !== '.npmrc') requireRegistries(text, `${shown}: ${name}`);
  }
  return files;
}

function settingsOf(text: string, shown: string): string {
  try {
    return allowedSettings(text);
  } catch (error) {
    throw new Failure('RECIPE_INVALID', `${shown}: .npmrc ${(error as Error).message}`, {
      hint: 'a test names registries there, and logins of its own',
    });
  }
}

function requireRegistries(text: string, shown: string): void {
  let elsewhere: string | undefined;
  try {
    elsewhere = leadsElsewhere(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure('RECIPE_INVALID', `${shown} cannot be read: ${why}`, {
      hint: 'run `npm install` there, and commit what it writes',
      cause: error,
    });
  }
  if (elsewhere === undefined) return;
  throw new Failure('RECIPE_INVALID', `${shown} names ${elsewhere}, which is not of a registry`, {
    hint: 'dependencies of a test come from a registry, or lie in its node_modules without a lock',
  });
}

async function install(folder: string, { shown, platform, libc, env, signal }: Dependencies): Promise<void> {
  const cpu = cpus[platform.split('/')[1] ?? ''] ?? 'x64';
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  // No git: it would be told what to run by what it clones.
  const args = ['ci', '--ignore-scripts', '--git=/bin/false', '--os=linux', `--cpu=${cpu}`, `--libc=${libc}`, ...quiet];
  const done = await exec('npm', args, { cwd: folder, env: ofOthers(env), timeoutMs: 600_000, signal });
  if (done.exitCode === 0) return;
  const words = done.stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/npm warn|A complete log/.test(line))
    .slice(0, 3)
    .join(' ');
  const isLock = /EUSAGE|EJSONPARSE|ELOCKVERIFY|in sync/.test(done.stderr);
  throw new Failure(isLock ? 'RECIPE_INVALID' : 'SOURCE_UNREACHABLE', `${shown}: npm ci failed: ${words}`, {
    hint: isLock
      ? 'run `npm install` there, and commit package-lock.json'
      : 'the registry is the one npm is configured for',
  });
}

/** Variables without those that are for us alone, like passphrases. */
function ofOthers(env: Dependencies['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('NODEWORTHY_')));
}

/** Takes away what nobody asked for within a week. */
export async function collectDependencies(store: LayoutStore, maxAgeMs: number, nowMs: number): Promise<void> {
  const root = join(store.stateFolder, kind);
  for (const name of await namesIn(root)) {
    const path = join(root, name);
    const { ctimeMs = nowMs } = (await stat(path).catch(() => undefined)) ?? {};
    if (nowMs - ctimeMs > maxAgeMs) await rm(path, { recursive: true, force: true });
  }
}
