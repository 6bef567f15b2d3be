import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestOf, type Digest } from '../../core/digest.ts';
import { mediaTypes } from '../../formats/oci/media-types.ts';
import { openLayoutStore, type LayoutStore } from '../../store/layout/layout-store.ts';
import { blobOfBytes } from '../../store/read-blob.ts';
import { firstDifference } from './rebuild.ts';

let folder: string;
let store: LayoutStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeworthy-test-'));
  store = await openLayoutStore(join(folder, 'store'));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

interface Made {
  readonly text?: string;
  readonly mode?: number;
  readonly more?: string;
  readonly user?: string;
  readonly level?: string;
}

/** An image of one layer, packed by tar as others pack theirs. */
async function make({ text = 'x', mode = 0o644, more, user = '1000', level = '6' }: Made): Promise<Digest> {
  const root = await mkdtemp(join(folder, 'root-'));
  await mkdir(join(root, 'etc'));
  await writeFile(join(root, 'etc/config'), text);
  await chmod(join(root, 'etc/config'), mode);
  if (more !== undefined) await writeFile(join(root, more), '');
  const args = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '-C', root, '-cf', '-', '.'];
  const tar = execFileSync('tar', args);
  const layer = execFileSync('gzip', ['-n', `-${level}`], { input: tar });
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { User: user },
      rootfs: { type: 'layers', diff_ids: [digestOf(gunzipSync(layer))] },
      history: [{ created_by: 'settings' }],
    }),
  );
  for (const bytes of [layer, config]) await store.putBlob(blobOfBytes(bytes));
  const describe = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const manifest = await store.putManifest(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: describe(mediaTypes.config, config),
        layers: [describe(mediaTypes.layerGzip, layer)],
      }),
    ),
    mediaTypes.manifest,
  );
  const platform = { os: 'linux', architecture: 'amd64' };
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [{ ...manifest, platform }] };
  return (await store.putManifest(Buffer.from(JSON.stringify(index)), mediaTypes.index)).digest;
}

it.each([
  ['a mode', { mode: 0o600 }, 'linux/amd64: layer 1 (settings): /etc/config mode: "644" and "600"'],
  ['a content', { text: 'y' }, 'linux/amd64: layer 1 (settings): /etc/config content: '],
  ['a file more', { more: 'etc/new' }, 'linux/amd64: layer 1 (settings): /etc/new: is in the rebuilt image only'],
  ['a user', { user: '0' }, 'linux/amd64: config config User: "1000" and "0"'],
  ['a compressor', { level: '1' }, 'linux/amd64: layer 1 (settings): the same content, compressed to other bytes'],
] as const)('the first difference is named: %s', async (_, change, expected) => {
  // Long enough that two levels of compression are two results.
  const text = 'text' in change ? {} : { text: 'words and words and other words '.repeat(200) };
  expect(await firstDifference(store, await make(text), await make({ ...text, ...change }))).toContain(expected);
});

it('a file that is missing is named', async () => {
  expect(await firstDifference(store, await make({ more: 'etc/new' }), await make({}))).toContain(
    '/etc/new: is missing in the rebuilt image',
  );
});
