import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { runCli } from './cli.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder with the quickstart recipe, its lock, and a store with inputs, images and test reports. Read only. */
    workspace: string;
  }
}

/** Real images for the whole suite, from the sources this machine is configured for: made once, and tested once. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeworthy-tests-'));
  const { cp } = await import('node:fs/promises');
  await cp('examples/quickstart/nodeworthy.yaml', join(folder, 'nodeworthy.yaml'));
  const locked = await runCli(['lock', '--quiet'], { cwd: folder });
  if (locked.exitCode !== 0) throw new Error(`the inputs could not be fetched:\n${locked.stderr}`);
  const tested = await runCli(['test', '--quiet'], { cwd: folder });
  if (tested.exitCode !== 0) throw new Error(`the images do not pass:\n${tested.stdout}${tested.stderr}`);
  project.provide('workspace', folder);
  return async () => await rm(folder, { recursive: true, force: true });
}
