import { describe, expect, it } from 'vitest';
import { digestOf } from '../core/digest.ts';
import { allGates, GatesSchema, requiredGates, type GatesConfig } from './all-gates.ts';
import { decide } from './decide.ts';
import { exampleInput, type ExampleImage } from './example-input.ts';
import type { BelievedStatement } from '../trust/judge-bundle.ts';
import type { GateInput, Waiver } from './gate.ts';

const plain: ExampleImage = {
  tests: 'passed',
  missing: [],
  findings: [],
  feedAgeDays: 0,
  licenses: [],
  approvals: [],
  repairs: [],
};
const finding = {
  id: 'CVE-2026-1',
  severity: 'critical',
  package: 'openssl',
  fixedVersion: '2',
  fixedSince: '2026-11-01',
  kev: false,
} as const;

interface Ask {
  readonly image?: Partial<ExampleImage>;
  readonly gates?: unknown;
  readonly waivers?: readonly Waiver[];
  readonly change?: (input: Omit<GateInput, 'verdicts'>) => Omit<GateInput, 'verdicts'>;
}

function ask({ image = {}, gates = {}, waivers = [], change = (input) => input }: Ask) {
  const config: GatesConfig = GatesSchema.parse(gates);
  return decide(change(exampleInput('production', { ...plain, ...image }, waivers)), config);
}

function open(asked: Ask): string[] {
  return ask(asked)
    .verdicts.filter(({ result }) => result !== 'allow')
    .map(({ gate, result, reason }) => `${gate} ${result}: ${reason}`);
}

const everything = {
  tests: {},
  signature: {},
  provenance: {},
  sbom: {},
  hardening: {},
  'node-line': {},
  base: {},
  vulnerabilities: {},
  feeds: {},
  licenses: {},
  size: { maxMegabytes: 60 },
  reproduced: {},
  contract: {},
  schedule: {},
  approvals: {},
};

describe('every gate', () => {
  it('opens for an image that is in order', () => {
    const decision = ask({ gates: everything, image: { approvals: [{ person: 'bob@example.com', roles: [] }] } });
    expect(decision.verdicts.filter(({ result }) => result !== 'allow')).toEqual([]);
    expect(decision.result).toBe('allowed');
    expect(new Set(decision.verdicts.map(({ gate }) => gate))).toEqual(new Set(allGates.map(({ name }) => name)));
  });

  it('that is required is asked without being named', () => {
    expect(new Set(ask({}).verdicts.map(({ gate }) => gate))).toEqual(new Set(requiredGates));
  });

  it.each(['signature', 'provenance', 'sbom-cyclonedx', 'sbom-spdx', 'tests', 'configuration'])(
    'denies when %s is missing',
    (kind) => {
      const decision = ask({ image: { missing: [kind] } });
      expect(decision.result).toBe('denied');
      expect(decision.verdicts.find(({ result }) => result === 'deny')?.reason).toMatch(/has no/);
      expect(decision.verdicts.every(({ result, fix }) => result !== 'deny' || fix !== undefined)).toBe(true);
    },
  );

  it.each([
    ['scan', { vulnerabilities: {} }],
    ['scan', { feeds: {} }],
    ['contract', { contract: {} }],
    ['reproduction', { reproduced: {} }],
  ])('denies when %s is missing and %j asks for it', (kind, gates) => {
    expect(ask({ image: { missing: [kind] }, gates }).result).toBe('denied');
    expect(ask({ gates }).result).toBe('allowed');
  });

  it('that breaks denies', () => {
    const gate = {
      name: 'mine',
      summary: '',
      reason: '',
      Config: GatesSchema,
      evaluate: () => {
        throw new Error('no');
      },
    };
    const decision = decide(exampleInput('production', plain, []), {}, [{ gate: gate as never, config: {} }]);
    expect(decision.verdicts.at(-1)).toMatchObject({
      gate: 'mine',
      result: 'deny',
      reason: 'the gate itself broke: no',
    });
  });

  it('that answers nonsense denies', () => {
    const gate = {
      name: 'mine',
      summary: '',
      reason: '',
      Config: GatesSchema,
      evaluate: () => [{ result: 'maybe', reason: '', evidence: [] }],
    };
    expect(decide(exampleInput('production', plain, []), {}, [{ gate: gate as never, config: {} }]).result).toBe(
      'denied',
    );
  });

  it('that is required cannot be put off', () => {
    expect(GatesSchema.safeParse({ tests: { warnUntil: '2099-01-01' } }).success).toBe(false);
    expect(GatesSchema.safeParse({ signature: { warnUntil: '2099-01-01' } }).success).toBe(false);
  });

  it('warns until its day, and denies from then on', () => {
    const gates = { size: { maxMegabytes: 10, warnUntil: '2026-12-01' } };
    expect(open({ gates })).toEqual([expect.stringContaining('size warn')]);
    expect(ask({ gates, image: { now: '2026-12-01' } }).result).toBe('denied');
  });
});

