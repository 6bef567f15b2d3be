import type { Context } from '../core/context.ts';

/** A context that counts what was tried again on the way. */
export function countRetries(context: Context): { readonly context: Context; readonly count: () => number } {
  let retries = 0;
  return {
    context: {
      ...context,
      report(event) {
        if (event.kind === 'retry') retries++;
        context.report(event);
      },
    },
    count: () => retries,
  };
}
