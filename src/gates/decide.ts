import { allGates, endedLineGate, requiredGates, type GatesConfig } from './all-gates.ts';
import type { Gate, GateInput, Verdict } from './gate.ts';
import { ApprovalSchema } from '../formats/attestation/predicate-shapes.ts';

/** A gate of somebody else, ready to be asked. */
export interface CustomGate {
  readonly gate: Gate;
  readonly config: unknown;
}

export interface Decision {
  readonly environment: string;
  /** `waiting`: only people are missing. */
  readonly result: 'allowed' | 'waiting' | 'denied';
  readonly verdicts: readonly Verdict[];
}

/**
 * Asks each gate of a policy, and those that no policy can leave out. Pure: the same input, the same decision. A
 * gate that breaks denies; nothing is allowed because nobody looked.
 */
export function decide(
  input: Omit<GateInput, 'verdicts'>,
  gates: GatesConfig,
  custom: readonly CustomGate[] = [],
): Decision {
  // A line past its end is nobody's default: somebody takes responsibility by name, whatever the policy asks besides.
  const required: readonly string[] = [
    ...requiredGates,
    ...(input.facts.line?.phase === 'end-of-life' ? [endedLineGate] : []),
  ];
  const chosen = allGates.filter(
    ({ name }) => required.includes(name) || gates[name as keyof GatesConfig] !== undefined,
  );
  const asked = chosen.map((gate) => ({
    gate,
    config: gates[gate.name as keyof GatesConfig] ?? gate.Config.parse({}),
  }));
  const last = asked.filter(({ gate }) => gate.name === 'approvals');
  const verdicts: Verdict[] = [];
  for (const { gate, config } of [...asked.filter((item) => !last.includes(item)), ...custom, ...last])
    verdicts.push(...ask(gate, config, { ...input, verdicts: [...verdicts] }));
  const overruled = overrule(verdicts, input);
  const isDenied = overruled.some(({ result }) => result === 'deny');
  const isWaiting = overruled.some(({ result }) => result === 'wait');
  return {
    environment: input.environment,
    result: isDenied ? 'denied' : isWaiting ? 'waiting' : 'allowed',
    verdicts: overruled,
  };
}

function ask(gate: Gate, config: unknown, input: GateInput): Verdict[] {
  let answers: Verdict[];
  try {
    const given = gate.evaluate(input, config);
    answers = given.map((answer) => ({ gate: gate.name, ...answer }));
    if (!answers.every(({ result }) => ['allow', 'warn', 'wait', 'deny'].includes(result)))
      throw new TypeError('it answered something that is no verdict');
  } catch (error) {
    const reason = `the gate itself broke: ${error instanceof Error ? error.message : String(error)}`;
    return [{ gate: gate.name, result: 'deny', reason, fix: 'repair the gate', evidence: [] }];
  }
  if (answers.length === 0) answers = [{ gate: gate.name, result: 'allow', reason: 'nothing to object', evidence: [] }];
  const { warnUntil } = (config ?? {}) as { readonly warnUntil?: string };
  const isRequired = requiredGates.some((name) => name === gate.name);
  const isLenient = !isRequired && warnUntil !== undefined && input.now.toISOString().slice(0, 10) < warnUntil;
  if (!isLenient) return answers;
  return answers.map((answer) =>
    answer.result === 'deny' || answer.result === 'wait'
      ? { ...answer, result: 'warn', reason: `${answer.reason} (denied from ${warnUntil} on)` }
      : answer,
  );
}

/** Gates whose denial people may overrule by name; what is wrong with the evidence itself is nobody’s to overrule. */
const overrulable = new Set(['vulnerabilities', 'feeds', 'node-line', 'base', 'size', 'licenses', 'schedule']);

/** An approval that counts, and names a gate, turns its denials into warnings with the person’s name. */
function overrule(verdicts: readonly Verdict[], { evidence }: Pick<GateInput, 'evidence'>): Verdict[] {
  const approved = verdicts.find(({ gate, result }) => gate === 'approvals' && result === 'allow');
  if (!approved) return [...verdicts];
  const named = new Map<string, string>();
  for (const statement of evidence.statements) {
    if (statement.kind !== 'approval' || !approved.evidence.includes(statement.payloadDigest)) continue;
    const approval = ApprovalSchema.safeParse(statement.predicate).data;
    for (const gate of approval?.overrules ?? []) named.set(gate, approval?.person ?? '');
  }
  return verdicts.map((verdict) => {
    const person = overrulable.has(verdict.gate) ? named.get(verdict.gate) : undefined;
    return verdict.result === 'deny' && person !== undefined
      ? { ...verdict, result: 'warn', reason: `${verdict.reason} (overruled by ${person})` }
      : verdict;
  });
}
