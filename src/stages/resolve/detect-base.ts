import { z } from 'zod';
import { Failure } from '../../core/errors.ts';
import { parentOf } from '../../formats/tar/path.ts';
import type { Libc } from '../../sources/input.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import type { Digest } from '../../core/digest.ts';
import type { ElfFile } from '../../formats/elf/read-elf.ts';
import { readImage, viewParts, type FileSystemView } from '../../trees/read-image.ts';

/** What was found out about an image that others are built on. */
export const BaseImageSchema = z.strictObject({
  libc: z.enum(['glibc', 'musl']),
  /** Version of the C library, like 2.36 or 1.2.5. */
  libcVersion: z.string(),
  /** `ID` and `VERSION_ID` of os-release(5). */
  os: z.string(),
  osVersion: z.string(),
  /** Program that reaps orphans, with its arguments; empty when there is none. */
  init: z.array(z.string()),
  hasShell: z.boolean(),
  certificateBundle: z.string().optional(),
  environment: z.array(z.string()),
});

export type BaseImage = z.infer<typeof BaseImageSchema>;

const inits: readonly (readonly string[])[] = [
  ['/usr/bin/tini', '--'],
  ['/sbin/tini', '--'],
  ['/usr/bin/dumb-init', '--'],
  ['/usr/bin/catatonit', '--'],
];
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
] as const;

/**
 * Reads an image's C library, its version, and what else assembly has to know.
 * @throws Failure BASE_UNUSABLE when there is no C library that Node.js exists for
 */
export async function detectBase(store: LayoutStore, manifest: Digest, base: string): Promise<BaseImage> {
  const { config, parts } = await readImage(store, manifest);
  const view = viewParts(parts);
  try {
    const release = osRelease(view);
    const libc = findLibc(view);
    if (!libc)
      throw new Failure('BASE_UNUSABLE', `bases.${base}: the image has no known C library`, {
        hint: 'Node.js needs glibc or musl; an image without either cannot run it',
      });
    const has = (path: string): boolean => resolveFile(view, path.slice(1)) !== undefined;
    const init = inits.find(([program]) => has(String(program)));
    const bundle = bundles.find(has);
    return {
      ...libc,
      os: release.get('ID') ?? 'unknown',
      osVersion: release.get('VERSION_ID') ?? '',
      init: [...(init ?? [])],
      hasShell: has('/bin/sh'),
      ...(bundle === undefined ? {} : { certificateBundle: bundle }),
      environment: [...(config.config?.Env ?? [])],
    };
  } finally {
    await view.close();
  }
}

function osRelease(view: FileSystemView): Map<string, string> {
  const text = readText(view, 'etc/os-release') || readText(view, 'usr/lib/os-release');
  return new Map(
    text.split('\n').flatMap((line) => {
      const match = /^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line);
      return match ? [[String(match[1]), match[2] ?? match[3] ?? match[4] ?? ''] as const] : [];
    }),
  );
}

/** musl's loader is its library; glibc says its version in a sentence of its own (`GNU C Library … version 2.36`). */
function findLibc(view: FileSystemView): { libc: Libc; libcVersion: string } | undefined {
  for (const { path, node } of view.entries) {
    if (node.kind !== 'file') continue;
    if (/(?:^|\/)ld-musl-[a-z0-9_]+\.so\.1$|(?:^|\/)lib\/(?:[^/]+\/)?libc\.so$/.test(path)) {
      const version = /\0(1\.\d+\.\d+)\0/.exec(view.read(node.content).toString('latin1'))?.[1];
      if (version !== undefined) return { libc: 'musl', libcVersion: version };
    }
    if (/(?:^|\/)libc(?:\.so\.6|-2\.\d+\.so)$/.test(path)) {
      const version = /GNU C Library .*? version (\d+\.\d+)/.exec(view.read(node.content).toString('latin1'))?.[1];
      if (version !== undefined) return { libc: 'glibc', libcVersion: version };
    }
  }
  return undefined;
}

/**
 * Whether a Node.js binary starts on the image: its libraries are there, and each has the symbol versions it wants.
 * @throws Failure BASE_UNUSABLE says what is missing
 */
export async function requireCompatible(
  store: LayoutStore,
  manifest: Digest,
  { binary, release, base, found }: { binary: ElfFile; release: string; base: string; found: BaseImage },
): Promise<void> {
  const { parts } = await readImage(store, manifest);
  const view = viewParts(parts);
  try {
    const libraries = librariesOf(view);
    for (const name of binary.needed) {
      const isLoader = /^ld-(?:linux|musl)|^libc\.(?:so|musl)/.test(name);
      if (libraries.has(name) || (isLoader && found.libc === 'musl')) continue;
      throw unusable(
        `Node.js ${release} needs ${name}, which the image lacks`,
        base,
        'take an image that has it, like one with the C++ runtime',
      );
    }
    const wanted = newest(binary.versionNeeds['libc.so.6'] ?? [], 'GLIBC_');
    if (found.libc === 'glibc' && wanted !== undefined && compareDotted(found.libcVersion, wanted) < 0)
      throw unusable(
        `Node.js ${release} needs glibc ${wanted}, and the image has ${found.libcVersion}`,
        base,
        `take a newer ${found.os}, or an older release of Node.js`,
      );
    const runtime = libraries.get('libstdc++.so.6');
    if (runtime === undefined) return;
    const offered = runtime();
    for (const version of binary.versionNeeds['libstdc++.so.6'] ?? []) {
      if (offered.includes(`\0${version}\0`)) continue;
      throw unusable(
        `Node.js ${release} needs ${version} of libstdc++, which the image's is too old for`,
        base,
        `take a newer ${found.os}, or an older release of Node.js`,
      );
    }
  } finally {
    await view.close();
  }
}

function librariesOf(view: FileSystemView): Map<string, () => string> {
  const found = new Map<string, () => string>();
  for (const { path, node } of view.entries) {
    if (!/^(?:usr\/)?lib(?:64)?\/(?:[^/]+\/)?[^/]+\.so(?:\.[0-9.]+)?$/.test(path)) continue;
    const file = node.kind === 'file' ? node : resolveFile(view, path);
    if (file?.kind !== 'file') continue;
    const name = path.slice(parentOf(path).length + 1);
    found.set(name, () => view.read(file.content).toString('latin1'));
  }
  return found;
}

/** The file a path means, symlinks followed. */
function resolveFile(view: FileSystemView, path: string, hops = 0) {
  const node = view.get(path);
  if (node?.kind !== 'symlink') return node?.kind === 'directory' ? undefined : node;
  if (hops > 40) return undefined;
  const target = node.target.startsWith('/') ? node.target.slice(1) : `${parentOf(path)}/${node.target}`;
  return resolveFile(view, normalise(target), hops + 1);
}

function normalise(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function readText(view: FileSystemView, path: string): string {
  const node = resolveFile(view, path);
  return node?.kind === 'file' ? view.read(node.content).toString('utf8') : '';
}

function newest(versions: readonly string[], prefix: string): string | undefined {
  return versions
    .filter((version) => version.startsWith(prefix))
    .map((version) => version.slice(prefix.length))
    .sort(compareDotted)
    .at(-1);
}

function compareDotted(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const order = (left[at] ?? 0) - (right[at] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

function unusable(message: string, base: string, hint: string): Failure {
  return new Failure('BASE_UNUSABLE', `bases.${base}: ${message}`, { hint });
}
