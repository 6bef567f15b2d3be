// In a process of its own, for its memory: an image of 300 packages against feeds of the size that they really have.
import { readFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openLayoutStore } from '../../src/store/layout/layout-store.ts';
import { openFeedIndex } from '../../src/stages/scan/feed-index.ts';
import { matchImage } from '../../src/stages/scan/match-image.ts';
import type { SbomComponent } from '../../src/formats/sbom/model.ts';

const [folder = ''] = process.argv.slice(2);
const { signal } = new AbortController();
const digests = JSON.parse(await readFile(join(folder, 'digests.json'), 'utf8').catch(() => '{}')) as Record<
  string,
  string
>;
const store = await openLayoutStore(join(folder, 'store'));
const started = performance.now();
const feeds = await Promise.all(
  (['debian-tracker', 'osv'] as const).map(async (kind) => {
    const path = join(folder, kind);
    const digest = (digests[kind] ?? (await digestOfFile(path))) as `sha256:${string}`;
    const index = await openFeedIndex(store, { name: kind, kind, digest, path }, signal);
    return {
      name: kind,
      kind,
      scopes: index.scopes,
      entries: index.entries,
      lookUp: (key: string) => index.lookUp(key),
    };
  }),
);
const preparedMs = performance.now() - started;
const component = (kind: 'deb' | 'npm', at: number): SbomComponent => ({
  kind,
  ref: `${kind}${at}`,
  purl: kind === 'npm' ? `pkg:npm/package${at * 37}@1.0.0` : `pkg:deb/debian/source${at * 11}@1.0-1`,
  name: `source${at * 11}`,
  version: kind === 'npm' ? '1.0.0' : '1.0-1',
  licenses: [],
  ...(kind === 'deb' ? { source: { name: `source${at * 11}`, version: '1.0-1', suite: 'trixie' } } : {}),
});
const components: SbomComponent[] = [
  { kind: 'system', ref: 'system', name: 'debian', version: '13', licenses: [] },
  ...Array.from({ length: 250 }, (_, at) => component('deb', at)),
  ...Array.from({ length: 50 }, (_, at) => component('npm', at)),
];
const matchedAt = performance.now();
const { findings, unmatched } = matchImage({
  sbom: {
    name: 'bench',
    digest: `sha256:${'0'.repeat(64)}`,
    platform: 'linux/amd64',
    release: '24.21.0',
    created: '2026-01-01T00:00:00Z',
    components,
    files: { total: 0, owned: 0, listed: 0 },
  },
  feeds,
  vex: [],
  line: { name: '24', phase: 'maintenance', end: '2028-04-30' },
  imageNames: [],
});
const matchedMs = performance.now() - matchedAt;
const peakMb = Number(/VmHWM:\s+(\d+)/.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1000;
const entries = feeds.map((feed) => feed.entries);
process.stdout.write(
  `${JSON.stringify({ preparedMs, matchedMs, findings: findings.length, unmatched: unmatched.length, entries, peakMb })}\n`,
);

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}
