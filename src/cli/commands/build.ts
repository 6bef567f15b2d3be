import { defineGoalCommand } from './cells.ts';

export const build = defineGoalCommand('build', 'Assemble the images of a lock and freeze them by digest', {});
