/** The Worker under test: the real one, with bindings that tests can interrupt (see faults.ts). */
import { handle } from '../../src/http/app.ts';
import { Accounts as RealAccounts } from '../../src/objects/accounts/accounts.ts';
import { BlobDirectory as RealBlobDirectory } from '../../src/objects/blob-directory/blob-directory.ts';
import { Catalog as RealCatalog } from '../../src/objects/catalog/catalog.ts';
import { Endpoint as RealEndpoint } from '../../src/objects/endpoint/endpoint.ts';
import { EventLog as RealEventLog } from '../../src/objects/event-log/event-log.ts';
import { EventQueue as RealEventQueue } from '../../src/objects/event-queue/event-queue.ts';
import { appendDead, consumeBatch } from '../../src/objects/event-queue/platform-queue.ts';
import { Repository as RealRepository } from '../../src/objects/repository/repository.ts';
import { Upload as RealUpload } from '../../src/objects/upload/upload.ts';
import { wrapped } from './faults.ts';

export class Accounts extends RealAccounts {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'Accounts', ctx));
  }
}

export class BlobDirectory extends RealBlobDirectory {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'BlobDirectory', ctx));
  }
}

export class Catalog extends RealCatalog {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'Catalog', ctx));
  }
}

export class Endpoint extends RealEndpoint {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'Endpoint', ctx));
  }
}

export class EventLog extends RealEventLog {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'EventLog', ctx));
  }
}

export class EventQueue extends RealEventQueue {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'EventQueue', ctx));
  }
}

export class Repository extends RealRepository {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'Repository', ctx));
  }
}

export class Upload extends RealUpload {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'Upload', ctx));
  }
}

export default {
  fetch: (request, env, execution) => handle(request, wrapped(env, 'front'), execution),
  queue: (batch, env) => consumeBatch(batch, wrapped(env, 'queue')),
  scheduled: (_controller, env) => appendDead(wrapped(env, 'queue')),
} satisfies ExportedHandler<Env>;