describe('tests', () => {
  it.each(['failed', 'flaky'] as const)('that were %s deny', (tests) => {
    expect(open({ image: { tests } })).toEqual([
      expect.stringContaining(`tests deny: linux/amd64: battery ${tests === 'flaky' ? 'was flaky' : 'failed'}`),
    ]);
  });

  it('of another definition prove nothing', () => {
    const change: Ask['change'] = (input) => ({
      ...input,
      platforms: input.platforms.map((item) => ({ ...item, suites: [{ id: 'battery', digest: digestOf('new') }] })),
    });
    expect(open({ change })).toEqual([expect.stringContaining('has no result of battery of this definition')]);
  });

  it('of another platform prove nothing', () => {
    const change: Ask['change'] = (input) => ({
      ...input,
      platforms: input.platforms.map((item) => ({ ...item, platform: 'linux/arm64' })),
      image: { ...input.image, declaredPlatforms: ['linux/arm64'] },
    });
    expect(open({ change })).toEqual([expect.stringContaining('tests deny: linux/arm64')]);
  });

  it('of one platform do not count for another: an index with an untested platform is denied', () => {
    const change: Ask['change'] = (input) => {
      const [first] = input.platforms;
      if (!first) throw new TypeError('no platform');
      const untested = {
        ...first,
        platform: 'linux/arm64',
        evidence: { ...first.evidence, statements: first.evidence.statements.filter(({ kind }) => kind !== 'tests') },
      };
      return {
        ...input,
        platforms: [first, untested],
        image: { ...input.image, declaredPlatforms: ['linux/amd64', 'linux/arm64'] },
      };
    };
    expect(open({ change })).toEqual([expect.stringContaining('tests deny: linux/arm64')]);
  });

  it('are asked of each platform that was declared', () => {
    const change: Ask['change'] = (input) => ({
      ...input,
      image: { ...input.image, declaredPlatforms: ['linux/amd64', 'linux/arm64'] },
    });
    expect(open({ change })).toEqual([expect.stringContaining('the index has no linux/arm64')]);
  });

  it('that pass with empty lists are worthless', () => {
    const change: Ask['change'] = (input) => ({
      ...input,
      platforms: input.platforms.map((item) => ({
        ...item,
        evidence: {
          ...item.evidence,
          statements: item.evidence.statements.map((statement) =>
            statement.kind === 'tests'
              ? { ...statement, predicate: { ...statement.predicate, passedTests: [] } }
              : statement,
          ),
        },
      })),
    });
    expect(open({ change })).toEqual([expect.stringContaining('its lists say otherwise')]);
  });
});

describe('provenance', () => {
  it('that does not name an input of the lock denies', () => {
    const change: Ask['change'] = (input) => ({
      ...input,
      image: { ...input.image, inputs: [...input.image.inputs, digestOf('another input')] },
    });
    expect(open({ change })).toHaveLength(2);
  });

  it('of another builder denies', () => {
    expect(open({ gates: { provenance: { builders: ['https://ci.example'] } } })[0]).toContain('is not trusted here');
  });
});

