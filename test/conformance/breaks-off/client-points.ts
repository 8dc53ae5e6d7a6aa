/** How a message gets to each moment of the table at which a next hop breaks off, by the script that the next hop follows. */
import { CUT, type Peer, type Says, type Script, SILENCE } from '../../../mta/deliver/testing/peer.ts';
import { testPolicy } from '../../../mta/route/testing/config.ts';
import type { NextHop } from '../../../mta/route/types.ts';
import type { RelayOptions } from '../relay.ts';
import type { HopBreak } from './table.ts';

export interface ClientPoint {
  readonly options?: Pick<RelayOptions, 'protocol' | 'hop' | 'delivery'>;
  readonly content?: 'large' | 'binary';
  readonly recipients?: readonly string[];
  /** What a message before this one leaves behind. */
  readonly before?: 'delivered' | 'refused';
  /** What becomes of the first of two recipients. */
  readonly first?: 'delivered' | 'bounced';
  /** Breaks off while nothing is under way. */
  readonly idle?: true;
  script(how: HopBreak, once: Once): Script;
  /** Of the next host. */
  readonly other?: Script;
}

/** The first time the one, then the other. */
type Once = (first: Says, then: Says) => () => Says;

const SAYS: Readonly<Record<HopBreak, Exclude<Says, object>>> = {
  cut: CUT,
  silence: SILENCE,
  garbage: 'hello?',
  '421': '421 4.3.2 shutting down',
};

const OK: Readonly<Record<string, string>> = {
  EHLO: '250-peer.test\r\n250-PIPELINING\r\n250 8BITMIME',
  HELO: '250 peer.test',
  LHLO: '250-peer.test\r\n250 8BITMIME',
  STARTTLS: '220 2.0.0 go ahead',
  AUTH: '235 2.7.0 welcome',
  MAIL: '250 2.1.0 ok',
  RCPT: '250 2.1.5 ok',
  DATA: '354 go ahead',
  BDAT: '250 2.0.0 octets',
  content: '250 2.0.0 taken',
  RSET: '250 2.0.0 ok',
  QUIT: '221 2.0.0 bye',
};
const EHLO = {
  plain: '250-peer.test\r\n250 8BITMIME',
  pipelining: OK['EHLO']!,
  tls: '250-peer.test\r\n250-STARTTLS\r\n250 8BITMIME',
  auth: '250-peer.test\r\n250-AUTH PLAIN\r\n250 8BITMIME',
  binary: '250-peer.test\r\n250-CHUNKING\r\n250 BINARYMIME',
};
type Greeting = keyof typeof EHLO;

/** Breaks off at the first of this command. */
const at = (verb: string, greeting: Greeting = 'plain', more: Partial<ClientPoint> = {}): ClientPoint => ({
  script: (how, once) => ({
    answers: { EHLO: EHLO[greeting], [verb]: once(SAYS[how], OK[verb]!) },
  }),
  other: { answers: { EHLO: EHLO[greeting] } },
  ...more,
});
const REFUSED = '550 5.1.1 no such user';
const TWO = ['bob@peer.test', 'carol@peer.test'];
/** Of two recipients the first gets `first`; then it breaks off. */
const atSecond = (first: string): ClientPoint => ({
  ...{ recipients: TWO, first: first === REFUSED ? 'bounced' : 'delivered' },
  script: (how, once) => {
    const carol = once(SAYS[how], OK['RCPT']!);
    return { answers: { EHLO: EHLO.plain, RCPT: (line) => (/bob/.test(line) ? first : carol()) } };
  },
});
/** Breaks off at this command, after one of two recipients was refused. */
const afterRefused = (verb: string): ClientPoint => ({
  ...{ recipients: TWO, first: 'bounced' },
  script: (how, once) => ({
    answers: {
      EHLO: EHLO.plain,
      RCPT: (line) => (/bob/.test(line) ? REFUSED : OK['RCPT']!),
      [verb]: once(SAYS[how], OK[verb]!),
    },
  }),
});
/** Breaks off at the second message of a connection. */
const atSecondMessage = (
  verb: string,
  before: ClientPoint['before'],
  greeting: Greeting = 'plain',
): ClientPoint => ({
  before: before!,
  script: (how) => {
    let [asked, named] = [0, 0];
    // RSET is not needed before the first message.
    const [breaking, refused] = [verb === 'RSET' ? 1 : 2, before === 'refused' ? 1 : 0];
    return {
      answers: {
        EHLO: EHLO[greeting],
        RCPT: () => {
          named += 1;
          return named <= refused ? REFUSED : OK['RCPT']!;
        },
        DATA: () => (named <= refused ? '554 5.5.1 no valid recipients' : OK['DATA']!),
        [verb]: () => {
          asked += 1;
          return asked === breaking ? SAYS[how] : OK[verb]!;
        },
      },
    };
  },
});
const LMTP = { options: { protocol: 'lmtp' } } as const;

