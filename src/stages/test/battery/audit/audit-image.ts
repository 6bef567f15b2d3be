import { Failure } from '../../../../core/errors.ts';
import type { FileContent, TreeEntry } from '../../../../trees/image-tree.ts';
import { checkRule } from '../../../assemble/hardening/harden-entries.ts';
import type { CaseOutcome, TestTarget } from '../../suite.ts';
import type { CheckedCell } from '../battery.ts';
import { auditConfiguration } from './configuration.ts';
import { auditFiles } from './files.ts';
import { findMissingLibraries } from './libraries.ts';

/** Judges the layers of a frozen image by audits of the battery's table and by the rules of its hardening. */
export async function auditImage(
  target: TestTarget,
  { cell, ids }: { readonly cell: CheckedCell; readonly ids: readonly string[] },
): Promise<CaseOutcome[]> {
  const { tree, config } = await target.view();
  const entries = tree.entries();
  const view = { entries, get: (path: string) => tree.get(path), read: readListed };
  const outcomes: CaseOutcome[] = [];
  for (const id of ids) {
    const started = performance.now();
    const problems = await auditOne();
    const durationMs = performance.now() - started;
    outcomes.push({ id, problems, durationMs, exitCode: null, output: '', droppedBytes: 0, layers: [] });

    async function auditOne(): Promise<string[]> {
      if (id === 'file-privileges/set-id')
        return entries.filter(hasSetId).map(({ path }) => `/${path} has a set-id bit`);
      if (id === 'file-privileges/capabilities')
        return entries.filter(hasCapability).map(({ path }) => `/${path} has a file capability`);
      if (id === 'configuration') return auditConfiguration(config, cell, tree);
      if (id === 'libraries') return await findMissingLibraries(target, entries);
      const rule = cell.hardening.find((name) => id === `hardening/${name}`);
      return rule ? checkRule(rule, view) : auditFiles(id, { tree, entries, config });
    }
  }
  return outcomes;
}

function hasSetId({ node }: TreeEntry): boolean {
  return node.kind !== 'directory' && node.kind !== 'symlink' && (node.mode & 0o6000) !== 0;
}

function hasCapability({ node }: TreeEntry): boolean {
  return node.kind === 'file' && node.xattrs?.['security.capability'] !== undefined;
}

function readListed(content: FileContent): Buffer {
  if (content.kind === 'bytes') return content.bytes;
  throw new Failure('ARCHIVE_HOSTILE', `a file that checks read has ${content.sizeBytes} bytes`, {
    hint: 'an account file or package database of this size is no such file',
  });
}
