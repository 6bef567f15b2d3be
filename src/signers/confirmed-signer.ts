import { Failure } from '../core/errors.ts';
import { exec } from '../core/exec.ts';
import type { SignerPorts } from './open-signer.ts';
import type { Signer } from './signer.ts';

interface Statement {
  readonly subject: readonly { readonly name: string; readonly digest: Readonly<Record<string, string>> }[];
  readonly predicateType: string;
  readonly predicate: unknown;
}

/** How long somebody may think about it. */
const timeoutMs = 600_000;

/**
 * A signer that asks a program before it signs: the program gets what is to be signed as JSON on standard input, `{
 * signer, cell, subject: [{ name, digest }], predicateType, predicate }`, and says yes with exit status 0. It is asked
 * one at a time: a person may sit behind it.
 */
export function confirmedSigner(signer: Signer, command: readonly string[], ports: SignerPorts): Signer {
  const [program = '', ...args] = command;
  let last: Promise<unknown> = Promise.resolve();

  async function ask(statement: Buffer, cell: string | undefined): Promise<void> {
    const { subject, predicateType, predicate } = JSON.parse(statement.toString('utf8')) as Statement;
    const input = JSON.stringify({ signer: signer.label, cell: cell ?? null, subject, predicateType, predicate });
    const ran = await exec(program, args, {
      cwd: ports.folder,
      env: { ...ports.env },
      input,
      signal: ports.signal,
      timeoutMs,
    }).catch((error: unknown) => {
      ports.signal.throwIfAborted();
      throw new Failure('SIGNER_FAILED', `the confirming command ${program} cannot be started`, {
        hint: 'signing.confirm in the recipe names the program and its arguments; relative paths start at the recipe',
        cause: error,
      });
    });
    ports.signal.throwIfAborted();
    if (ran.exitCode === 0) return;
    const what = `${predicateType} of ${subject[0]?.digest['sha256']?.slice(0, 12) ?? 'nothing'}`;
    const why = ran.timedOut ? 'no answer in time' : (ran.stderr.trim().split('\n').at(-1) ?? '');
    throw new Failure(
      'SIGNER_FAILED',
      `${program} did not confirm ${what} with ${signer.label}: ${why || 'no reason'}`,
      {
        hint: 'nothing was signed; see what it was asked about in its own log',
      },
    );
  }

  return {
    ...signer,
    async sign(statement, about) {
      const asked = last.then(async () => await ask(statement, about?.cell));
      last = asked.catch(() => {});
      await asked;
      return await signer.sign(statement, about);
    },
  };
}
