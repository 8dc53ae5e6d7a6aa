/** The ports of the local mode: those of the manifests and of this page, unless `--port name=number` says otherwise. */
import type { MtaConfig } from '../../mta/config.ts';
import { PostriderError } from '../../mta/errors.ts';
import { checkFree } from '../../mta/supervise/ports.ts';

export const LOOPBACK = '127.0.0.1';

export interface Ports {
  readonly control: number;
  readonly health: number;
  readonly inbox: number;
  /** Where it differs from the manifest. */
  readonly web?: number;
  /** By name of a listener, where it differs from the manifest. */
  readonly listeners: Readonly<Record<string, number>>;
}

export const DEFAULT_PORTS: Ports = { control: 2580, health: 2581, inbox: 2524, listeners: {} };

/** `['smtp=3525', 'inbox=3524']`; throws `PostriderError` UsageError. */
export function parsePorts(given: readonly string[]): Ports {
  const ports: {
    control: number;
    health: number;
    inbox: number;
    web?: number;
    listeners: Record<string, number>;
  } = {
    ...DEFAULT_PORTS,
    listeners: {},
  };
  for (const text of given) {
    const [, name, digits] = /^([a-z0-9-]+)=(\d+)$/.exec(text) ?? [];
    const number = Number(digits);
    if (name === undefined || number < 1 || number > 65535) {
      throw new PostriderError(
        'UsageError',
        `--port ${text}: write NAME=NUMBER, with a number from 1 to 65535`,
        {
          hint: 'NAME is control, health, inbox, web, or the name of a listener of the MTA, such as smtp',
        },
      );
    }
    if (name === 'control' || name === 'health' || name === 'inbox' || name === 'web') ports[name] = number;
    else ports.listeners[name] = number;
  }
  return ports;
}

/** Every port by the name that `--port` has for it. Rejects with `PostriderError` PortInUse. */
export async function checkPorts(config: MtaConfig, inbox: number): Promise<void> {
  const named = [
    ...config.listeners.map(({ name, address, port }) => ({ name, address, port })),
    { name: 'control', ...config.control },
    { name: 'health', ...config.health },
    { name: 'inbox', address: LOOPBACK, port: inbox },
    ...(config.web === undefined ? [] : [{ name: 'web', ...config.web }]),
  ];
  for (const { name, address, port } of named) {
    try {
      await checkFree([{ name, address, port }]);
    } catch (error) {
      if (!(error instanceof PostriderError)) throw error;
      throw new PostriderError(error.code, error.message, {
        hint: `${error.hint}; --port ${name}=NUMBER moves it`,
        cause: error,
      });
    }
  }
}
