/** Content in files of its own, and the reports that end a message. */
import type { Mutant } from '../mutant.ts';

const BODY = 'mta/queue/body-writer.ts';
const FOLDER = 'mta/queue/folder-sync.ts';
const LANE = 'mta/queue/lane.ts';

export const bodies: readonly Mutant[] = [
  {
    name: 'body-not-synced',
    rule: 'A message above a threshold has its body in a file of its own, synced before its record.',
    file: BODY,
    edits: [{ find: '      await this.#file?.sync();\n', replace: '' }],
  },
  {
    name: 'body-name-not-synced',
    rule: 'Each new body has its directory synced before the first 250 that needs it.',
    file: BODY,
    edits: [{ find: '      await this.#names.sync(this.#mark);\n', replace: '' }],
  },
  {
    name: 'body-rides-with-a-sync-under-way',
    rule: 'Who shares a sync of the directory waits for one that was begun after it asked.',
    file: FOLDER,
    edits: [
      {
        find: '    this.#next = this.#running\n',
        replace: '    if (this.#running) return this.#running;\n    this.#next = this.#running\n',
      },
    ],
  },
  {
    name: 'body-name-synced-again-and-believed',
    rule: 'After a failed sync of a folder, whichever body was told of it, none of before is synced again and believed.',
    file: FOLDER,
    edits: [{ find: '    if (this.#failures !== mark) throw this.#failure;\n', replace: '' }],
    also: [
      { file: BODY, edits: [{ find: 'if (this.#written > 0 &&', replace: 'if (this.#written < 0 &&' }] },
    ],
  },
  {
    name: 'body-unlinked-before-the-record',
    rule: 'Bodies likewise: synced intent, renewal, then unlink.',
    file: LANE,
    edits: [
      {
        find: '    await this.#journal.append(record, { keep: true, mayWait: true, placed })',
        replace: `    if (jobs.length === 0 && message.body !== undefined) this.#bodies.remove(message.body);
    await this.#journal.append(record, { keep: true, mayWait: true, placed })`,
      },
    ],
  },
  {
    name: 'body-of-refused-mail-unlinked-at-once',
    rule: 'A body of refused mail is removed only after a later group has sealed the failed one.',
    file: LANE,
    edits: [{ find: 'this.#bodies.doubt(body.name);', replace: 'this.#bodies.remove(body.name);' }],
  },
  {
    name: 'bodies-of-a-later-owner-collected',
    rule: 'Bodies without a record are collected by the owner only: a ghost leaves those of later owners alone.',
    file: 'mta/queue/sweep.ts',
    edits: [{ find: 'writtenBy < kept.epoch && ', replace: 'writtenBy >= 0 && ' }],
  },
  {
    name: 'report-in-a-record-of-its-own',
    rule: 'A bounce and the end of its parent are one record.',
    file: LANE,
    edits: [
      { find: 'arriving && forRecord(arriving));', replace: 'undefined);' },
      { find: '      if (arriving) entry = this.#put(arriving, where);\n', replace: '      void where;\n' },
      {
        find: '    if (entry) this.#events.onArrival(entry);\n    if (jobs.length === 0',
        replace: '    if (report) await this.enqueue(report);\n    if (jobs.length === 0',
      },
    ],
  },
];
