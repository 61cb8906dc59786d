/** The Worker's entry: wiring only. */
import { handle } from './http/app.ts';
import { appendDead, consumeBatch } from './objects/event-queue/platform-queue.ts';

export { Accounts } from './objects/accounts/accounts.ts';
export { BlobDirectory } from './objects/blob-directory/blob-directory.ts';
export { Catalog } from './objects/catalog/catalog.ts';
export { Endpoint } from './objects/endpoint/endpoint.ts';
export { EventLog } from './objects/event-log/event-log.ts';
export { EventQueue } from './objects/event-queue/event-queue.ts';
export { Repository } from './objects/repository/repository.ts';
export { Upload } from './objects/upload/upload.ts';

export default {
  fetch: (request, env, execution) => handle(request, env, execution),
  queue: (batch, env) => consumeBatch(batch, env),
  scheduled: (_controller, env) => appendDead(env),
} satisfies ExportedHandler<Env>;
