import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isFailure, systemCode } from '../../core/errors.ts';
import { readRegularFile, replaceFile, writeFileAtomic } from '../../core/files.ts';

/** Raised when a seal covers something else: older notes are then made again. */
const sealVersion = 1;
/** Of an artifact in the store: the seal of who made it. */
export const sealAnnotation = 'io.nodeworthy.seal';
const maxNoteBytes = 512 << 20;

/**
 * What was found out before and is kept beside a store. Whoever can write there can write a note, but not its seal:
 * HMAC-SHA256 over kind, name and text with a key of this user (RFC 2104). A note of somebody else, of another name or
 * of other bytes is none, and what it would have said is found out again.
 */
export interface SealedNotes {
  /** @param kind folder of the note, which says what it is about @param name identity of what it says */
  read(kind: string, name: string): Promise<string | undefined>;
  /** `durable`: it is on the disk when this returns; without it, a crash may lose it, which costs time alone. */
  write(kind: string, name: string, text: string, options?: { readonly durable?: boolean }): Promise<void>;
  remove(kind: string, name: string): Promise<void>;
  /**
   * A note that is true until it ends: it has a number that is written down beside the key as long as it is open. A
   * copy of it that is put there again later is none.
   */
  begin(kind: string, name: string, text: string): Promise<void>;
  readBegun(kind: string, name: string): Promise<string | undefined>;
  end(kind: string, name: string): Promise<void>;
  /** Seal of a text that is kept somewhere else, like in an artifact of the store. */
  sealOf(kind: string, name: string, text: string): Promise<string>;
}

/**
 * @param openKey the key, when it is needed first
 * @param begunFolder where numbers of open notes are kept: outside of the store, as the key is
 */
export function sealedNotes(folder: string, openKey: () => Promise<Buffer>, begunFolder: string): SealedNotes {
  let opened: Promise<Buffer> | undefined;
  const pathOf = (kind: string, name: string): string => join(folder, kind, name);
  async function sealOf(kind: string, name: string, text: string): Promise<string> {
    const key = await (opened ??= openKey());
    // Lengths, so that no other split of the same bytes has this seal.
    const head = `nodeworthy note ${sealVersion} ${Buffer.byteLength(kind)} ${Buffer.byteLength(name)}\n${kind}\n${name}\n`;
    return createHmac('sha256', key).update(head).update(text).digest('hex');
  }
  const read: SealedNotes['read'] = async (kind, name) => {
    const note = await readRegularFile(pathOf(kind, name), maxNoteBytes);
    const end = note?.indexOf('\n') ?? -1;
    if (note === undefined || end < 0) return undefined;
    const text = note.slice(end + 1);
    return isSame(note.slice(0, end), await sealOf(kind, name, text)) ? text : undefined;
  };
  const write: SealedNotes['write'] = async (kind, name, text, { durable = true } = {}) => {
    const note = `${await sealOf(kind, name, text)}\n${text}`;
    await (durable ? writeFileAtomic(pathOf(kind, name), note) : replaceFile(pathOf(kind, name), note));
  };
  const remove: SealedNotes['remove'] = async (kind, name) => await rm(pathOf(kind, name), { force: true });
  async function begun(
    kind: string,
    name: string,
  ): Promise<{ readonly number: string; readonly text: string } | undefined> {
    const note = await read(kind, name);
    const [, number, text] = /^([0-9a-f]{32})\n(.*)$/s.exec(note ?? '') ?? [];
    return number === undefined || text === undefined ? undefined : { number, text };
  }
  const isOpen = async (number: string): Promise<boolean> =>
    (await lstat(join(begunFolder, number)).catch(() => undefined))?.isFile() ?? false;
  return {
    sealOf,
    read,
    write,
    remove,
    async begin(kind, name, text) {
      const number = randomBytes(16).toString('hex');
      try {
        await writeFileAtomic(join(begunFolder, number), '');
      } catch (error) {
        // Where no key can be kept either, a later process believes no note at all.
        if (!isFailure(error, 'FILE_UNUSABLE') && !['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw error;
      }
      await write(kind, name, `${number}\n${text}`);
    },
    async readBegun(kind, name) {
      const found = await begun(kind, name);
      return found && (await isOpen(found.number)) ? found.text : undefined;
    },
    async end(kind, name) {
      const found = await begun(kind, name);
      // The number first: a note without one is none.
      if (found && (await isOpen(found.number))) await rm(join(begunFolder, found.number), { force: true });
      await remove(kind, name);
    },
  };
}

export function isSame(seal: string, expected: string): boolean {
  const [a, b] = [Buffer.from(seal), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
