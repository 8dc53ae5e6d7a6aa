/** What a caller gets where no answer came. */
import { PostriderError } from '../errors.ts';
import type { MemberCalls } from './types.ts';

export function memberUnreachable(member: string, how: string, cause?: unknown): PostriderError {
  return new PostriderError('MemberUnreachable', `member ${member} ${how}`, { cause });
}

/** The members of a fleet of one. */
export const NOBODY: MemberCalls = {
  members: async () => [],
  ask: async (member) => {
    throw memberUnreachable(member, 'can not be asked: this pod has no peers');
  },
};
