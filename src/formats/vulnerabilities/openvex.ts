import { z } from 'zod';

const Product = z.looseObject({
  '@id': z.string().optional(),
  identifiers: z.record(z.string(), z.string()).optional(),
  subcomponents: z.array(z.looseObject({ '@id': z.string().optional() })).optional(),
});
const Statement = z.looseObject({
  vulnerability: z.looseObject({ name: z.string(), aliases: z.array(z.string()).optional() }),
  products: z.array(Product).optional(),
  status: z.enum(['not_affected', 'affected', 'fixed', 'under_investigation']),
  justification: z.string().optional(),
  impact_statement: z.string().optional(),
  timestamp: z.string().optional(),
});

/** OpenVEX 0.2.0: what its maker says about vulnerabilities in products. */
export const OpenVexSchema = z.looseObject({
  '@context': z.string().startsWith('https://openvex.dev/ns'),
  '@id': z.string(),
  author: z.string(),
  timestamp: z.string(),
  version: z.union([z.number(), z.string()]),
  statements: z.array(Statement),
});
export type OpenVex = z.infer<typeof OpenVexSchema>;

export interface VexAnswer {
  readonly status: string;
  readonly justification?: string;
  readonly document: string;
}

export interface VexQuestion {
  /** The vulnerability's names. */
  readonly names: readonly string[];
  /** Names of the image: package URLs and its digest. */
  readonly image: readonly string[];
  /** Package URL of the component. */
  readonly component: string;
}

/**
 * What documents say of a vulnerability in a component of an image; the last statement counts. One that names no
 * product of ours is not about us; `not_affected` needs a justification (specification, "Status Justifications").
 */
export function askVex(documents: readonly OpenVex[], question: VexQuestion): VexAnswer | undefined {
  let answer: VexAnswer | undefined;
  const sorted = [...documents].sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  for (const document of sorted) {
    for (const statement of document.statements) {
      const names = [statement.vulnerability.name, ...(statement.vulnerability.aliases ?? [])];
      if (!names.some((name) => question.names.includes(name))) continue;
      if (!(statement.products ?? []).some((product) => isOurs(product, question))) continue;
      const justification = statement.justification ?? statement.impact_statement;
      if (statement.status === 'not_affected' && justification === undefined) continue;
      answer = {
        status: statement.status,
        ...(justification === undefined ? {} : { justification }),
        document: document['@id'],
      };
    }
  }
  return answer;
}

function isOurs(product: z.infer<typeof Product>, { image, component }: VexQuestion): boolean {
  const ids = [product['@id'], ...Object.values(product.identifiers ?? {})].flatMap((id) => id ?? []);
  if (ids.some((id) => samePackage(id, component))) return true;
  if (!ids.some((id) => image.some((name) => samePackage(id, name) || name === id))) return false;
  const parts = product.subcomponents ?? [];
  return parts.length === 0 || parts.some((part) => part['@id'] !== undefined && samePackage(part['@id'], component));
}

/** A package URL without a version means all of them, one without qualifiers any (OpenVEX, "Software Identifiers"). */
function samePackage(pattern: string, purl: string): boolean {
  const [base = '', query] = pattern.split('?');
  const [otherBase = '', otherQuery] = purl.split('?');
  const hasVersion = base.includes('@', base.indexOf('/'));
  const same = hasVersion ? base === otherBase : base === otherBase.split('@')[0];
  if (!same || query === undefined) return same;
  const others = new Set((otherQuery ?? '').split('&'));
  return query.split('&').every((item) => others.has(item));
}
