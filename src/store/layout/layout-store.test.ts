import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { storeCases } from '../../../tests/support/store-cases.ts';
import { temporaryFolder } from '../../../tests/support/workspace.ts';
import { digestOf } from '../../core/digest.ts';
import { exec } from '../../core/exec.ts';
import { mediaTypes } from '../../formats/oci/media-types.ts';
import { blobOfBytes, proveBlob, readBlob } from '../read-blob.ts';
import { openLayoutStore } from './layout-store.ts';

const source = fileURLToPath(new URL('./layout-store.ts', import.meta.url));

/** A process that writes tags `NAME-0`, `NAME-1`, … into a layout until it is killed or done. */
function writer(folder: string, name: string, count: number) {
  const code = `
    const { openLayoutStore } = await import(${JSON.stringify(source)});
    const store = await openLayoutStore(${JSON.stringify(folder)});
    for (let i = 0; i < ${count}; i++) {
      const to = await store.putManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, i, name: '${name}', pad: 'x'.repeat(20000) })), '${mediaTypes.manifest}');
      await store.moveTags([{ tag: '${name}-' + i, to }]);
      console.log(i);
    }`;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { child, done: new Promise<void>((resolve) => child.on('close', () => resolve())) };
}

describe('the image layout', () => {
  storeCases(async () => await openLayoutStore(join(await temporaryFolder(), 'store')));

  it('is what the image spec says a layout is', async () => {
    const folder = join(await temporaryFolder(), 'store');
    await openLayoutStore(folder);
    expect(JSON.parse(await readFile(join(folder, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))).toMatchObject({
      schemaVersion: 2,
      manifests: [],
    });
  });

  it('loses no tag of two processes that write at once', async () => {
    const folder = join(await temporaryFolder(), 'store');
    await Promise.all([writer(folder, 'a', 15).done, writer(folder, 'b', 15).done]);
    expect(await (await openLayoutStore(folder)).listTags()).toHaveLength(30);
  });

  it('is whole after its writer was killed at any moment', async () => {
    const folder = join(await temporaryFolder(), 'store');
    for (let round = 0; round < 8; round++) {
      const { child, done } = writer(folder, `r${round}`, 1000);
      await new Promise((resolve) => child.stdout.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, 3 + round * 7));
      child.kill('SIGKILL');
      await done;
      const store = await openLayoutStore(folder);
      const tags = await store.listTags();
      expect(tags.length).toBeGreaterThan(round);
      for (const tag of tags) expect(await store.getManifest(tag)).toBeDefined();
    }
    for (const name of await readdir(join(folder, 'blobs', 'sha256'))) {
      expect(digestOf(await readFile(join(folder, 'blobs', 'sha256', name)))).toBe(`sha256:${name}`);
    }
  });

  it('sees each change of another process, however fast they come', async () => {
    const folder = join(await temporaryFolder(), 'store');
    const [reader, writing] = [await openLayoutStore(folder), await openLayoutStore(folder)];
    const to = await writing.putManifest(
      Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [] })),
      mediaTypes.manifest,
    );
    for (let round = 0; round < 60; round++) {
      await writing.moveTags([{ tag: `t${round % 3}`, to }]);
      if (round % 20 === 19) await sleep(80);
      expect(await reader.listTags()).toEqual(['t0', 't1', 't2'].slice(0, Math.min(3, round + 1)));
      expect(await reader.resolveTag(`t${round % 3}`)).toMatchObject({ digest: to.digest });
      await writing.removeTags(['t2']);
      expect(await reader.resolveTag('t2')).toBeUndefined();
      if (round >= 2) await writing.moveTags([{ tag: 't2', to }]);
    }
  });

  it('keeps what another process wrote since it looked', async () => {
    const folder = join(await temporaryFolder(), 'store');
    const [one, other] = [await openLayoutStore(folder), await openLayoutStore(folder)];
    const to = await one.putManifest(
      Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [] })),
      mediaTypes.manifest,
    );
    await sleep(80);
    await one.listTags();
    await other.moveTags([{ tag: 'theirs', to }]);
    await one.moveTags([{ tag: 'ours', to }]);
    expect(await (await openLayoutStore(folder)).listTags()).toEqual(['ours', 'theirs']);
  });

  it.each([1000, 3 << 20])('reads a blob of %i bytes to its last one', async (size) => {
    const store = await openLayoutStore(join(await temporaryFolder(), 'store'));
    const bytes = Buffer.alloc(size, 'blob');
    const blob = { digest: digestOf(bytes), size };
    await store.putBlob(blobOfBytes(bytes));
    await proveBlob(store, blob);
    for (const damaged of [
      bytes.subarray(0, size - 1),
      Buffer.concat([bytes.subarray(0, size - 1), Buffer.from('!')]),
    ]) {
      await writeFile(store.blobPath(blob.digest), damaged);
      await expect(proveBlob(store, blob)).rejects.toMatchObject({ code: 'INTEGRITY' });
    }
    await rm(store.blobPath(blob.digest));
    await expect(proveBlob(store, blob)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('waits for nobody who put a pipe or a folder in place of a blob or a note', async () => {
    const store = await openLayoutStore(join(await temporaryFolder(), 'store'));
    const digest = digestOf(Buffer.from('pipe'));
    const note = join(store.stateFolder, 'kind', 'name');
    await mkdir(dirname(note), { recursive: true });
    for (const path of [store.blobPath(digest), note]) await exec('mkfifo', [path]);
    expect(await store.hasBlob(digest)).toBe(false);
    await expect(readBlob(store, { digest, size: 4 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await store.getManifest(digest)).toBeUndefined();
    expect(await store.notes.read('kind', 'name')).toBeUndefined();
    await rm(store.blobPath(digest));
    await mkdir(store.blobPath(digest));
    await expect(readBlob(store, { digest, size: 4 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('notices a blob that was damaged on the disk', async () => {
    const store = await openLayoutStore(join(await temporaryFolder(), 'store'));
    const blob = blobOfBytes(Buffer.from('content'));
    await store.putBlob(blob);
    await writeFile(store.blobPath(blob.digest), 'CONTENT');
    await expect(readBlob(store, blob)).rejects.toMatchObject({ code: 'INTEGRITY' });
  });

  it('says what is wrong with a folder that cannot be a store', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, 'x');
    await expect(openLayoutStore(join(file, 'store'))).rejects.toMatchObject({
      code: 'FILE_UNUSABLE',
      hint: expect.stringContaining('--store'),
    });
  });
});
