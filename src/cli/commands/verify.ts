import { tmpdir } from 'node:os';
import { failureCodes, Failure } from '../../core/errors.ts';
import type { Digest } from '../../core/digest.ts';
import { isIndexType } from '../../formats/oci/media-types.ts';
import { openReference } from '../../stages/obtain/open-reference.ts';
import type { TrustPolicy } from '../../trust/trust-policy.ts';
import type { Rebuilt } from '../../stages/verify/rebuild.ts';
import { verifyImage, type Check, type Verification } from '../../stages/verify/verify-image.ts';
import { runtimeOption } from '../cell-options.ts';
import { defineCommand, recipeOptions, type CommandContext } from '../command.ts';
import { chooseTrust, trustOptions } from '../trust-options.ts';
import { storeFolder } from '../store-folder.ts';

interface VerifyResult {
  readonly reference: string;
  readonly digest: Digest;
  readonly verified: boolean;
  readonly checks: readonly Check[];
  readonly explain: boolean;
  readonly validUntil: string | undefined;
}

export const verify = defineCommand<VerifyResult>({
  name: 'verify',
  summary:
    'Verify an image by its digest: signatures, certificate, evidence, revocation, policy; or rebuild it and compare',
  positional: 'REF',
  options: {
    ...recipeOptions,
    ...trustOptions,
    ...runtimeOption,
    deep: { type: 'boolean', summary: 'Read every layer; always done for a folder' },
    explain: { type: 'boolean', summary: 'Say of each check what was found, and what to do' },
    rebuild: { type: 'boolean', summary: 'Make it again from its published inputs, and compare bit for bit' },
    sign: { type: 'boolean', summary: 'With --rebuild: sign what came of it, for the gate `reproduced`' },
  },
  async run(input) {
    const { options, context, cwd } = input;
    const reference = options['_'];
    if (typeof reference !== 'string')
      throw new Failure('USAGE', 'verify: name an image', {
        hint: 'HOST/REPOSITORY:TAG, oci:PATH:TAG, or a tag or digest of the store',
      });
    if (options['sign'] === true && options['rebuild'] !== true)
      throw new Failure('USAGE', 'verify: --sign goes with --rebuild', { hint: 'only a second build is signed here' });
    const opened = await openReference(reference, { storePath: storeFolder(input), cwd, context });
    try {
      const explain = options['explain'] === true;
      const { trust, environment } = await chooseTrust(input);
      const found: Verification = await verifyImage(opened.store, opened.image, {
        trust,
        now: context.now,
        // A registry proves what it takes; a folder holds what anybody left in it.
        deep: options['deep'] === true || opened.isFolder,
        environment,
      });
      const validUntil = found.certificate?.nodeworthy_validUntil;
      const result = { reference, digest: found.digest, explain, validUntil };
      if (options['rebuild'] !== true) return { ...result, verified: found.verified, checks: found.checks };
      if (!isIndexType(opened.image.mediaType))
        throw new Failure('USAGE', `${reference} is one platform of an image`, {
          hint: 'name the index: its inputs are attached there',
        });
      const rebuilt = await rebuild(input, opened, trust);
      const check = rebuildCheck(rebuilt);
      const isSigned = options['sign'] === true;
      if (isSigned) await sign(input, opened, rebuilt);
      // Whoever signs a second build may do so before there is a certificate: a gate may ask for it.
      if (isSigned && !found.verified) return { ...result, verified: check.ok, checks: [check] };
      return { ...result, verified: check.ok && found.verified, checks: [...found.checks, check] };
    } finally {
      await opened.close();
    }
  },
  pretty: ({ reference, digest, verified, checks, explain, validUntil }) =>
    [
      `${reference} is ${verified ? 'verified' : 'NOT verified'}`,
      `  ${digest}`,
      ...(verified && validUntil !== undefined ? [`  valid until ${validUntil}`] : []),
      ...checks
        .filter(({ ok }) => explain || !ok)
        .flatMap(({ id, ok, reason, fix }) => [
          `  ${ok ? 'ok  ' : 'FAIL'} ${id}: ${reason.replaceAll('\n', '\n         ')}`,
          ...(fix !== undefined && !ok ? [`       → ${fix}`] : []),
        ]),
      ...(verified || explain ? [] : ['see every check with --explain']),
    ].join('\n'),
  json: ({ digest, verified, checks }) => ({ verified, digest, checks }),
  exitStatus: ({ verified }) => (verified ? 0 : failureCodes.UNVERIFIED.exit),
});

type Opened = Awaited<ReturnType<typeof openReference>>;

async function rebuild(
  { options, context }: CommandContext,
  { store, image }: Opened,
  trust: TrustPolicy,
): Promise<Rebuilt> {
  // Loaded when they are asked for: to verify is a matter of milliseconds.
  const [{ openRuntime }, { rebuildImage }, { provenMaterials }] = await Promise.all([
    import('../../runtimes/open-runtime.ts'),
    import('../../stages/verify/rebuild.ts'),
    import('../../stages/verify/proven-materials.ts'),
  ]);
  const wanted = options['runtime'] as string | undefined;
  let runtime: ReturnType<typeof openRuntime> | undefined;
  try {
    const proven = await provenMaterials(store, image.digest, { trust, now: context.now });
    return await rebuildImage(store, image, {
      proven,
      folder: tmpdir(),
      sandbox: async () => {
        const { sandbox, name } = await (runtime ??= openRuntime(wanted, context.env));
        if (sandbox) return sandbox;
        throw new Failure('SANDBOX_MISSING', `slim and build images need a sandbox, which ${name} is not`, {
          hint: 'install runc and run as root: apt-get install runc',
        });
      },
      onStep: (text) => context.report({ kind: 'notice', text }),
    });
  } finally {
    await (await runtime?.catch(() => undefined))?.close();
  }
}

async function sign(input: CommandContext, { store, image }: Opened, rebuilt: Rebuilt): Promise<void> {
  const [{ openSigning }, { signReproduction }] = await Promise.all([
    import('../../evidence/signing.ts'),
    import('../../stages/verify/sign-reproduction.ts'),
  ]);
  const { openWorkspace } = await import('../workspace.ts');
  const { loaded } = await openWorkspace(input);
  const signing = await openSigning(loaded, input.context);
  try {
    await signReproduction(store, image, { rebuilt, name: loaded.recipe.name, signing }, input.context);
  } finally {
    await signing.close();
  }
}

function rebuildCheck({ digest, rebuilt, difference }: Rebuilt): Check {
  return difference === undefined
    ? { id: 'rebuild', ok: true, reason: `a second build gave ${digest}, bit for bit` }
    : {
        id: 'rebuild',
        ok: false,
        reason: `a second build gave ${rebuilt}; the first difference: ${difference}`,
        fix: 'the image is not what its inputs make: do not use it until somebody knows why',
      };
}
