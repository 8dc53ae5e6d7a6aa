/** What a new config may change while the process runs. Throws `PostriderError` ConfigInvalid for anything else. */
import { isDeepStrictEqual } from 'node:util';
import type { MtaConfig } from '../config.ts';
import { PostriderError } from '../errors.ts';

/** What a running process can't change, and what of it. */
const FIXED: Readonly<Record<string, (config: MtaConfig) => unknown>> = {
  control: ({ control: { access, address, port } }) => [access, address, port],
  // What becomes of an empty folder is asked at the start alone.
  queue: ({ queue }) => ({ ...queue, initialize: false }),
  health: ({ health }) => health,
  'log.historyPath': ({ log }) => log.historyPath,
};

export function checkChange(old: MtaConfig, config: MtaConfig): void {
  if (config.revision < old.revision) {
    throw new PostriderError(
      'ConfigInvalid',
      `revision ${config.revision} is older than ${old.revision}, which is loaded`,
      { hint: 'revisions only go up: write the content that you want with a higher one' },
    );
  }
  const ends = ({ peers, fleet }: MtaConfig) =>
    peers && [peers.address, peers.port, peers.members.source, fleet.namespace, fleet.name].join(' ');
  if (ends(old) !== ends(config)) {
    throw new PostriderError('ConfigInvalid', "peers can't come, go or move while the process runs", {
      hint: 'restart it with the new config; members in a list may change',
    });
  }
  const changed = Object.entries(FIXED).find(([, part]) => !isDeepStrictEqual(part(old), part(config)))?.[0];
  if (changed !== undefined) {
    throw new PostriderError('ConfigInvalid', `${changed} can't change while the process runs`, {
      hint: 'restart it with the new config',
    });
  }
}