const HANDSHAKE = { cut: CUT, silence: SILENCE, garbage: 'garbage', '421': 'real' } as const;
const clearWillDo: Partial<NextHop> = { tls: testPolicy({ mode: 'opportunistic' }) };
const required: Partial<NextHop> = { tls: testPolicy({ mode: 'required' }) };
/** The handshake alone breaks off: STARTTLS is answered as it should be. */
const handshake = (hop: Partial<NextHop>): ClientPoint => ({
  options: { hop },
  script: (how) => ({
    answers: { EHLO: EHLO.tls },
    tls: (connection) => (connection === 1 ? HANDSHAKE[how] : 'real'),
  }),
  other: { answers: { EHLO: EHLO.tls } },
});

export const CLIENT_POINTS: Readonly<Record<string, ClientPoint>> = {
  greeting: { script: (how, once) => ({ greeting: once(SAYS[how], '220 peer.test ESMTP') }) },
  EHLO: { script: (how, once) => ({ answers: { EHLO: once(SAYS[how], EHLO.plain) } }) },
  HELO: {
    script: (how, once) => ({
      answers: { EHLO: '502 5.5.1 what?', HELO: once(SAYS[how], OK['HELO']!) },
    }),
  },
  LHLO: at('LHLO', 'plain', LMTP),
  'STARTTLS, where clear text will do': at('STARTTLS', 'tls', { options: { hop: clearWillDo } }),
  'the handshake, where clear text will do': handshake(clearWillDo),
  'STARTTLS, where TLS is required': at('STARTTLS', 'tls', { options: { hop: required } }),
  'the handshake, where TLS is required': handshake(required),
  'EHLO in TLS': {
    options: { hop: required },
    script: (how) => {
      let greeted = 0;
      const hello = (): Says => {
        greeted += 1;
        return greeted === 2 ? SAYS[how] : EHLO.tls;
      };
      return { answers: { EHLO: hello } };
    },
    other: { answers: { EHLO: EHLO.tls } },
  },
  AUTH: at('AUTH', 'auth', { options: { hop: { auth: { username: 'u', password: 'p' } } } }),
  MAIL: at('MAIL'),
  'MAIL, pipelined': at('MAIL', 'pipelining'),
  'MAIL, over a connection that was kept': atSecondMessage('MAIL', 'delivered'),
  RCPT: at('RCPT'),
  'RCPT, pipelined': at('RCPT', 'pipelining'),
  'RCPT, the second after one that was accepted': atSecond(OK['RCPT']!),
  'RCPT, the second after one that was refused': atSecond(REFUSED),
  DATA: at('DATA'),
  'DATA, pipelined': at('DATA', 'pipelining'),
  'DATA, after a RCPT of two that was refused': afterRefused('DATA'),
  'the middle of the content': {
    content: 'large',
    script: (how, once) => {
      const midway = once(SAYS[how], []);
      return { answers: { EHLO: EHLO.plain, midway } };
    },
    other: { answers: { EHLO: EHLO.plain } },
  },
  'the final dot': at('content'),
  'the final dot, after a RCPT of two that was refused': afterRefused('content'),
  'the final dot by LMTP, the first reply': at('content', 'plain', LMTP),
  'the final dot by LMTP, the second reply': {
    ...{ ...LMTP, recipients: TWO, first: 'delivered' },
    script: (how) => {
      let isFirst = true;
      return {
        answers: {
          content: (): Says => {
            const says: Says = isFirst ? [OK['content']!, SAYS[how]] : OK['content']!;
            isFirst = false;
            return says;
          },
        },
      };
    },
  },
  BDAT: at('BDAT', 'binary', { content: 'binary' }),
  'BDAT LAST': at('content', 'binary', { content: 'binary' }),
  RSET: atSecondMessage('RSET', 'refused'),
  'RSET, pipelined': atSecondMessage('RSET', 'refused', 'pipelining'),
  'a connection that is kept': { before: 'delivered', idle: true, script: () => ({}) },
  QUIT: at('QUIT', 'plain', { options: { delivery: { messagesPerConnection: 1 } } }),
};

/** Breaks off a connection that nothing is under way on. */
export function breakIdle(peer: Peer, how: HopBreak): void {
  const says = SAYS[how];
  if (typeof says === 'string') peer.say(says);
  else peer.cutAll();
}
