import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf } from '../../core/digest.ts';
import type { FeedState, Finding } from '../../formats/attestation/predicate-shapes.ts';
import { imageReference } from '../../formats/sbom/cyclonedx.ts';
import type { SbomModel } from '../../formats/sbom/model.ts';
import { OpenVexSchema } from '../../formats/vulnerabilities/openvex.ts';
import type { CandidatePlatform } from '../assemble/assemble-cell.ts';
import type { PlannedStatement } from '../attest/attest-cell.ts';
import { lineName, lineOfRelease, phaseOf } from '../catalog/release-lines.ts';
import { openFeedIndex, type FeedIndex } from './feed-index.ts';
import { currentFeeds, feedState, type FeedPorts } from './feed-store.ts';
import { matchImage, type AskableFeed, type Matched } from './match-image.ts';
import { readVex } from './vex.ts';

/** How long an unchanged scan is as good as a new one. */
const scanPeriodMs = 3 * 86_400_000;

export interface Scan extends Matched {
  readonly feeds: readonly FeedState[];
  readonly findingsDigest: string;
}

export interface Scanner {
  scan(sbom: SbomModel): Scan;
  /** The scan of a platform as a statement; it is the same one as long as feeds and image are. */
  planScan(platform: CandidatePlatform, sbom: SbomModel): Promise<PlannedStatement>;
  close(): void;
}

/** @returns undefined when the recipe names no feed: then there is no scan, and no gate that asks for one passes */
export async function openScanner(ports: FeedPorts): Promise<Scanner | undefined> {
  const { store, loaded, context } = ports;
  const vex = readVex(loaded);
  if (loaded.recipe.feeds.length === 0) return undefined;
  const feeds = await currentFeeds(ports);
  const opened: (AskableFeed & { readonly index: FeedIndex })[] = [];
  for (const { record, config } of feeds) {
    const { name, digest } = record;
    const source = { name, kind: config.kind, digest, path: store.blobPath(digest) };
    const index = await openFeedIndex(store, source, context.signal);
    opened.push({ name, kind: config.kind, index, scopes: index.scopes, lookUp: (key) => index.lookUp(key) });
  }
  const states = feeds.map(({ record }) => feedState(record));
  const fromFeeds = opened.filter(({ kind }) => kind === 'openvex').flatMap((feed) => feed.lookUp('vex'));
  const documents = [...vex, ...fromFeeds.map((value) => OpenVexSchema.parse(value))];
  function scan(sbom: SbomModel, at: Date): Scan {
    const node = sbom.components.find(({ kind }) => kind === 'node')?.version;
    const line = lineOfRelease(String(node));
    const matched = matchImage({
      sbom,
      feeds: opened,
      vex: documents,
      line: line && { name: lineName(line), phase: phaseOf(line, at), end: line.end },
      imageNames: [imageReference(sbom), `pkg:oci/${encodeURIComponent(sbom.name)}`, sbom.digest],
    });
    return { ...matched, feeds: states, findingsDigest: digestOf(canonicalJson(matched.findings)) };
  }
  return {
    scan: (sbom) => scan(sbom, context.now),
    async planScan({ manifest }, sbom) {
      const period = Math.floor(context.verificationTime.getTime() / scanPeriodMs);
      // What is signed goes by the real clock, so that no line comes to life again with `--now`.
      const done = scan(sbom, context.verificationTime);
      return {
        subject: manifest,
        kind: 'scan',
        // Again when feeds or findings change, and after a while: the date of a scan is part of its worth.
        basis: { feeds: states.map(({ digest }) => digest), findings: done.findingsDigest, period },
        predicate: () => scanPredicate(done, context.verificationTime),
      };
    },
    close() {
      for (const { index } of opened) index.close();
    },
  };
}

/** in-toto "Vulnerabilities" v0.2; the whole findings are ours, for the format has no place for repairs. */
export function scanPredicate(
  scan: Pick<Scan, 'findings' | 'feeds' | 'unmatched' | 'findingsDigest'>,
  now: Date,
): object {
  const time = now.toISOString();
  const oldest = scan.feeds.map(({ date }) => date).sort()[0] ?? time;
  return {
    scanner: {
      uri: 'https://nodeworthy.io/scanner',
      db: { version: digestOf(canonicalJson(scan.feeds.map(({ digest }) => digest))), lastUpdate: oldest },
      result: scan.findings.map(resultOf),
    },
    metadata: { scanStartedOn: time, scanFinishedOn: time },
    nodeworthy_feeds: scan.feeds,
    nodeworthy_findings: scan.findings,
    nodeworthy_findingsDigest: scan.findingsDigest,
    nodeworthy_unmatched: scan.unmatched,
  };
}

function resultOf(finding: Finding): object {
  return {
    id: finding.id,
    severity: [
      { method: 'nodeworthy', score: finding.severity },
      ...(finding.score === undefined ? [] : [{ method: 'cvss_score', score: String(finding.score) }]),
    ],
    annotations: [
      { component: finding.component, ...(finding.fixedVersion ? { fixedVersion: finding.fixedVersion } : {}) },
    ],
  };
}
