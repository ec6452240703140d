/** Of this process, whatever else the machine does meanwhile; and by the clock. */
export const now = () => ({ processor: process.cpuUsage().user / 1e6, clock: performance.now() / 1000 });

export const between = (from, to) => ({ seconds: to.processor - from.processor, clockSeconds: to.clock - from.clock });
