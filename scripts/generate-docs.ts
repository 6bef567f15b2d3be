// Fills the generated parts of the guides from the code: `npm run docs`. A test fails when they are out of date.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadCommands } from '../src/cli/commands.ts';
import { RecipeSchema } from '../src/config/recipe-schema.ts';
import { allGates, endedLineGate, requiredGates } from '../src/gates/all-gates.ts';
import { hardeningProfiles, hardeningRules } from '../src/config/hardening.ts';
import { failureCodes } from '../src/core/errors.ts';
import { packageCatalogue } from '../src/sources/debian/catalogue.ts';
import { scrubbedPaths } from '../src/stages/assemble/installed/scrub.ts';
import { capabilityNames, capabilityTable } from '../src/stages/catalog/capabilities.ts';
import { variants } from '../src/stages/plan/variants.ts';
import { allRules } from '../src/stages/assemble/rules/all-rules.ts';
import { canaries, canaryPrefix } from '../src/stages/test/canaries/load-canaries.ts';
import { testKinds } from '../src/stages/test/kinds/load-tests.ts';
import { RunFileSchema } from '../src/stages/test/kinds/run/run-schema.ts';
import { checkReasons } from '../src/stages/test/battery/check-folders.ts';

function whenAsked(gate: string): string {
  if (requiredGates.some((required) => required === gate)) return 'always';
  return gate === endedLineGate ? 'when named, and always when the line has ended' : 'when named';
}

const commands = await loadCommands();
const root = fileURLToPath(new URL('..', import.meta.url));

interface JsonSchema {
  readonly description?: string;
  readonly type?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly enum?: readonly unknown[];
}

const sections: Readonly<Record<string, () => string>> = {
  recipe: () =>
    table(['key', 'means', 'without it'], recipeRows(RecipeSchema.toJSONSchema({ io: 'input' }) as JsonSchema, '')),
  commands: () =>
    commands
      .map(
        (command) =>
          `### ${[command.name, command.positional, command.rest].filter(Boolean).join(' ')}\n\n${command.summary}.\n\n${table(
            ['option', 'means'],
            Object.entries(command.options).map(([name, spec]) => [
              `\`--${name}${spec.value ? ` ${spec.value}` : ''}\``,
              spec.summary,
            ]),
          )}`,
      )
      .join('\n\n'),
  exit: () => {
    const statuses = new Map<number, string[]>([
      [0, ['done']],
      [1, ['a bug of ours']],
    ]);
    for (const { exit, meaning } of Object.values(failureCodes))
      statuses.set(exit, [...(statuses.get(exit) ?? []), meaning]);
    return table(
      ['status', 'means'],
      [...statuses].map(([status, meanings]) => [String(status), meanings.join('; ')]),
    );
  },
  capabilities: () =>
    table(
      ['capability', 'what', 'releases', 'without it'],
      capabilityNames.map((name) => {
        const { what, since, lacking } = capabilityTable[name];
        return [`\`${name}\``, what, `\`${since}\``, lacking ?? ''];
      }),
    ),
  battery: () =>
    table(
      ['check', 'because'],
      Object.entries(checkReasons).map(([id, reason]) => [`\`${id}\``, reason]),
    ),
  kinds: () =>
    table(
      ['kind', 'is'],
      testKinds.map(({ name, summary }) => [`\`${name}\``, summary]),
    ),
  runs: () =>
    table(['key', 'means', 'without it'], recipeRows(RunFileSchema.toJSONSchema({ io: 'input' }) as JsonSchema, '')),
  canaries: () =>
    table(
      ['canary', 'stands for'],
      Object.entries(canaries).map(([name, what]) => [`\`${canaryPrefix}${name}\``, what]),
    ),
  rules: () =>
    table(
      ['rule', 'writes'],
      allRules.map((rule) => [`\`${rule.name}\``, rule.summary]),
    ),
  variants: () =>
    table(
      ['variant', 'has', 'user', 'packages it asks for'],
      Object.values(variants).map((variant) => [
        `\`${variant.name}\``,
        variant.summary,
        variant.user,
        Object.keys(variant.packages).join(', '),
      ]),
    ),
  hardening: () =>
    table(
      ['rule', 'means', 'in `standard`'],
      Object.entries(hardeningRules).map(([name, summary]) => [
        `\`${name}\``,
        summary,
        hardeningProfiles.standard.some((rule) => rule === name) ? 'yes' : '',
      ]),
    ),
  gates: () =>
    table(
      ['gate', 'opens when', 'because', 'asked'],
      allGates.map(({ name, summary, reason }) => [`\`${name}\``, summary, reason, whenAsked(name)]),
    ),
  scrubbed: () =>
    table(
      ['what is taken away', 'because'],
      scrubbedPaths.map(({ pattern, because }) => [`\`${pattern.source.replaceAll('\\/', '/')}\``, because]),
    ),
  catalogue: () =>
    table(
      ['package', 'its scripts would'],
      Object.entries(packageCatalogue).map(([name, entry]) => [`\`${name}\``, entry.would]),
    ),
};

export const generatedDocs = [
  'docs/guides/recipe.md',
  'docs/guides/commands.md',
  'docs/guides/tests.md',
  'docs/guides/writing-tests.md',
  'docs/guides/image.md',
  'docs/guides/releases.md',
  'docs/guides/variants.md',
  'docs/guides/hardening.md',
  'docs/guides/gates.md',
];

/** The document with each generated part made anew. */
export function regenerate(text: string): string {
  return text.replaceAll(
    /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end generated -->)/g,
    (_, start: string, name: string, end: string) => {
      const section = sections[name];
      if (!section) throw new Error(`there is no generated part ${name}`);
      return `${start}\n${section()}\n\n${end}`;
    },
  );
}

function recipeRows(schema: JsonSchema, path: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) => {
    const name = path ? `${path}.${key}` : key;
    const row = [
      `\`${name}\``,
      [
        child.description,
        child.enum ? `one of ${child.enum.join(', ')}` : '',
        child.items?.enum ? `of ${child.items.enum.join(', ')}` : '',
      ]
        .filter(Boolean)
        .join('; '),
      child.default === undefined ? '' : `\`${JSON.stringify(child.default)}\``,
    ];
    const named = typeof child.additionalProperties === 'object' ? child.additionalProperties : undefined;
    const inner = named ? [named, ...(named.anyOf ?? [])].flatMap((choice) => recipeRows(choice, `${name}.NAME`)) : [];
    const choices = (child.anyOf ?? []).flatMap((choice) => recipeRows(choice, name));
    return [
      row,
      ...recipeRows(child, name),
      ...inner,
      ...(child.items ? recipeRows(child.items, `${name}[]`) : []),
      ...choices,
    ];
  });
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const path of generatedDocs) await writeFile(root + path, regenerate(await readFile(root + path, 'utf8')));
}
