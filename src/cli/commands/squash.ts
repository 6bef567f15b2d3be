import { Failure } from '../../core/errors.ts';
import type { CompressionName } from '../../formats/layer-compression.ts';
import { parseImageReference } from '../../formats/oci/reference.ts';
import { requireImage, squashImage, type SquashResult } from '../../stages/assemble/squash-image.ts';
import { copyImage } from '../../store/copy-image.ts';
import { openLayoutStore } from '../../store/layout/layout-store.ts';
import { openRegistryStore } from '../../store/registry/registry-store.ts';
import type { LayersMode } from '../../trees/squash-parts.ts';
import { defineCommand, recipeOptions, type CommandContext } from '../command.ts';
import { formatBytes, renderTable } from '../views/text.ts';
import { storeFolder } from '../store-folder.ts';

interface SquashOutcome extends SquashResult {
  readonly reference: string;
  readonly original: string;
  readonly tag: string;
  readonly storePath: string;
  readonly pushedTo?: string;
}

export const squash = defineCommand<SquashOutcome>({
  name: 'squash',
  summary: 'Make one layer, or a few, of any image; loses nothing but its history',
  positional: 'REF',
  options: {
    store: recipeOptions.store,
    layers: { type: 'string', summary: 'How many layers are left; 1 without it', value: 'N' },
    compression: { type: 'string', summary: 'gzip or zstd; gzip without it', value: 'NAME' },
    tag: { type: 'string', summary: 'Tag of the result in the store', value: 'TAG' },
    to: {
      type: 'string',
      summary: 'Also push the result, like registry.example.com/team/app:1-squashed',
      value: 'REF',
    },
  },
  async run(input) {
    const { options, context } = input;
    const reference = String(options['_'] ?? '');
    if (reference === '')
      throw new Failure('USAGE', 'squash: name an image', {
        hint: 'a tag or digest of the store, or HOST/REPOSITORY:TAG of a registry',
      });
    const mode = parseLayers(options['layers']);
    const compression = parseCompression(options['compression']);
    const storePath = storeFolder(input);
    const store = await openLayoutStore(storePath);
    const local = reference.includes('/') ? await pull(input, reference, storePath) : reference;
    const original = await requireImage(store, local);
    context.report({ kind: 'stage', stage: 'squash', state: 'started', detail: reference });
    const result = await squashImage(store, original, { mode, compression });
    const tag = String(
      options['tag'] ?? `squashed-${result.image.digest.slice('sha256:'.length, 'sha256:'.length + 12)}`,
    );
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag))
      throw new Failure('USAGE', `--tag ${JSON.stringify(tag)} is no tag`, { hint: 'letters, digits and . _ -' });
    await store.moveTags([{ tag, to: result.image }]);
    context.report({ kind: 'stage', stage: 'squash', state: 'finished' });
    const to = options['to'] as string | undefined;
    if (to !== undefined) await push(input, to, { storePath, result });
    return {
      ...result,
      reference,
      original: original.digest,
      tag,
      storePath,
      ...(to === undefined ? {} : { pushedTo: to }),
    };
  },
  pretty: (result) =>
    [
      `${result.reference}  ${result.original}`,
      `${result.storePath}:${result.tag}  ${result.image.digest}`,
      ...(result.pushedTo === undefined ? [] : [`pushed to ${result.pushedTo}`]),
      '',
      renderTable(
        ['platform', 'layers', 'before', 'after', 'saved', 'wasted in the original'],
        result.platforms.map((platform) => [
          platform.platform,
          `${platform.layersBefore} → ${platform.layersAfter}`,
          formatBytes(platform.bytesBefore),
          formatBytes(platform.bytesAfter),
          `${platform.bytesAfter > platform.bytesBefore ? '-' : ''}${formatBytes(Math.abs(platform.bytesBefore - platform.bytesAfter))}`,
          formatBytes(platform.wastedBytes),
        ]),
      ),
    ].join('\n'),
  json: ({ image, ...result }) => ({ ...result, digest: image.digest }),
});

/** Brings an image of a registry into the store and answers with its digest. */
async function pull({ context }: CommandContext, reference: string, storePath: string): Promise<string> {
  const { repository, tag, digest } = parseImageReference(reference);
  const { env, signal, report } = context;
  const registry = openRegistryStore({ repository, env, signal, report });
  try {
    const found = await registry.getManifest(digest ?? tag);
    if (!found)
      throw new Failure('NOT_FOUND', `${repository} has no image ${digest ?? tag}`, { hint: 'check the reference' });
    const store = await openLayoutStore(storePath);
    await copyImage(registry, store, found.descriptor);
    await store.keep(found.descriptor);
    return found.descriptor.digest;
  } finally {
    await registry.close();
  }
}

async function push(
  { context }: CommandContext,
  to: string,
  { storePath, result }: { readonly storePath: string; readonly result: SquashResult },
): Promise<void> {
  const { repository, tag } = parseImageReference(to);
  const { env, signal, report } = context;
  const registry = openRegistryStore({ repository, env, signal, report });
  try {
    await copyImage(await openLayoutStore(storePath), registry, result.image);
    await registry.moveTags([{ tag, to: result.image }]);
  } finally {
    await registry.close();
  }
}

function parseLayers(value: unknown): LayersMode {
  const count = Number(value ?? 1);
  if (Number.isInteger(count) && count >= 1 && count <= 127) return count === 1 ? 'one' : { budget: count };
  throw new Failure('USAGE', `--layers ${JSON.stringify(value)} is no whole number from 1 to 127`);
}

function parseCompression(value: unknown): CompressionName {
  if (value === undefined || value === 'gzip') return 'gzip';
  if (value === 'zstd') return 'zstd';
  throw new Failure('USAGE', `--compression ${JSON.stringify(value)} is neither gzip nor zstd`);
}
