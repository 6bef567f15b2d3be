import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import { Failure } from '../../core/errors.ts';

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly isRegex: boolean;
}

export interface CommandTest {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly setup: readonly (readonly string[])[];
  readonly teardown: readonly (readonly string[])[];
  readonly envVars: readonly KeyValue[];
  readonly exitCode: number;
  readonly expectedOutput: readonly string[];
  readonly excludedOutput: readonly string[];
  readonly expectedError: readonly string[];
  readonly excludedError: readonly string[];
}

export interface FileExistenceTest {
  readonly name: string;
  readonly path: string;
  readonly shouldExist: boolean;
  readonly permissions: string;
  /** -1: not asked. */
  readonly uid: number;
  readonly gid: number;
  readonly isExecutableBy: string;
}

export interface FileContentTest {
  readonly name: string;
  readonly path: string;
  readonly expectedContents: readonly string[];
  readonly excludedContents: readonly string[];
}

export interface MetadataTest {
  readonly envVars: readonly KeyValue[];
  readonly unboundEnvVars: readonly KeyValue[];
  readonly labels: readonly KeyValue[];
  readonly exposedPorts: readonly string[];
  readonly unexposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly unmountedVolumes: readonly string[];
  readonly entrypoint: readonly string[] | undefined;
  readonly cmd: readonly string[] | undefined;
  readonly workdir: string;
  readonly user: string;
}

export interface LicenseTest {
  readonly debian: boolean;
  readonly files: readonly string[];
}

export interface ContainerRunOptions {
  readonly user: string;
  readonly privileged: boolean;
  readonly allocateTty: boolean;
  readonly envFile: string;
  readonly envVars: readonly string[];
  readonly capabilities: readonly string[];
  readonly bindMounts: readonly string[];
}

/** A file of container-structure-test, schema 2.0.0, with its defaults filled in. */
export interface StructureTest {
  readonly globalEnvVars: readonly KeyValue[];
  readonly commandTests: readonly CommandTest[];
  readonly fileExistenceTests: readonly FileExistenceTest[];
  readonly fileContentTests: readonly FileContentTest[];
  readonly metadataTest: MetadataTest | undefined;
  readonly licenseTests: readonly LicenseTest[];
  readonly containerRunOptions: ContainerRunOptions;
}

type Shape =
  | 'string'
  | 'boolean'
  | 'integer'
  | { readonly list: Shape }
  | { readonly fields: Readonly<Record<string, Field>> };

interface Field {
  readonly shape: Shape;
  /** What it is when the file says nothing; `yaml` where JSON files have another default. */
  readonly empty: unknown;
  readonly yaml?: unknown;
  /** Name in Go, by which JSON files know it as well. */
  readonly go?: string;
}

const text: Field = { shape: 'string', empty: '' };
const flag: Field = { shape: 'boolean', empty: false };
const texts: Field = { shape: { list: 'string' }, empty: [] };
const list = (fields: Readonly<Record<string, Field>>): Field => ({ shape: { list: { fields } }, empty: [] });
const keyValues = list({ key: text, value: text, isRegex: flag });

/** As the structs of container-structure-test v2 have them. */
const root: Readonly<Record<string, Field>> = {
  schemaVersion: text,
  globalEnvVars: keyValues,
  commandTests: list({
    name: text,
    setup: { shape: { list: { list: 'string' } }, empty: [] },
    teardown: { shape: { list: { list: 'string' } }, empty: [] },
    envVars: keyValues,
    exitCode: { shape: 'integer', empty: 0 },
    command: text,
    args: texts,
    expectedOutput: texts,
    excludedOutput: texts,
    expectedError: texts,
    excludedError: texts,
  }),
  fileExistenceTests: list({
    name: text,
    path: text,
    shouldExist: { shape: 'boolean', empty: false, yaml: true },
    permissions: text,
    uid: { shape: 'integer', empty: 0, yaml: -1 },
    gid: { shape: 'integer', empty: 0, yaml: -1 },
    isExecutableBy: text,
  }),
  fileContentTests: list({ name: text, path: text, expectedContents: texts, excludedContents: texts }),
  metadataTest: {
    shape: {
      fields: {
        envVars: keyValues,
        unboundEnvVars: keyValues,
        labels: keyValues,
        exposedPorts: texts,
        unexposedPorts: texts,
        volumes: texts,
        unmountedVolumes: texts,
        entrypoint: { shape: { list: 'string' }, empty: undefined },
        cmd: { shape: { list: 'string' }, empty: undefined },
        workdir: text,
        user: text,
      },
    },
    empty: undefined,
  },
  licenseTests: list({ debian: flag, files: texts }),
  containerRunOptions: {
    shape: {
      fields: {
        user: text,
        privileged: flag,
        allocateTty: { ...flag, go: 'TTY' },
        envFile: text,
        envVars: texts,
        capabilities: texts,
        bindMounts: texts,
      },
    },
    empty: {},
  },
};

/**
 * Reads a file of container-structure-test, schema 2.0.0, as that program does: YAML 1.1 and strict, with the source text
 * of whatever a field takes as text; JSON lax, with other defaults.
 * @throws Failure RECIPE_INVALID names file, line and reason
 */
