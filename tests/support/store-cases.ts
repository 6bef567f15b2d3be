import { expect, it } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { emptyConfigBytes, emptyConfigDigest } from '../../src/formats/oci/descriptor.ts';
import { mediaTypes } from '../../src/formats/oci/media-types.ts';
import { blobOfBytes, readBlob } from '../../src/store/read-blob.ts';
import type { Store } from '../../src/store/store.ts';

const config = { mediaType: mediaTypes.empty, digest: emptyConfigDigest, size: emptyConfigBytes.length };

function manifestBytes(extra: Record<string, unknown>): Buffer {
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [], ...extra }),
  );
}

/** What every member of the store family does. */
export function storeCases(open: () => Promise<Store>): void {
  it('keeps blobs by digest, once', async () => {
    const store = await open();
    const blob = blobOfBytes(Buffer.from('content'));
    expect(await store.hasBlob(blob.digest)).toBe(false);
    expect(await store.putBlob(blob)).toBe('stored');
    expect(await store.putBlob(blob)).toBe('present');
    expect(await store.hasBlob(blob.digest, blob.size)).toBe(true);
    expect((await readBlob(store, blob)).toString()).toBe('content');
  });

  it('does not take bytes that are not those of the digest', async () => {
    const store = await open();
    const lie = { ...blobOfBytes(Buffer.from('right')), open: blobOfBytes(Buffer.from('wrong')).open };
    await expect(store.putBlob(lie)).rejects.toThrow();
    expect(await store.hasBlob(lie.digest)).toBe(false);
  });

  it('says NOT_FOUND of a blob it does not have', async () => {
    const store = await open();
    await expect(readBlob(store, blobOfBytes(Buffer.from('missing')))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('returns manifests byte for byte, by digest and by tag, and moves tags', async () => {
    const store = await open();
    await store.putBlob(blobOfBytes(emptyConfigBytes));
    const first = manifestBytes({ annotations: { b: '1', a: 'ü' } });
    const second = manifestBytes({ annotations: { n: '2' } });
    const one = await store.putManifest(first, mediaTypes.manifest);
    const two = await store.putManifest(second, mediaTypes.manifest);
    await store.moveTags([
      { tag: '24', to: one },
      { tag: 'lts', to: one },
    ]);
    expect((await store.getManifest('24'))?.bytes.equals(first)).toBe(true);
    await store.moveTags([{ tag: '24', to: two }]);
    expect((await store.resolveTag('24'))?.digest).toBe(digestOf(second));
    expect((await store.resolveTag('lts'))?.digest).toBe(digestOf(first));
    expect((await store.getManifest(one.digest))?.bytes.equals(first)).toBe(true);
    expect((await store.listTags()).filter((tag) => !tag.startsWith('sha256-'))).toEqual(['24', 'lts']);
    await store.removeTags(['lts']);
    expect(await store.resolveTag('lts')).toBeUndefined();
    expect(await store.getManifest('nothing')).toBeUndefined();
  });

  it('does not point a tag at nothing', async () => {
    const store = await open();
    const to = { mediaType: mediaTypes.manifest, digest: digestOf('nothing'), size: 7 };
    await expect(store.moveTags([{ tag: 'x', to }])).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('finds referrers by subject and artifact type', async () => {
    const store = await open();
    await store.putBlob(blobOfBytes(emptyConfigBytes));
    const subject = await store.putManifest(manifestBytes({}), mediaTypes.manifest);
    const report = await store.putManifest(
      manifestBytes({ subject, artifactType: 'test/report' }),
      mediaTypes.manifest,
    );
    const other = await store.putManifest(manifestBytes({ subject, artifactType: 'test/other' }), mediaTypes.manifest);
    expect((await store.listReferrers(subject.digest)).map((found) => found.digest).sort()).toEqual(
      [report.digest, other.digest].sort(),
    );
    expect((await store.listReferrers(subject.digest, 'test/report')).map((found) => found.digest)).toEqual([
      report.digest,
    ]);
    expect(await store.listReferrers(report.digest)).toEqual([]);
  });
}