describe('vulnerabilities', () => {
  const gates = { vulnerabilities: {} };

  it.each([
    [
      'components that no feed speaks about',
      { nodeworthy_unmatched: ['pkg:npm/a@1'] },
      'no feed speaks about 1 components',
    ],
    [
      'a scan of the future',
      { metadata: { scanStartedOn: '2030-01-01T00:00:00Z', scanFinishedOn: '2030-01-01T00:00:00Z' } },
      'which is not yet',
    ],
    [
      'a report of another scanner alone',
      {
        scanner: {
          uri: 'https://nodeworthy.io/scanners/grype',
          db: { lastUpdate: '2026-11-21T00:00:00Z' },
          result: [],
        },
      },
      'has no scan',
    ],
  ])('are not absent because of %s', (_, edit, why) => {
    const change: Ask['change'] = (input) => ({
      ...input,
      platforms: input.platforms.map((item) => ({
        ...item,
        evidence: {
          ...item.evidence,
          statements: item.evidence.statements.map((found) =>
            found.kind === 'scan' ? { ...found, predicate: { ...found.predicate, ...edit } } : found,
          ),
        },
      })),
    });
    expect(open({ gates, change })[0]).toContain(why);
    const lenient = { vulnerabilities: { uncovered: 'allow', foreign: 'enough' } };
    expect(ask({ gates: lenient, change }).result).toBe(why === 'which is not yet' ? 'denied' : 'allowed');
  });

  const waiver = { vulnerability: 'CVE-2026-1', reason: 'not reachable in our use', by: 'carol', until: '2026-12-31' };

  it.each([
    ['a critical one with a repair', {}, {}, 'denied'],
    ['a medium one', { severity: 'medium' }, {}, 'allowed'],
    ['one that nobody rated', { severity: 'unknown' }, {}, 'denied'],
    ['one without a repair', { fixedVersion: undefined }, {}, 'denied'],
    ['one without a repair, which is taken', { fixedVersion: undefined }, { unfixed: 'allow' }, 'allowed'],
    ['one within its days of grace', {}, { graceDays: { critical: 30 } }, 'allowed'],
    ['one past its days of grace', {}, { graceDays: { critical: 7 } }, 'denied'],
    ['one repaired since nobody knows when', { fixedSince: undefined }, { graceDays: { critical: 30 } }, 'denied'],
    ['a low one that is exploited', { severity: 'low', kev: true }, {}, 'denied'],
    ['a low one that is exploited, which is taken', { severity: 'low', kev: true }, { kev: 'allow' }, 'allowed'],
  ] as const)('%s', (_, change, config, result) => {
    expect(ask({ image: { findings: [{ ...finding, ...change }] }, gates: { vulnerabilities: config } }).result).toBe(
      result,
    );
  });

  it('can be waived by a person until a day, in one package', () => {
    const image = { findings: [finding] };
    expect(ask({ image, gates, waivers: [waiver] }).result).toBe('allowed');
    expect(ask({ image, gates, waivers: [{ ...waiver, package: 'openssl' }] }).result).toBe('allowed');
    expect(ask({ image, gates, waivers: [{ ...waiver, package: 'glibc' }] }).result).toBe('denied');
  });

  it('come back when a waiver lapses, and say so before', () => {
    const soon = { ...waiver, until: '2026-11-30' };
    expect(open({ image: { findings: [finding] }, gates, waivers: [soon] })).toEqual([
      expect.stringContaining('vulnerabilities warn'),
    ]);
    const lapsed = open({ image: { findings: [finding], now: '2026-12-01' }, gates, waivers: [soon] });
    expect(lapsed).toEqual([expect.stringContaining('its waiver by carol lapsed on 2026-11-30')]);
  });

  it.each([
    ['old', { feedAgeDays: 40 }],
    ['none', { feeds: [] }],
  ] as const)('are not absent because a feed is %s', (_, image) => {
    expect(ask({ image, gates }).result).toBe('denied');
  });
});

describe('feeds', () => {
  it('must be fresh, and those that are asked for', () => {
    expect(open({ image: { feedAgeDays: 8 }, gates: { feeds: {} } })[0]).toContain('8 days old');
    expect(open({ image: { feeds: ['osv'] }, gates: { feeds: { required: ['debian-tracker'] } } })).toEqual([
      expect.stringContaining('no feed of the kind debian-tracker'),
    ]);
  });
});

describe('lines and bases', () => {
  it('that are over deny, with or without a known vulnerability', () => {
    // Also by a policy that does not name the gate.
    expect(ask({ image: { phase: 'end-of-life' }, gates: {} }).result).toBe('denied');
    expect(open({ image: { phase: 'end-of-life' }, gates: { 'node-line': {} } })[0]).toContain(
      'Node.js 24 ended on 2030-01-01',
    );
    expect(open({ image: { baseEnd: '2026-11-21' }, gates: { base: {} } })[0]).toContain('until 2026-11-21 only');
    expect(open({ image: { baseEnd: 'unknown' }, gates: { base: {} } })[0]).toContain('nobody knows');
  });

  it('that are over name their known vulnerabilities, and let through what somebody takes responsibility for', () => {
    const gates = { 'node-line': {}, vulnerabilities: { deny: [] } };
    const image = { phase: 'end-of-life' } as const;
    const waiver = { line: '24', reason: 'the billing system cannot move yet', by: 'ann', until: '2026-12-31' };
    const found = [{ id: 'CVE-2026-0001', package: 'node', severity: 'high', kev: false }] as const;
    expect(open({ image: { ...image, findings: found }, gates })[0]).toContain('CVE-2026-0001');
    expect(ask({ image, gates, waivers: [waiver] }).result).toBe('allowed');
    expect(open({ image, gates, waivers: [{ ...waiver, line: '22' }] })[0]).toContain('ended on');
    expect(open({ image, gates, waivers: [{ ...waiver, until: '2026-11-20' }] })[0]).toContain(
      'its waiver by ann lapsed on 2026-11-20',
    );
  });

  it('may be LTS only', () => {
    const gates = { 'node-line': { phases: ['active-lts', 'maintenance'] } };
    expect(ask({ gates, image: { phase: 'current' } }).result).toBe('denied');
    expect(ask({ gates }).result).toBe('allowed');
  });
});

