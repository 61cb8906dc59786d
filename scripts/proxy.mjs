/** What `npm run proxy` and `npx berth proxy` run, once the packages are there. */
import { run } from './program.mjs';

await run('tools/proxy/proxy.ts');
