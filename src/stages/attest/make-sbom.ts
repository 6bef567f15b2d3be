import { canonicalJson, compareText } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import type { SbomComponent, SbomModel } from '../../formats/sbom/model.ts';
import { debianComponents, type FoundComponent } from './debian-components.ts';
import type { ImageInventory } from './image-inventory.ts';
import { nodeComponents, npmComponents, type NodeFacts } from './node-components.ts';
import { parseSystemRelease } from './system-release.ts';

export interface SbomInput extends NodeFacts {
  readonly name: string;
  readonly digest: Digest;
  readonly platform: string;
}

/**
 * What the bytes of an image say that it is made of. Every regular file is claimed by a package, or is a component of
 * its own. Nothing but the image and the versions that its own binary reports decides it.
 */
export function makeSbom(image: ImageInventory, { name, digest, platform, ...node }: SbomInput): SbomModel {
  const system = parseSystemRelease(image.readText('etc/os-release') ?? image.readText('usr/lib/os-release'));
  const found = [...nodeComponents(image, node), ...npmComponents(image), ...debianComponents(image, system)];
  const owners = new Map<string, string>();
  for (const { component, paths } of found)
    for (const path of paths) if (image.files.has(path) && !owners.has(path)) owners.set(path, component.ref);
  const unowned = [...image.files].filter(([path]) => !owners.has(path));
  const components: SbomComponent[] = [
    ...(system.id === ''
      ? []
      : [
          {
            kind: 'system' as const,
            ref: `system:${system.id}`,
            name: system.id,
            version: system.version,
            cpe: `cpe:2.3:o:${system.id}:${system.id === 'debian' ? 'debian_linux' : system.id}:${system.version || '*'}:*:*:*:*:*:*:*`,
            licenses: [],
          },
        ]),
    ...withFiles(found, owners, image),
    ...unowned.map(([path, sha256]): SbomComponent => ({
      kind: 'file',
      ref: `file:/${path}`,
      name: `/${path}`,
      version: '',
      licenses: [],
      sha256: sha256.slice('sha256:'.length),
    })),
  ];
  return {
    name,
    digest,
    platform,
    release: node.release,
    created: image.config.created ?? '1970-01-01T00:00:00Z',
    components: components.sort((a, b) => compareText(a.ref, b.ref)),
    files: { total: image.files.size, owned: owners.size, listed: unowned.length },
  };
}

function withFiles(
  found: readonly FoundComponent[],
  owners: ReadonlyMap<string, string>,
  image: ImageInventory,
): SbomComponent[] {
  const owned = new Map<string, [string, string][]>();
  for (const [path, ref] of owners) {
    const list = owned.get(ref) ?? [];
    list.push([path, image.files.get(path) ?? '']);
    owned.set(ref, list);
  }
  const unique = new Map(found.map(({ component }) => [component.ref, component]));
  return [...unique.values()].map((component) => {
    const files = (owned.get(component.ref) ?? []).sort(([a], [b]) => compareText(a, b));
    return component.kind === 'nested'
      ? component
      : { ...component, files: { count: files.length, digest: digestOf(canonicalJson(files)) } };
  });
}