describe('licences, size and days', () => {
  it('are held to what the policy says', () => {
    expect(
      ask({ image: { licenses: ['AGPL-3.0-only'] }, gates: { licenses: { refuse: ['AGPL-3.0-only'] } } }).result,
    ).toBe('denied');
    expect(ask({ image: { licenses: ['MIT'] }, gates: { licenses: { take: ['MIT'] } } }).result).toBe('allowed');
    expect(ask({ image: { licenses: ['ISC'] }, gates: { licenses: { take: ['MIT'] } } }).result).toBe('denied');
    expect(ask({ image: { sizeMegabytes: 61 }, gates: { size: { maxMegabytes: 60 } } }).result).toBe('denied');
    expect(ask({ image: { now: '2026-11-20' }, gates: { schedule: { notOn: ['friday'] } } }).result).toBe('denied');
    expect(
      ask({
        image: { now: '2026-12-25' },
        gates: { schedule: { freezes: [{ from: '2026-12-20', until: '2026-12-31', reason: 'holidays' }] } },
      }).result,
    ).toBe('denied');
  });
});

describe('approvals', () => {
  const bob = { person: 'bob@example.com', roles: ['security'] };
  const carol = { person: 'carol@example.com', roles: ['platform'] };

  it('are waited for, and by enough people in their roles', () => {
    const gates = { approvals: { required: 2, roles: { security: 1 } } };
    expect(ask({ gates }).result).toBe('waiting');
    expect(ask({ gates, image: { approvals: [bob] } }).result).toBe('waiting');
    expect(ask({ gates, image: { approvals: [bob, bob] } }).result).toBe('waiting');
    expect(ask({ gates, image: { approvals: [bob, carol] } }).result).toBe('allowed');
    expect(ask({ gates, image: { approvals: [carol, { ...carol, person: 'dave@example.com' }] } }).result).toBe(
      'waiting',
    );
  });

  it('have to be one more where it is not known who the authors are', () => {
    const asked = (approvals: ExampleImage['approvals']) =>
      open({ gates: { approvals: {} }, image: { approvals, doubts: ['x is not as it was committed'] } });
    expect(asked([bob])).toEqual([
      expect.stringContaining('has 1 of 2 approvals; one more is needed, for x is not as it was committed'),
    ]);
    expect(asked([bob, carol])).toEqual([]);
  });

  it('of the author do not count', () => {
    expect(
      open({ gates: { approvals: {} }, image: { approvals: [{ person: 'author@example.com', roles: [] }] } }),
    ).toEqual([expect.stringContaining('is an author')]);
  });

  const changed =
    (edit: (predicate: Record<string, unknown>) => Record<string, unknown>): Ask['change'] =>
    (input) => ({
      ...input,
      evidence: {
        ...input.evidence,
        statements: input.evidence.statements.map((item) =>
          item.kind === 'approval' ? { ...item, predicate: edit({ ...item.predicate }) } : item,
        ),
      },
    });

  it.each([
    ['that expired', { expiresOn: '2026-11-21T11:59:59.000Z' }, 'expired on'],
    ['for another environment', { environment: 'staging' }, '0 of 1 approvals'],
    ['under another policy', { policy: digestOf('another') }, 'saw another policy'],
    ['for other evidence', { evidence: [] }, 'did not see'],
    [
      'for evidence that is gone',
      { evidence: [{ kind: 'scan', subject: digestOf('x'), digest: digestOf('y') }] },
      'did not see',
    ],
    [
      'that was signed with a clock set forward',
      { decidedOn: '2030-01-01T00:00:00.000Z', expiresOn: '2031-01-01T00:00:00.000Z' },
      'which is not yet',
    ],
    ['with the key of another', { person: 'eve@example.com' }, 'the key belongs to bob@example.com'],
  ])('%s do not count', (_, edit, why) => {
    const asked = {
      gates: { approvals: {} },
      image: { approvals: [bob] },
      change: changed((predicate) => ({ ...predicate, ...edit })),
    };
    expect(ask(asked).result).toBe('waiting');
    expect(open(asked)[0]).toContain(why);
  });

  it('that reject deny', () => {
    const asked = {
      gates: { approvals: {} },
      image: { approvals: [bob] },
      change: changed((predicate) => ({ ...predicate, decision: 'rejected', reason: 'not now' })),
    };
    expect(open(asked)).toEqual([expect.stringContaining('bob@example.com rejected it: not now')]);
    // Whoever approved and then rejects has taken the approval back.
    const both: Ask['change'] = (input) => ({
      ...input,
      evidence: {
        ...input.evidence,
        statements: input.evidence.statements.flatMap((item) =>
          item.kind === 'approval'
            ? [item, { ...item, predicate: { ...item.predicate, decision: 'rejected' } }]
            : [item],
        ),
      },
    });
    expect(ask({ gates: { approvals: {} }, image: { approvals: [bob] }, change: both }).result).toBe('denied');
    // A no stays a no when evidence or rules change, until it expires.
    const other = {
      ...asked,
      change: changed((predicate) => ({
        ...predicate,
        decision: 'rejected',
        reason: 'no',
        evidence: [],
        policy: digestOf('x'),
      })),
    };
    expect(ask(other).result).toBe('denied');
    const over = {
      ...asked,
      change: changed((predicate) => ({
        ...predicate,
        decision: 'rejected',
        reason: 'no',
        expiresOn: '2026-11-20T00:00:00.000Z',
      })),
    };
    expect(ask(over).result).toBe('waiting');
  });

  it('are not needed for a repair, when the policy says so and nothing else is open', () => {
    const gates = { approvals: { automatic: ['security-fix'] }, vulnerabilities: {} };
    expect(ask({ gates, image: { repairs: ['CVE-2026-9'] } }).result).toBe('allowed');
    expect(ask({ gates }).result).toBe('waiting');
    expect(ask({ gates, image: { repairs: ['CVE-2026-1'], findings: [finding] } }).result).toBe('denied');
    expect(ask({ gates: { approvals: {} }, image: { repairs: ['CVE-2026-9'] } }).result).toBe('waiting');
  });

  it('that were not needed when the image was certified are not needed afterwards, under the same policy', () => {
    const gates = { approvals: { automatic: ['security-fix'] } };
    const certified =
      (policy: string): Ask['change'] =>
      (input) => {
        const [signature] = input.evidence.statements;
        if (!signature) throw new TypeError('no statement');
        const verdict = {
          gate: 'approvals',
          result: 'allow',
          reason: 'nobody has to approve a repair of CVE-1',
          evidence: [],
        };
        const predicate = {
          verifier: { id: 'x' },
          timeVerified: '2026-11-20T00:00:00Z',
          resourceUri: 'x',
          policy: { uri: 'x', digest: { sha256: policy } },
          inputAttestations: [],
          verificationResult: 'PASSED',
          verifiedLevels: [],
          nodeworthy_environment: 'production',
          nodeworthy_validUntil: '2027-01-01T00:00:00Z',
          nodeworthy_index: input.image.index,
          nodeworthy_platforms: [],
          nodeworthy_verdicts: [verdict],
          nodeworthy_inputs: [],
        };
        const certificate = { ...signature, kind: 'certificate' as const, predicate };
        return { ...input, evidence: { ...input.evidence, statements: [...input.evidence.statements, certificate] } };
      };
    const policy = exampleInput('production', plain, []).policy.slice('sha256:'.length);
    expect(ask({ gates, change: certified(policy) }).result).toBe('allowed');
    expect(ask({ gates, change: certified('0'.repeat(64)) }).result).toBe('waiting');
    expect(ask({ gates: { approvals: {} }, change: certified(policy) }).result).toBe('waiting');
  });

  it('do not count where nobody knows who the author is', () => {
    const change: Ask['change'] = (input) => ({
      ...input,
      image: { ...input.image, author: 'root' },
      platforms: input.platforms.map((item) => ({
        ...item,
        evidence: {
          ...item.evidence,
          statements: item.evidence.statements.map((found) =>
            found.kind === 'provenance' ? withoutAuthor(found) : found,
          ),
        },
      })),
      evidence: {
        ...input.evidence,
        statements: input.evidence.statements.map((found) =>
          found.kind === 'provenance' ? withoutAuthor(found) : found,
        ),
      },
    });
    const withoutAuthor = (found: BelievedStatement): BelievedStatement => ({
      ...found,
      predicate: {
        ...found.predicate,
        buildDefinition: { ...(found.predicate['buildDefinition'] as object), internalParameters: {} },
      },
    });
    expect(open({ gates: { approvals: {} }, image: { approvals: [bob] }, change })[0]).toMatch(
      /nobody knows who the author is|did not see/,
    );
  });

  it('may overrule what was looked up, never what proves the image; a target that is vulnerable today needs one', () => {
    const overrules = (names: string[]) => changed((predicate) => ({ ...predicate, overrules: names }));
    const asked = { gates: { approvals: {}, vulnerabilities: {} }, image: { approvals: [bob], findings: [finding] } };
    expect(ask(asked).result).toBe('denied');
    expect(ask({ ...asked, change: overrules(['vulnerabilities']) }).result).toBe('allowed');
    expect(open({ ...asked, change: overrules(['vulnerabilities']) })).toEqual([
      expect.stringContaining('overruled by bob@example.com'),
    ]);
    const failed = {
      gates: { approvals: {} },
      image: { approvals: [bob], tests: 'failed' as const },
      change: overrules(['tests']),
    };
    expect(ask(failed).result).toBe('denied');
  });
});

