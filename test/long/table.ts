/** Reads a table of campaigns. The frame's own test brings another table than campaigns.ts. */
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import type { Campaign } from './campaign.ts';

const CampaignSchema = v.custom<Campaign>(
  (value) =>
    v.is(
      v.object({
        name: v.pipe(v.string(), v.regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)),
        share: v.pipe(v.number(), v.gtValue(0)),
        onRequest: v.optional(v.boolean()),
        run: v.function(),
      }),
      value,
    ),
  'a campaign is { name, share, onRequest, run }: see campaign.ts',
);
const TableSchema = v.object({ campaigns: v.array(CampaignSchema) });

export async function loadCampaigns(file: string): Promise<readonly Campaign[]> {
  const loaded: unknown = await import(pathToFileURL(file).href);
  return v.parse(TableSchema, loaded).campaigns;
}
