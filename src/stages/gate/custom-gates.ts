import { resolve } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { Failure, systemCode } from '../../core/errors.ts';
import { messageOf } from '../../core/json.ts';
import type { EnvironmentConfig } from '../../config/environment-schema.ts';
import { loadClosure } from './load-with-imports.ts';
import type { CustomGate } from '../../gates/decide.ts';
import type { Gate } from '../../gates/gate.ts';

interface SafeParse {
  safeParse(value: unknown): { success: boolean; data?: unknown; error?: z.ZodError };
}

const GateModule = z.looseObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'lower-case letters, digits and dashes'),
  summary: z.string(),
  evaluate: z.custom<Gate['evaluate']>((value) => typeof value === 'function', 'must be a function'),
  Config: z.custom<SafeParse>((value) => typeof (value as SafeParse | undefined)?.safeParse === 'function').optional(),
});

/** What an image is to be certified for. */
export interface AskedEnvironment {
  readonly name: string;
  /** Its policy and the gates of the team, to hold the image to now; without it, what was certified is believed. */
  readonly policy?: { readonly config: EnvironmentConfig; readonly custom: readonly CustomGate[] };
}

export interface LoadedGate extends CustomGate {
  /** Digest of the module, of everything that it imports, and of its settings. */
  readonly source: Digest;
  readonly files: readonly string[];
}

/**
 * Loads the gates of a team. A module's default export has `name`, `summary` and `evaluate(input, config)`, which
 * answers a list of verdicts; a `Config` with `safeParse` checks its settings, as schemas of zod have.
 * @throws Failure RECIPE_INVALID for a module that is no gate, or settings that it does not take
 */
export async function loadCustomGates(
  entries: readonly { readonly module: string; readonly config: Readonly<Record<string, unknown>> }[],
  folder: string,
): Promise<LoadedGate[]> {
  const loaded: LoadedGate[] = [];
  for (const { module, config } of entries) {
    const path = resolve(folder, module);
    const invalid = (why: string, cause?: unknown): Failure =>
      new Failure('RECIPE_INVALID', `the gate ${path} ${why}`, {
        hint: 'its default export needs name, summary and evaluate(input, config); see docs/guides/gates.md',
        cause,
      });
    const { exports, digest, files } = await loadClosure(path, folder).catch((error: unknown) => {
      const isMissing = systemCode(error) === 'ENOENT';
      throw invalid(isMissing ? 'cannot be read' : `cannot be loaded: ${messageOf(error)}`, error);
    });
    const parsed = GateModule.safeParse(exports['default']);
    if (!parsed.success) throw invalid(`is no gate: ${z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' ')}`);
    const { name, summary, evaluate, Config } = parsed.data;
    const checked = Config?.safeParse(config);
    if (checked && !checked.success) throw invalid('does not take its config: ' + String(checked.error?.message));
    const gate: Gate = { name, summary, reason: '', Config: z.unknown(), evaluate };
    const settings = checked ? checked.data : config;
    loaded.push({ gate, config: settings, source: digestOf(canonicalJson([module, digest, config])), files });
  }
  return loaded;
}
