import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { canonicalJson } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';
import { parseTestDockerfile, type TestDockerfile } from '../../../../formats/dockerfile/parse-test-dockerfile.ts';
import { lookAtTest, requireTestText } from '../test-files.ts';
import { clientSuite, type TestKind } from '../test-kind.ts';
import { openBuildContext, outsideOf, plainSource, type BuildContext } from './build-context.ts';
import { runDockerfile } from './run-dockerfile.ts';

export const dockerfileKind: TestKind = {
  name: 'dockerfile',
  summary: 'A folder with a Dockerfile without FROM: its instructions are layers on the image, and all must succeed',
  async recognises(path, root) {
    if (/(?:^|[./])Dockerfile(?:\.[\w-]+)?$/.test(basename(path)) && !path.endsWith('.dockerignore')) return true;
    return (await lookAtTest(root, join(path, 'Dockerfile'))) === 'file';
  },
  async load({ path, shownPath, name, settings, root }) {
    const isFolder = (await stat(path)).isDirectory();
    const file = isFolder ? join(path, 'Dockerfile') : path;
    const shown = isFolder ? join(shownPath, 'Dockerfile') : shownPath;
    const dockerfile = parseTestDockerfile(await requireTestText(root, file), shown);
    const { instructions } = dockerfile;
    if (!instructions.some((instruction) => instruction.kind === 'run')) {
      throw new Failure('RECIPE_INVALID', `${shown} has no RUN, so it could not fail`, {
        hint: 'add a RUN that exits non-zero when the image is wrong',
      });
    }
    const context = await openBuildContext(dirname(file), file, root).catch((error: unknown) => {
      throw outsideOf(`${shown}, .dockerignore`, 1, error);
    });
    const files = await describeSources(dockerfile, { context, shown });
    const id = name ?? basename(dirname(file));
    const words = instructions.map(({ text, ...rest }) => ('documents' in rest ? [text, rest.documents] : text));
    const digest = digestOf(canonicalJson({ words, files, arguments: settings.arguments, hosts: settings.hosts }));
    return {
      suite: clientSuite(id, 'dockerfile', digest),
      settings,
      jobs: [
        {
          ids: [id],
          run: async (target) => [await runDockerfile(target, { id, shown, dockerfile, context, settings })],
        },
      ],
    };
  },
};

/** Everything that the test may copy: a file that is missing is found before a container starts. */
async function describeSources(
  { instructions }: TestDockerfile,
  { context, shown }: { readonly context: BuildContext; readonly shown: string },
): Promise<unknown> {
  const files: unknown[] = [];
  for (const instruction of instructions) {
    const sources =
      instruction.kind === 'copy'
        ? instruction.sources
        : instruction.kind === 'run'
          ? instruction.mounts.filter(({ type }) => type === 'bind').map(({ source }) => source)
          : [];
    try {
      // Which files a variable means is known when it runs: all of them count then.
      for (const source of sources)
        for (const { root, inside } of await context.find(plainSource(source)))
          files.push(await context.describe([root, ...inside]));
    } catch (error) {
      throw outsideOf(shown, instruction.line, error);
    }
  }
  return files;
}
