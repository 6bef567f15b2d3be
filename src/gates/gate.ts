import { z } from 'zod';
import type { Digest } from '../core/digest.ts';
import type { BelievedStatement, Disbelief } from '../trust/judge-bundle.ts';
import type { PredicateKind } from '../formats/attestation/predicates.ts';

/** What gates decide on. No gate looks at anything else: the same input gives the same verdict anywhere. */
export interface GateInput {
  readonly now: Date;
  readonly environment: string;
  readonly image: {
    readonly cell: string;
    readonly index: Digest;
    /** Node.js version; the cell's name for an image of a Dockerfile. */
    readonly release: string;
    readonly base: string;
    readonly variant: string;
    /** Platforms that the cell has to have. */
    readonly declaredPlatforms: readonly string[];
    /** Digests that the provenance has to name: everything that the lock gives to this cell. */
    readonly inputs: readonly Digest[];
    /** Rules of hardening that the recipe asks for. */
    readonly hardening: readonly string[];
    /** Who asked for the image. */
    readonly author: string;
    /** Everybody who wrote files that the image or its policy are made of, by mail address, as far as is known. */
    readonly authors: readonly string[];
    /** Why there may be more of them: where there is a doubt, one more person has to approve. */
    readonly doubts: readonly string[];
    /** ISO day on which the inputs were chosen. */
    readonly chosenOn: string;
  };
  /** What is said of the index. */
  readonly evidence: EvidenceOf;
  readonly platforms: readonly PlatformInput[];
  readonly facts: {
    readonly line: { readonly name: string; readonly phase: string; readonly end: string } | undefined;
    /** Day on which the base stops; undefined when nobody knows. */
    readonly baseEnd: string | undefined;
  };
  readonly waivers: readonly Waiver[];
  /** Digest of everything that the policy says. */
  readonly policy: Digest;
  /** The image that the cell's tags mean now, and what its last scan found. */
  readonly previous: { readonly index: Digest; readonly findings: readonly string[] } | undefined;
  /** Verdicts of the other gates, for the one that comes last. */
  readonly verdicts: readonly Verdict[];
}

export interface EvidenceOf {
  readonly subject: Digest;
  readonly statements: readonly BelievedStatement[];
  readonly disbelieved: readonly Disbelief[];
}

export interface PlatformInput {
  readonly platform: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Suites that it has to have passed. */
  readonly suites: readonly { readonly id: string; readonly digest: Digest }[];
  readonly evidence: EvidenceOf;
}

export interface Waiver {
  /** What is lived with: a vulnerability, or the end of a release line. */
  readonly vulnerability?: string;
  readonly line?: string;
  readonly package?: string;
  readonly reason: string;
  readonly by: string;
  readonly until: string;
}

export type VerdictResult = 'allow' | 'warn' | 'wait' | 'deny';

export interface Verdict {
  readonly gate: string;
  readonly result: VerdictResult;
  /** What was found, of which thing. */
  readonly reason: string;
  /** What to do about it. */
  readonly fix?: string;
  /** Digests of the statements that were read. */
  readonly evidence: readonly string[];
}

/** What a gate answers; the family adds its name. */
export type Answer = Omit<Verdict, 'gate'>;

export interface Gate<Config = unknown> {
  readonly name: string;
  readonly summary: string;
  /** Why there is such a gate. */
  readonly reason: string;
  readonly Config: z.ZodType<Config>;
  /** Pure. Nothing is answered when all is well: an empty list is an allow. */
  evaluate(input: GateInput, config: Config): readonly Answer[];
}

/** Keys that each gate takes besides its own. */
export const commonConfig = {
  warnUntil: z.iso
    .date()
    .optional()
    .describe('Until this day a denial is only a warning: time to put things in order before the rule counts'),
} as const;

/** For a gate that every policy has: nothing about it can be put off. */
export const RequiredConfig = z.strictObject({});

/** For a gate that asks for nothing of its own. */
export const PlainConfig = z.strictObject(commonConfig);

export function defineGate<Config>(gate: Gate<Config>): Gate<Config> {
  return gate;
}

export function allow(reason: string, statements: readonly BelievedStatement[] = []): Answer {
  return { result: 'allow', reason, evidence: digestsOf(statements) };
}

export function deny(reason: string, fix: string, statements: readonly BelievedStatement[] = []): Answer {
  return { result: 'deny', reason, fix, evidence: digestsOf(statements) };
}

export function warn(reason: string, fix: string, statements: readonly BelievedStatement[] = []): Answer {
  return { result: 'warn', reason, fix, evidence: digestsOf(statements) };
}

function digestsOf(statements: readonly BelievedStatement[]): string[] {
  return statements.map(({ payloadDigest }) => payloadDigest);
}

/** Statements of a kind that speak for the image. */
export function statementsOf({ statements }: EvidenceOf, kind: PredicateKind): BelievedStatement[] {
  return statements.filter((statement) => statement.kind === kind && !statement.isFailure);
}

/** Says of missing evidence whether there is none, or some that nobody may believe. */
export function missing(what: string, kind: PredicateKind, { subject, disbelieved }: EvidenceOf): string {
  const near = disbelieved.filter((item) => item.kind === kind || item.kind === undefined);
  const why = near.length > 0 ? `; what there is proves nothing: ${near.map(({ problem }) => problem).join('; ')}` : '';
  return `${subject} has no ${what}${why}`;
}

/** The predicate as a gate understands it; undefined for one that is not as its specification says. */
export function readPredicate<T>({ predicate }: BelievedStatement, schema: z.ZodType<T>): T | undefined {
  return schema.safeParse(predicate).data;
}
