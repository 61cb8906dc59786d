/** How a body is read: into which buffers, and how much each read waits for. */

/**
 * The first to begin with and while a client is slow; a larger one, which costs fewer turns, the faster it is, and within
 * what the readers of this isolate may hold together.
 */
export const READ_BUFFERS_BYTES = [16 * 1024, 128 * 1024, 1024 * 1024] as const;
export const [SMALLEST_READ_BUFFER_BYTES] = READ_BUFFERS_BYTES;

/**
 * No read waits for more. It tells nothing of what has come before all of it has, and can't be taken back: so a client that
 * was fast a moment ago, and now brings 1 KiB a second, has brought this in time. To wait for ten times as much would save
 * no processor time that can be measured.
 */
export const MOST_AWAITED_BYTES = 48 * 1024;
