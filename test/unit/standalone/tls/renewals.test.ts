/** What becomes of files that are written under a running Berth. */
import { EventEmitter, once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Renewals } from '../../../../standalone/tls/renewals.ts';
import type { Material, TlsFiles } from '../../../../standalone/tls/material.ts';
import type { Notice } from '../../../../standalone/terminal.ts';
import { Authority, type Issued } from '../../../certificate-authority.ts';
import { Folder, materialOf } from './pairs.ts';

const PATIENCE_MS = 15_000;
const DAY_MS = 86_400_000;

const root = Authority.root();
const issue = (about: { from?: Date; until?: Date } = {}): Issued =>
  root.issue({ name: 'a', hosts: ['a.example'], ...about });

/** Renewals of those files, and what they say and do. */
function renewing(files: TlsFiles): { renewals: Renewals; used: Material[]; said: Notice[] } {
  const used: Material[] = [];
  const said: Notice[] = [];
  const renewals = new Renewals({
    files,
    material: materialOf(files),
    host: undefined,
    use: (material) => used.push(material),
    terminal: { notice: (notice) => said.push(notice) },
  });
  onTestFinished(() => {
    renewals.close();
  });
  return { renewals, used, said };
}

const events = (said: readonly Notice[]): string[] => said.map(({ event }) => event);

describe('a renewal', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is taken once both files fit, and not before', () => {
    const folder = new Folder();
    folder.write(issue());
    const { renewals, used, said } = renewing(folder.plainFiles);
    const next = issue();
    folder.writeCertificate(next.certificate);
    renewals.changed();
    expect([used, said]).toEqual([[], []]);
    folder.writeKey(next.key);
    renewals.changed();
    expect(used.map(({ pair }) => pair.cert)).toEqual([next.certificate]);
    vi.advanceTimersByTime(PATIENCE_MS);
    expect(events(said)).toEqual(['certificate-renewed']);
  });

  it('that never fits is said once, and changes nothing', () => {
    const folder = new Folder();
    folder.write(issue());
    const { renewals, used, said } = renewing(folder.plainFiles);
    folder.writeKey(issue().key);
    renewals.changed();
    vi.advanceTimersByTime(PATIENCE_MS);
    renewals.changed();
    expect(used).toEqual([]);
    expect(said).toEqual([
      {
        level: 'error',
        event: 'certificate-refused',
        message: expect.stringMatching(
          /^the key in .* does not belong .*: take both from the same renewal\. The certificate from before is served on\.$/,
        ) as unknown,
      },
    ]);
  });

  it('that somebody asks for is judged at once', () => {
    const folder = new Folder();
    folder.write(issue());
    const { renewals, used, said } = renewing(folder.plainFiles);
    rmSync(folder.files.cert);
    renewals.asked();
    expect(events(said)).toEqual(['certificate-refused']);
    folder.write(issue());
    renewals.asked();
    expect([events(said), used.length]).toEqual([['certificate-refused', 'certificate-renewed'], 1]);
  });

  it('that was refused is said to be in order once the one that is served lies there again', () => {
    const folder = new Folder();
    const pair = issue();
    folder.write(pair);
    const { renewals, used, said } = renewing(folder.plainFiles);
    rmSync(folder.files.key);
    renewals.asked();
    folder.write(pair);
    renewals.asked();
    renewals.asked();
    expect([events(said), used]).toEqual([['certificate-refused', 'certificate-in-order'], []]);
    expect(said[0]?.message).not.toContain('..');
  });

  it('of nothing new is none', () => {
    const folder = new Folder();
    folder.write(issue());
    const { renewals, used, said } = renewing(folder.plainFiles);
    renewals.changed();
    renewals.asked();
    expect([used, said]).toEqual([[], []]);
  });

  it('is a new list of authorities too', () => {
    const folder = new Folder();
    folder.material(issue(), root.certificate);
    const { renewals, used } = renewing(folder.files);
    const other = Authority.root('another').certificate;
    writeFileSync(folder.files.clientCa, other);
    renewals.changed();
    expect(used.map(({ clientCa }) => clientCa)).toEqual([other]);
  });

  it('by one that has expired replaces none that is valid, and replaces one that has expired too', () => {
    const folder = new Folder();
    folder.write(issue());
    const { renewals, used, said } = renewing(folder.plainFiles);
    const old = () => issue({ from: new Date(Date.now() - 9 * DAY_MS), until: new Date(Date.now() - DAY_MS) });
    folder.write(old());
    renewals.asked();
    expect([events(said), used.length]).toEqual([['certificate-refused'], 0]);
    vi.setSystemTime(Date.now() + 100 * DAY_MS);
    renewals.asked();
    expect([events(said), used.length]).toEqual([['certificate-refused', 'certificate-renewed', 'certificate'], 1]);
  });

  it('that time alone puts right is taken then, and was said once', async () => {
    const folder = new Folder();
    folder.write(issue());
    const { renewals, used, said } = renewing(folder.plainFiles);
    const early = issue({ from: new Date(Date.now() + DAY_MS), until: new Date(Date.now() + 99 * DAY_MS) });
    folder.write(early);
    await renewals.pass();
    vi.advanceTimersByTime(PATIENCE_MS);
    await renewals.pass();
    expect([said.map(({ message }) => message), used]).toEqual([[expect.stringContaining('is not valid before')], []]);
    vi.setSystemTime(Date.now() + DAY_MS);
    await renewals.pass();
    expect(used.map(({ pair }) => pair.cert)).toEqual([early.certificate]);
    await renewals.pass();
    vi.advanceTimersByTime(PATIENCE_MS);
    expect(events(said)).toEqual(['certificate-refused', 'certificate-renewed']);
  });

  it('that does not come is asked for every day, once the end is near', () => {
    const folder = new Folder();
    folder.write(issue({ until: new Date(Date.now() + 20 * DAY_MS) }));
    const { renewals, said } = renewing(folder.plainFiles);
    renewals.watch();
    vi.advanceTimersByTime(14 * DAY_MS);
    expect(said).toEqual([]);
    vi.advanceTimersByTime(3 * DAY_MS);
    expect(events(said)).toEqual(['certificate', 'certificate']);
  });
});

describe('a path', () => {
  /** A folder that a link leads to, as Kubernetes mounts secrets, with the next one beside it. */
  it('is followed wherever links in it lead', async () => {
    const folder = new Folder();
    const place = (name: string, issued: Issued): string => {
      mkdirSync(join(folder.path, name));
      writeFileSync(join(folder.path, name, 'tls.crt'), issued.certificate);
      writeFileSync(join(folder.path, name, 'tls.key'), issued.key, { mode: 0o600 });
      return name;
    };
    symlinkSync(place('first', issue()), join(folder.path, '..data'));
    const files = {
      cert: join(folder.path, '..data', 'tls.crt'),
      key: join(folder.path, '..data', 'tls.key'),
      clientCa: undefined,
    };
    const used = new EventEmitter();
    const renewals = new Renewals({
      files,
      material: materialOf(files),
      host: undefined,
      use: (material) => used.emit('material', material),
      terminal: { notice: () => undefined },
    });
    onTestFinished(() => {
      renewals.close();
    });
    renewals.watch();
    // The first time it may be what it looks at when it begins.
    for (const name of ['second', 'third']) {
      const next = issue();
      const taken = once(used, 'material');
      symlinkSync(place(name, next), join(folder.path, '..new'));
      renameSync(join(folder.path, '..new'), join(folder.path, '..data'));
      expect(await taken).toMatchObject([{ pair: { cert: next.certificate } }]);
    }
  });
});
