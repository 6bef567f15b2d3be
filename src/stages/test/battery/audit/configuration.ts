import type { ImageConfig } from '../../../../formats/oci/descriptor.ts';
import type { VirtualTree } from '../../../../trees/virtual-tree.ts';
import type { CheckedCell } from '../battery.ts';

/** Where the configuration of an image is not what the recipe makes of it. */
export function auditConfiguration({ config }: ImageConfig, cell: CheckedCell, tree: VirtualTree): string[] {
  const problems: string[] = [];
  const expected = cell.configuration;
  if (!expected) return problems;
  function compare(what: string, actual: unknown, wanted: unknown): void {
    if (JSON.stringify(actual) !== JSON.stringify(wanted))
      problems.push(`${what} is ${JSON.stringify(actual)}, expected ${JSON.stringify(wanted)}`);
  }
  compare('User', config?.User, expected.user);
  if (!/^\d+(?::\d+)?$/.test(config?.User ?? '')) problems.push('User is not numeric: clusters refuse to check it');
  compare('WorkingDir', config?.WorkingDir, expected.workingDirectory);
  compare('Entrypoint', config?.Entrypoint ?? [], expected.entrypoint);
  compare('Cmd', config?.Cmd ?? [], expected.command);
  compare('StopSignal', config?.StopSignal, expected.stopSignal);
  for (const [name, value] of Object.entries(expected.labels)) compare(`label ${name}`, config?.Labels?.[name], value);
  if (tree.get(expected.workingDirectory)?.kind !== 'directory')
    problems.push(`${expected.workingDirectory} is no folder`);
  const [program = ''] = expected.entrypoint;
  if (program.startsWith('/') && !tree.get(tree.realPath(program))) problems.push(`${program} does not exist`);
  return problems;
}
