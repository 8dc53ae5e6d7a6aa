/** The fleet channel between members of one process: what they say goes over as JSON and bytes, and no network is needed. */
import { Readable } from 'node:stream';
import { PostriderError } from '../../errors.ts';
import { readJson } from '../body.ts';
import type { FleetChannel, FleetHandler, MemberCalls, MemberName } from '../types.ts';
import { memberUnreachable } from '../unreachable.ts';

export class Wire {
  /** Those that live. */
  readonly members = new Map<MemberName, Map<string, FleetHandler>>();
  readonly asked: { readonly path: string; readonly bytes: number }[] = [];
  /** Called when a member has done what it was asked, before its answer goes back; what it throws is all that is heard. */
  onAnswer = (_path: string): void => {};

  join(self: MemberName): Pick<FleetChannel, 'route'> & MemberCalls {
    const handlers = new Map<string, FleetHandler>();
    this.members.set(self, handlers);
    return {
      route: (path, handler) => void handlers.set(path, handler),
      members: async () => [...this.members.keys()].filter((name) => name !== self),
      ask: async (member, path, query, bytes) => {
        this.asked.push({ path, bytes: bytes.length });
        const known = this.members.get(member);
        if (known === undefined) throw memberUnreachable(member, 'is not there');
        const handler = known.get(path);
        if (!handler) throw new PostriderError('NoSuchResource', `members don't answer ${path}`);
        const body = Readable.from(bytes.length === 0 ? [] : [Buffer.from(bytes)]);
        const json = (largest?: number) => readJson(body, largest);
        const answer = await handler({ from: self, query, body, json });
        this.onAnswer(path);
        return answer === undefined ? undefined : JSON.parse(JSON.stringify(answer));
      },
    };
  }
}
