/** The process of one campaign, started by frame.ts: `one.ts TABLE NAME SEED DEADLINE`. */
import { loadCampaigns } from './table.ts';

const [table = '', name = '', seed, deadline] = process.argv.slice(2);
const campaign = (await loadCampaigns(table)).find((candidate) => candidate.name === name);
if (campaign === undefined) throw new Error(`${table} has no campaign ${name}`);
const log = (line: string): void => {
  console.log(`  ${name}: ${line}`);
};
await campaign.run({ seed: Number(seed), deadline: Number(deadline), log });
// A handle that was left open is no reason to wait for the end of the time.
process.exit(0);
