/** What a group says of itself, and how a torn tail is told from damage. */
import type { Mutant } from '../mutant.ts';

const SCAN = 'mta/queue/scan.ts';
const GROUP = 'mta/queue/format/group.ts';

export const damage: readonly Mutant[] = [
  {
    name: 'torn-tail-taken-for-damage',
    rule: 'Damage above the last proven offset is a torn tail.',
    file: SCAN,
    edits: [
      {
        find: 'const isProven = sealed !== undefined || at < synced || (found !== undefined && found.proven > at);',
        replace: 'const isProven = true;',
      },
    ],
  },
  {
    name: 'torn-group-half-served',
    rule: 'A group counts as a whole or not at all, unless it is proven to have been synced.',
    file: SCAN,
    edits: [
      {
        find: 'if (whole || sealed !== undefined || at < synced || (await proven(reader, next, size, magic, at))) {',
        replace: 'if (group) {',
      },
    ],
  },
  {
    name: 'record-checksum-ignored',
    rule: "A record's checksum is checked.",
    file: GROUP,
    edits: [
      {
        find: 'if (crc32(payload) === head.crc) records',
        replace: 'if (payload.length === head.payloadLength) records',
      },
    ],
  },
  {
    name: 'segment-head-checksum-ignored',
    rule: "A segment's head counts only where its checksum fits: the newest complete seal counts.",
    file: 'mta/queue/format/segment.ts',
    edits: [
      {
        find: 'if (end + 4 > bytes.length || bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return undefined;',
        replace: 'if (end + 4 > bytes.length) return undefined;',
      },
    ],
  },
];
