import type { DebianBase, ImageBase, NodeSourceConfig } from '../config/recipe-schema.ts';
import { openDebianSource } from './debian/debian-source.ts';
import { openImageSource } from './image/image-source.ts';
import { openNodejsDistSource } from './nodejs-dist/nodejs-dist-source.ts';
import { openNpmSource } from './npm/npm-source.ts';
import type { LayoutStore } from '../store/layout/layout-store.ts';
import type { ImageSource, NodeSource, PackageSource, SourcePorts } from './source.ts';

/** The table of the family: the one place that imports its members. */
export async function openNodeSource(config: NodeSourceConfig, ports: SourcePorts): Promise<NodeSource> {
  if (config === 'npm') return await openNpmSource(ports, {});
  if ('npm' in config) return await openNpmSource(ports, config.npm);
  return await openNodejsDistSource(ports, config['nodejs-dist']);
}

export async function openPackageSource(
  base: DebianBase,
  ports: SourcePorts,
  options: { readonly aptFolder: string },
): Promise<PackageSource> {
  return await openDebianSource(ports, base, options);
}

export function openBaseImage(base: ImageBase, ports: SourcePorts, store: LayoutStore): ImageSource {
  return openImageSource(ports, store, base);
}
