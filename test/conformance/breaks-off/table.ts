/**
 * What becomes of a message whose way breaks off in the middle: for each moment, and each way to break off, the one state that the message is
 * in. The tests beside are made from this, and so is docs/breaks-off.md.
 */

/** How a client breaks off, and how we do. */
export const CLIENT_BREAKS = ['cut', 'end', 'silence', 'garbage', 'stop'] as const;
export type ClientBreak = (typeof CLIENT_BREAKS)[number];

/** What the client hears, if anything, with a comma between replies, and how many times its message is in the queue then. */
export interface Received {
  readonly says?: string;
  readonly queued: 0 | 1;
}

export interface ServerRow {
  readonly at: string;
  readonly breaks: Readonly<Record<ClientBreak, Received>>;
}

/** How a next hop breaks off. */
export const HOP_BREAKS = ['cut', 'silence', 'garbage', '421'] as const;
export type HopBreak = (typeof HOP_BREAKS)[number];

/** Undefined is what can't be. */
export interface ClientRow {
  readonly at: string;
  readonly breaks: Readonly<Record<HopBreak, Sent | undefined>>;
}

/** The states of a message that was on its way to a next hop; what they mean is for the page. */
export const SENT = {
  'next host':
    'It was not taken. The next host is asked at once; where there is none, or it fails as well, the message is deferred, and the attempt counts.',
  'same host':
    'It was not taken. The same host is asked at once over a new connection; no attempt is counted for the broken one.',
  uncertain:
    'It may have been taken. It is deferred, the attempt counts, and no other host is asked before the next: if it was taken, there is a second copy.',
  'each its own':
    'Recipients with an answer keep it: delivered, or bounced. The others are deferred, the attempt counts, and no other host is asked before the next. After the content they may have been taken, and then get a second copy.',
  delivered: 'It was taken, and is delivered. What comes after that changes nothing.',
} as const;
export type Sent = keyof typeof SENT;

const NOTHING: Received = { queued: 0 };
const nothing = (says: string): Received => ({ says, queued: 0 });
const once = (says?: string): Received => ({ queued: 1, ...(says === undefined ? {} : { says }) });

/** A command is ours to wait for. */
const COMMAND: ServerRow['breaks'] = {
  cut: NOTHING,
  end: NOTHING,
  silence: nothing('421 4.4.2'),
  garbage: nothing('500 5.5.2'),
  stop: nothing('421 4.3.2'),
};
/** Before there is a session nobody can be told anything. */
const MUTE: ServerRow['breaks'] = {
  cut: NOTHING,
  end: NOTHING,
  silence: NOTHING,
  garbage: NOTHING,
  stop: NOTHING,
};
/** Content is on its way: it has until the grace is over. */
const CONTENT: ServerRow['breaks'] = { ...COMMAND, garbage: nothing('521 5.5.2'), stop: NOTHING };
const CHUNK: ServerRow['breaks'] = { ...CONTENT, garbage: nothing('554 5.6.0') };
/** It is our turn: nothing that the client does changes what has begun. */
const COMMIT: ServerRow['breaks'] = {
  cut: once(),
  end: once('250 2.0.0'),
  silence: once('250 2.0.0'),
  garbage: once('250 2.0.0'),
  stop: once('250 2.0.0'),
};
const ACCEPTED: ServerRow['breaks'] = {
  cut: once(),
  end: once(),
  silence: once('421 4.4.2'),
  garbage: once('500 5.5.2'),
  stop: once('421 4.3.2'),
};

/** Each of two recipients has a reply of its own (RFC 2033 §4.2). */
const each = (row: ServerRow['breaks'], own: string): ServerRow['breaks'] => {
  const twice = Object.entries(row).map(([how, { says, queued }]): [string, Received] => [
    how,
    { queued, ...(says === undefined ? {} : { says: says === own ? `${own}, ${own}` : says }) },
  ]);
  return Object.fromEntries(twice) as ServerRow['breaks'];
};

