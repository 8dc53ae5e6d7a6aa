/**
 * What the records of a lane make of its index, applied in the order in which they were written. Records hold full
 * states, so that applying one twice, or from an older snapshot on, comes to the same. Pure, but for the index.
 */

import {
  decodeLaneRecord,
  decodeMessage,
  decodeSettled,
  type MessagePart,
  parseJobs,
} from './format/message.ts';
import type { RecordType } from './format/record.ts';
import type { MessageIndex, RecordLocation } from './message-index.ts';
import { TransferState } from './transfer/facts.ts';

export class Replay {
  readonly #index: MessageIndex;
  /** The highest sequence that may have been given to a message. */
  highest = 0;
  /** Segments below this have been given up. */
  firstSegment = 1;
  readonly transfers = new TransferState();

  constructor(index: MessageIndex) {
    this.#index = index;
  }

  apply(
    { type, payload }: { readonly type: RecordType; readonly payload: Buffer },
    where: RecordLocation,
  ): void {
    switch (type) {
      case 'accepted':
      case 'relocated':
        this.#put(decodeMessage(payload), where);
        return;
      case 'settled':
        this.#settle(payload, where);
        return;
      case 'dropped':
        this.firstSegment = Math.max(this.firstSegment, decodeLaneRecord(payload));
        return;
      case 'retired':
        return;
      case 'reserved':
        this.highest = Math.max(this.highest, decodeLaneRecord(payload));
        return;
    }
  }

  #settle(payload: Buffer, where: RecordLocation): void {
    const { sequence, state, report } = decodeSettled(payload);
    // Unknown where its `accepted` was damaged: then nothing is left to settle.
    if (state.jobs.length > 0) this.#index.setJobs(sequence, state.jobs);
    else this.#index.remove(sequence);
    const part = report && decodeMessage(report.payload);
    if (part) this.#put(part, where);
    if (state.transfer) this.transfers.apply(state.transfer, where.segment, part?.sequence);
  }

  #put(part: MessagePart, where: RecordLocation): void {
    this.highest = Math.max(this.highest, part.sequence);
    this.#index.put({
      sequence: part.sequence,
      size: part.size,
      arrivedAt: part.arrivedAt,
      sender: part.sender,
      body: Buffer.isBuffer(part.body) ? undefined : part.body.name,
      jobs: parseJobs(part.jobs),
      segment: where.segment,
      offset: where.offset,
      length: where.length,
    });
  }
}
