/** Loaded before a program (`NODE_OPTIONS=--import=…`): its wall clock is `SHIFTED_MS` away from that of the machine. */
const now = Date.now;
const by = Number(process.env['SHIFTED_MS']);
Date.now = () => now() + by;

export {};
