/** What `postrider drain` prints. Pure. */
import type { Draining, DrainStatus } from '../../mta/control/drain-types.ts';
import { countText, printable, sizeText } from './table.ts';

export function drainLines(status: DrainStatus): string[] {
  switch (status.state) {
    case 'notDraining':
      return ['Not draining: this mta serves.'];
    case 'draining':
      return drainingLines(status).map(printable);
    case 'drained': {
      const { proof, moved, since } = status;
      const what =
        proof.claim === 'empty'
          ? 'Drained: the volume holds no mail. Pod and volume may be deleted.'
          : 'Drained: this pod has let go of all of its lanes. The pod may be deleted; the volume is the fleet’s.';
      return [
        what,
        `  begun at ${since}; ${countText(moved.messages, 'message')} moved, ${sizeText(moved.bytes)}`,
        `  proof of ${proof.at}: pod ${proof.pod} of ${proof.fleet}, revision ${proof.revision}, queue ${proof.queue.id ?? 'without an id'} in ${proof.queue.path}`,
        `  ${countText(proof.listed.names.length, 'name')} there, none of them mail; ${proof.digest}`,
      ].map(printable);
    }
  }
}

/** One line for each step on the way. */
export function progressLine(status: Draining): string {
  const { moved, movedPerSecond, pinned, problems, left } = status;
  const inPinned = pinned.reduce((sum, batch) => sum + batch.messages, 0);
  return [
    leftText(status),
    ...(moved.messages > 0
      ? [`${moved.messages} moved, ${movedPerSecond.messages.toFixed(1)} a second`]
      : []),
    ...(inPinned > 0 ? [`${inPinned} wait for an answer`] : []),
    ...(left.length > 0 ? [`${countText(left.length, 'thing')} on the volume`] : []),
    ...(problems.length > 0 ? [countText(problems.length, 'problem')] : []),
  ].join('; ');
}

function drainingLines(status: Draining): string[] {
  const { since, mode, claim, moved, movedPerSecond, pinned, owed, problems, left, lanes } = status;
  const ways =
    mode === 'PerReplica'
      ? 'gives its messages to other members'
      : claim === 'released'
        ? 'lets go of its lanes for other pods'
        : 'delivers what there is, and takes nothing new';
  return [
    `Draining since ${since}: this pod ${ways}.`,
    `  left     ${leftText(status)}${lanes.length > 0 ? ` (${lanes.map(({ id }) => id).join(', ')})` : ''}`,
    ...(mode === 'PerReplica'
      ? [
          `  moved    ${countText(moved.messages, 'message')}, ${sizeText(moved.bytes)}; ${movedPerSecond.messages.toFixed(1)} a second`,
        ]
      : []),
    ...pinned.map(
      ({ member, batch, messages }) =>
        `  pinned   ${countText(messages, 'message')} to ${member}, batch ${batch}`,
    ),
    ...owed.map(({ member, batch }) => `  owed     by ${member}: batch ${batch} is not over`),
    ...left.flatMap(({ where, what }) => [`  there    ${where === '' ? 'the volume' : where}: ${what}`]),
    ...problems.flatMap(({ subject, reason, advice }) => [
      `  problem  ${subject}: ${reason}`,
      `           ${advice}`,
    ]),
  ];
}

function leftText({ messages, bytes, lanes }: Draining): string {
  if (lanes.length === 0) return 'no lane';
  return `${countText(messages, 'message')}, ${sizeText(bytes)} in ${countText(lanes.length, 'lane')}`;
}
