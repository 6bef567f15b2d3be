import { failureCodes } from '../../core/errors.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Context } from '../../core/context.ts';
import { openProbe } from '../../pipeline-probe.ts';
import { resolveLock } from '../../stages/resolve/resolve-lock.ts';
import { writeLock, type Lock } from '../../stages/resolve/lock.ts';
import { runtimeOption } from '../cell-options.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { aptFolder, openStore, openWorkspace, type Workspace } from '../workspace.ts';
import { formatBytes } from '../views/text.ts';

export interface LockResult {
  readonly path: string;
  readonly state: 'written' | 'unchanged';
  readonly lock: Lock;
}

export const lock = defineCommand<LockResult>({
  name: 'lock',
  summary: 'Pin, download and prove every input, and write nodeworthy.lock.json',
  options: {
    ...recipeOptions,
    ...runtimeOption,
    update: { type: 'boolean', summary: 'Choose the newest of everything again' },
  },
  async run(input) {
    const workspace = await openWorkspace(input);
    const { update, runtime } = input.options;
    return await makeLock(workspace, input.context, {
      update: update === true,
      runtime: runtime as string | undefined,
    });
  },
  exitStatus: ({ lock: made }) => (made.unresolved.length > 0 ? failureCodes.UNRESOLVED.exit : 0),
  pretty: ({ path, state, lock: made }) => {
    const bytes = made.inputs.reduce((sum, item) => sum + item.size, 0);
    return `${path}: ${state}\n${made.cells.length} cells from ${made.inputs.length} inputs (${formatBytes(bytes)}), chosen on ${made.date}${made.unresolved
      .map(({ id, reason, hint }) => `\n${id}: ${reason}${hint ? `\n  hint: ${hint}` : ''}`)
      .join('')}`;
  },
  json: ({ path, state, lock: made }) => ({
    path,
    state,
    unresolved: made.unresolved,
    cells: made.cells.map((cell) => cell.id),
    inputs: made.inputs.map(({ kind, name, version, digest, size }) => ({ kind, name, version, digest, size })),
  }),
});

export interface LockOptions {
  readonly update: boolean;
  /** Runs binaries that the data on releases does not speak of. */
  readonly runtime: string | undefined;
}

/** Shared with `run`, which makes a lock when there is none. */
export async function makeLock(
  workspace: Workspace,
  context: Context,
  { update, runtime }: LockOptions,
): Promise<LockResult> {
  context.report({ kind: 'stage', stage: 'lock', state: 'started' });
  const store = await openStore(workspace);
  const { loaded, lock: before } = workspace;
  const probe = openProbe({ store, loaded, context, runtime });
  let made: Lock;
  try {
    made = await resolveLock(store, loaded, context, { aptFolder, previous: before, update, questions: probe });
  } finally {
    await probe.close();
  }
  // A lock that would only differ in its day is the same lock.
  const previous = workspace.lock;
  const same = previous !== undefined && contentOf(previous) === contentOf(made);
  const state = same ? 'unchanged' : await writeLock(workspace.lockPath, made);
  context.report({ kind: 'stage', stage: 'lock', state: 'finished', detail: `${made.inputs.length} inputs` });
  return { path: workspace.lockPath, state, lock: same ? previous : made };
}

/** Everything a lock promises, without the day it was made on. */
function contentOf(lock: Lock): string {
  return canonicalJson({ ...lock, date: '', inputs: lock.inputs.map((item) => canonicalJson(item)).sort() });
}
