import semver from 'semver';
import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';

export interface Variant {
  readonly name: string;
  readonly summary: string;
  /** Debian packages it asks for; their dependencies come with them. Each has its reason. */
  readonly packages: Readonly<Record<string, string>>;
}

export const variants: Readonly<Record<string, Variant>> = {
  runtime: {
    name: 'runtime',
    summary: 'Node.js, C library, certificate store, time zones and an init; no shell, no package manager',
    packages: {
      'base-files': 'standard folders, os-release and licence texts',
      'ca-certificates': 'certificate authorities for the system store',
      libatomic1: 'needed by the Node.js binary from line 25 on; in all, so that they share one layer',
      libc6: 'needed by the Node.js binary',
      'libgcc-s1': 'needed by the Node.js binary',
      'libstdc++6': 'needed by the Node.js binary',
      netbase: 'names of protocols and services, which resolvers read',
      tini: 'init that forwards signals and reaps orphans',
      tzdata: 'time zones for native code',
    },
  },
};

/** Raised whenever assembly makes other bytes from the same inputs: a lock says which assembly it was made for. */
const assemblyVersion = 1;

/** Numeric user of the image; group 0, so that any other user with group 0 has the same rights. */
export const imageUser = { uid: 1000, gid: 1000, name: 'node' } as const;

export const imagePaths = {
  node: 'usr/local/bin/node',
  home: 'home/node',
  work: 'app',
  diagnostics: 'var/diagnostics',
} as const;

/** Share of the container's memory that the JavaScript heap may take. */
const heapPercentage = 70;

/** First releases that know `--max-old-space-size-percentage`, by line; later lines have it from the start. */
const heapFlagSince = '^22.20.0 || >=24.6.0';

export interface ImageConfiguration {
  readonly user: string;
  readonly workingDirectory: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** Order is kept: later values may use earlier ones. */
  readonly environment: readonly string[];
  readonly stopSignal: string;
}

/** What the image says about running it. Without the heap flag on releases that do not know it: they would not start. */
export function imageConfiguration(release: string): ImageConfiguration {
  const options = [
    ...(semver.satisfies(release, heapFlagSince) ? [`--max-old-space-size-percentage=${heapPercentage}`] : []),
    `--diagnostic-dir=/${imagePaths.diagnostics}`,
  ];
  return {
    user: `${imageUser.uid}:${imageUser.gid}`,
    workingDirectory: `/${imagePaths.work}`,
    entrypoint: ['/usr/bin/tini', '--'],
    command: ['node'],
    environment: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      `NODE_VERSION=${release}`,
      `NODE_OPTIONS=${options.join(' ')}`,
      'NODE_USE_SYSTEM_CA=1',
      // The bundle alone: with the folder beside it, Node.js would read every authority three times.
      'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt',
    ],
    stopSignal: 'SIGTERM',
  };
}

export function configurationDigest(release: string, variant: Variant, compressorId: string): Digest {
  return digestOf(
    canonicalJson({
      assemblyVersion,
      compressorId,
      variant: variant.name,
      packages: Object.keys(variant.packages).sort(),
      image: imageConfiguration(release),
    }),
  );
}
