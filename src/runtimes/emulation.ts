import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';

const machines: Readonly<Record<string, string>> = { x64: 'linux/amd64', arm64: 'linux/arm64' };

/** Whether a platform's programs run on this machine without an emulator. */
export function isNative(platform: string): boolean {
  return machines[process.arch] === platform;
}

/** Platform of this machine; a container engine here builds for it. */
export function nativePlatform(): string {
  return machines[process.arch] ?? `linux/${process.arch}`;
}

export interface Emulator {
  /** A static program: it must work inside of an image that has nothing of this machine. */
  readonly path: string;
  /** First bytes of the programs it runs, and which of their bits count, as the kernel's binfmt_misc wants them. */
  readonly magic: string;
  readonly mask: string;
}

interface KnownEmulator {
  readonly program: string;
  readonly machine: string;
}

/** Little-endian ELF64 executables and shared objects by their machine number (ELF, `e_machine`). */
const emulators: Readonly<Record<string, KnownEmulator>> = {
  'linux/amd64': { program: 'qemu-x86_64-static', machine: '\\x3e\\x00' },
  'linux/arm64': { program: 'qemu-aarch64-static', machine: '\\xb7\\x00' },
};

/** The emulator for a platform, when the machine has it. */
export async function findEmulator(
  platform: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Emulator | undefined> {
  const known = emulators[platform];
  if (!known) return undefined;
  for (const folder of [...(env['PATH'] ?? '').split(':'), '/usr/bin']) {
    if (folder === '') continue;
    const path = join(folder, known.program);
    if (
      !(await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      continue;
    return {
      path,
      magic: `\\x7fELF\\x02\\x01\\x01${'\\x00'.repeat(9)}\\x02\\x00${known.machine}`,
      mask: `${'\\xff'.repeat(7)}\\x00${'\\xff'.repeat(8)}\\xfe\\xff\\xff\\xff`,
    };
  }
  return undefined;
}
