import { createHash } from 'node:crypto';
import { serve } from './http-server.ts';

export interface ServedVersion {
  readonly version: string;
  readonly tarball: Buffer;
}

/** An npm registry that has one package, serves no signing keys, and remembers versions that were withdrawn. */
export async function serveNpmPackage(
  name: string,
  versions: readonly ServedVersion[],
  withdrawn: readonly string[] = [],
): Promise<string> {
  const time = Object.fromEntries(
    [...versions.map(({ version }) => version), ...withdrawn].map((version) => [version, '2026-11-01T00:00:00.000Z']),
  );
  const server = await serve((request, response) => {
    const tarball = versions.find(({ version }) => request.url === `/${name}/-/${name}-${version}.tgz`)?.tarball;
    if (tarball) return response.end(tarball);
    if (request.url !== `/${name}`) return response.writeHead(404).end('{}');
    return response.end(
      JSON.stringify({
        name,
        time,
        versions: Object.fromEntries(versions.map((entry) => [entry.version, describeVersion(entry)])),
      }),
    );
  });
  return server.url;

  function describeVersion({ version, tarball }: ServedVersion): object {
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    return { version, dist: { tarball: `${server.url}${name}/-/${name}-${version}.tgz`, integrity } };
  }
}
