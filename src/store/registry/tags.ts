import { z } from 'zod';
import { compareText } from '../../core/canonical-json.ts';
import { Failure } from '../../core/errors.ts';
import { readBody } from '../../core/http.ts';
import { parseJson } from '../../core/json.ts';
import type { Transport } from './transport.ts';

const TagList = z.looseObject({ tags: z.array(z.string()).nullish() });
const maxPages = 1000;

/** GET /v2/NAME/tags/list, page by page; an unknown repository has no tags. */
export async function listTags(transport: Transport): Promise<string[]> {
  const tags: string[] = [];
  let path = 'tags/list?n=1000';
  for (let page = 0; page < maxPages; page++) {
    const response = await transport.send(path, { accept: [200, 404] });
    const body = await readBody(response, 16 << 20, response.url);
    if (response.status === 404) return tags;
    const parsed = TagList.safeParse(parse(body));
    if (!parsed.success) throw new Failure('REGISTRY_INVALID', `${transport.registry}: the list of tags is malformed`);
    tags.push(...(parsed.data.tags ?? []));
    const next = nextLink(response.headers['link']);
    if (next === undefined) return tags.sort(compareText);
    path = new URL(next, response.url).href;
  }
  throw new Failure('REGISTRY_INVALID', `${transport.registry}: the list of tags does not end`);
}

/** Target of `<URL>; rel="next"` (RFC 8288). */
export function nextLink(header: string | undefined): string | undefined {
  return /<([^>]+)>\s*;[^,]*rel="?next"?/.exec(header ?? '')?.[1];
}

function parse(body: Buffer): unknown {
  try {
    return parseJson(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
