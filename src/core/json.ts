import { Failure, type FailureCode } from './errors.ts';

/** Deeper than any document of the formats that are read here, and far from the end of the stack. */
const maxDepth = 100;

/** Why a text is not JSON that has one meaning. */
export class JsonError extends Error {}

/**
 * The one reader for JSON that somebody else wrote or signed. RFC 8259 leaves open what a repeated name means, and two
 * readers that choose differently see two documents: here it is refused, like whatever is nested without end.
 * @throws JsonError
 */
export function parseJson(text: string): unknown {
  requireOneMeaning(text);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new JsonError(messageOf(error));
  }
}

/** Why a text was refused, in words for a message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export interface ForeignDocument {
  /** What it is and where it comes from, for the message. */
  readonly name: string;
  readonly code?: FailureCode;
  readonly hint?: string;
}

/** The same for a caller who has nothing better to say. @throws Failure */
export function readJson(text: string, { name, code = 'SOURCE_INVALID', hint }: ForeignDocument): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new Failure(code, `${name} is not JSON as it should be: ${error.message}`, {
      hint: hint ?? 'whoever serves or wrote it has to repair it; nothing of it was used',
      cause: error,
    });
  }
}

/** Walks over tokens alone: whether they are JSON is for the parser to say. */
function requireOneMeaning(text: string): void {
  /** Names of each open object; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        const names = open.at(-1);
        if (isName && names) addName(names, text.slice(at, end));
        isName = false;
        at = end - 1;
        break;
      }
      case openBrace:
      case openBracket: {
        const isObject = text.charCodeAt(at) === openBrace;
        open.push(isObject ? new Set() : undefined);
        if (open.length > maxDepth) throw new JsonError(`it is nested more than ${maxDepth} times`);
        isName = isObject;
        break;
      }
      case closeBrace:
      case closeBracket:
        open.pop();
        isName = false;
        break;
      case comma:
        isName = open.at(-1) !== undefined;
        break;
    }
  }
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Index after the closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === backslash) at++;
    else if (code === quote) return at + 1;
  }
  return text.length;
}

/** Two spellings of a name are the same name. */
function addName(names: Set<string>, spelt: string): void {
  let name = spelt;
  if (spelt.includes('\\'))
    try {
      name = JSON.stringify(JSON.parse(spelt));
    } catch {
      return;
    }
  if (names.has(name)) throw new JsonError(`the name ${name.slice(0, 80)} is there twice`);
  names.add(name);
}
