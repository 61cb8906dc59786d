/** Ways in which events get lost or come into being, each planted in a copy of the sources (docs/testing.md). */
import type { Alteration } from '../alteration.ts';

const OUTBOX = 'src/objects/repository/outbox.ts';

export const FAULTS: readonly Alteration[] = [
  {
    name: 'an event is written after the transaction of its change',
    file: OUTBOX,
    keeps:
      "    this.#database.run('INSERT INTO outbox (number, at, body) VALUES (?, ?, ?)', number, now, bodyOf(event));",
    breaks: `    setTimeout(() => {
      this.#database.run('INSERT INTO outbox (number, at, body) VALUES (?, ?, ?)', number, now, bodyOf(event));
      this.#tasks.add('drain', '', Date.now());
    }, 20);`,
  },
  {
    name: 'an event is deleted before the queue has it',
    file: OUTBOX,
    keeps: '      const failure = await this.#send(rows.map(messageOf));',
    breaks: `      this.#database.run('DELETE FROM outbox WHERE number <= ?', last.number);
      await scheduler.wait(20);
      const failure = await this.#send(rows.map(messageOf));`,
  },
];
