/** What the system says when it stands in the way, as one line that says what to do. */
import { describe, expect, it } from 'vitest';
import { systemFailure } from '../../../standalone/start-failure.ts';

const systemError = (code: string): Error => Object.assign(new Error(`${code}: write`), { code });

describe('a failure of the system', () => {
  it.each([
    ['ENOSPC', 'the disk of /srv/berth is full. Make room there, then start again.'],
    ['EDQUOT', "this user's quota on the disk of /srv/berth is used up. Make room there, then start again."],
    ['EROFS', 'the disk of /srv/berth can only be read. Mount it for writing (mount -o remount,rw), then start again.'],
    ['EIO', "the disk of /srv/berth fails (EIO). Look at the system's log (dmesg), and at the disk."],
    ['EMFILE', 'this process may open too few files at once. Type ulimit -n 4096, then start again.'],
    ['ENFILE', 'the system has too many files open. End other programs, then start again.'],
  ])('%s is told in one line', (code, message) => {
    expect(systemFailure(systemError(code), '/srv/berth')?.message).toBe(message);
  });

  it('is a full disk also in the words of workerd', () => {
    const error = new Error('*** Fatal uncaught kj::Exception: SQLite failed; database or disk is full: SQLITE_FULL');
    expect(systemFailure(error, '.berth')?.message).toBe(
      'the disk of .berth is full. Make room there, then start again.',
    );
  });

  it('is nothing else', () => {
    expect(systemFailure(systemError('EACCES'), '.')).toBeUndefined();
    expect(systemFailure(new Error('a defect of ours'), '.')).toBeUndefined();
  });
});
