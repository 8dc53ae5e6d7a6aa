/** What a disk's error means to the queue. */
import { PostriderError } from '../errors.ts';
import { errorCode, messageOf } from './disk.ts';

/** What a network file system says while its server is away, and of files that were open when it went. */
const UNREACHABLE = new Set([
  'EIO',
  'ESTALE',
  'EBADF',
  'ENOTCONN',
  'ETIMEDOUT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENODEV',
  'ENXIO',
  'EREMOTEIO',
  'ESHUTDOWN',
]);

/** Whether waiting may help: the volume is away, or doesn't answer, rather than refusing us. */
export const isUnreachable = (error: unknown): boolean => UNREACHABLE.has(errorCode(error)) || isLoss(error);

/** Whether a lane was lost, or given up as the disk didn't answer. */
export const isLoss = (error: unknown): boolean =>
  error instanceof PostriderError && error.code === 'LaneLost';

/** Why a queue can't be opened. @param what ends before the disk's own words */
export function openFailure(what: string, error: unknown): PostriderError {
  if (error instanceof PostriderError && !isLoss(error)) return error;
  const message = `${what}: ${messageOf(error)}`;
  return isUnreachable(error)
    ? new PostriderError('QueueUnreachable', message, {
        hint: 'Its volume does not answer: it is tried again until it does. Look at the storage, and at the mount.',
        cause: error,
      })
    : new PostriderError('QueueUnwritable', message, {
        hint: 'Check that it exists, that its volume has room, and that this user may write there.',
        cause: error,
      });
}
