import { Failure } from '../../core/errors.ts';

export interface ArMember {
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

const magic = '!<arch>\n';
const headerBytes = 60;

/**
 * The members of a Unix `ar` archive, as deb(5) describes it: names end with a space or a slash, members start on
 * even offsets.
 * @throws Failure INTEGRITY when the archive is not `ar` or is cut short.
 */
export function readArMembers(bytes: Buffer, name: string): ArMember[] {
  if (bytes.toString('latin1', 0, magic.length) !== magic) {
    throw new Failure('INTEGRITY', `${name} is not a Debian package`, {
      hint: 'the server sent something else; it was not used',
    });
  }
  const members: ArMember[] = [];
  for (let at = magic.length; at + 1 < bytes.length;) {
    const header = bytes.toString('latin1', at, at + headerBytes);
    const sizeBytes = Number(header.slice(48, 58).trim());
    const offset = at + headerBytes;
    if (
      header.slice(58) !== '`\n' ||
      !Number.isSafeInteger(sizeBytes) ||
      sizeBytes < 0 ||
      offset + sizeBytes > bytes.length
    ) {
      throw new Failure('INTEGRITY', `${name} is damaged or cut short at byte ${at}`, {
        hint: 'remove it and fetch it again',
      });
    }
    members.push({ name: header.slice(0, 16).trim().replace(/\/$/, ''), offset, sizeBytes });
    at = offset + sizeBytes + (sizeBytes % 2);
  }
  return members;
}
