import { olderOption, runtimeOption } from '../cell-options.ts';
import { defineGoalCommand } from './cells.ts';

export const publish = defineGoalCommand('publish', 'Publish what passed: by digest first, then under every tag', {
  ...runtimeOption,
  ...olderOption,
});
