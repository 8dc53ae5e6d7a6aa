/**
 * Opens the mail log that a config describes: redaction, history and destination together. What a later config says of it is taken while
 * it is written to. Both reject where the folder of the history can't be made, read or written, with what to do about it.
 */
import { access, constants, mkdir } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import { PostriderError } from '../errors.ts';
import type { Random } from '../random.ts';
import type { LogDestination } from './destination.ts';
import { createHistoryWriter, expireHistory } from './history.ts';
import { createMailLog } from './mail-log.ts';
import { type Redact, redactionKey, redactor } from './redact.ts';
import type { MailLog } from './types.ts';

export interface OpenMailLogOptions {
  readonly config: MtaConfig['log'];
  readonly destination: LogDestination;
  /** Names this process among the writers of the history: unique in its folder, and the same after a restart. */
  readonly writer: string;
  readonly clock: Clock;
  readonly random: Random;
  /** A record of the history could not be written, or was dropped. */
  readonly onHistoryError: (error: Error) => void;
}

export interface OpenMailLog extends MailLog {
  /** Makes ready what another config says, of the same folder. It is so from the call of the result on. */
  prepare(config: MtaConfig['log']): Promise<() => void>;
}

export async function openMailLog(options: OpenMailLogOptions): Promise<OpenMailLog> {
  const { destination, writer, clock, random, onHistoryError } = options;
  let now = await ready(options.config, clock, random);
  const history = createHistoryWriter({
    ...{ path: options.config.historyPath, days: () => now.days },
    ...{ writer, clock, onError: onHistoryError },
  });
  const log = createMailLog({ destination, clock, redact: (address) => now.redact(address), history });
  return {
    ...log,
    async prepare(config) {
      const next = await ready(config, clock, random);
      return () => {
        now = next;
      };
    },
  };
}

interface Ready {
  readonly redact: Redact;
  readonly days: number;
}

async function ready(config: MtaConfig['log'], clock: Clock, random: Random): Promise<Ready> {
  const redact = await openRedact(config, random);
  const { historyPath: path, historyDays: days } = config;
  try {
    if (days > 0) {
      await mkdir(path, { recursive: true });
      await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    }
    await expireHistory(path, days, clock.now());
  } catch (error) {
    throw unusable(path, error);
  }
  return { redact, days };
}

/** What the log replaces addresses by, for those who search its history. */
export async function openRedact(config: MtaConfig['log'], random: Random): Promise<Redact> {
  if (!config.redactAddresses) return redactor(undefined);
  return redactor(
    await redactionKey(config.historyPath, random).catch((error: unknown) => {
      throw unusable(config.historyPath, error);
    }),
  );
}

function unusable(path: string, cause: unknown): PostriderError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PostriderError(
    'HistoryUnusable',
    `The folder of the history, ${path}, can't be used: ${reason}`,
    {
      hint: 'Make the folder writable for this user, or name another one in log.historyPath.',
      cause,
    },
  );
}
