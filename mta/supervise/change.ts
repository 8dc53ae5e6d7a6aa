/** What a new config may change while the process runs. Throws `PostriderError` ConfigInvalid for anything else. */
import { isDeepStrictEqual } from 'node:util';
import type { MtaConfig } from '../config.ts';
import { PostriderError } from '../errors.ts';

/** What a running process can't change. */
export function checkChange(old: MtaConfig, config: MtaConfig): void {
  if (config.revision < old.revision) {
    throw new PostriderError(
      'ConfigInvalid',
      `revision ${config.revision} is older than ${old.revision}, which is loaded`,
      { hint: 'revisions only go up: write the content that you want with a higher one' },
    );
  }
  const fixed = ['queue', 'health', 'log'] as const;
  // What becomes of an empty folder is asked at the start alone.
  const settled = ({ queue, ...rest }: MtaConfig): MtaConfig => ({
    ...rest,
    queue: { ...queue, initialize: false },
  });
  const ends = ({ peers, fleet }: MtaConfig) =>
    peers && [peers.address, peers.port, peers.members.source, fleet.namespace, fleet.name].join(' ');
  if (ends(old) !== ends(config)) {
    throw new PostriderError('ConfigInvalid', "peers can't come, go or move while the process runs", {
      hint: 'restart it with the new config; members in a list may change',
    });
  }
  const place = ({ access, address, port }: MtaConfig['control']) => `${access} ${address} ${port}`;
  const changed =
    place(old.control) === place(config.control)
      ? fixed.find((part) => !isDeepStrictEqual(settled(old)[part], settled(config)[part]))
      : 'control';
  if (changed !== undefined) {
    throw new PostriderError('ConfigInvalid', `${changed} can't change while the process runs`, {
      hint: 'restart it with the new config',
    });
  }
}
