import type { BaseConfig, NodeSourceConfig } from '../config/recipe-schema.ts';
import { openDebianSource } from './debian/debian-source.ts';
import { openNodejsDistSource } from './nodejs-dist/nodejs-dist-source.ts';
import { openNpmSource } from './npm/npm-source.ts';
import type { NodeSource, PackageSource, SourcePorts } from './source.ts';

/** The table of the family: the one place that imports its members. */
export async function openNodeSource(config: NodeSourceConfig, ports: SourcePorts): Promise<NodeSource> {
  if (config === 'npm') return await openNpmSource(ports, {});
  if ('npm' in config) return await openNpmSource(ports, config.npm);
  return await openNodejsDistSource(ports, config['nodejs-dist']);
}

export async function openPackageSource(
  base: BaseConfig,
  ports: SourcePorts,
  options: { readonly aptFolder: string },
): Promise<PackageSource> {
  return await openDebianSource(ports, base, options);
}
