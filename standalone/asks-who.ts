/**
 * Whether the registry asks who comes though no setting says so: accounts, and a policy that the admin API was given, lie in
 * the databases alone. For what is said at the start; it is the Worker that decides.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { OBJECTS } from './data-directory.ts';
import { hasTable, readStores, storesOf } from './maintenance/stores.ts';

const TABLES = ['asks_who', 'policies'];

/** Only where the lock is ours and no workerd serves. A database that cannot be read says nothing: workerd will. */
export function asksWhoComes(state: string): boolean {
  if (statSync(join(state, OBJECTS), { throwIfNoEntry: false }) === undefined) return false;
  let isAsking = false;
  readStores(
    storesOf(state, 'Accounts'),
    ({ database }) => {
      isAsking ||= TABLES.some(
        (table) => hasTable(database, table) && database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() !== undefined,
      );
    },
    () => undefined,
  );
  return isAsking;
}
