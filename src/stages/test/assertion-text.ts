/** The assertion's own words, not the whole stack. */
export function assertionOf(stderr: string): string {
  const lines = stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at |^Node\.js v|^node:internal/.test(line));
  return lines.slice(0, 6).join(' | ').slice(0, 600);
}

/** Why a pattern that must not be there cannot be judged. */
export function cutOutput(droppedBytes: number): string {
  return `${droppedBytes} bytes of output were not kept, and what must not be in them cannot be judged`;
}
