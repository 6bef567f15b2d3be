import { failureCodes } from '../../core/errors.ts';
import { Failure } from '../../core/errors.ts';
import { reviewCells, type ReviewedCell } from '../../pipeline-review.ts';
import { runPolicyTests, type PolicyTestResult } from '../../stages/gate/test-policy.ts';
import { cellsOption, environmentOption } from '../cell-options.ts';
import { defineCommand, recipeOptions, type CommandContext } from '../command.ts';
import { decisionsJson, decisionsTable } from '../views/decisions-view.ts';
import { renderTable } from '../views/text.ts';
import { openStore, openWorkspace, requireLock } from '../workspace.ts';

type GateResult =
  | { readonly kind: 'decisions'; readonly cells: readonly ReviewedCell[]; readonly unbuilt: readonly string[] }
  | { readonly kind: 'tests'; readonly results: readonly PolicyTestResult[] };

export const gateCommand = defineCommand<GateResult>({
  name: 'gate',
  summary: 'Ask the gates of a policy about what is built, or test the policy itself: gate test FILE…',
  positional: '[test]',
  rest: 'FILE…',
  options: { ...recipeOptions, ...cellsOption, ...environmentOption },
  async run(input) {
    const action = input.options['_'];
    if (action === 'test') return { kind: 'tests', results: await testPolicies(input) };
    if (action !== undefined)
      throw new Failure('USAGE', `gate: ${JSON.stringify(action)} is nothing to do`, {
        hint: 'nodeworthy gate, or nodeworthy gate test policy.test.yaml',
      });
    const workspace = await openWorkspace(input);
    const { cells, unbuilt } = await reviewCells(
      {
        store: await openStore(workspace),
        loaded: workspace.loaded,
        lock: requireLock(workspace),
        context: input.context,
        environment: input.options['environment'] as string | undefined,
      },
      input.options['cells'] as string | undefined,
    );
    return { kind: 'decisions', cells, unbuilt };
  },
  pretty: (result) =>
    result.kind === 'decisions'
      ? decisionsTable(result.cells, result.unbuilt)
      : renderTable(
          ['case', 'environment', 'result', 'why'],
          result.results.map((item) => [
            item.name,
            item.environment,
            item.problem ? 'failed' : 'passed',
            item.problem ?? '',
          ]),
        ),
  json: (result) =>
    result.kind === 'decisions' ? decisionsJson(result.cells, result.unbuilt) : { cases: result.results },
  exitStatus(result) {
    if (result.kind === 'tests')
      return result.results.some(({ problem }) => problem !== undefined) ? failureCodes.DENIED.exit : 0;
    const results = result.cells.map(({ gated }) => gated.decision.result);
    if (results.includes('denied') || result.unbuilt.length > 0) return failureCodes.DENIED.exit;
    return results.includes('waiting') ? failureCodes.WAITING.exit : 0;
  },
});

async function testPolicies(input: CommandContext): Promise<PolicyTestResult[]> {
  const files = (input.options['rest'] as readonly string[] | undefined) ?? [];
  if (files.length === 0)
    throw new Failure('USAGE', 'gate test: name at least one file with cases', {
      hint: 'nodeworthy gate test policy.test.yaml; see docs/guides/gates.md',
    });
  const { loaded } = await openWorkspace(input);
  return await runPolicyTests(files, { loaded, cwd: input.cwd });
}
