import { z } from 'zod';
import { allow, commonConfig, defineGate, deny, missing, statementsOf } from '../gate.ts';

const License = z.looseObject({
  expression: z.string().optional(),
  license: z.looseObject({ name: z.string().optional(), id: z.string().optional() }).optional(),
});
interface Component {
  readonly type: string;
  readonly name: string;
  readonly licenses?: readonly z.infer<typeof License>[];
  readonly components?: readonly Component[];
}
const Component: z.ZodType<Component> = z.lazy(() =>
  z.looseObject({
    type: z.string(),
    name: z.string(),
    licenses: z.array(License).optional(),
    components: z.array(Component).optional(),
  }),
);

export const licensesGate = defineGate({
  name: 'licenses',
  summary: 'No component has a licence that is refused, or none but those that are taken',
  reason: 'A licence is a promise that somebody makes by shipping the image.',
  Config: z.strictObject({
    ...commonConfig,
    refuse: z.array(z.string()).default([]).describe('Licences, as SPDX names them, that no component may have'),
    take: z.array(z.string()).optional().describe('The only licences that components may have'),
    unknown: z.enum(['deny', 'allow']).default('allow').describe('What to do with a component that names none'),
  }),
  evaluate: ({ platforms }, config) =>
    platforms.map(({ platform, evidence }) => {
      const fix = 'take the component out, or change the list of licences with whoever is responsible for it';
      const [statement] = statementsOf(evidence, 'sbom-cyclonedx');
      if (!statement) return deny(`${platform}: ${missing('SBOM', 'sbom-cyclonedx', evidence)}`, fix);
      const parsed = z.array(Component).safeParse(statement.predicate['components']);
      if (!parsed.success) return deny(`${platform}: the SBOM cannot be read`, fix, [statement]);
      const components = parsed.data.filter(({ type }) => type !== 'file' && type !== 'operating-system');
      const problems = components.flatMap((component) => problemsOf(component, config));
      return problems.length === 0
        ? allow(`${platform}: ${components.length} components have licences that are taken`, [statement])
        : deny(`${platform}: ${problems.slice(0, 5).join('; ')}`, fix, [statement]);
    }),
});

interface LicenseRules {
  readonly refuse: readonly string[];
  readonly take?: readonly string[] | undefined;
  readonly unknown: 'deny' | 'allow';
}

function problemsOf(component: Component, { refuse, take, unknown }: LicenseRules): string[] {
  const names = (component.licenses ?? []).flatMap(({ expression, license }) =>
    expression === undefined ? [license?.id ?? license?.name ?? ''] : expression.split(/ AND | OR /),
  );
  if (names.length === 0) return unknown === 'deny' ? [`${component.name} names no licence`] : [];
  return names
    .filter((name) => refuse.includes(name) || (take !== undefined && !take.includes(name)))
    .map((name) => `${component.name} is under ${name}`);
}
