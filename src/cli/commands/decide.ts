import { resolve } from 'node:path';
import { Failure } from '../../core/errors.ts';
import { requiredGates } from '../../gates/all-gates.ts';
import { decideOnCell, type Decided } from '../../stages/approve/decide-on-cell.ts';
import { reviewCells } from '../../pipeline-review.ts';
import { environmentOption } from '../cell-options.ts';
import { defineCommand, recipeOptions, type Command } from '../command.ts';
import { verdictLines } from '../views/decisions-view.ts';
import { readPrivateKeyFile } from '../../signers/local-key/key-file.ts';
import { openStore, openWorkspace, requireLock } from '../workspace.ts';

/** `approve` and `reject` differ in the word only. */
export function defineDecisionCommand(name: string, decision: 'approved' | 'rejected', summary: string): Command {
  return defineCommand<Decided>({
    name,
    summary,
    positional: 'CELL',
    options: {
      ...recipeOptions,
      ...environmentOption,
      key: {
        type: 'string',
        summary: 'Your private key; its passphrase comes from NODEWORTHY_PASSPHRASE',
        value: 'FILE',
      },
      reason: { type: 'string', summary: 'Why; everybody can read it', value: 'TEXT' },
      days: { type: 'string', summary: 'Days until it expires; 14 without it', value: 'N' },
      digest: { type: 'string', summary: 'The digest that you looked at; another one is refused', value: 'DIGEST' },
      overrule: {
        type: 'string',
        multiple: true,
        summary: 'A gate that denies, and that you take responsibility for',
        value: 'GATE',
      },
    },
    async run(input) {
      const { options, context, cwd } = input;
      const cell = options['_'];
      const key = options['key'];
      const reason = options['reason'];
      if (typeof cell !== 'string') throw usage(name, 'name a cell', 'see `nodeworthy pending`');
      if (typeof key !== 'string')
        throw usage(name, 'name your key with --key FILE', 'one of the trust list with a person');
      if (typeof reason !== 'string' || reason.trim().length < 3)
        throw usage(name, 'say why with --reason TEXT', 'it is signed, and everybody can read it');
      const path = resolve(cwd, key);
      const pem = await readPrivateKeyFile(path);
      if (pem === undefined)
        throw new Failure('KEY_INVALID', `there is no key ${path}`, { hint: 'name your private key' });
      const overrules = (options['overrule'] as readonly string[] | undefined) ?? [];
      const fixed = overrules.find((gate) => requiredGates.some((required) => required === gate));
      if (fixed !== undefined)
        throw usage(name, `nobody overrules the gate ${fixed}`, 'what it asks for is what makes an image provable');
      const workspace = await openWorkspace(input);
      const store = await openStore(workspace);
      const review = await reviewCells(
        {
          store,
          loaded: workspace.loaded,
          lock: requireLock(workspace),
          context,
          environment: options['environment'] as string | undefined,
        },
        cell,
        context.verificationTime,
      );
      const [reviewed, ...others] = review.cells;
      if (!reviewed)
        throw new Failure('NOT_FOUND', `${cell} was not built yet`, {
          hint: 'build and test it with `nodeworthy run`',
        });
      if (others.length > 0) throw usage(name, `${cell} means ${review.cells.length} cells`, 'decide on one at a time');
      return await decideOnCell(store, reviewed.gated, {
        decision,
        candidate: reviewed.candidate,
        name: workspace.loaded.recipe.name,
        policy: review.judging.policy,
        key: { pem, path },
        reason: reason.trim(),
        days: parseDays(name, options['days']),
        wantedDigest: options['digest'] as string | undefined,
        overrules,
        context,
      });
    },
    pretty: ({ cell, person, digest, environment, expiresOn, after }) =>
      [
        `${person} ${decision} ${cell} for ${environment}`,
        `  ${digest}`,
        `  until ${expiresOn}`,
        '',
        `${environment} is now ${after.decision.result}`,
        ...after.decision.verdicts.filter(({ result }) => result !== 'allow').flatMap(verdictLines),
        ...(after.decision.result === 'allowed' ? ['publish it with `nodeworthy run`'] : []),
      ].join('\n'),
    json: ({ after, ...decided }) => ({ ...decided, result: after.decision.result, verdicts: after.decision.verdicts }),
  });
}

function usage(name: string, what: string, hint: string): Failure {
  return new Failure('USAGE', `${name}: ${what}`, { hint });
}

function parseDays(name: string, value: unknown): number {
  const days = Number(value ?? 14);
  if (Number.isInteger(days) && days >= 1 && days <= 365) return days;
  throw usage(name, `--days ${JSON.stringify(value)} is no whole number from 1 to 365`, 'how long it may be used');
}
