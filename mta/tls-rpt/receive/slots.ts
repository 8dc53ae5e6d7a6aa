/**
 * How many reports are under way, in all and of one client, so that nobody keeps all others from being heard. Pure. Who has one address of
 * IPv6 has a network of them: a client is its /64.
 */
import { isIPv6 } from 'node:net';
import { plainAddress } from '../../listen/plain-address.ts';

export class Slots {
  readonly #most: number;
  readonly #mostOfOne: number;
  readonly #byClient = new Map<string, number>();
  #total = 0;

  constructor(most: number, mostOfOne: number) {
    this.#most = most;
    this.#mostOfOne = mostOfOne;
  }

  /**
   * @param address of the client; all without one are one
   * @returns what is to be called when it is over; undefined where there is no slot
   */
  enter(address: string): (() => void) | undefined {
    const client = clientOf(address);
    const ofIt = this.#byClient.get(client) ?? 0;
    if (this.#total >= this.#most || ofIt >= this.#mostOfOne) return undefined;
    this.#total += 1;
    this.#byClient.set(client, ofIt + 1);
    return () => {
      this.#total -= 1;
      const left = this.#byClient.get(client)! - 1;
      if (left === 0) this.#byClient.delete(client);
      else this.#byClient.set(client, left);
    };
  }
}

function clientOf(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}

const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'));
