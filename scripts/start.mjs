/** What `npm start` runs, once the packages are there. */
import { run } from './program.mjs';

await run('standalone/main.ts');
