/** Prints more to its terminal than one holds, and then says, where its test reads, that it still runs. */
import { closeSync, writeSync } from 'node:fs';
import { Output } from '../../../standalone/output.ts';

const MORE_LINES_THAN_A_TERMINAL_HOLDS = 4_000;
/** The test's pipe. */
const REPORT = 3;

const output = new Output(process.stdout, () => undefined);
for (let line = 0; line < MORE_LINES_THAN_A_TERMINAL_HOLDS; line += 1) output.line('x'.repeat(99));
writeSync(REPORT, 'still alive\n');
closeSync(REPORT);
