import { defineGoalCommand, runtimeOption } from './cells.ts';

export const test = defineGoalCommand('test', 'Test the frozen images and record the results', runtimeOption);
