import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { resolve } from 'node:path';
import type { DebianBase } from '../../config/recipe-schema.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { downloadFile, statusFailure } from '../../core/download.ts';
import { Failure } from '../../core/errors.ts';
import { readBody } from '../../core/http.ts';
import { retryTransient } from '../../core/retry.ts';
import { verifyCleartext } from '../../formats/openpgp/verify-cleartext.ts';
import { readDeb } from '../../formats/deb/read-deb.ts';
import { decompressXz } from '../../formats/xz/decompress-xz.ts';
import type { DebInput } from '../input.ts';
import type { PackageSource, SourcePorts } from '../source.ts';
import { findDebianMirrors } from './apt-configuration.ts';
import { isSkippedDependency } from './catalogue.ts';
import { createPackageIndex, type IndexedPackage, type PackageIndex } from './package-index.ts';
import { readPackages } from './read-packages.ts';
import { parseReleaseFile, type ReleaseFile } from './release-file.ts';
import { resolveDependencies } from './resolve-dependencies.ts';

const maxDebBytes = 512 << 20;

/** Debian packages from the archives apt is configured for: signed index, hashed package lists, hashed packages. */
export async function openDebianSource(
  ports: SourcePorts,
  base: DebianBase,
  options: { readonly aptFolder: string },
): Promise<PackageSource> {
  const mirrors = await findDebianMirrors(options.aptFolder, {
    mirror: base.mirror,
    securityMirror: base.securityMirror,
    keyring: base.keyring === undefined ? undefined : resolve(ports.recipeFolder, base.keyring),
  });
  const http = ports.openHttp();
  const label = `the Debian archive ${new URL(mirrors.main).host}`;
  const addressOf = (archive: 'main' | 'security'): string => mirrors[archive];

  async function readRelease(archive: 'main' | 'security', suite: string): Promise<ReleaseFile> {
    const url = `${addressOf(archive)}dists/${suite}/InRelease`;
    const text = await retryTransient(
      async () => {
        const response = await http.send(url, { signal: ports.context.signal });
        if (response.status === 200) return (await readBody(response, 16 << 20, url)).toString('utf8');
        await response.body.dump();
        if (response.status === 404)
          throw new Failure('SELECTION_EMPTY', `${label} has no suite ${suite}`, {
            hint: 'check the suite under the base, or the mirror',
          });
        throw statusFailure(`InRelease of ${suite}`, url, response, ports.context.verificationTime);
      },
      { signal: ports.context.signal, policy: ports.downloads.retry },
    );
    const name = `InRelease of ${suite}`;
    const { text: signed } = await verifyCleartext(text, {
      name,
      keyring: mirrors.keyring,
      now: ports.context.verificationTime,
    });
    return parseReleaseFile(signed, { name, suite, now: ports.context.verificationTime });
  }

  async function readSuite(
    archive: 'main' | 'security',
    suite: string,
    architecture: string,
  ): Promise<IndexedPackage[]> {
    const release = await readRelease(archive, suite);
    const path = `main/binary-${architecture}/Packages.xz`;
    const listed = release.files.get(path);
    if (!listed)
      throw new Failure('SELECTION_EMPTY', `${suite} has no packages for ${architecture}`, {
        hint: 'check platforms in the recipe',
      });
    const byHash = `${addressOf(archive)}dists/${suite}/main/binary-${architecture}/by-hash/SHA256/${listed.digest.slice('sha256:'.length)}`;
    const name = `package list of ${suite}`;
    return await downloadFile(
      { url: byHash, name, maxBytes: 128 << 20, expected: { sha256: listed.digest, sizeBytes: listed.sizeBytes } },
      {
        http,
        report: ports.context.report,
        signal: ports.context.signal,
        now: ports.context.verificationTime,
        ...ports.downloads,
      },
      async (file) => readPackages(decompressXz(await readFile(file.path), name), { archive, suite, name }),
    );
  }

  const indexes = new Map<string, Promise<PackageIndex>>();
  function readIndex(suite: string, pockets: readonly string[], architecture: string): Promise<PackageIndex> {
    const key = `${suite} ${architecture}`;
    const known = indexes.get(key);
    if (known) return known;
    const suites = pockets.map(
      (pocket) => [pocket === '-security' ? ('security' as const) : ('main' as const), `${suite}${pocket}`] as const,
    );
    const asked = mapConcurrent(suites, 1, ([archive, name]) => readSuite(archive, name, architecture)).then((lists) =>
      createPackageIndex(lists.flat()),
    );
    indexes.set(key, asked);
    return asked;
  }

  async function keep(input: Pick<DebInput, 'name' | 'version' | 'origin' | 'digest' | 'size'>): Promise<void> {
    await ports.keep(
      {
        url: `${addressOf(input.origin.archive)}${input.origin.file}`,
        name: `${input.name} ${input.version}`,
        maxBytes: maxDebBytes,
        expected: { sha256: input.digest, sizeBytes: input.size },
      },
      http,
    );
  }

  return {
    label,
    async acquire({ suite, pockets, architecture, packages, required, runsScripts, present = [] }) {
      const index = await readIndex(suite, pockets, architecture);
      const wanted = required ? [...new Set([...index.required(), ...packages])] : packages;
      const chosen = resolveDependencies(wanted, index, {
        isSkipped: runsScripts ? () => false : isSkippedDependency,
        present: present.map(({ name, version }) => ({ name, version })),
      });
      return await mapConcurrent(chosen, ports.context.concurrency * 2, async (entry) => {
        const input = toInput(entry);
        await keep(input);
        return input;
      });
    },
    restore: keep,
    async listSecurity(suite, architecture) {
      const name = `${suite}-security`;
      const { date } = await readRelease('security', name);
      const packages = await readSuite('security', name, architecture);
      return {
        date: new Date(date ?? ports.context.verificationTime).toISOString(),
        packages: packages.map((entry) => {
          const { name: own, version, file, sizeBytes, sha256 } = entry;
          const { sourceName, sourceVersion } = toInput(entry);
          return { name: own, version, file, sizeBytes, sha256, sourceName, sourceVersion };
        }),
      };
    },
    async readChangelog({ name, version, file, sizeBytes, sha256 }) {
      const label = `${name} ${version}`;
      const expected = { sha256: `sha256:${sha256}` as const, sizeBytes };
      return await downloadFile(
        { url: `${addressOf('security')}${file}`, name: label, maxBytes: maxDebBytes, expected },
        {
          http,
          report: ports.context.report,
          signal: ports.context.signal,
          now: ports.context.verificationTime,
          ...ports.downloads,
        },
        async (found) => await changelogIn(await readFile(found.path), label),
      );
    },
  };
}

