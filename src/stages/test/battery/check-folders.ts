import { readFileSync, readdirSync } from 'node:fs';

const root = new URL('./checks/', import.meta.url);
const folders = readdirSync(root).sort();

/** Why each check is there, by the first part of its case ids: one folder has the check and its reason. */
export const checkReasons: Readonly<Record<string, string>> = Object.fromEntries(
  folders.map((name) => [name, readFileSync(new URL(`${name}/reason.txt`, root), 'utf8').trim()]),
);

/** Scripts of the checks by their file names; a check that reads the image's layers has none. */
export const checkScripts: ReadonlyMap<string, Buffer> = new Map(
  folders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root))
      .filter((name) => /\.m?js$/.test(name))
      .map((name) => [name, readFileSync(new URL(`${folder}/${name}`, root))] as const),
  ),
);
