import { runPipeline, type Goal } from '../../pipeline.ts';
import { cellsOption } from '../cell-options.ts';
import { defineCommand, recipeOptions, type Command, type OptionSpec } from '../command.ts';
import { countRetries } from '../count-retries.ts';
import { cellsJson, cellsTable, exitOf, type CellsOutcome } from '../views/cells-view.ts';
import { aptFolder, openStore, openWorkspace, requireLock } from '../workspace.ts';

/** `build`, `test` and `publish` differ only in how far the cells go. */
export function defineGoalCommand(goal: Goal, summary: string, options: Readonly<Record<string, OptionSpec>>): Command {
  return defineCommand<CellsOutcome>({
    name: goal,
    summary,
    options: { ...recipeOptions, ...cellsOption, ...options },
    async run(input) {
      const workspace = await openWorkspace(input);
      const lock = requireLock(workspace);
      const counted = countRetries(input.context);
      const results = await runPipeline({
        store: await openStore(workspace),
        loaded: workspace.loaded,
        lock,
        lockPath: workspace.lockPath,
        context: counted.context,
        goal,
        aptFolder,
        runtime: input.options['runtime'] as string | undefined,
        allowOlder: input.options['allow-older'] === true,
        allowBaseChange: input.options['allow-base-change'] === true,
        cells: input.options['cells'] as string | undefined,
        environment: input.options['environment'] as string | undefined,
      });
      return { results, retries: counted.count() };
    },
    pretty: cellsTable,
    json: cellsJson,
    exitStatus: ({ results }) => exitOf(results),
  });
}
