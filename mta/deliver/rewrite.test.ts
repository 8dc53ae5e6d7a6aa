import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Relay } from '../config.ts';
import type { Envelope } from '../envelope.ts';
import type { MessageContent } from '../queue/types.ts';
import { testDomain, testRelay } from '../route/testing/config.ts';
import type { Destination } from '../route/types.ts';
import { rewriteAddress, rewriteFor } from './rewrite.ts';

const rule = (from: string, to = 'noreply@example.org') => ({ from, to });

function relay(rewrite: Partial<Relay['rewrite']>): Destination {
  return {
    kind: 'relay',
    key: 'relay:mail/out',
    relay: testRelay({ rewrite: { envelopeFrom: [], headerFrom: [], ...rewrite } }),
  };
}

const envelope = (from: string): Envelope => ({
  from,
  recipients: [],
  arrivedAt: 0,
  origin: { listener: 'x', protocol: 'SMTP' },
});
const inMemory = (text: string): MessageContent => ({
  size: text.length,
  bytes: Buffer.from(text),
  stream: () => expect.unreachable(),
});

async function contentAfter(content: MessageContent): Promise<string> {
  return content.bytes?.toString() ?? Buffer.concat(await content.stream().toArray()).toString();
}

async function header(text: string, ...rules: ReturnType<typeof rule>[]): Promise<string> {
  const { content } = rewriteFor(relay({ headerFrom: rules }), {
    envelope: envelope(''),
    content: inMemory(text),
  });
  const result = await contentAfter(content);
  expect(content.size).toBe(Buffer.byteLength(result));
  return result;
}

describe('addresses', () => {
  it.each([
    ['root@web-0.pod.test', 'root@web-0.pod.test', true],
    ['ROOT@web-0.pod.TEST', 'root@WEB-0.pod.test', true],
    ['root@web-0.pod.test', 'root@web-1.pod.test', false],
    ['*@web-0.pod.test', 'anna@web-0.pod.test', true],
    ['*@*.pod.test', 'anna@web-0.pod.test', true],
    ['*@*.pod.test', 'anna@pod.test', false],
    ['root@*', 'root@anything.test', true],
    ['root@*', 'anna@anything.test', false],
    ['root', 'root@anything.test', true],
    ['*', 'anna@anything.test', true],
  ])('%s and %s: %s', (pattern, address, matches) => {
    expect(rewriteAddress([rule(pattern)], address)).toBe(matches ? 'noreply@example.org' : address);
  });

  it('take the first rule that matches', () => {
    expect(rewriteAddress([rule('root@*', 'a@example.org'), rule('*', 'b@example.org')], 'root@x')).toBe(
      'a@example.org',
    );
  });
});

describe('the reverse-path', () => {
  const message = (from: string) => ({ envelope: envelope(from), content: inMemory('a\r\n') });

  it('is replaced for a relay, and never when it is null', () => {
    const destination = relay({ envelopeFrom: [rule('*')] });
    expect(rewriteFor(destination, message('root@pod')).envelope.from).toBe('noreply@example.org');
    const bounce = message('');
    expect(rewriteFor(destination, bounce).envelope).toBe(bounce.envelope);
  });

  it('and everything else stay the same objects where nothing is rewritten', () => {
    const plain = message('root@pod');
    const ours: Destination = { kind: 'domain', key: 'domain:ours.test', domain: testDomain() };
    expect(rewriteFor(relay({}), plain)).toEqual(plain);
    expect(rewriteFor(ours, plain).content).toBe(plain.content);
    expect(rewriteFor(relay({}), plain).content).toBe(plain.content);
  });
});

describe('the From field', () => {
  const any = rule('*@pod');

  it.each([
    ['From: root@pod\r\n', 'From: noreply@example.org\r\n'],
    ['From: "root@pod" <root@pod>\r\n', 'From: "root@pod" <noreply@example.org>\r\n'],
    [
      'From: Root (root@pod (root@pod)) <root@pod>\r\n',
      'From: Root (root@pod (root@pod)) <noreply@example.org>\r\n',
    ],
    [
      'FROM :\tRoot\r\n\t<root@pod>,\r\n anna@other\r\n',
      'FROM :\tRoot\r\n\t<noreply@example.org>,\r\n anna@other\r\n',
    ],
    ['From: =?utf-8?q?R=C3=B6ot?= <"a b"@pod>\r\n', 'From: =?utf-8?q?R=C3=B6ot?= <noreply@example.org>\r\n'],
    ['From: R\u00f6ot <root@pod>\r\n', 'From: R\u00f6ot <noreply@example.org>\r\n'],
    ['From: root@pod.other\r\n', 'From: root@pod.other\r\n'],
    ['From: "unfinished <root@pod>\r\n', 'From: "unfinished <root@pod>\r\n'],
  ])('%j', async (before, after) => {
    const rest = 'To: root@pod\r\nX-From: root@pod\r\n\r\nFrom: root@pod\r\n\r\n';
    expect(await header(`Subject: x\r\n${before}${rest}`, any)).toBe(`Subject: x\r\n${after}${rest}`);
  });

  it('is found first and last in a header, and not in content without one', async () => {
    expect(await header('From: root@pod\r\n\r\nx\r\n', any)).toBe('From: noreply@example.org\r\n\r\nx\r\n');
    expect(await header('From: root@pod\r\n', any)).toBe('From: noreply@example.org\r\n');
    expect(await header('\r\nFrom: root@pod\r\n', any)).toBe('\r\nFrom: root@pod\r\n');
  });

  it('is rewritten in a stream, wherever it is cut', async () => {
    const text = `Subject: x\r\nFrom: R\u00f6ot\r\n <root@pod>\r\n\r\n${'From: root@pod\r\n'.repeat(1000)}`;
    const bytes = Buffer.from(text);
    for (const size of [1, 7, 100, 100_000]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      );
      const content = { size: bytes.length, bytes: undefined, stream: () => Readable.from(chunks) };
      const after = rewriteFor(relay({ headerFrom: [any] }), { envelope: envelope(''), content }).content;
      expect(await contentAfter(after)).toBe(text.replace('<root@pod>', '<noreply@example.org>'));
    }
  });

  it('of a header that never ends passes as it is, in bounded memory', async () => {
    const chunk = Buffer.from(`X: ${'x'.repeat(65_000)}\r\n`);
    const content = {
      size: 0,
      bytes: undefined,
      stream: () => Readable.from(Array.from({ length: 20 }, () => chunk)),
    };
    const after = rewriteFor(relay({ headerFrom: [any] }), { envelope: envelope(''), content }).content;
    expect(await contentAfter(after)).toBe(chunk.toString().repeat(20));
  });

  it('of hostile values takes no time', async () => {
    for (const value of [
      '"'.repeat(100_001),
      '('.repeat(100_000),
      '"\\'.repeat(50_000),
      'a'.repeat(100_000),
      '@'.repeat(100_000),
      'a@'.repeat(50_000),
      '(a'.repeat(50_000),
      'a@['.repeat(50_000),
    ]) {
      const started = performance.now();
      await header(`From: ${value}\r\n\r\n`, any);
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });
});
