import { z } from 'zod';
import { allow, commonConfig, defineGate, deny } from '../gate.ts';

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

export const scheduleGate = defineGate({
  name: 'schedule',
  summary: 'No release on days on which nobody would be there',
  reason: 'What goes wrong on a Friday evening goes wrong until Monday.',
  Config: z.strictObject({
    ...commonConfig,
    notOn: z.array(z.enum(weekdays)).default([]).describe('Days of the week, in UTC'),
    freezes: z
      .array(z.strictObject({ from: z.iso.date(), until: z.iso.date(), reason: z.string() }))
      .default([])
      .describe('Times without releases; the last day belongs to them'),
  }),
  evaluate({ now }, { notOn, freezes }) {
    const day = weekdays[now.getUTCDay()] ?? 'sunday';
    const date = now.toISOString().slice(0, 10);
    const fix = 'run again on another day; what is done is kept';
    const freeze = freezes.find(({ from, until }) => from <= date && date <= until);
    if (freeze) return [deny(`no release until ${freeze.until}: ${freeze.reason}`, fix)];
    return notOn.includes(day) ? [deny(`no release on ${day}`, fix)] : [allow(`${day} ${date} is a day for releases`)];
  },
});
