const impact: Readonly<Record<string, number>> = { H: 0.56, L: 0.22, N: 0 };
const attackVector: Readonly<Record<string, number>> = { N: 0.85, A: 0.62, L: 0.55, P: 0.2 };
const complexity: Readonly<Record<string, number>> = { L: 0.77, H: 0.44 };
const interaction: Readonly<Record<string, number>> = { N: 0.85, R: 0.62 };
const privileges: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  U: { N: 0.85, L: 0.62, H: 0.27 },
  C: { N: 0.85, L: 0.68, H: 0.5 },
};

/**
 * Base score of a CVSS 3.0 or 3.1 vector (specification 3.1, section 7.1), 0 to 10 with one digit; undefined when the
 * vector is not whole.
 */
export function cvss3BaseScore(vector: string): number | undefined {
  if (!/^CVSS:3\.[01]\//.test(vector)) return undefined;
  const values = new Map(
    vector
      .split('/')
      .slice(1)
      .map((part) => part.split(':') as [string, string]),
  );
  const scope = values.get('S') ?? '';
  const get = (table: Readonly<Record<string, number>> | undefined, name: string): number =>
    table?.[values.get(name) ?? ''] ?? Number.NaN;
  const base = 1 - (1 - get(impact, 'C')) * (1 - get(impact, 'I')) * (1 - get(impact, 'A'));
  const changed = scope === 'C';
  const impactScore = changed ? 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 : 6.42 * base;
  const exploitability =
    8.22 * get(attackVector, 'AV') * get(complexity, 'AC') * get(privileges[scope], 'PR') * get(interaction, 'UI');
  if (Number.isNaN(impactScore) || Number.isNaN(exploitability)) return undefined;
  if (impactScore <= 0) return 0;
  return roundUp(Math.min((changed ? 1.08 : 1) * (impactScore + exploitability), 10));
}

/** The smallest number with one digit that is not below (3.1, appendix A: without errors of binary fractions). */
function roundUp(value: number): number {
  const whole = Math.round(value * 100_000);
  return whole % 10_000 === 0 ? whole / 100_000 : (Math.floor(whole / 10_000) + 1) / 10;
}
