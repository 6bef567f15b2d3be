import { chmod, cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { makeTopOfHierarchies } from '../../src/core/files.ts';
import { runCli } from './cli.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder with the quickstart recipe, its lock, and a store with inputs, images and test reports. Read only. */
    workspace: string;
    /** Folder for workspaces that are made when a test first asks; see `prepared-stores.ts`. */
    prepared: string;
  }
}

/** Real images for the whole suite, from the sources this machine is configured for: made once, and tested once. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const top = await suiteFolder();
  const prepared = await mkdtemp(join(top, 'nodeworthy-tests-'));
  const folder = join(prepared, 'quickstart');
  await mkdir(folder);
  await cp('examples/quickstart/nodeworthy.yaml', join(folder, 'nodeworthy.yaml'));
  const locked = await runCli(['lock', '--quiet'], { cwd: folder });
  if (locked.exitCode !== 0) throw new Error(`the inputs could not be fetched:\n${locked.stderr}`);
  const tested = await runCli(['test', '--quiet'], { cwd: folder });
  if (tested.exitCode !== 0) throw new Error(`the images do not pass:\n${tested.stdout}${tested.stderr}`);
  project.provide('workspace', folder);
  project.provide('prepared', prepared);
  return async () => await rm(top, { recursive: true, force: true });
}

/** The temporary folder of the whole suite: its folders come and go all the time. */
async function suiteFolder(): Promise<string> {
  // Short, for sockets have to fit in 108 characters.
  const folder = await mkdtemp(join(tmpdir(), 'nw-'));
  await chmod(folder, 0o1777);
  await makeTopOfHierarchies(folder);
  process.env['TMPDIR'] = folder;
  return folder;
}
