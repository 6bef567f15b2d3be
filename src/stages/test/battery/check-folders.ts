import { readFileSync, readdirSync } from 'node:fs';

const root = new URL('./checks/', import.meta.url);
const folders = readdirSync(root).sort();

/** Why each check is there, by the first part of its case ids: one folder has the check and its reason. */
export const checkReasons: Readonly<Record<string, string>> = Object.fromEntries(
  folders.map((name) => [name, readFileSync(new URL(`${name}/reason.txt`, root), 'utf8').trim()]),
);

/**
 * Scripts of the checks by their file names, and of the harness that runs them; a check that reads the image's layers
 * has none.
 */
export const checkScripts: ReadonlyMap<string, Buffer> = new Map(
  [...folders.map((folder) => new URL(`${folder}/`, root)), new URL('./harness/', import.meta.url)].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.js'))
      .map((name) => [name, readFileSync(new URL(name, folder))] as const),
  ),
);
