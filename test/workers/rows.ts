/**
 * Counts the rows that objects read and write, on the statements that they run themselves: their own `sql.exec` is
 * watched from outside while something happens. Durable Objects are paid for by these rows, and a statement without an
 * index shows in them at once. Nothing in src/ knows of it.
 */
import { runInDurableObject } from 'cloudflare:test';
import { vi } from 'vitest';

interface Rows {
  read: number;
  written: number;
}

interface Counted<T> {
  result: T;
  rows: Rows;
}

/** What `action` has these objects read and write. Their alarms count, where they ring meanwhile. */
export async function countRows<T>(stubs: readonly DurableObjectStub[], action: () => Promise<T>): Promise<Counted<T>> {
  const watches = await Promise.all(
    stubs.map(async (stub) => ({
      stub,
      exec: await runInDurableObject(stub, (_object, { storage }) => vi.spyOn(storage.sql, 'exec')),
    })),
  );
  const result = await action();
  const rows = { read: 0, written: 0 };
  for (const { stub, exec } of watches) {
    // A cursor that was left in the middle may be touched by its own object only.
    await runInDurableObject(stub, (_object, { storage }) => {
      if (!vi.isMockFunction(Reflect.get(storage.sql, 'exec'))) throw new Error('the object woke anew: nobody counted');
      for (const { type, value } of exec.mock.results) {
        if (type !== 'return') continue;
        rows.read += value.rowsRead;
        rows.written += value.rowsWritten;
      }
      exec.mockRestore();
    });
  }
  return { result, rows };
}
