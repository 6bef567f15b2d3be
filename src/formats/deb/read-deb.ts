import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { Failure } from '../../core/errors.ts';
import { readTar, type TarLimits, type TarMember } from '../tar/read-tar.ts';
import { decompressXz } from '../xz/decompress-xz.ts';
import { readArMembers } from './read-ar.ts';

/** Files of the control member by name: `control`, `md5sums`, `postinst`, `triggers`, … */
export type ControlFiles = ReadonlyMap<string, string>;

export interface DebianPackage {
  readonly control: ControlFiles;
  data(limits: TarLimits): AsyncGenerator<TarMember>;
}

/** Opens a .deb (deb(5), format 2.0) held in memory; its data member is decompressed as it is read. */
export async function readDeb(bytes: Buffer, name: string): Promise<DebianPackage> {
  const members = readArMembers(bytes, name);
  const version = members[0];
  if (
    version?.name !== 'debian-binary' ||
    !bytes.toString('latin1', version.offset, version.offset + 2).startsWith('2.')
  ) {
    throw new Failure('INTEGRITY', `${name} is not a Debian package of format 2.0`);
  }
  function open(prefix: string): AsyncIterable<Uint8Array> {
    const member = members.find((candidate) => candidate.name === prefix || candidate.name.startsWith(`${prefix}.`));
    if (!member) throw new Failure('INTEGRITY', `${name} has no ${prefix} member`);
    return decompress(bytes.subarray(member.offset, member.offset + member.sizeBytes), member.name, name);
  }
  const control = new Map<string, string>();
  for await (const { entry, content } of readTar(open('control.tar'), {
    name,
    maxEntries: 200,
    maxTotalBytes: 32 << 20,
  })) {
    if (entry.kind !== 'file') continue;
    const parts: Buffer[] = [];
    for await (const part of content()) parts.push(part);
    control.set(entry.path, Buffer.concat(parts).toString('utf8'));
  }
  return { control, data: (limits) => readTar(open('data.tar'), limits) };
}

function decompress(bytes: Buffer, member: string, name: string): AsyncIterable<Uint8Array> {
  const ending = member.slice(member.indexOf('.tar') + 4);
  switch (ending) {
    case '':
      return Readable.from([bytes]);
    case '.gz':
      return Readable.from([bytes]).pipe(createGunzip());
    case '.xz':
      return decompressXz(bytes, `${name}, ${member}`);
    case '.zst':
      return Readable.from([bytes]).pipe(createZstdDecompress());
    default:
      throw new Failure('SOURCE_INVALID', `${name}: ${member} is compressed in a way that is not supported`, {
        hint: 'gzip, xz and zstd are supported',
      });
  }
}
