export { type DemoCommandOptions, demoCommand } from './demo/command.ts';
export { type DemoJson, type DemoReport, renderReport, toJson } from './demo/report.ts';
export { type DemoOptions, runDemo } from './demo/run.ts';
export { EVENT_NAMES, type EventName } from './demo/schedule.ts';
export type { DemoView } from './demo/view.ts';
export { type Commands, createProgram } from './program.ts';
