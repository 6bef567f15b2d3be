import { join, relative } from 'node:path';
import { writeFileAtomic } from '../../core/files.ts';
import { runPipeline, type CellResult } from '../../pipeline.ts';
import { requireFresh } from '../../stages/resolve/lock.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { cellsJson, cellsTable, exitOf } from '../views/cells-view.ts';
import { renderRunPage } from '../views/run-page.ts';
import { aptFolder, openStore, openWorkspace } from '../workspace.ts';
import { countRetries } from '../count-retries.ts';
import { cellsOption, environmentOption, olderOption, runtimeOption } from '../cell-options.ts';
import { makeLock } from './lock.ts';

interface RunResult {
  readonly results: readonly CellResult[];
  readonly retries: number;
  readonly reportPath: string;
  readonly storePath: string;
  readonly repositories: readonly string[];
}

export const run = defineCommand<RunResult>({
  name: 'run',
  summary: 'The whole flow: lock if there is none, build, test, attest, gate, publish, report',
  options: { ...recipeOptions, ...cellsOption, ...runtimeOption, ...olderOption, ...environmentOption },
  async run(input) {
    const started = performance.now();
    const { context, count } = countRetries(input.context);
    const workspace = await openWorkspace(input);
    if (workspace.lock) requireFresh(workspace.lock, workspace.loaded.recipe, workspace.lockPath);
    const runtime = input.options['runtime'] as string | undefined;
    const lock = workspace.lock ?? (await makeLock(workspace, context, { update: false, runtime })).lock;
    const store = await openStore(workspace);
    const results = await runPipeline({
      store,
      loaded: workspace.loaded,
      lock,
      lockPath: workspace.lockPath,
      context,
      goal: 'publish',
      aptFolder,
      runtime,
      allowOlder: input.options['allow-older'] === true,
      allowBaseChange: input.options['allow-base-change'] === true,
      cells: input.options['cells'] as string | undefined,
      environment: input.options['environment'] as string | undefined,
    });
    const startedAt = context.verificationTime;
    const page = renderRunPage({
      name: lock.name,
      startedAt,
      seconds: (performance.now() - started) / 1000,
      results,
      lock,
      storePath: workspace.storePath,
    });
    const reports = join(store.stateFolder, 'reports');
    const reportPath = join(reports, `run-${startedAt.toISOString().replaceAll(/[:.]/g, '-')}.html`);
    await writeFileAtomic(reportPath, page);
    return {
      results,
      retries: count(),
      reportPath,
      storePath: workspace.storePath,
      repositories: workspace.loaded.recipe.publish.map((target) => target.repository),
    };
  },
  pretty: (result) =>
    [cellsTable(result), '', ...tryIt(result), '', `report: ${relative(process.cwd(), result.reportPath)}`].join('\n'),
  json: (result) => ({ ...(cellsJson(result) as object), report: result.reportPath }),
  exitStatus: ({ results }) => exitOf(results),
});

/** Commands that work as they stand, for the image with the shortest tag. */
function tryIt({ results, storePath, repositories }: RunResult): string[] {
  const tags = results.flatMap((result) => result.receipts[0]?.tags ?? []);
  const tag = tags.includes('latest') ? 'latest' : [...tags].sort((a, b) => a.length - b.length)[0];
  if (tag === undefined) return ['nothing was published'];
  const store = relative(process.cwd(), storePath) || '.';
  const [repository] = repositories;
  const image = repository ? `${repository}:${tag}` : `localhost/nodeworthy:${tag}`;
  const from = `skopeo copy oci:${store}:${tag}`;
  const command = `run --rm ${image} node --print process.version`;
  return [
    'try it:',
    `  skopeo inspect oci:${store}:${tag}`,
    repository ? `  docker ${command}` : `  ${from} docker-daemon:${image} && docker ${command}`,
    repository ? `  podman ${command}` : `  ${from} containers-storage:${image} && podman ${command}`,
  ];
}
