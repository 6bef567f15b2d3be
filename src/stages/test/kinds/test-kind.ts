import { basename } from 'node:path';
import type { Suite, TestKindName } from '../report.ts';
import type { TestSettings, TestSuite } from '../suite.ts';

/** A test as somebody named it. */
export interface TestDefinition {
  /** Absolute path of a file or folder. */
  readonly path: string;
  /** The same for messages: as it was written. */
  readonly shownPath: string;
  /** Name of the suite; without it, that of the file or folder. */
  readonly name?: string;
  readonly settings: TestSettings;
  /** The folder that was named, or that the named file lies in: a test is made of files in it. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One way to write tests. */
export interface TestKind {
  readonly name: Exclude<TestKindName, 'battery'>;
  readonly summary: string;
  /** Whether a file or folder is of this kind, by its name and its first look. */
  recognises(path: string, root: string): Promise<boolean>;
  /** @throws Failure RECIPE_INVALID names file, line and reason */
  load(definition: TestDefinition): Promise<TestSuite>;
}

/** A test that somebody of the client's defined. */
export function clientSuite(id: string, kind: TestKind['name'], digest: Suite['digest']): Suite {
  return { id, origin: 'client', kind, digest };
}

/** Name of a suite that was given none: that of its file or folder. */
export function nameOf(path: string): string {
  return basename(path).replace(/(?:\.test)?\.(?:ya?ml|json|[mc]?[jt]s|sh)$/, '');
}
