import { z } from 'zod';
import { allow, commonConfig, defineGate, deny } from '../gate.ts';

const phases = ['current', 'active-lts', 'maintenance'] as const;

export const nodeLineGate = defineGate({
  name: 'node-line',
  summary: 'The Node.js release line is maintained, and in a phase that the environment takes',
  reason: 'Nobody repairs a line past its end; a current line may still change under an application.',
  Config: z.strictObject({
    ...commonConfig,
    phases: z
      .array(z.enum(phases))
      .min(1)
      .default([...phases])
      .describe('Phases that are taken; for production [active-lts, maintenance]'),
  }),
  evaluate({ image, facts }, { phases: taken }) {
    const { line } = facts;
    if (!line)
      return [deny(`nobody knows a release line of ${image.release}`, 'use a release of the Node.js schedule')];
    if (line.phase === 'end-of-life' || line.phase === 'pending')
      return [deny(`Node.js ${line.major} is ${line.phase}: its end was ${line.end}`, 'move to a maintained line')];
    return taken.some((phase) => phase === line.phase)
      ? [allow(`Node.js ${line.major} is ${line.phase} until ${line.end}`)]
      : [
          deny(
            `Node.js ${line.major} is ${line.phase}, which is not taken here`,
            `use a line that is ${taken.join(' or ')}`,
          ),
        ];
  },
});
