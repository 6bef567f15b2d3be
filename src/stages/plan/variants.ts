import { Failure } from '../../core/errors.ts';

export type NodePart = 'binary' | 'npm' | 'headers';

export interface Variant {
  readonly name: string;
  readonly summary: string;
  /**
   * `assembled`: made of package data, rules replace the maintainer scripts. `installed`: the scripts run once in a
   * sandbox, and the result is scrubbed.
   */
  readonly system: 'assembled' | 'installed';
  /** Variant whose operating system lies below its own packages, byte for byte. */
  readonly extends?: string;
  /** Debian packages it asks for; their dependencies come with them. Each has its reason. */
  readonly packages: Readonly<Record<string, string>>;
  /** Parts of the Node.js distribution, each a layer of its own. */
  readonly node: readonly NodePart[];
  /** User of the image unless somebody asks for another. */
  readonly user: 'node' | 'root';
}

/** What the Node.js binary needs, and what every image has beside it. */
const common = {
  'ca-certificates': 'certificate authorities for the system store',
  libatomic1: 'needed by the Node.js binary from line 25 on; in all, so that they share one layer',
  libc6: 'needed by the Node.js binary',
  'libgcc-s1': 'needed by the Node.js binary',
  'libstdc++6': 'needed by the Node.js binary',
  netbase: 'names of protocols and services, which resolvers read',
  tini: 'init that forwards signals and reaps orphans',
  tzdata: 'time zones for native code',
} as const;

export const variants: Readonly<Record<string, Variant>> = {
  runtime: {
    name: 'runtime',
    summary: 'Node.js, C library, certificate store, time zones and an init; no shell, no package manager',
    system: 'assembled',
    packages: { 'base-files': 'standard folders, os-release and licence texts', ...common },
    node: ['binary'],
    user: 'node',
  },
  slim: {
    name: 'slim',
    summary: 'shell, core utilities, npm and a working package database: in the place of the usual slim image',
    system: 'installed',
    packages: { ...common, apt: 'package manager for derived images, with every package Debian calls required' },
    node: ['binary', 'npm'],
    user: 'node',
  },
  build: {
    name: 'build',
    summary: 'slim with compiler, make, Python, git and the Node.js headers: the first stage of a build',
    system: 'installed',
    extends: 'slim',
    packages: {
      'g++': 'compiles native add-ons',
      git: 'dependencies that npm takes from repositories',
      make: 'runs what node-gyp writes',
      'pkg-config': 'finds libraries for native add-ons',
      python3: 'runs node-gyp',
    },
    node: ['binary', 'npm', 'headers'],
    user: 'root',
  },
};

/** Numeric user of the image; group 0, so that any other user with group 0 has the same rights. */
export const imageUser = { uid: 1000, gid: 1000, name: 'node' } as const;

export const imagePaths = {
  node: 'usr/local/bin/node',
  home: 'home/node',
  headers: 'usr/local/include/node',
  modules: 'usr/local/lib/node_modules',
  entrypoint: 'usr/local/bin/docker-entrypoint.sh',
  npmrc: 'usr/local/etc/npmrc',
  extraCertificates: 'usr/local/share/ca-certificates/nodeworthy-extra.crt',
  work: 'app',
  diagnostics: 'var/diagnostics',
} as const;

/** @throws Failure LOCK_OUTDATED for a name that this version does not know */
export function variantNamed(name: string): Variant {
  const variant = variants[name];
  if (variant) return variant;
  throw new Failure('LOCK_OUTDATED', `there is no variant ${name}`, { hint: 'run `nodeworthy lock`' });
}
