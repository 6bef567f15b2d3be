// Whoever can write to the store's folder, and has no key: a CI cache, a shared volume, an earlier job.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { readManifest } from '../../src/store/manifest.ts';
import { attachReport } from '../../src/stages/test/report.ts';
import {
  attacks,
  changeNote,
  flipByte,
  namesOf,
  once,
  runWorld,
  withBackDoor,
  type AttackBench,
  type World,
} from '../support/attack-world.ts';

const environments = '  production:\n    gates: {}';

const published = once(async () => await runWorld({ environments }, 'published'));

/** Every tag of the cell means what the lock makes, and that is verified to the last byte. */
async function holds(world: World): Promise<void> {
  const { manifests } = JSON.parse(await readFile(world.path('index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[];
  };
  const tags = manifests.filter(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']);
  expect(tags.length).toBeGreaterThan(5);
  expect(new Set(tags.map(({ digest }) => digest))).toEqual(new Set([world.index]));
  const verified = await world.run(['verify', '24', '--deep', '--explain']);
  expect(verified.exitCode, verified.stdout).toBe(0);
}

const bench = (victim: AttackBench['victim']): AttackBench => ({ prepared: published, victim, holds });

describe('before a run', () => {
  attacks(
    bench((world) => world.run(['run', '--quiet'])),
    [
      {
        name: 'a memo names an image with a back door',
        async change(world) {
          const store = await world.foreignStore();
          const { index, platform } = await withBackDoor(world, store);
          await changeNote(world, 'candidates', (text) =>
            text
              .replaceAll(world.index, index.digest)
              .replaceAll(world.platform, platform.digest)
              .replaceAll(
                `"size":${String((JSON.parse(text) as { index: { size: number } }).index.size)}`,
                `"size":${index.size}`,
              ),
          );
        },
      },
      {
        name: 'a memo with a back door is sealed with a key of somebody else',
        async change(world) {
          const store = await world.foreignStore();
          const { index, platform } = await withBackDoor(world, store);
          for (const name of await namesOf(world, 'candidates')) {
            const note = await readFile(world.path('.nodeworthy/candidates', name), 'utf8');
            const text = note.slice(note.indexOf('\n') + 1);
            const memo = JSON.parse(text) as { platforms: { manifest: object }[]; blobs: object[] };
            const forged = {
              ...memo,
              index,
              platforms: memo.platforms.map((item) => ({ ...item, manifest: platform })),
              blobs: [index, platform],
            };
            await store.notes.write('candidates', name, canonicalJson(forged));
          }
        },
      },
      {
        name: 'each memo has the content of another',
        async change(world) {
          const names = await namesOf(world, 'candidates');
          for (const [at, name] of names.entries())
            await rename(
              world.path('.nodeworthy/candidates', name),
              world.path('.nodeworthy/candidates', `.swap${at}`),
            );
          for (const [at] of names.entries())
            await rename(
              world.path('.nodeworthy/candidates', `.swap${at}`),
              world.path('.nodeworthy/candidates', names[(at + 1) % names.length] ?? ''),
            );
        },
      },
      {
        name: 'memos are cut off',
        async change(world) {
          for (const name of await namesOf(world, 'candidates'))
            await truncate(world.path('.nodeworthy/candidates', name), 80);
        },
      },
      {
        name: 'a memo is a pipe that nobody writes to',
        async change(world) {
          for (const name of await namesOf(world, 'candidates')) {
            await rm(world.path('.nodeworthy/candidates', name));
            execFileSync('mkfifo', [world.path('.nodeworthy/candidates', name)]);
          }
        },
      },
      {
        name: 'a memo is a link to a file that never ends',
        async change(world) {
          for (const name of await namesOf(world, 'candidates')) {
            await rm(world.path('.nodeworthy/candidates', name));
            await symlink('/dev/zero', world.path('.nodeworthy/candidates', name));
          }
        },
      },
      {
        name: 'a report says that an image passed which was never run, and its memo is gone',
        async change(world) {
          const store = await world.foreignStore();
          const { platform } = await withBackDoor(world, store);
          const [report] = await import('../../src/stages/test/report.ts').then(({ findReports }) =>
            findReports(store, world.platform),
          );
          if (!report) throw new Error('no report');
          await attachReport(store, platform, { ...report, subject: platform.digest });
          await rm(world.path('.nodeworthy/candidates'), { recursive: true });
        },
      },
      {
        name: 'every layer’s note leads to another layer',
        async change(world) {
          const { layers } = await readManifest(await world.foreignStore(), world.platform);
          const [first, second] = layers;
          await changeNote(world, 'layers', (text) =>
            text.replaceAll(String(first?.digest), 'x').replaceAll(String(second?.digest), String(first?.digest)),
          );
          await rm(world.path('.nodeworthy/candidates'), { recursive: true });
        },
      },
      {
        name: 'a layer has other bytes of the same length',
        async change(world) {
          const { layers } = await readManifest(await world.foreignStore(), world.platform);
          for (const { digest } of layers) await flipByte(world.blob(digest));
        },
      },
      {
        name: 'a layer has other bytes, and the time that it had',
        async change(world) {
          const { layers } = await readManifest(await world.foreignStore(), world.platform);
          for (const { digest } of layers) {
            execFileSync('sh', ['-c', 'cp -p "$1" "$1.time"', 'sh', world.blob(digest)]);
            await flipByte(world.blob(digest), 2000);
            execFileSync('sh', ['-c', 'touch -r "$1.time" "$1" && rm "$1.time"', 'sh', world.blob(digest)]);
          }
        },
      },
      {
        name: 'a layer is gone',
        async change(world) {
          const { layers } = await readManifest(await world.foreignStore(), world.platform);
          await rm(world.blob(String(layers[0]?.digest)));
        },
      },
      {
        name: 'a layer is a link to a file of this machine',
        async change(world) {
          const { layers } = await readManifest(await world.foreignStore(), world.platform);
          await rm(world.blob(String(layers[0]?.digest)));
          await symlink('/etc/passwd', world.blob(String(layers[0]?.digest)));
        },
      },
      {
        name: 'the configuration gives another user',
        async change(world) {
          const { config } = await readManifest(await world.foreignStore(), world.platform);
          const text = await readFile(world.blob(config.digest), 'utf8');
          await writeFile(world.blob(config.digest), text.replace(/"User":"[^"]*"/, '"User":"0:0"'));
        },
      },
      {
        name: 'what was read of inputs has another content, and everything is made again',
        async change(world) {
          for (const name of await namesOf(world, 'expanded').catch(() => []))
            if (!name.endsWith('.json')) await flipByte(world.path('.nodeworthy/expanded', name), 5000);
          for (const kind of ['candidates', 'layers'])
            await rm(world.path('.nodeworthy', kind), { recursive: true, force: true });
        },
      },
      {
        name: 'an input has other bytes, and everything is made again',
        async change(world) {
          const lock = JSON.parse(await readFile(join(world.cwd, 'nodeworthy.lock.json'), 'utf8')) as {
            inputs: { digest: string }[];
          };
          for (const { digest } of lock.inputs.slice(0, 3)) await flipByte(world.blob(digest));
          for (const kind of ['candidates', 'layers', 'expanded'])
            await rm(world.path('.nodeworthy', kind), { recursive: true, force: true });
        },
      },
      {
        name: 'a journal moves the tags of the cell elsewhere',
        async change(world) {
          const store = await world.foreignStore();
          const { index } = await withBackDoor(world, store);
          const moves = ['24', `${world.cell}-r1`, '22', 'latest'].map((tag) => ({ tag, from: index.digest }));
          await store.notes.write(
            'publications',
            'x.json',
            canonicalJson({ target: 'store', cell: world.cell, to: index, moves }),
          );
        },
      },
      {
        name: 'the whole state is of another machine',
        async change(world) {
          const store = await world.foreignStore();
          for (const kind of ['candidates', 'layers', 'proven', 'blobs'])
            for (const name of await namesOf(world, kind).catch(() => [])) {
              const note = await readFile(world.path('.nodeworthy', kind, name), 'utf8');
              await store.notes.write(kind, name, note.slice(note.indexOf('\n') + 1));
            }
        },
      },
      {
        name: 'the folder of notes is a link to a folder of somebody else',
        async change(world) {
          await mkdir(join(world.cwd, 'elsewhere'));
          await rename(world.path('.nodeworthy/candidates'), join(world.cwd, 'elsewhere/candidates'));
          await symlink(join(world.cwd, 'elsewhere/candidates'), world.path('.nodeworthy/candidates'));
        },
      },
      {
        name: 'the tag means another image',
        async change(world) {
          const store = await world.foreignStore();
          const { index } = await withBackDoor(world, store);
          await store.moveTags([{ tag: '24', to: index }]);
        },
        answer: { exitCode: 0, says: /^/ },
      },
      {
        name: 'the list of the store is cut off',
        change: (world) => truncate(world.path('index.json'), 1000),
        answer: { exitCode: 4, says: /index\.json is not an OCI image index\s+hint: .*move the store away/ },
        // Nothing is written over what somebody may want to look at.
        holds: async (world) => expect((await readFile(world.path('index.json'))).length).toBe(1000),
      },
    ],
  );
});
