import { createHmac, timingSafeEqual } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
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
  /** Seal of a text that is kept somewhere else, like in an artifact of the store. */
  sealOf(kind: string, name: string, text: string): Promise<string>;
}

/** @param openKey the key, when it is needed first */
export function sealedNotes(folder: string, openKey: () => Promise<Buffer>): SealedNotes {
  let opened: Promise<Buffer> | undefined;
  const pathOf = (kind: string, name: string): string => join(folder, kind, name);
  async function sealOf(kind: string, name: string, text: string): Promise<string> {
    const key = await (opened ??= openKey());
    // Lengths, so that no other split of the same bytes has this seal.
    const head = `nodeworthy note ${sealVersion} ${Buffer.byteLength(kind)} ${Buffer.byteLength(name)}\n${kind}\n${name}\n`;
    return createHmac('sha256', key).update(head).update(text).digest('hex');
  }
  return {
    sealOf,
    async read(kind, name) {
      const note = await readRegularFile(pathOf(kind, name), maxNoteBytes);
      const end = note?.indexOf('\n') ?? -1;
      if (note === undefined || end < 0) return undefined;
      const text = note.slice(end + 1);
      return isSame(note.slice(0, end), await sealOf(kind, name, text)) ? text : undefined;
    },
    async write(kind, name, text, { durable = true } = {}) {
      const note = `${await sealOf(kind, name, text)}\n${text}`;
      await (durable ? writeFileAtomic(pathOf(kind, name), note) : replaceFile(pathOf(kind, name), note));
    },
    async remove(kind, name) {
      await rm(pathOf(kind, name), { force: true });
    },
  };
}

export function isSame(seal: string, expected: string): boolean {
  const [a, b] = [Buffer.from(seal), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
