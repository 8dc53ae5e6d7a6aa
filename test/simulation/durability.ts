/** Whether a message that is answered 250 is on the server's stable storage at this moment, looked up in its state. */
import { DirectoryNode, FileNode } from '../../mta/queue/testing/volume.ts';
import type { View } from './view.ts';

/**
 * Says what is missing; undefined where nothing is.
 *
 * @param view of the node that answers
 * @param segment that the process which answers has written to last
 * @param hasBody whether there must be a body
 * @param taken whether another has claimed the lane since that process did
 */
export function durability(
  view: View,
  id: string,
  segment: string,
  { hasBody, taken }: { readonly hasBody: boolean; readonly taken: boolean },
): string | undefined {
  const dash = id.indexOf('-');
  const lane = id.slice(0, dash);
  const lanes = view.server.find('/queue/lanes');
  if (!(lanes instanceof DirectoryNode)) return 'there is no folder of lanes';
  const folder = lanes.synced.get(lane);
  // Another owner may have removed the lane since: then it has seen the message end.
  if (!lanes.names.has(lane)) return undefined;
  if (!(folder instanceof DirectoryNode)) return 'the name of its lane is not synced';
  const file = folder.names.get(segment);
  // Another owner may have dropped it since: then it has seen what it holds.
  if (!file && !taken) return `${segment} is gone`;
  if (file instanceof FileNode) {
    if (!folder.synced.has(segment)) return `the name of ${segment} is not synced`;
    if (view.hasUnsynced(file)) return `${segment} is not synced`;
  }
  const bodies = folder.names.get('body');
  if (!(bodies instanceof DirectoryNode)) return 'there is no folder of bodies';
  const prefix = `${id.slice(dash + 1)}.`;
  let missing = hasBody;
  for (const [name, file] of bodies.names) {
    if (!name.startsWith(prefix) || !(file instanceof FileNode)) continue;
    missing = false;
    if (!bodies.synced.has(name)) return `the name of body ${name} is not synced`;
    if (view.hasUnsynced(file)) return `body ${name} is not synced`;
  }
  return missing ? 'its body is not there' : undefined;
}
