import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { z } from 'zod';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { readYaml } from '../../config/read-yaml.ts';
import { Failure } from '../../core/errors.ts';
import { severities } from '../../formats/attestation/predicate-shapes.ts';
import { decide } from '../../gates/decide.ts';
import { exampleInput } from '../../gates/example-input.ts';
import { loadCustomGates } from './custom-gates.ts';

const Given = z.strictObject({
  now: z.union([z.iso.date(), z.iso.datetime()]).optional().describe('The day of the decision'),
  release: z.string().optional().describe('Node.js version'),
  variant: z.string().optional(),
  cell: z.string().optional(),
  phase: z.enum(['pending', 'current', 'active-lts', 'maintenance', 'end-of-life']).optional(),
  baseEnd: z.union([z.iso.date(), z.literal('unknown')]).optional(),
  sizeMegabytes: z.number().optional(),
  tests: z.enum(['passed', 'failed', 'flaky', 'missing']).default('passed'),
  missing: z.array(z.string()).default([]).describe('Kinds of statements that are not there'),
  findings: z
    .array(
      z.strictObject({
        id: z.string(),
        severity: z.enum(severities),
        package: z.string().default('example'),
        fixedVersion: z.string().optional(),
        fixedSince: z.iso.date().optional(),
        kev: z.boolean().default(false),
      }),
    )
    .default([]),
  feedAgeDays: z.number().default(0),
  feeds: z.array(z.string()).optional().describe('Kinds of feeds; all without it'),
  licenses: z.array(z.string()).default([]),
  approvals: z.array(z.strictObject({ person: z.string(), roles: z.array(z.string()).default([]) })).default([]),
  repairs: z
    .array(z.string())
    .default([])
    .describe('Vulnerabilities of the published image that this one does not have'),
});

const FileSchema = z.strictObject({
  environment: z.string(),
  cases: z
    .array(
      z.strictObject({
        name: z.string(),
        given: Given.prefault({}),
        expect: z.strictObject({
          result: z.enum(['allowed', 'waiting', 'denied']),
          gates: z.record(z.string(), z.enum(['allow', 'warn', 'wait', 'deny'])).default({}),
        }),
      }),
    )
    .min(1),
});

export interface PolicyTestResult {
  readonly file: string;
  readonly name: string;
  readonly environment: string;
  /** What was wrong; undefined when it passed. */
  readonly problem?: string;
}

/**
 * Runs the cases of a team's policy: each describes an image that is in order but for what `given` says, and what the
 * policy must decide about it.
 */
export async function runPolicyTests(
  files: readonly string[],
  { loaded, cwd }: { readonly loaded: LoadedRecipe; readonly cwd: string },
): Promise<PolicyTestResult[]> {
  const results: PolicyTestResult[] = [];
  for (const file of files) {
    const path = resolve(cwd, file);
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      throw new Failure('USAGE', `there is no file ${path}`, { hint: 'name a file with cases', cause: error });
    });
    const guide = 'docs/guides/gates.md';
    const { value } = readYaml(text, { file, schema: FileSchema, what: 'test of a policy', guide });
    const config = loaded.recipe.environments[value.environment];
    if (!config)
      throw new Failure(
        'RECIPE_INVALID',
        `${file}: the recipe has no environment ${JSON.stringify(value.environment)}`,
        {
          hint: `environments: ${Object.keys(loaded.recipe.environments).join(', ') || 'none'}`,
        },
      );
    const custom = await loadCustomGates(config.custom, loaded.folder);
    for (const { name, given, expect } of value.cases) {
      const decision = decide(exampleInput(value.environment, given, config.waivers), config.gates, custom);
      const wrong = Object.entries(expect.gates).flatMap(([gate, wanted]) => {
        const found = decision.verdicts.filter((verdict) => verdict.gate === gate);
        const worst = (['deny', 'wait', 'warn', 'allow'] as const).find((result) =>
          found.some((item) => item.result === result),
        );
        return worst === wanted ? [] : [`${gate} is ${worst ?? 'not asked'}, not ${wanted}`];
      });
      const reasons = decision.verdicts
        .filter(({ result }) => result !== 'allow')
        .map(({ gate, reason }) => `${gate}: ${reason}`);
      if (decision.result !== expect.result)
        wrong.unshift(`the decision is ${decision.result}, not ${expect.result} (${reasons.join('; ') || 'all open'})`);
      results.push({
        file: relative(cwd, path),
        name,
        environment: value.environment,
        ...(wrong.length > 0 ? { problem: wrong.join('; ') } : {}),
      });
    }
  }
  return results;
}
