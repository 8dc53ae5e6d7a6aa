/** What a caller gets where no answer came. */
import { PostriderError } from '../errors.ts';

export function memberUnreachable(member: string, how: string, cause?: unknown): PostriderError {
  return new PostriderError('MemberUnreachable', `member ${member} ${how}`, { cause });
}
