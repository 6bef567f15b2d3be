import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseImageReference } from '../../formats/oci/reference.ts';
import type { Context } from '../../core/context.ts';
import { Failure } from '../../core/errors.ts';
import { readTextIfExists } from '../../core/files.ts';
import { startAdmissionServer } from '../../admission/admission-server.ts';
import { openReference } from '../../stages/obtain/open-reference.ts';
import { verifyImage } from '../../stages/verify/verify-image.ts';
import { defineCommand, recipeOptions, type CommandContext } from '../command.ts';
import { chooseTrust, trustOptions } from '../trust-options.ts';
import { storeFolder } from '../store-folder.ts';

/** How long an answer about a digest is used again: a revocation must not wait for longer. */
const rememberMs = 60_000;

export const admission = defineCommand<{ readonly port: number }>({
  name: 'admission',
  summary: 'Answer a cluster whether a pod may run: every image certified, by digest; runs until it is stopped',
  options: {
    ...recipeOptions,
    ...trustOptions,
    repository: {
      type: 'string',
      multiple: true,
      summary: 'Only images of this repository; without it, those that the recipe publishes to',
      value: 'HOST/NAME',
    },
    listen: { type: 'string', summary: 'Address and port; 127.0.0.1:8443 without it', value: 'HOST:PORT' },
    'tls-cert': { type: 'string', summary: 'PEM file with the certificate; clusters want HTTPS', value: 'FILE' },
    'tls-key': { type: 'string', summary: 'PEM file with its key', value: 'FILE' },
  },
  async run(input) {
    const { options, context, cwd } = input;
    const listen = String(options['listen'] ?? '127.0.0.1:8443');
    const [, host, port] = /^(.+):(\d{1,5})$/.exec(listen) ?? [];
    if (host === undefined || Number(port) > 65_535)
      throw new Failure('USAGE', `admission: --listen ${JSON.stringify(listen)} is no HOST:PORT`, {
        hint: 'like 127.0.0.1:8443',
      });
    const { 'tls-cert': certFile, 'tls-key': keyFile } = options;
    if ((certFile === undefined) !== (keyFile === undefined))
      throw new Failure('USAGE', 'admission: --tls-cert and --tls-key go together', { hint: 'name both, or none' });
    const read = (file: unknown): Promise<string> =>
      readFile(resolve(cwd, String(file)), 'utf8').catch((error: unknown) => {
        throw new Failure('FILE_UNUSABLE', `${String(file)} cannot be read`, { hint: 'check the path', cause: error });
      });
    const tls = certFile === undefined ? undefined : { cert: await read(certFile), key: await read(keyFile) };
    const trusted = await chooseTrust(input);
    const repositories = await chooseRepositories(input);
    if (repositories.length === 0)
      throw new Failure('USAGE', 'admission: no repository is named, and every copy of an image would pass', {
        hint: 'a copy elsewhere may lack a revocation: name those that the cluster may pull from with --repository HOST/NAME',
      });
    const known = new Map<string, { readonly untilMs: number; readonly answer: { ok: boolean; reason: string } }>();
    const server = await startAdmissionServer({
      host,
      port: Number(port),
      ...(tls ? { tls } : {}),
      async judge(image, signal) {
        // A copy elsewhere may lack what was said of the image since.
        const { repository } = parseImageReference(image);
        if (!repositories.includes(repository))
          return { ok: false, reason: `${repository} is none of ${repositories.join(', ')}` };
        const before = known.get(image);
        if (before && before.untilMs > Date.now()) return before.answer;
        const within: Context = { ...context, signal: AbortSignal.any([context.signal, signal]) };
        const opened = await openReference(image, { storePath: storeFolder(input), cwd, context: within });
        try {
          const { trust, environment } = trusted;
          const found = await verifyImage(opened.store, opened.image, {
            trust,
            now: new Date(),
            environment,
          });
          const wrong = found.checks.filter(({ ok }) => !ok).map(({ id, reason }) => `${id}: ${reason}`);
          const answer = { ok: found.verified, reason: wrong.join('; ') };
          known.set(image, { untilMs: Date.now() + rememberMs, answer });
          if (known.size > 10_000) known.clear();
          return answer;
        } finally {
          await opened.close();
        }
      },
    });
    context.report({
      kind: 'notice',
      text: `answering at ${tls ? 'https' : 'http'}://${host}:${server.port}/validate`,
    });
    if (!context.signal.aborted) await once(context.signal, 'abort').catch(() => {});
    await server.close();
    return { port: server.port };
  },
  pretty: ({ port }) => `stopped answering at port ${port}`,
  json: (result) => result,
});

async function chooseRepositories(input: CommandContext): Promise<readonly string[]> {
  const { options, cwd } = input;
  const named = (options['repository'] as readonly string[] | undefined) ?? [];
  const isElsewhere = options['key'] !== undefined || options['trust'] !== undefined;
  if (named.length > 0 || isElsewhere) return named;
  const { defaultRecipe, openWorkspace } = await import('../workspace.ts');
  if ((await readTextIfExists(resolve(cwd, String(options['recipe'] ?? defaultRecipe)))) === undefined) return [];
  return (await openWorkspace(input)).loaded.recipe.publish.map(({ repository }) => repository);
}
