/** The table of campaigns: a new one is a module here in test/long/ and a line below. */
import type { Campaign } from './campaign.ts';
import { crash } from './crash.ts';
import { events } from './events.ts';
import { eventsFaults } from './events-faults.ts';
import { fuzz } from './fuzz.ts';
import { fuzzFaults } from './fuzz-faults.ts';
import { growth } from './growth.ts';
import { large } from './large.ts';
import { linearizability } from './linearizability.ts';
import { linearizabilityFaults } from './linearizability-faults.ts';
import { rules } from './rules.ts';
import { storage } from './storage.ts';

export const campaigns: readonly Campaign[] = [
  rules,
  crash,
  events,
  eventsFaults,
  fuzz,
  fuzzFaults,
  growth,
  large,
  linearizability,
  linearizabilityFaults,
  storage,
];
