import { defineDecisionCommand } from './decide.ts';

export const approve = defineDecisionCommand(
  'approve',
  'approved',
  'Approve an image for an environment: signed with your own key, on exactly what you saw',
);
