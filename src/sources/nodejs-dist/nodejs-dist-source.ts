import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { statusFailure } from '../../core/download.ts';
import { Failure } from '../../core/errors.ts';
import { readBody } from '../../core/http.ts';
import { retryTransient } from '../../core/retry.ts';
import { parseJson } from '../../core/json.ts';
import { verifyCleartext } from '../../formats/openpgp/verify-cleartext.ts';
import type { NodeInput } from '../input.ts';
import type { NodeSource, SourcePorts } from '../source.ts';
import { nodeReleaseKeys } from './release-keys.ts';

export interface NodejsDistOptions {
  readonly url: string;
  readonly keyring: string;
  readonly fingerprints?: readonly string[];
}

const Releases = z.array(z.looseObject({ version: z.string(), date: z.string(), files: z.array(z.string()) }));

/** Name of a platform in `index.json` and in file names. */
const platforms: Readonly<Record<string, string>> = { 'linux/amd64': 'linux-x64', 'linux/arm64': 'linux-arm64' };

/** Node.js from a folder laid out like its download site: `index.json`, tarballs, clear-signed checksums. */
export async function openNodejsDistSource(ports: SourcePorts, options: NodejsDistOptions): Promise<NodeSource> {
  const http = ports.openHttp();
  const root = `${options.url.replace(/\/+$/, '')}/`;
  const label = `the Node.js distribution at ${new URL(root).host}`;
  let releases: Promise<z.infer<typeof Releases>> | undefined;

  async function getText(path: string, maxBytes: number): Promise<string> {
    const url = new URL(path, root).href;
    return await retryTransient(
      async () => {
        const response = await http.send(url, { signal: ports.context.signal });
        if (response.status !== 200) {
          await response.body.dump();
          throw statusFailure(path, url, response, ports.context.verificationTime);
        }
        return (await readBody(response, maxBytes, url)).toString('utf8');
      },
      { signal: ports.context.signal, policy: ports.downloads.retry },
    );
  }

  function getReleases(): Promise<z.infer<typeof Releases>> {
    releases ??= getText('index.json', 16 << 20).then((text) => {
      try {
        return Releases.parse(parseJson(text));
      } catch (error) {
        throw new Failure('SOURCE_INVALID', `${label}: index.json is malformed`, {
          hint: 'check node.source in the recipe',
          cause: error,
        });
      }
    });
    return releases;
  }

  async function checkedSums(version: string): Promise<{ sums: Map<string, string>; signedBy: readonly string[] }> {
    const name = `v${version}/SHASUMS256.txt.asc`;
    const keyring = await readKeyring(resolve(ports.recipeFolder, options.keyring));
    const verified = await verifyCleartext(await getText(name, 1 << 20), {
      name: `${label}, ${name}`,
      keyring: [keyring],
      trusted: options.fingerprints ?? nodeReleaseKeys,
      now: ports.context.verificationTime,
    });
    const sums = new Map<string, string>();
    for (const line of verified.text.split('\n')) {
      const match = /^([0-9a-f]{64})\s+(\S+)\s*$/.exec(line);
      if (match?.[1] && match[2]) sums.set(match[2], match[1]);
    }
    return { sums, signedBy: verified.fingerprints };
  }

  async function keep(version: string, file: string, hex: string) {
    return await ports.keep(
      {
        url: new URL(`v${version}/${file}`, root).href,
        name: file,
        maxBytes: 256 << 20,
        expected: { sha256: `sha256:${hex}` },
      },
      http,
    );
  }

  return {
    label,
    async listVersions(platform) {
      const wanted = platformName(platform);
      return (await getReleases())
        .filter((release) => release.files.includes(wanted))
        .map((release) => release.version.replace(/^v/, ''));
    },
    async acquire(version, platform, libc): Promise<NodeInput> {
      const release = (await getReleases()).find((candidate) => candidate.version === `v${version}`);
      const file = `node-v${version}-${platformName(platform)}${libc === 'musl' ? '-musl' : ''}.tar.gz`;
      const { sums, signedBy } = await checkedSums(version);
      const hex = sums.get(file);
      if (hex === undefined)
        throw new Failure('SIGNATURE', `${label}: the signed checksums of ${version} do not name ${file}`, {
          hint: libc === 'musl' ? 'this distribution has no musl build of it' : 'the file was not used',
        });
      const kept = await keep(version, file, hex);
      return {
        kind: 'node',
        name: 'node',
        version,
        platform,
        libc,
        digest: kept.digest,
        size: kept.size,
        origin: { source: 'nodejs-dist', file: `v${version}/${file}`, signedBy: [...signedBy] },
        time: Math.floor(Date.parse(release?.date ?? '1970-01-01') / 1000),
      };
    },
    // The tarball has npm, and corepack where it belongs to the line.
    acquireTool: () => Promise.resolve(undefined),
    async restore(input) {
      if (input.origin.source !== 'nodejs-dist')
        throw new Failure(
          'LOCK_OUTDATED',
          `${input.name} ${input.version} was locked from ${input.origin.source}, the recipe says nodejs-dist`,
          { hint: 'run `nodeworthy lock --update`' },
        );
      await keep(
        input.version,
        input.origin.file.slice(input.origin.file.indexOf('/') + 1),
        input.digest.slice('sha256:'.length),
      );
    },
  };
}

function platformName(platform: string): string {
  const found = platforms[platform];
  if (found) return found;
  throw new Failure('SELECTION_EMPTY', `the Node.js distribution has nothing for ${platform}`, {
    hint: `known: ${Object.keys(platforms).join(', ')}`,
  });
}

async function readKeyring(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Failure('FILE_UNUSABLE', `the keyring ${path} cannot be read`, {
      hint: 'node.source.nodejs-dist.keyring names a file with the release keys',
      cause: error,
    });
  }
}
