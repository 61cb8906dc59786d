/** What the Worker writes on its console, read back: tests of counted work and of what must never be logged. */
import * as v from 'valibot';
import { vi } from 'vitest';

const LineSchema = v.pipe(v.string(), v.parseJson(), v.looseObject({ level: v.string(), event: v.string() }));
const RequestSchema = v.looseObject({
  event: v.literal('request'),
  id: v.string(),
  method: v.string(),
  route: v.string(),
  status: v.number(),
  durationMs: v.number(),
  objectCalls: v.number(),
  storeOperations: v.number(),
});

export type LogLine = v.InferOutput<typeof LineSchema>;
export type RequestLine = v.InferOutput<typeof RequestSchema>;

/** Calls to Durable Objects, and operations on the store. */
export interface Work {
  objectCalls: number;
  storeOperations: number;
}

export class LogLines {
  readonly #lines: string[] = [];

  /** Takes the console over until `vi.restoreAllMocks()`. */
  constructor() {
    for (const level of ['log', 'warn', 'error'] as const) {
      vi.spyOn(console, level).mockImplementation((line: unknown) => {
        this.#lines.push(String(line));
      });
    }
  }

  /** Everything since the last `clear`, as it was written. */
  get text(): string {
    return this.#lines.join('\n');
  }

  get events(): LogLine[] {
    return this.#lines.map((line) => v.parse(LineSchema, line));
  }

  get requests(): RequestLine[] {
    return this.events.filter(({ event }) => event === 'request').map((line) => v.parse(RequestSchema, line));
  }

  clear(): void {
    this.#lines.length = 0;
  }

  /** What all requests of this action caused together. The last answer is read to its end. */
  async workOf(action: () => Promise<Response>): Promise<Work> {
    this.clear();
    await (await action()).arrayBuffer();
    const work = { objectCalls: 0, storeOperations: 0 };
    for (const { objectCalls, storeOperations } of this.requests) {
      work.objectCalls += objectCalls;
      work.storeOperations += storeOperations;
    }
    return work;
  }
}
