import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf, hexOf, type Digest } from '../../core/digest.ts';
import type { ImageConfig } from '../../formats/oci/descriptor.ts';
import type { TestCase, TestReport } from '../test/report.ts';

export const buildType = 'https://nodeworthy.io/build-types/image/v1';

export interface MaterialInput {
  readonly name: string;
  readonly digest: Digest;
}

export interface ProvenanceInput {
  readonly name: string;
  readonly cell: string;
  readonly index: Digest;
  readonly builder: string;
  readonly builderVersion: string;
  readonly author: string;
  readonly configuration: string;
  readonly materials: readonly MaterialInput[];
}

/**
 * SLSA provenance v1: few external parameters, and every input with its digest. The invocation is named after what
 * was made: the same build has the same name.
 */
export function provenancePredicate(input: ProvenanceInput): object {
  return {
    buildDefinition: {
      buildType,
      externalParameters: { recipe: input.name, cell: input.cell },
      internalParameters: { author: input.author, configuration: input.configuration },
      resolvedDependencies: input.materials.map(({ name, digest }) => ({ name, digest: { sha256: hexOf(digest) } })),
    },
    runDetails: {
      builder: { id: input.builder, version: { nodeworthy: input.builderVersion } },
      metadata: { invocationId: hexOf(digestOf(canonicalJson([input.builder, input.index]))) },
    },
  };
}

/** in-toto test results, one per suite of a report. */
export function testPredicates(report: TestReport): { readonly suite: string; readonly predicate: object }[] {
  const finishedOn = new Date(Date.parse(report.startedAt) + report.durationMs).toISOString();
  return report.suites.map((suite) => {
    const cases = report.cases.filter((item) => item.suite === suite.id);
    const names = (wanted: readonly TestCase['result'][]): string[] =>
      cases.filter(({ result }) => wanted.includes(result)).map(({ id }) => id);
    const failed = names(['failed', 'not-run']);
    const flaky = names(['flaky']);
    const passed = names(['passed']);
    const result =
      failed.length > 0 || passed.length + flaky.length === 0 ? 'FAILED' : flaky.length > 0 ? 'WARNED' : 'PASSED';
    return {
      suite: suite.id,
      predicate: {
        result,
        configuration: [{ name: suite.id, digest: { sha256: hexOf(suite.digest) } }],
        passedTests: passed,
        warnedTests: flaky,
        failedTests: failed,
        nodeworthy_notApplicable: cases.flatMap(({ id, result: outcome, reason }) =>
          outcome === 'not-applicable' ? [{ id, reason: reason ?? '' }] : [],
        ),
        nodeworthy_kind: suite.kind,
        nodeworthy_origin: suite.origin,
        nodeworthy_platform: report.platform,
        nodeworthy_runtime: report.runtime,
        nodeworthy_finishedOn: finishedOn,
      },
    };
  });
}

/** What was configured, by the image's own word: labels and configuration are part of its digest. */
export function configurationPredicate(config: ImageConfig, configuration: string): object {
  const labels = config.config?.Labels ?? {};
  const overlay = 'io.nodeworthy.overlay.';
  return {
    configuration,
    hardening: labels['io.nodeworthy.hardening']?.split(' ') ?? [],
    overlays: Object.fromEntries(
      Object.entries(labels).flatMap(([name, value]) =>
        name.startsWith(overlay) ? [[name.slice(overlay.length), value]] : [],
      ),
    ),
    user: config.config?.User ?? '',
    entrypoint: config.config?.Entrypoint ?? [],
    command: config.config?.Cmd ?? [],
    environment: config.config?.Env ?? [],
    diffIds: config.rootfs.diff_ids,
  };
}
