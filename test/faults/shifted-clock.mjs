// Preloaded into a gateway by tests: its clock is TEST_CLOCK_SHIFT_MS off, all else runs as it does.
const shiftMs = Number(process.env.TEST_CLOCK_SHIFT_MS);
const trueNow = Date.now;
const now = () => trueNow() + shiftMs;

globalThis.Date = new Proxy(Date, {
  construct: (target, parameters, newTarget) =>
    Reflect.construct(target, parameters.length === 0 ? [now()] : parameters, newTarget),
  apply: (target) => new target(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