describe('what was taken back', () => {
  const record = (
    action: string,
    on: string,
    {
      answers = [],
      name = 'r',
      roles = [],
    }: { answers?: readonly BelievedStatement[]; name?: string; roles?: readonly string[] } = {},
  ): BelievedStatement => ({
    kind: 'revocation' as const,
    subject: digestOf('x'),
    isFailure: false,
    predicate: { action, reason: 'a hole', by: 'bob', on, releases: answers.map((item) => item.payloadDigest) },
    payloadDigest: digestOf(action + on + name),
    bundleDigest: digestOf(action + on + name),
    signer: {
      name,
      identity: { kind: 'certificate' as const, issuer: '', subject: '', trustedRoot: '' },
      states: [],
      roles,
    },
  });
  const withRecords =
    (...records: BelievedStatement[]): Ask['change'] =>
    (input) => ({ ...input, evidence: { ...input.evidence, statements: [...input.evidence.statements, ...records] } });
  const [early, late] = ['2026-11-01T00:00:00.000Z', '2026-11-02T00:00:00.000Z'];
  const stopped = record('quarantined', early);
  const security = record('quarantined', early, { name: 'alice', roles: ['security'] });
  const release = (answered: BelievedStatement, day: string): BelievedStatement =>
    record('released', `${day}T00:00:00.000Z`, { answers: [answered] });

  it.each([
    ['revoked', [record('revoked', early)], 'denied'],
    ['revoked and then released', [record('revoked', early), record('released', late)], 'denied'],
    ['quarantined', [record('quarantined', early)], 'denied'],
    ['quarantined and then released', [stopped, record('released', late, { answers: [stopped] })], 'allowed'],
    ['quarantined, and released by a clock that is late', [stopped, release(stopped, '2026-10-01')], 'allowed'],
    ['quarantined, and released by a record that names nothing', [stopped, record('released', late)], 'denied'],
    [
      'quarantined twice, and released once, whatever the clocks say',
      [stopped, record('quarantined', '2026-10-30T00:00:00.000Z'), release(stopped, '2099-01-01')],
      'denied',
    ],
    [
      'released for one quarantine, which another image had',
      [record('quarantined', late), release(record('quarantined', '2020-01-01T00:00:00.000Z'), '2099-01-01')],
      'denied',
    ],
    [
      'quarantined by security, and released by somebody without that role',
      [security, record('released', late, { answers: [security], name: 'other' })],
      'denied',
    ],
    [
      'quarantined by security, and released by another of security',
      [security, record('released', late, { answers: [security], name: 'other', roles: ['security', 'qa'] })],
      'allowed',
    ],
    [
      'quarantined, and released as well as revoked',
      [stopped, release(stopped, '2026-11-03'), record('revoked', early)],
      'denied',
    ],
    ['taken back by a record that nobody can read', [{ ...record('revoked', early), predicate: {} }], 'denied'],
  ])('%s', (_, records, result) => {
    expect(ask({ change: withRecords(...records) }).result).toBe(result);
  });
});