export function readStructureTest(bytes: string, file: string): StructureTest {
  const isJson = file.endsWith('.json');
  const read = isJson ? readJson(bytes, file) : readYaml(bytes, file);
  const version = String(read['schemaVersion']);
  if (version !== '2.0.0')
    throw new Failure(
      'RECIPE_INVALID',
      version === '' ? `${file}: there is no schemaVersion` : `${file}: schemaVersion ${version} is not supported`,
      { hint: 'write schemaVersion: "2.0.0"' },
    );
  return {
    ...read,
    containerRunOptions: withDefaults(read['containerRunOptions'], isJson),
  } as unknown as StructureTest;
}

function withDefaults(options: unknown, isJson: boolean): unknown {
  const { shape } = root['containerRunOptions'] ?? text;
  if (typeof shape === 'string' || !('fields' in shape)) return options;
  const empty = Object.entries(shape.fields).map(([name, field]) => [name, emptyOf(field, isJson)]);
  return { ...Object.fromEntries(empty), ...(options as object) };
}

function emptyOf({ empty, yaml }: Field, isJson: boolean): unknown {
  return !isJson && yaml !== undefined ? yaml : empty;
}

function readYaml(bytes: string, file: string): Record<string, unknown> {
  const lines = new LineCounter();
  const document = parseDocument(bytes, { version: '1.1', lineCounter: lines, merge: true });
  const [problem] = document.errors;
  if (problem) {
    const { line } = lines.linePos(problem.pos[0]);
    throw new Failure(
      'RECIPE_INVALID',
      `${file}:${line}: ${problem.message.split('\n')[0]?.replace(/ at line .*$/, '')}`,
      {
        hint: 'the file is no YAML as it stands',
      },
    );
  }
  function wrong(node: Node | null | undefined, message: string, hint?: string): Failure {
    const offset = node?.range?.[0] ?? 0;
    return new Failure('RECIPE_INVALID', `${file}:${lines.linePos(offset).line}: ${message}`, {
      ...(hint ? { hint } : {}),
    });
  }
  function decode(given: Node | null | undefined, shape: Shape, name: string): unknown {
    const node = isAlias(given) ? given.resolve(document) : given;
    if (typeof shape === 'string') {
      if (!isScalar(node)) throw wrong(node, `${name} is no ${shape}`);
      // A text field takes what was written: 1.10 is "1.10", and yes is "yes".
      if (shape === 'string')
        return node.value === null ? '' : String(node.type === 'PLAIN' ? node.source : node.value);
      if (shape === 'boolean' && typeof node.value === 'boolean') return node.value;
      if (shape === 'integer' && Number.isInteger(node.value)) return Number(node.value);
      throw wrong(node, `${name} is no ${shape}`);
    }
    if ('list' in shape) {
      if (isScalar(node) && node.value === null) return [];
      if (!isSeq(node)) throw wrong(node, `${name} is no list`);
      return node.items.map((item, index) => decode(item as Node, shape.list, `${name}[${index}]`));
    }
    if (isScalar(node) && node.value === null) return fill({}, shape.fields, false);
    if (!isMap(node)) throw wrong(node, `${name} is no mapping`);
    const values: Record<string, unknown> = {};
    for (const pair of node.items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue;
      const key = String(pair.key.value);
      const field = shape.fields[key];
      if (!field)
        throw wrong(pair.key, `${key} is not known in ${name}`, `known are ${Object.keys(shape.fields).join(', ')}`);
      values[key] = decode(pair.value as Node, field.shape, key);
    }
    return fill(values, shape.fields, false);
  }
  const top = document.contents;
  if (!isMap(top)) throw wrong(top, 'the file is no mapping');
  return decode(top, { fields: root }, 'the file') as Record<string, unknown>;
}

function readJson(bytes: string, file: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes);
  } catch (error) {
    throw new Failure('RECIPE_INVALID', `${file}: ${error instanceof Error ? error.message : 'no JSON'}`);
  }
  function decode(value: unknown, shape: Shape, name: string): unknown {
    if (typeof shape === 'string') {
      const type = shape === 'integer' ? 'number' : shape;
      if (typeof value === type) return value;
      throw new Failure('RECIPE_INVALID', `${file}: ${name} is no ${shape}`);
    }
    if ('list' in shape) {
      if (value === null) return [];
      if (!Array.isArray(value)) throw new Failure('RECIPE_INVALID', `${file}: ${name} is no list`);
      return value.map((item, index) => decode(item, shape.list, `${name}[${index}]`));
    }
    if (typeof value !== 'object' || value === null)
      throw new Failure('RECIPE_INVALID', `${file}: ${name} is no object`);
    const values: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      // Go compares names without case, and passes over those it does not know.
      const known = Object.entries(shape.fields).find(
        ([field, { go }]) => field.toLowerCase() === key.toLowerCase() || go?.toLowerCase() === key.toLowerCase(),
      );
      if (known && item !== null) values[known[0]] = decode(item, known[1].shape, key);
    }
    return fill(values, shape.fields, true);
  }
  return decode(parsed, { fields: root }, 'the file') as Record<string, unknown>;
}

function fill(
  values: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, Field>>,
  isJson: boolean,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      Object.hasOwn(values, name) ? values[name] : emptyOf(field, isJson),
    ]),
  );
}