export const SERVER: readonly ServerRow[] = [
  { at: 'before a PROXY header', breaks: MUTE },
  { at: 'in the middle of a PROXY header', breaks: MUTE },
  { at: 'before the handshake of implicit TLS', breaks: MUTE },
  { at: 'after the greeting', breaks: COMMAND },
  { at: 'after EHLO', breaks: COMMAND },
  { at: 'after HELO', breaks: COMMAND },
  { at: 'in the middle of a command', breaks: { ...COMMAND, garbage: nothing('501 5.5.4') } },
  { at: 'after STARTTLS', breaks: MUTE },
  { at: 'in the middle of the handshake', breaks: MUTE },
  { at: 'after the handshake', breaks: COMMAND },
  { at: 'after AUTH PLAIN', breaks: { ...COMMAND, garbage: nothing('501 5.5.2') } },
  {
    at: 'between name and password of AUTH LOGIN',
    breaks: { ...COMMAND, garbage: nothing('501 5.5.2') },
  },
  {
    at: 'while the password is checked',
    breaks: {
      cut: NOTHING,
      end: nothing('235 2.7.0'),
      silence: nothing('235 2.7.0'),
      garbage: nothing('235 2.7.0'),
      stop: nothing('235 2.7.0'),
    },
  },
  { at: 'after AUTH', breaks: COMMAND },
  { at: 'after MAIL', breaks: COMMAND },
  { at: 'after RCPT', breaks: COMMAND },
  { at: 'after a RCPT of two that was refused', breaks: COMMAND },
  { at: 'after RSET', breaks: COMMAND },
  { at: 'after DATA', breaks: CONTENT },
  { at: 'in the middle of a pipelined message', breaks: CONTENT },
  { at: 'in the middle of the header', breaks: CONTENT },
  { at: 'in the middle of the body', breaks: CONTENT },
  { at: 'before the final dot', breaks: CONTENT },
  { at: 'after the final dot, before its CRLF', breaks: CONTENT },
  { at: 'after the final dot, before its LF', breaks: CONTENT },
  { at: 'while the message is committed', breaks: COMMIT },
  { at: 'after 250 to the message', breaks: ACCEPTED },
  { at: 'after BDAT, before its octets', breaks: CHUNK },
  { at: 'in the middle of a chunk', breaks: CHUNK },
  { at: 'between two chunks', breaks: COMMAND },
  { at: 'after RSET behind a chunk', breaks: COMMAND },
  { at: 'in the middle of the last chunk', breaks: CHUNK },
  { at: 'while the last chunk is committed', breaks: COMMIT },
  { at: 'after 250 to the last chunk', breaks: ACCEPTED },
  { at: 'after LHLO', breaks: COMMAND },
  { at: 'in the middle of the body, by LMTP to two', breaks: each(CONTENT, '521 5.5.2') },
  { at: 'while the message is committed, by LMTP to two', breaks: each(COMMIT, '250 2.0.0') },
  { at: 'after 250 to each of two by LMTP', breaks: ACCEPTED },
  { at: 'in the middle of the last chunk, by LMTP to two', breaks: each(CHUNK, '554 5.6.0') },
  { at: 'while the last chunk is committed, by LMTP to two', breaks: each(COMMIT, '250 2.0.0') },
  {
    at: 'after QUIT',
    breaks: { cut: once(), end: once(), silence: once(), garbage: once(), stop: once() },
  },
];

const all = (sent: Sent): ClientRow['breaks'] => ({
  cut: sent,
  silence: sent,
  garbage: sent,
  '421': sent,
});
/** Without a reply of any sense after all of the content. */
const UNCERTAIN: ClientRow['breaks'] = { ...all('uncertain'), '421': 'next host' };

export const CLIENT: readonly ClientRow[] = [
  { at: 'greeting', breaks: all('next host') },
  { at: 'EHLO', breaks: all('next host') },
  { at: 'HELO', breaks: all('next host') },
  { at: 'LHLO', breaks: all('next host') },
  { at: 'STARTTLS, where clear text will do', breaks: all('same host') },
  { at: 'the handshake, where clear text will do', breaks: { ...all('same host'), '421': undefined } },
  { at: 'STARTTLS, where TLS is required', breaks: all('next host') },
  { at: 'the handshake, where TLS is required', breaks: { ...all('next host'), '421': undefined } },
  { at: 'EHLO in TLS', breaks: all('next host') },
  { at: 'AUTH', breaks: all('next host') },
  { at: 'MAIL', breaks: all('next host') },
  { at: 'MAIL, pipelined', breaks: all('next host') },
  { at: 'MAIL, over a connection that was kept', breaks: all('same host') },
  { at: 'RCPT', breaks: all('next host') },
  { at: 'RCPT, pipelined', breaks: all('next host') },
  { at: 'RCPT, the second after one that was accepted', breaks: all('next host') },
  { at: 'RCPT, the second after one that was refused', breaks: all('each its own') },
  { at: 'DATA', breaks: all('next host') },
  { at: 'DATA, pipelined', breaks: all('next host') },
  { at: 'DATA, after a RCPT of two that was refused', breaks: all('each its own') },
  { at: 'the middle of the content', breaks: all('next host') },
  { at: 'the final dot', breaks: UNCERTAIN },
  { at: 'the final dot, after a RCPT of two that was refused', breaks: all('each its own') },
  { at: 'the final dot by LMTP, the first reply', breaks: UNCERTAIN },
  { at: 'the final dot by LMTP, the second reply', breaks: all('each its own') },
  { at: 'BDAT', breaks: all('next host') },
  { at: 'BDAT LAST', breaks: UNCERTAIN },
  { at: 'RSET', breaks: all('same host') },
  { at: 'RSET, pipelined', breaks: all('same host') },
  { at: 'a connection that is kept', breaks: { ...all('same host'), silence: undefined } },
  { at: 'QUIT', breaks: all('delivered') },
];
