import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { parseJson } from '../../core/json.ts';
import { artifactManifestBytes } from '../../formats/oci/artifact-manifest.ts';
import { DigestSchema, emptyConfigBytes, type Descriptor } from '../../formats/oci/descriptor.ts';
import { artifactTypes, mediaTypes } from '../../formats/oci/media-types.ts';
import { readManifest } from '../../store/manifest.ts';
import { blobOfBytes, readBlob } from '../../store/read-blob.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { isSame, sealAnnotation } from '../../store/layout/sealed-notes.ts';
import type { Store } from '../../store/store.ts';

/** The kinds of test, and the built-in battery. */
export const testKindNames = ['battery', 'dockerfile', 'structure', 'run', 'script', 'application'] as const;
export type TestKindName = (typeof testKindNames)[number];

/** A set of tests by name and by the digest of what it demands: a report on another definition proves nothing. */
export const SuiteSchema = z.strictObject({
  id: z.string(),
  origin: z.enum(['vendor', 'client']),
  digest: DigestSchema,
  kind: z.enum(testKindNames),
});

const LayerSchema = z.object({
  /** Digest of the test layer as a tar archive; an engine does not tell it of every layer. */
  diffId: DigestSchema.exactOptional(),
  added: z.number(),
  changed: z.number(),
  removed: z.number(),
  paths: z.array(z.string()).readonly(),
});

const CaseSchema = z.strictObject({
  id: z.string(),
  suite: z.string(),
  /**
   * `flaky`: it passed, and not on the first attempt. `not-run`: another one failed before, and nothing else was run.
   * `not-applicable`: the image cannot have what is checked, for the reason that is given; neither passed nor missing.
   */
  result: z.enum(['passed', 'failed', 'flaky', 'not-run', 'not-applicable']),
  /** Why it does not apply. */
  reason: z.string().exactOptional(),
  attempts: z.array(
    z.strictObject({ result: z.enum(['passed', 'failed']), durationMs: z.number(), problems: z.array(z.string()) }),
  ),
  durationMs: z.number(),
  exitCode: z.number().nullable(),
  /** What was wrong in the last attempt; empty when it passed. */
  problems: z.array(z.string()),
  output: z.string(),
  droppedBytes: z.number(),
  resources: z
    .strictObject({ memoryPeakBytes: z.number().exactOptional(), cpuMs: z.number().exactOptional() })
    .optional(),
  /** What each layer of the test changed. */
  layers: z.array(LayerSchema).readonly(),
  /** Instructions whose layer was had from an earlier run on the same digest. */
  cachedSteps: z.number().optional(),
});

export const TestReportSchema = z.strictObject({
  reportVersion: z.literal(2),
  subject: DigestSchema,
  platform: z.string(),
  runtime: z.strictObject({ name: z.string(), version: z.string() }),
  startedAt: z.string(),
  durationMs: z.number(),
  /** `untested`: the platform cannot run here. It is never a pass, and neither is `flaky`. */
  result: z.enum(['passed', 'failed', 'flaky', 'untested']),
  reason: z.string().optional(),
  suites: z.array(SuiteSchema),
  cases: z.array(CaseSchema),
});

export type Suite = z.infer<typeof SuiteSchema>;
export type TestCase = z.infer<typeof CaseSchema>;
export type TestReport = z.infer<typeof TestReportSchema>;

const sealKind = 'test-reports';

/** Attaches a report to the platform manifest it is about, as a referrer, with the seal of who tested. */
export async function attachReport(store: LayoutStore, subject: Descriptor, report: TestReport): Promise<Descriptor> {
  const text = canonicalJson(report);
  const bytes = Buffer.from(text);
  await store.putBlob(blobOfBytes(bytes));
  await store.putBlob(blobOfBytes(emptyConfigBytes));
  const manifest = artifactManifestBytes({
    artifactType: artifactTypes.testReport,
    layers: [{ mediaType: artifactTypes.testReport, digest: digestOf(bytes), size: bytes.length }],
    subject,
    annotations: {
      'org.opencontainers.image.created': report.startedAt,
      [sealAnnotation]: await store.notes.sealOf(sealKind, subject.digest, text),
    },
  });
  return await store.putManifest(manifest, mediaTypes.manifest);
}

/** All reports on a platform manifest, the newest first: for people, because anybody can attach one. */
export async function findReports(store: Store, subject: Digest): Promise<TestReport[]> {
  return await readReports(store, subject, async (text) => parse(text));
}

/** What was read last of our own, by its text: a run asks when it tests, when it signs and when it publishes. */
const lastRead = new Map<string, TestReport | undefined>();
const maxLastRead = 64;

/** Those that a run of this user has made: what is signed or published rests on no others. */
export async function findOwnReports(store: LayoutStore, subject: Digest): Promise<TestReport[]> {
  return await readReports(store, subject, async (text, seal) => {
    if (seal === undefined || !isSame(seal, await store.notes.sealOf(sealKind, subject, text))) return undefined;
    const report = lastRead.get(text) ?? parse(text);
    const [oldest] = lastRead.keys();
    if (oldest !== undefined && lastRead.size >= maxLastRead) lastRead.delete(oldest);
    lastRead.set(text, report);
    return report;
  });
}

async function readReports(
  store: Store,
  subject: Digest,
  read: (text: string, seal: string | undefined) => Promise<TestReport | undefined>,
): Promise<TestReport[]> {
  const found: TestReport[] = [];
  for (const referrer of await store.listReferrers(subject, artifactTypes.testReport)) {
    const { layers, annotations } = await readManifest(store, referrer.digest);
    const [layer] = layers;
    if (!layer) continue;
    const text = (await readBlob(store, layer)).toString('utf8');
    const report = await read(text, annotations?.[sealAnnotation]);
    if (report?.subject === subject) found.push(report);
  }
  return found.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}

/** What somebody attached need not be JSON. */
function parse(text: string): TestReport | undefined {
  try {
    return TestReportSchema.safeParse(parseJson(text)).data;
  } catch {
    return undefined;
  }
}

/** What the cases say together: one failure is a failure, and one that passed on a retry makes the whole flaky. */
export function resultOf(cases: readonly Pick<TestCase, 'result'>[]): 'passed' | 'failed' | 'flaky' {
  if (cases.some(({ result }) => result === 'failed' || result === 'not-run')) return 'failed';
  return cases.some(({ result }) => result === 'flaky') ? 'flaky' : 'passed';
}

/** Whether a report is about these very suites, ran all of their cases and found nothing. */
export function isCompletePass(report: TestReport, required: readonly Suite[]): boolean {
  if (report.result !== 'passed' || report.cases.length === 0 || required.length === 0) return false;
  const covered = required.every(
    (suite) =>
      report.suites.some((done) => done.id === suite.id && done.digest === suite.digest) &&
      report.cases.some((item) => item.suite === suite.id && item.result === 'passed'),
  );
  return covered && report.cases.every(({ result }) => result === 'passed' || result === 'not-applicable');
}
