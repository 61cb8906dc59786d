/** A Berth with people whose clock goes on while clients are signed in: tokens of minutes end, and logins do not. */
import { expect } from 'vitest';
import * as v from 'valibot';
import type { Availability, Password } from '../clients/client.ts';
import type { Scratch } from '../clients/scratch.ts';
import type { Exchange } from '../clients/wire-recorder.ts';
import { movingClock } from './moving-clock.ts';
import { basic } from './one-person.ts';
import { startWithPeople, type RegistryWithPeople } from './people.ts';

const MINUTES = 20;
const MILLISECONDS_PER_MINUTE = 60_000;

export interface AgeingRegistry extends RegistryWithPeople {
  /** Fulfilled when they have passed, as the registry's own tokens prove. Nothing that was recorded before is left. */
  twentyMinutesPass(): Promise<void>;
}

export async function startAgeing(scratch: Scratch): Promise<Availability<AgeingRegistry>> {
  const clock = await movingClock(scratch);
  if (clock.kind === 'unavailable') return clock;
  const registry = await startWithPeople('Bearer', clock.value.environment);
  const value: AgeingRegistry = {
    ...registry,
    async twentyMinutesPass() {
      const { host, recorder, people } = registry;
      const before = await tokenOf(host, people.htpasswd);
      expect(await knock(host, before.token)).toEqual({ status: 200, challenge: '' });
      clock.value.forward(MINUTES);
      const refused = await knock(host, before.token);
      expect(refused.status).toBe(401);
      expect(refused.challenge).toContain('error="invalid_token"');
      const after = await tokenOf(host, people.htpasswd);
      expect(Date.parse(after.issued_at) - Date.parse(before.issued_at)).toBeGreaterThanOrEqual(
        MINUTES * MILLISECONDS_PER_MINUTE,
      );
      recorder.take();
    },
  };
  return { kind: 'available', value };
}

/** How the requests for a token were answered. */
export function tokenAnswers(exchanges: readonly Exchange[]): Set<number> {
  return new Set(exchanges.filter(({ path }) => path === '/token').map(({ status }) => status));
}

const Token = v.object({ token: v.string(), issued_at: v.string() });

async function tokenOf(host: string, person: Password): Promise<v.InferOutput<typeof Token>> {
  const response = await fetch(`http://${host}/token?service=${host}`, { headers: basic(person) });
  return v.parse(Token, await response.json());
}

async function knock(host: string, token: string): Promise<{ status: number; challenge: string }> {
  const response = await fetch(`http://${host}/v2/`, { headers: { authorization: `Bearer ${token}` } });
  await response.arrayBuffer();
  return { status: response.status, challenge: response.headers.get('www-authenticate') ?? '' };
}
