import { defineDecisionCommand } from './decide.ts';

export const reject = defineDecisionCommand(
  'reject',
  'rejected',
  'Reject an image for an environment, with a reason: signed with your own key',
);
