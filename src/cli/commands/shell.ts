import { Failure } from '../../core/errors.ts';
import { openRuntime } from '../../runtimes/open-runtime.ts';
import type { Environment } from '../../runtimes/runtime.ts';
import { obtainImage } from '../../stages/obtain/obtain-image.ts';
import { findSteps, listNotedTests } from '../../stages/test/layer-cache.ts';
import { choosePlatform } from '../../stages/test/test-image.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { storeFolder } from '../store-folder.ts';
import { runtimeOption } from '../cell-options.ts';

export const shell = defineCommand<{ readonly exitCode: number }>({
  name: 'shell',
  summary: 'Open a shell in an image, or in what a failed test left of it',
  positional: 'REF',
  rest: '[-- COMMAND…]',
  options: {
    store: recipeOptions.store,
    ...runtimeOption,
    platform: { type: 'string', summary: 'Platform of REF; this machine’s without it', value: 'OS/ARCH' },
    after: {
      type: 'string',
      summary: 'A test that failed, or that --keep saved: its layers are on the image',
      value: 'TEST',
    },
    layer: { type: 'string', summary: 'Only the first N layers of that test; all without it', value: 'N' },
    user: { type: 'string', summary: '`UID[:GID]` or a name; the image’s own without it', value: 'USER' },
    list: { type: 'boolean', summary: 'List the tests whose layers are kept, and open nothing' },
  },
  async run(input) {
    const { options, context, cwd } = input;
    const reference = options['_'];
    if (typeof reference !== 'string')
      throw new Failure('USAGE', 'shell: name an image', { hint: 'a tag of the store, or any other reference' });
    const obtained = await obtainImage(reference, { storePath: storeFolder(input), cwd, context });
    const { store } = obtained;
    const { manifest, platform } = await choosePlatform(obtained, options['platform'] as string | undefined);
    if (options['list'] === true) {
      for (const { id, steps } of await listNotedTests(store, manifest.digest))
        context.report({
          kind: 'notice',
          text: `${id}: ${steps.length} layers\n${steps.map(({ text }, at) => `  ${at + 1}  ${text}`).join('\n')}`,
        });
      return { exitCode: 0 };
    }
    const runtime = await openRuntime(options['runtime'] as string | undefined, context.env);
    try {
      const { attach, layers } = runtime;
      if (!attach || !layers)
        throw new Failure('RUNTIME_MISSING', `${runtime.name} keeps no layers of tests`, {
          hint: 'use the runc runtime: --runtime runc',
        });
      let environment: Environment = await runtime.open(store, { manifest: manifest.digest, platform });
      const after = options['after'] as string | undefined;
      const steps = after === undefined ? [] : await findSteps(store, { subject: manifest.digest, id: after });
      if (after !== undefined && steps.length === 0)
        throw new Failure('NOT_FOUND', `no layers of a test ${JSON.stringify(after)} are kept for ${reference}`, {
          hint: `see which are: nodeworthy shell ${reference} --list; a test is kept when it fails, or with --keep`,
        });
      const count = Number(options['layer'] ?? steps.length);
      if (!Number.isInteger(count) || count < 0 || count > steps.length)
        throw new Failure('USAGE', `--layer ${String(options['layer'])} is no number from 0 to ${steps.length}`, {
          hint: steps.map(({ text }, at) => `${at + 1}  ${text}`).join('\n      '),
        });
      for (const { folder } of steps.slice(0, count)) environment = layers.restore(environment, folder);
      const command = options['rest'] as readonly string[] | undefined;
      const exitCode = await attach(environment, {
        args: command ?? ((await hasShell()) ? ['/bin/sh'] : ['node', '-i']),
        capabilities: 'default',
        terminal: process.stdin.isTTY && process.stdout.isTTY,
        ...(options['user'] === undefined ? {} : { user: String(options['user']) }),
      });
      return { exitCode };

      async function hasShell(): Promise<boolean> {
        return (await runtime.readFile(environment, 'bin/sh')) !== undefined;
      }
    } finally {
      await runtime.close();
    }
  },
  pretty: () => '',
  json: (result) => result,
  exitStatus: ({ exitCode }) => exitCode,
});
