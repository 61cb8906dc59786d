/**
 * Keeps long test files fast. @cloudflare/vitest-pool-workers 0.19.1 wraps the prototype of an entry point in one more
 * Proxy each time that one is made, so the thousandth request of a file looks every property up through a thousand
 * proxies. A prototype that it has wrapped once is left as it is here; nothing else is touched.
 */
const RealProxy = Proxy;
const wrapped = new WeakSet<object>();

globalThis.Proxy = new RealProxy(RealProxy, {
  construct(target, [object, handler]: [object, ProxyHandler<object>], newTarget) {
    if (wrapped.has(object)) return object;
    // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- Reflect.construct is typed so
    const made: object = Reflect.construct(target, [object, handler], newTarget);
    // eslint-disable-next-line @typescript-eslint/unbound-method -- its text is read, it is not called
    if (String(handler.get).includes('getUnknownPrototypeKey')) wrapped.add(made);
    return made;
  },
});
