/**
 * Reads a JSON object of many members as a stream, one member at a time: the value of each is parsed by itself, so
 * that memory does not grow with the file. Members of the first level only; white space is as it likes.
 * @throws SyntaxError when it is no object, or ends before its brace
 */
export async function* splitObject(
  chunks: AsyncIterable<Uint8Array>,
  maxMemberBytes = 64 << 20,
): AsyncGenerator<{ readonly key: string; readonly value: unknown }> {
  let rest = Buffer.alloc(0);
  let at = 0;
  let depth = 0;
  let inString = false;
  let escaped = false;
  /** Where the member that is being read begins; -1 between members. */
  let start = -1;
  let ended = false;
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (; at < rest.length; at++) {
      const byte = rest[at] ?? 0;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === 0x5c) escaped = true;
        else if (byte === 0x22) inString = false;
        continue;
      }
      switch (byte) {
        case 0x22: // "
          if (depth === 0) throw new SyntaxError('it is no JSON object');
          inString = true;
          if (depth === 1 && start < 0) start = at;
          break;
        case 0x7b: // {
        case 0x5b: // [
          if (depth === 0 && (byte === 0x5b || ended)) throw new SyntaxError('it is no JSON object');
          depth++;
          break;
        case 0x7d: // }
        case 0x5d: // ]
          depth--;
          if (depth === 0) {
            if (start >= 0) yield member(rest.subarray(start, at));
            start = -1;
            ended = true;
          }
          break;
        case 0x2c: // ,
          if (depth === 1 && start >= 0) {
            yield member(rest.subarray(start, at));
            start = -1;
          }
          break;
        default:
          if (depth === 0 && byte > 0x20) throw new SyntaxError('it is no JSON object');
      }
    }
    // What was read goes; what has begun stays.
    const keep = start < 0 ? at : start;
    rest = Buffer.from(rest.subarray(keep));
    at -= keep;
    if (start >= 0) start = 0;
    if (rest.length > maxMemberBytes) throw new SyntaxError(`a member has more than ${maxMemberBytes} bytes`);
  }
  if (!ended) throw new SyntaxError('it ends before its last brace: the file was cut off');
}

function member(bytes: Buffer): { readonly key: string; readonly value: unknown } {
  const parsed = JSON.parse(`{${bytes.toString('utf8')}}`) as Record<string, unknown>;
  const [entry] = Object.entries(parsed);
  if (!entry) throw new SyntaxError('a member has no name');
  return { key: entry[0], value: entry[1] };
}
