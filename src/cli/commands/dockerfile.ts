import { resolve } from 'node:path';
import { readdir } from 'node:fs/promises';
import { Failure } from '../../core/errors.ts';
import { planLocked } from '../../pipeline-plan.ts';
import { runPipeline } from '../../pipeline.ts';
import { exportDockerfile, type ExportedDockerfile } from '../../stages/assemble/export-dockerfile.ts';
import { suggest } from '../../core/suggest.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { aptFolder, openStore, openWorkspace, requireLock } from '../workspace.ts';

interface DockerfileResult {
  readonly cell: string;
  readonly digest: string;
  readonly folders: readonly ExportedDockerfile[];
}

export const dockerfile = defineCommand<DockerfileResult>({
  name: 'dockerfile',
  summary: 'Write a Dockerfile that makes the same image, with everything it needs',
  positional: 'CELL',
  options: {
    ...recipeOptions,
    output: { type: 'string', summary: 'Folder to write to; named like the cell without it', value: 'FOLDER' },
  },
  async run(input) {
    const { options, context, cwd } = input;
    const workspace = await openWorkspace(input);
    const lock = requireLock(workspace);
    const store = await openStore(workspace);
    const cells = planLocked({ loaded: workspace.loaded, lock, context });
    const wanted = String(options['_'] ?? '');
    const cell = cells.find(({ id, aliases }) => id === wanted || aliases.includes(wanted));
    if (!cell) {
      const near = suggest(
        wanted,
        cells.flatMap(({ aliases }) => aliases),
      );
      throw new Failure('USAGE', `dockerfile: there is no cell ${JSON.stringify(wanted)}`, {
        hint: near ? `did you mean ${near}?` : 'cells are listed by `nodeworthy plan`',
      });
    }
    const target = resolve(cwd, String(options['output'] ?? cell.id));
    const present = await readdir(target).catch(() => []);
    if (present.some((name) => !['Dockerfile', 'layers'].includes(name) && !name.startsWith('linux-')))
      throw new Failure('USAGE', `${target} has other files in it`, { hint: 'name an empty folder with --output' });
    const [result] = await runPipeline({
      store,
      loaded: workspace.loaded,
      lock,
      lockPath: workspace.lockPath,
      context,
      goal: 'build',
      aptFolder,
      allowOlder: false,
      allowBaseChange: false,
      cells: cell.id,
    });
    if (!result?.candidate)
      throw new Failure('CELLS_FAILED', `${cell.id}: ${result?.reason ?? 'not built'}`, { hint: result?.hint });
    const folders = await exportDockerfile(store, result.candidate, target);
    return { cell: cell.id, digest: result.candidate.index.digest, folders };
  },
  pretty: ({ cell, digest, folders }) =>
    [
      `${cell}  ${digest}`,
      ...folders.map(
        ({ platform, folder, layers }) =>
          `${platform}: ${folder}/Dockerfile, ${layers} layers\nbuild it: docker build ${folder}`,
      ),
    ].join('\n'),
  json: (result) => result,
});
