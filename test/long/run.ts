/** `npm run test:long -- --minutes N [--only NAME] [--seed S]`: see frame.ts. */
import { join } from 'node:path';
import { runCampaigns } from './frame.ts';

process.exitCode = await runCampaigns(join(import.meta.dirname, 'campaigns.ts'), process.argv.slice(2));
