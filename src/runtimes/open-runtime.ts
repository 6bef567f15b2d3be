import { Failure } from '../core/errors.ts';
import { dockerRuntime } from './docker/docker-runtime.ts';
import { podmanRuntime } from './podman/podman-runtime.ts';
import { runcRuntime } from './runc/runc-runtime.ts';
import type { Runtime, RuntimeMember } from './runtime.ts';

/** The table of the family, in the order of preference: runc starts ten times faster than an engine. */
export const runtimeMembers: readonly RuntimeMember[] = [runcRuntime, dockerRuntime, podmanRuntime];

/**
 * The runtime that was asked for, or the first that works here.
 * @throws Failure RUNTIME_MISSING with the reason for each, and what to install
 */
export async function openRuntime(
  wanted: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Runtime> {
  const members = wanted === undefined ? runtimeMembers : runtimeMembers.filter((member) => member.name === wanted);
  if (members.length === 0) {
    throw new Failure('USAGE', `there is no runtime ${JSON.stringify(wanted)}`, {
      hint: `known: ${runtimeMembers.map((member) => member.name).join(', ')}`,
    });
  }
  const reasons: string[] = [];
  const hints: string[] = [];
  for (const member of members) {
    const found = await member.detect(env);
    if (found.available) return await member.start(env, found.version);
    reasons.push(`${member.name}: ${found.reason}`);
    hints.push(found.hint);
  }
  throw new Failure('RUNTIME_MISSING', `no container runtime can be used here (${reasons.join('; ')})`, {
    hint: hints.join('; or '),
  });
}
