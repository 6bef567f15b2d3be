import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { readIndex, readManifest } from '../../store/manifest.ts';
import type { Store } from '../../store/store.ts';

export interface OwnImage {
  readonly cell: string;
  readonly index: Digest;
  /** `OS/ARCHITECTURE` of each platform, and its manifest. */
  readonly platforms: readonly { readonly platform: string; readonly manifest: Digest }[];
  /** What index and manifests have to say of themselves. */
  readonly says: Readonly<Record<string, string>>;
}

/**
 * Whether an image says of itself what its cell says of it, before anything is signed about it: its statements name
 * the cell, and whoever reads them looks at the image.
 * @throws Failure STORE_DAMAGED for an image of another cell, or one with other platforms
 */
export async function requireOwnImage(store: Store, { cell, index, platforms, says }: OwnImage): Promise<void> {
  const { manifests, annotations } = await readIndex(store, index);
  requireSame(annotations, index);
  const found = manifests.map((entry) => `${entry.platform?.os}/${entry.platform?.architecture} ${entry.digest}`);
  const wanted = platforms.map(({ platform, manifest }) => `${platform} ${manifest}`);
  if (found.toSorted().join() !== wanted.toSorted().join())
    throw foreign(`${index} has the platforms ${found.join(', ')}, and ${cell} has ${wanted.join(', ')}`);
  for (const { digest } of manifests) requireSame((await readManifest(store, digest)).annotations, digest);

  function requireSame(given: Readonly<Record<string, string>> | undefined, digest: Digest): void {
    for (const [name, value] of Object.entries(says))
      if (given?.[name] !== value)
        throw foreign(`${digest} says ${name}=${given?.[name] ?? ''}, and ${cell} is ${value}`);
  }
}

function foreign(message: string): Failure {
  return new Failure('STORE_DAMAGED', message, {
    hint: 'nothing was signed: somebody changed the store; move it away and run again',
  });
}
