import { z } from 'zod';
import { allow, commonConfig, defineGate, deny } from '../gate.ts';

export const baseGate = defineGate({
  name: 'base',
  summary: 'The operating system is maintained',
  reason: 'An image is no better than the system that it stands on.',
  Config: z.strictObject({
    ...commonConfig,
    minDays: z.number().int().min(0).default(0).describe('Days that must be left until its end'),
    unknown: z
      .enum(['deny', 'allow'])
      .default('deny')
      .describe('What to do with a base whose end nobody knows, like an image of somebody else'),
  }),
  evaluate({ image, facts, now }, { minDays, unknown }) {
    const { baseEnd } = facts;
    if (baseEnd === undefined)
      return unknown === 'allow'
        ? [allow(`the end of ${image.base} is unknown, which is taken here`)]
        : [
            deny(
              `nobody knows until when ${image.base} is maintained`,
              'use a base with a known end, or say unknown: allow',
            ),
          ];
    const limit = new Date(now.getTime() + minDays * 86_400_000).toISOString().slice(0, 10);
    return baseEnd > limit
      ? [allow(`${image.base} is maintained until ${baseEnd}`)]
      : [deny(`${image.base} is maintained until ${baseEnd} only`, 'move to a newer base')];
  },
});
