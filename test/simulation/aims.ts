/** The faults that wait for their moment: for a state of the protocol to be seen for the nth time. */
import type { PlannedFault } from './plan.ts';

export class Aims {
  #waiting: { readonly fault: PlannedFault; left: number }[] = [];

  add(fault: PlannedFault): void {
    this.#waiting.push({ fault, left: fault.nth });
  }

  /** Those that strike now. @param sees whether what a fault waits for is there */
  hit(sees: (fault: PlannedFault) => boolean): PlannedFault[] {
    const hit: PlannedFault[] = [];
    for (const aim of this.#waiting) {
      if (!sees(aim.fault)) continue;
      aim.left -= 1;
      if (aim.left === 0) hit.push(aim.fault);
    }
    if (hit.length > 0) this.#waiting = this.#waiting.filter(({ left }) => left > 0);
    return hit;
  }
}
