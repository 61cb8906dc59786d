/** What test/store-bindings.ts binds besides wrangler.toml's own: see test/file-service.ts and test/object-server.ts. */
declare namespace Cloudflare {
  interface Env {
    TEST_FILES: Fetcher;
    TEST_DISK: Fetcher;
    TEST_OBJECTS: Fetcher;
    /** The receivers of webhooks: see test/receivers.ts. */
    OUTBOUND: Fetcher;
    /** The queue of `npm start`: see vitest.config.ts. */
    TEST_EVENT_QUEUE: DurableObjectNamespace<import('../../src/objects/event-queue/event-queue.ts').EventQueue>;
  }
}
