import { join, resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import type { Context } from '../../core/context.ts';
import { isDigest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { parseImageReference } from '../../formats/oci/reference.ts';
import { openLayoutStore } from '../../store/layout/layout-store.ts';
import { openRegistryStore } from '../../store/registry/registry-store.ts';
import type { Store } from '../../store/store.ts';

export interface OpenedReference {
  readonly store: Store;
  /** What the reference means now: from here on only its digest counts. */
  readonly image: Descriptor;
  /** A layout, which no server looks after. */
  readonly isFolder: boolean;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Folder of our own store. */
  readonly storePath: string;
  readonly cwd: string;
  readonly context: Pick<Context, 'env' | 'signal' | 'report'>;
}

/**
 * Opens an image where it lies, and copies nothing: a tag or digest of the store, `oci:PATH[:TAG]`, or a registry's.
 * @throws Failure NOT_FOUND, USAGE
 */
export async function openReference(reference: string, options: OpenOptions): Promise<OpenedReference> {
  const { storePath, cwd, context } = options;
  if (reference.startsWith('oci:')) {
    const rest = reference.slice('oci:'.length);
    const at = rest.indexOf('@');
    const colon = at < 0 ? rest.lastIndexOf(':') : at;
    const hasName = colon > rest.lastIndexOf('/');
    const name = hasName ? rest.slice(colon + 1) : undefined;
    return await fromLayout(resolve(cwd, hasName ? rest.slice(0, colon) : rest), name);
  }
  if (isDigest(reference) || !reference.includes('/')) return await fromLayout(storePath, reference);
  const { repository, tag, digest } = parseImageReference(reference);
  const store = openRegistryStore({ repository, ...context });
  const found = await store.getManifest(digest ?? tag).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  if (found) return { store, image: found.descriptor, isFolder: false, close: () => store.close() };
  await store.close();
  throw new Failure('NOT_FOUND', `${repository} has no image ${digest ?? tag}`, { hint: 'check the reference' });
}

async function fromLayout(folder: string, name: string | undefined): Promise<OpenedReference> {
  if (!(await stat(join(folder, 'index.json')).catch(() => undefined)))
    throw new Failure('NOT_FOUND', `${folder} is no image layout`, {
      hint: 'name an image as HOST/REPOSITORY:TAG, oci:PATH:TAG, or a tag of the store',
    });
  const store = await openLayoutStore(folder, { readOnly: true });
  const tags = await store.listTags();
  const reference = name ?? (tags.length === 1 ? tags[0] : undefined);
  const found = reference === undefined ? undefined : await store.getManifest(reference);
  if (found) return { store, image: found.descriptor, isFolder: true, close: async () => {} };
  throw new Failure(
    'NOT_FOUND',
    name === undefined ? `${folder} has ${tags.length} tags` : `${folder} has no image ${name}`,
    { hint: tags.length > 0 ? `name one of ${tags.slice(0, 8).join(', ')}` : 'it has no tags: name a digest' },
  );
}
