/** What all objects share: a store that upgrades itself and refuses what is newer, and the table of tasks. */
import { listDurableObjectIds, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MIGRATIONS as CATALOG_MIGRATIONS } from '../../src/objects/catalog/schema.ts';
import { Database } from '../../src/objects/database.ts';
import { MIGRATIONS as REPOSITORY_MIGRATIONS } from '../../src/objects/repository/schema.ts';
import { TASKS_SCHEMA } from '../../src/objects/tasks-schema.ts';
import { Tasks, type TaskOutcome } from '../../src/objects/tasks.ts';
import { crash, newBlob, newWorld, objects, passTime, pushBlob, repositoryName, request, served } from './world.ts';

const FIRST = 'CREATE TABLE things (name TEXT) STRICT;';
const SECOND = 'ALTER TABLE things ADD COLUMN size INTEGER; UPDATE things SET size = 0;';

/** Runs in the storage of an object that nothing else uses. */
function inStorage<T>(work: (storage: DurableObjectStorage) => T | Promise<T>): Promise<T> {
  const stub = env.CATALOG.get(env.CATALOG.newUniqueId());
  return runInDurableObject(stub, (_object, { storage }) => work(storage));
}

beforeEach(newWorld);

describe('a store', () => {
  it('is not written by reading, so a name that nobody pushed to leaves no trace', async () => {
    const before = (await listDurableObjectIds(env.REPOSITORY)).length;
    const name = repositoryName('never-pushed');
    expect((await request(`/v2/${name}/manifests/latest`)).status).toBe(404);
    expect((await request(`/v2/${name}/tags/list`)).status).toBe(404);
    expect(await served('never-pushed', await newBlob())).toBe(404);
    const tables = await runInDurableObject(objects.repository(name), (_object, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
    );
    expect(tables).toEqual([]);
    expect((await listDurableObjectIds(env.REPOSITORY)).length - before).toBeLessThanOrEqual(1);
  });

  it('goes from every older version to the present one, with its rows', async () => {
    const rows = await inStorage((storage) => {
      const old = new Database(storage, 'Things', [FIRST]);
      old.ensure();
      old.run("INSERT INTO things VALUES ('kept')");
      const present = new Database(storage, 'Things', [FIRST, SECOND]);
      expect(present.opened()).toBe(true);
      return present.all('SELECT name, size FROM things');
    });
    expect(rows).toEqual([{ name: 'kept', size: 0 }]);
  });

  it('of the catalog that an older release wrote gets a mark for every name, each its own', async () => {
    const rows = await inStorage((storage) => {
      const old = new Database(storage, 'Catalog', CATALOG_MIGRATIONS.slice(0, 1));
      old.ensure();
      for (const name of ['a', 'b', 'c']) old.run('INSERT INTO repositories VALUES (?, 1, 1)', name);
      const present = new Database(storage, 'Catalog', CATALOG_MIGRATIONS);
      expect(present.opened()).toBe(true);
      return present.all<{ name: string; marker: string }>('SELECT name, marker FROM repositories ORDER BY name');
    });
    expect(rows.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(new Set(rows.map(({ marker }) => marker)).size).toBe(3);
    for (const { marker } of rows) expect(marker).toMatch(/^[0-9a-f]{32}$/);
  });

  it('of a repository that an older release wrote goes to the present one from each of its versions', async () => {
    for (let version = 1; version < REPOSITORY_MIGRATIONS.length; version += 1) {
      const tags = await inStorage((storage) => {
        const old = new Database(storage, 'Repository', REPOSITORY_MIGRATIONS.slice(0, version));
        old.ensure();
        old.run("INSERT INTO manifests (digest, media_type, size, pushed_at) VALUES ('sha256:x', 'a/b', 1, 0)");
        old.run("INSERT INTO tags SELECT 'kept', id, 0 FROM manifests");
        const present = new Database(storage, 'Repository', REPOSITORY_MIGRATIONS);
        expect(present.opened()).toBe(true);
        expect(present.all('SELECT * FROM deleted_tags')).toEqual([]);
        return present.all('SELECT name FROM tags');
      });
      expect(tags, String(version)).toEqual([{ name: 'kept' }]);
    }
  });

  it('is refused in one line when a newer release has written it', async () => {
    const message = await inStorage((storage) => {
      new Database(storage, 'Things', [FIRST, SECOND]).ensure();
      try {
        new Database(storage, 'Things', [FIRST]).opened();
        return 'not refused';
      } catch (error) {
        return error instanceof Error ? error.message : 'no error';
      }
    });
    expect(message).toMatch(
      /^Things: these data were written by a newer Berth \(schema 2, this release knows 1\): .+$/,
    );
  });

  it('answers 5xx and shows nothing of it to the client while it is refused', async () => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    const stub = objects.repository(repositoryName('a'));
    await runInDurableObject(stub, (_object, { storage }) => {
      storage.sql.exec('UPDATE schema_version SET version = 99');
    });
    await crash(stub);
    const response = await request(`/v2/${repositoryName('a')}/tags/list`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('schema');
  });

  it('takes a whole transaction back when a step of it throws', async () => {
    const rows = await inStorage((storage) => {
      const database = new Database(storage, 'Things', [FIRST]);
      database.ensure();
      expect(() =>
        database.transaction(() => {
          database.run("INSERT INTO things VALUES ('half')");
          throw new Error('on purpose');
        }),
      ).toThrow('on purpose');
      return database.all('SELECT name FROM things');
    });
    expect(rows).toEqual([]);
  });
});

describe('tasks', () => {
  beforeEach(() => {
    // So far ahead of the machine's clock no alarm rings by itself, however slow the machine is.
    passTime(3_600_000);
  });
  type Kind = 'good' | 'bad';

  async function withTasks(
    handlers: Record<Kind, (subject: string) => TaskOutcome>,
    work: (tasks: Tasks<Kind>, storage: DurableObjectStorage) => Promise<void>,
  ): Promise<void> {
    await inStorage(async (storage) => {
      const database = new Database(storage, 'Things', [TASKS_SCHEMA]);
      database.ensure();
      await work(new Tasks<Kind>(storage, database, 'Things', handlers), storage);
    });
  }

  it('that fail are tried again later and later, and hold up no other', async () => {
    const done: string[] = [];
    let failures = 0;
    const handlers = {
      good: (subject: string): TaskOutcome => {
        done.push(subject);
        return 'done';
      },
      bad: (): TaskOutcome => {
        failures += 1;
        throw new Error('on purpose');
      },
    };
    await withTasks(handlers, async (tasks, storage) => {
      tasks.add('bad', 'x', 1);
      tasks.add('good', 'y', 2);
      await tasks.run(Date.now());
      expect(done).toEqual(['y']);
      const waits: number[] = [];
      for (let attempt = 0; attempt < 12; attempt += 1) {
        const alarm = (await storage.getAlarm()) ?? 0;
        waits.push(alarm - Date.now());
        vi.setSystemTime(alarm);
        await tasks.run(Date.now());
      }
      expect(failures).toBe(13);
      expect(waits.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
      expect(waits.at(-1)).toBe(600_000);
    });
  });

  it('keep the earlier time when they are added twice, and run once', async () => {
    const done: string[] = [];
    const handlers = {
      good: (subject: string): TaskOutcome => {
        done.push(subject);
        return 'done';
      },
      bad: (): TaskOutcome => 'done',
    };
    await withTasks(handlers, async (tasks, storage) => {
      const now = Date.now();
      tasks.add('good', 'x', now + 5_000);
      tasks.add('good', 'x', now + 1_000);
      tasks.add('good', 'x', now + 9_000);
      await tasks.arm();
      expect(await storage.getAlarm()).toBe(now + 1_000);
      passTime(1_000);
      await tasks.run(Date.now());
      await tasks.run(Date.now());
      expect(done).toEqual(['x']);
      expect(await storage.getAlarm()).toBeNull();
    });
  });

  it('are not written again when they are to run by then already', async () => {
    const handlers = { good: (): TaskOutcome => 'done', bad: (): TaskOutcome => 'done' } as const;
    await withTasks(handlers, async (tasks, { sql }) => {
      sql.exec('CREATE TABLE written (due INTEGER)');
      sql.exec('CREATE TRIGGER each AFTER UPDATE ON tasks BEGIN INSERT INTO written VALUES (new.due); END');
      const now = Date.now();
      for (const due of [5_000, 5_000, 9_000, 1_000, 2_000]) tasks.add('good', 'x', now + due);
      expect(sql.exec('SELECT due FROM written').toArray()).toEqual([{ due: now + 1_000 }]);
    });
  });

  it('that are added while they run stay, and run once more', async () => {
    let runs = 0;
    const added: (() => void)[] = [];
    const handlers = {
      good: (): TaskOutcome => {
        runs += 1;
        if (runs === 1) for (const add of added) add();
        return 'done';
      },
      bad: (): TaskOutcome => 'done',
    };
    await withTasks(handlers, async (tasks, storage) => {
      const now = Date.now();
      added.push(() => {
        tasks.add('good', 'x', now);
        tasks.add('good', 'x', now);
      });
      tasks.add('good', 'x', now);
      await tasks.run(now);
      expect(await storage.getAlarm()).toBe(now);
      await tasks.run(now);
      expect(runs).toBe(2);
      expect(await storage.getAlarm()).toBeNull();
    });
  });

  it('get their alarm back from the next request when it was lost', async () => {
    const handlers = { good: (): TaskOutcome => 'done', bad: (): TaskOutcome => 'done' } as const;
    await withTasks(handlers, async (tasks, storage) => {
      tasks.add('good', 'x', Date.now() + 1_000);
      await storage.deleteAlarm();
      await tasks.arm();
      expect(await storage.getAlarm()).toBe(Date.now() + 1_000);
    });
  });

  it('of a kind that this release does not know stay where they are', async () => {
    const handlers = { good: (): TaskOutcome => 'done', bad: (): TaskOutcome => 'done' } as const;
    await withTasks(handlers, async (tasks, storage) => {
      storage.sql.exec("INSERT INTO tasks (kind, subject, due) VALUES ('newer', 'x', 1)");
      await tasks.run(Date.now());
      expect(storage.sql.exec('SELECT kind FROM tasks').toArray()).toEqual([{ kind: 'newer' }]);
    });
  });
});