async function changelogIn(deb: Buffer, label: string): Promise<string | undefined> {
  const opened = await readDeb(deb, label);
  for await (const { entry, content } of opened.data({ name: label, maxEntries: 100_000, maxTotalBytes: 1 << 30 })) {
    if (
      entry.kind !== 'file' ||
      !/(?:^|\/)usr\/share\/doc\/[^/]+\/changelog\.Debian(?:\.[a-z0-9]+)?\.gz$/.test(entry.path)
    )
      continue;
    const parts: Buffer[] = [];
    for await (const part of content()) parts.push(Buffer.from(part));
    return gunzipSync(Buffer.concat(parts), { maxOutputLength: 64 << 20 }).toString('utf8');
  }
  return undefined;
}

function toInput(entry: IndexedPackage): DebInput {
  const source = /^(\S+)(?: \((.+)\))?$/.exec(entry.source ?? entry.name);
  return {
    kind: 'deb',
    digest: `sha256:${entry.sha256}`,
    size: entry.sizeBytes,
    name: entry.name,
    version: entry.version,
    architecture: entry.architecture,
    sourceName: source?.[1] ?? entry.name,
    sourceVersion: source?.[2] ?? entry.version,
    origin: { source: 'debian', archive: entry.archive, suite: entry.suite, file: entry.file },
  };
}
