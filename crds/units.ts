/**
 * The units that manifests are written in: Go durations (`1h30m`) and Kubernetes quantities (`50Mi`). Both functions
 * throw a RangeError on what the schema's patterns refuse; on a parsed manifest they never do.
 */

/** At most four parts, as Gateway API has it (GEP-2257). */
export const DURATION = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/;
export const QUANTITY = /^[0-9]{1,15}(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/;

const secondsOf: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };
const bytesOf: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** Seconds of a duration: `1h30m` is 5400, `250ms` is 0.25. */
export function parseDuration(text: string): number {
  if (!DURATION.test(text)) throw new RangeError(`not a duration: ${text}`);
  const parts = text.matchAll(/([0-9]+)(ms|h|m|s)/g);
  const milliseconds = [...parts].reduce((sum, [, n, unit]) => sum + Number(n) * secondsOf[unit!]! * 1000, 0);
  return milliseconds / 1000;
}

/** Bytes of a quantity: `50Mi` is 52428800; a bare number is bytes. */
export function parseQuantity(quantity: string | number): number {
  const text = String(quantity);
  if (!QUANTITY.test(text)) throw new RangeError(`not a quantity: ${text}`);
  const [, n, unit] = /^([0-9]+)(.*)$/.exec(text)!;
  return Number(n) * bytesOf[unit!]!;
}
