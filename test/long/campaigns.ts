/** The table of campaigns: a new one is a module here in test/long/ and a line below. */
import type { Campaign } from './campaign.ts';
import { rules } from './rules.ts';

export const campaigns: readonly Campaign[] = [rules];
