import type { OptionSpec } from './command.ts';

export const runtimeOption = {
  runtime: { type: 'string', summary: 'Container runtime for tests: runc, docker or podman', value: 'NAME' },
} as const satisfies Record<string, OptionSpec>;
export const cellsOption = {
  cells: { type: 'string', summary: 'Only the cells that match, like 24.*-slim', value: 'GLOB' },
} as const satisfies Record<string, OptionSpec>;
export const olderOption = {
  'allow-older': { type: 'boolean', summary: 'Let aliases go back to an older image' },
  'allow-base-change': { type: 'boolean', summary: 'Let aliases change their operating system inside a line' },
} as const satisfies Record<string, OptionSpec>;
export const environmentOption = {
  environment: { type: 'string', summary: 'Policy of the recipe that decides; without it, the first', value: 'NAME' },
} as const satisfies Record<string, OptionSpec>;
