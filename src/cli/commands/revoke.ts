import { isDigest } from '../../core/digest.ts';
import { z } from 'zod';
import { Failure } from '../../core/errors.ts';
import { openResources } from '../../pipeline-resources.ts';
import { openSigning, trustOf } from '../../evidence/signing.ts';
import { revokeImage, type Revoked, type Withdrawal } from '../../stages/certify/revoke-image.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { openStore, openWorkspace, requireLock } from '../workspace.ts';

interface RevokeResult extends Revoked {
  readonly targets: readonly string[];
}

export const revoke = defineCommand<RevokeResult>({
  name: 'revoke',
  summary: 'Take an image back, quarantine or release it, or say that it is the last of its line; only ever adds',
  positional: 'REF',
  options: {
    ...recipeOptions,
    reason: { type: 'string', summary: 'Why; everybody can read it', value: 'TEXT' },
    quarantine: { type: 'boolean', summary: 'Stop its use until somebody knows more' },
    release: { type: 'boolean', summary: 'End a quarantine' },
    'end-of-life': { type: 'string', summary: 'No newer image of its line will come after this day', value: 'DATE' },
    successor: { type: 'string', summary: 'With --end-of-life: what to use instead', value: 'TEXT' },
  },
  async run(input) {
    const { options, context } = input;
    const reference = options['_'];
    const { reason, quarantine, release, successor } = options;
    const endOfLife = options['end-of-life'];
    if (typeof reference !== 'string') throw usage('name an image', 'a tag, cell or digest of the store');
    if (typeof endOfLife !== 'string' && (typeof reason !== 'string' || reason.trim().length < 3))
      throw usage('say why with --reason TEXT', 'whoever is stopped by it reads it');
    if ([quarantine === true, release === true, typeof endOfLife === 'string'].filter(Boolean).length > 1)
      throw usage('--quarantine, --release and --end-of-life exclude each other', 'say one of them');
    if (typeof endOfLife === 'string' && !z.iso.date().safeParse(endOfLife).success)
      throw usage(`--end-of-life ${JSON.stringify(endOfLife)} is no day`, 'write it like 2027-04-30');
    const workspace = await openWorkspace(input);
    const store = await openStore(workspace);
    const found = await store.getManifest(reference);
    if (!found)
      throw new Failure('NOT_FOUND', `${workspace.storePath} has no image ${JSON.stringify(reference)}`, {
        hint: isDigest(reference) ? 'was it published from another store?' : 'name a tag or a digest of the store',
      });
    const signing = await openSigning(workspace.loaded, context);
    const resources = openResources({ store, loaded: workspace.loaded, lock: requireLock(workspace), context });
    try {
      const action = quarantine === true ? 'quarantined' : release === true ? 'released' : 'revoked';
      const what: Withdrawal =
        typeof endOfLife === 'string'
          ? { kind: 'end-of-life', endOfLife, ...(typeof successor === 'string' ? { successor } : {}) }
          : { kind: 'revocation', action, reason: String(reason).trim() };
      const name = workspace.loaded.recipe.name;
      const trust = await trustOf(workspace.loaded);
      const request = { what, name, signing, store, trust };
      const revoked = await revokeImage(resources.targets(), found.descriptor, request, context);
      return { ...revoked, targets: resources.targets().map((target) => target.name) };
    } finally {
      await signing.close();
      await resources.close();
    }
  },
  pretty: ({ digest, word, subjects, targets }) =>
    [`${digest} is ${word}`, `  ${subjects.length} digests, at ${targets.join(', ')}`].join('\n'),
  json: (result) => result,
});

function usage(what: string, hint: string): Failure {
  return new Failure('USAGE', `revoke: ${what}`, { hint });
}
