import { basename, join, posix } from 'node:path';
import { z } from 'zod';
import { BeneathError, openFolder } from '../../../../core/beneath.ts';
import { canonicalJson, compareText } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';
import { messageOf, parseJson } from '../../../../core/json.ts';
import { readDockerignore } from '../../../../formats/dockerfile/path-patterns.ts';
import { resolveUser } from '../../../../runtimes/resolve-user.ts';
import type { LayerFile } from '../../../../runtimes/runtime.ts';
import type { Suite } from '../../report.ts';
import { runProgram } from '../../run-program.ts';
import type { CaseOutcome, TestSuite, TestTarget } from '../../suite.ts';
import { lookAtTest, peekTestText, readTestFile, requireTestText } from '../test-files.ts';
import { clientSuite, type TestDefinition, type TestKind } from '../test-kind.ts';
import { installDependencies } from './install-dependencies.ts';

const Manifest = z.looseObject({
  name: z.string().optional(),
  scripts: z.record(z.string(), z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
});

/** Where the application is in the image. */
const home = 'nodeworthy-test/application';
const maxBytes = 1 << 30;
const maxFiles = 100_000;

export const applicationKind: TestKind = {
  name: 'application',
  summary: 'A folder with a package.json whose `npm test` must succeed on the image',
  async recognises(path, root) {
    const text = await peekTestText(root, join(path, 'package.json'));
    return text !== undefined && /"test"\s*:/.test(text);
  },
  load: (definition) => loadApplication(definition, clientSuite),
};

/** @param toSuite who defined it */
export async function loadApplication(
  { path, shownPath, name, settings, env, root }: TestDefinition,
  toSuite: (id: string, kind: 'application', digest: Suite['digest']) => Suite,
): Promise<TestSuite> {
  const shown = join(shownPath, 'package.json');
  const manifest = readManifest(await requireTestText(root, join(path, 'package.json')), shown);
  const script = manifest.scripts?.['test'];
  if (script === undefined)
    throw new Failure('RECIPE_INVALID', `${shown} has no test script`, {
      hint: 'add one: "scripts": { "test": "node --test" }',
    });
  const hasLock = (await lookAtTest(root, join(path, 'package-lock.json'))) === 'file';
  const hasModules = (await lookAtTest(root, join(path, 'node_modules'))) === 'directory';
  if (Object.keys(manifest.dependencies ?? {}).length > 0 && !hasLock && !hasModules)
    throw new Failure('RECIPE_INVALID', `${shown} has dependencies and neither package-lock.json nor node_modules`, {
      hint: 'run `npm install` there, and commit package-lock.json',
    });
  const files = await readApplication(path, root, { withModules: !hasLock });
  const id = name ?? basename(path);
  const digest = digestOf(
    canonicalJson([files.map(({ bytes, ...rest }) => [rest, digestOf(bytes ?? '')]), settings.hosts]),
  );
  return {
    suite: toSuite(id, 'application', digest),
    settings,
    jobs: [
      {
        ids: [id],
        run: (target) => runApplication(target, { id, path, root, shown, script, hasLock, files, settings, env }),
      },
    ],
  };
}

interface Application extends Pick<TestDefinition, 'path' | 'root' | 'settings' | 'env'> {
  readonly id: string;
  readonly shown: string;
  readonly script: string;
  readonly hasLock: boolean;
  readonly files: readonly LayerFile[];
}

async function runApplication(target: TestTarget, application: Application): Promise<readonly CaseOutcome[]> {
  const { runtime, environment, platform, store, context } = target;
  const { tree, config } = await target.view();
  const accounts = async (name: string): Promise<string> =>
    (await runtime.readFile(environment, `etc/${name}`))?.toString('utf8') ?? '';
  const user = resolveUser(config.config?.User ?? '', {
    passwd: await accounts('passwd'),
    group: await accounts('group'),
  });
  const owner = { uid: user.uid, gid: user.gid };
  const libc = tree.list('lib').some((name) => name.startsWith('ld-musl-')) ? 'musl' : 'glibc';
  const { path, root, shown, env, files } = application;
  const modules = application.hasLock
    ? (
        await readFolder(
          join(
            await installDependencies(store, {
              folder: path,
              root,
              shown,
              platform,
              libc,
              env,
              signal: context.signal,
            }),
            'node_modules',
          ),
        )
      ).map((file) => ({ ...file, path: posix.join('node_modules', file.path) }))
    : [];
  const layer = [{ path: home, kind: 'directory', mode: 0o755 } as const, ...files, ...modules].map(
    (file): LayerFile => ({ ...file, ...owner, path: file.path === home ? home : posix.join(home, file.path) }),
  );
  const hasShell = tree.get(tree.realPath('bin/sh')) !== undefined;
  const hasNpm = tree.get('usr/local/bin/npm') !== undefined;
  const args = hasShell
    ? hasNpm
      ? ['npm', 'test']
      : ['node', '--run', 'test']
    : wordsOf(application.script, files, modules);
  if (!args)
    return [
      {
        id: application.id,
        problems: [`the image has no shell, and the test script needs one: ${application.script}`],
        durationMs: 0,
        exitCode: null,
        output: '',
        droppedBytes: 0,
        layers: [],
      },
    ];
  return await runProgram(target, {
    id: application.id,
    layer,
    request: {
      args,
      workingDirectory: `/${home}`,
      env: { npm_config_update_notifier: 'false', npm_config_cache: '/tmp/npm-cache' },
      hosts: application.settings.hosts,
      timeoutMs: application.settings.stepTimeoutMs,
    },
  });
}

/** A script that needs no shell, as words: a program of a dependency is started by node itself. */
function wordsOf(script: string, ...trees: readonly (readonly Pick<LayerFile, 'path'>[])[]): string[] | undefined {
  if (/[|&;<>()$`"'*?{}~#]/.test(script)) return undefined;
  const [program = '', ...rest] = script.trim().split(/\s+/);
  if (program === 'node') return [program, ...rest];
  const place = `node_modules/.bin/${program}`;
  return trees.flat().some(({ path }) => path === place) ? ['node', place, ...rest] : undefined;
}

function readManifest(text: string, shown: string): z.infer<typeof Manifest> {
  try {
    return Manifest.parse(parseJson(text));
  } catch (error) {
    throw new Failure(
      'RECIPE_INVALID',
      `${shown}: ${error instanceof z.ZodError ? 'is no package.json' : messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** What a build would copy: without what `.dockerignore` leaves out, version control, and modules that a lock brings. */
async function readApplication(
  path: string,
  root: string,
  { withModules }: { readonly withModules: boolean },
): Promise<LayerFile[]> {
  const ignored = readDockerignore((await readTestFile(root, join(path, '.dockerignore')))?.toString('utf8') ?? '');
  const always = (file: string): boolean => file === '.git' || (file === 'node_modules' && !withModules);
  return await readFolder(path, (file) => always(file) || (ignored(file) && !file.startsWith('node_modules')));
}

/** Files, folders and links of a folder, read by handles: nothing is followed. @throws Failure RECIPE_INVALID for too much */
async function readFolder(top: string, isLeftOut: (path: string) => boolean = () => false): Promise<LayerFile[]> {
  const files: LayerFile[] = [];
  let totalBytes = 0;
  const tooMuch = (what: string): Failure =>
    new Failure('RECIPE_INVALID', `${top} has more than ${what}`, {
      hint: 'leave out what the tests do not need with .dockerignore',
    });
  const folder = await openFolder(top);
  async function visit(at: string): Promise<void> {
    const listed = await folder.list(at);
    for (const { name, ...found } of listed.sort((a, b) => compareText(a.name, b.name))) {
      const path = at === '.' ? name : posix.join(at, name);
      if (isLeftOut(path)) continue;
      const entry = { path, uid: 0, gid: 0 };
      if (files.length >= maxFiles) throw tooMuch(`${maxFiles} files`);
      if (found.kind === 'other') throw new BeneathError(`${path} is neither a file nor a folder`);
      if (found.kind === 'directory') {
        files.push({ ...entry, kind: 'directory', mode: 0o755 });
        await visit(path);
      } else if (found.kind === 'symlink')
        files.push({ ...entry, kind: 'symlink', mode: 0o777, target: found.target ?? '' });
      else {
        totalBytes += found.sizeBytes;
        if (totalBytes > maxBytes) throw tooMuch(`${maxBytes / 2 ** 20} MiB of files`);
        const mode = (found.mode & 0o100) !== 0 ? 0o755 : 0o644;
        files.push({ ...entry, kind: 'file', mode, bytes: await folder.read(path, maxBytes) });
      }
    }
  }
  try {
    await visit('.');
    return files;
  } catch (error) {
    if (!(error instanceof BeneathError)) throw error;
    throw new Failure('RECIPE_INVALID', `${top}: ${error.message}`, {
      hint: 'an application is made of files, folders and links; leave out others with .dockerignore',
      cause: error,
    });
  } finally {
    await folder.close();
  }
}
