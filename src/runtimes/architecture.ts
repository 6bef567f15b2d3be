const machines: Readonly<Record<string, string>> = { x64: 'linux/amd64', arm64: 'linux/arm64' };

/** Whether a platform's programs run on this machine without an emulator. */
export function isNative(platform: string): boolean {
  return machines[process.arch] === platform;
}
