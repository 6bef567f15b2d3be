import type { Command } from './command.ts';

/** The table of commands, in the order of the help. Each is loaded when it is asked for: the others cost nothing. */
const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('./commands/init.ts')).init,
  plan: async () => (await import('./commands/plan.ts')).plan,
  lock: async () => (await import('./commands/lock.ts')).lock,
  build: async () => (await import('./commands/build.ts')).build,
  test: async () => (await import('./commands/test.ts')).test,
  publish: async () => (await import('./commands/publish.ts')).publish,
  show: async () => (await import('./commands/show.ts')).show,
  run: async () => (await import('./commands/run.ts')).run,
  keys: async () => (await import('./commands/keys.ts')).keys,
  feeds: async () => (await import('./commands/feeds.ts')).feeds,
  scan: async () => (await import('./commands/scan.ts')).scan,
  sbom: async () => (await import('./commands/sbom.ts')).sbom,
  gate: async () => (await import('./commands/gate.ts')).gateCommand,
  pending: async () => (await import('./commands/pending.ts')).pending,
  approve: async () => (await import('./commands/approve.ts')).approve,
  reject: async () => (await import('./commands/reject.ts')).reject,
  certificate: async () => (await import('./commands/certificate.ts')).certificate,
  verify: async () => (await import('./commands/verify.ts')).verify,
  revoke: async () => (await import('./commands/revoke.ts')).revoke,
  policies: async () => (await import('./commands/policies.ts')).policies,
  admission: async () => (await import('./commands/admission.ts')).admission,
  shell: async () => (await import('./commands/shell.ts')).shell,
  squash: async () => (await import('./commands/squash.ts')).squash,
  dockerfile: async () => (await import('./commands/dockerfile.ts')).dockerfile,
  import: async () => (await import('./commands/import.ts')).importCommand,
  clean: async () => (await import('./commands/clean.ts')).clean,
};

export const commandNames: readonly string[] = Object.keys(loaders);

export async function loadCommand(name: string): Promise<Command | undefined> {
  return Object.hasOwn(loaders, name) ? await loaders[name]?.() : undefined;
}

export async function loadCommands(): Promise<Command[]> {
  return await Promise.all(Object.values(loaders).map((load) => load()));
}
