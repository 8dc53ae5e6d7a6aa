import { expect, it } from 'vitest';
import { lmtpDomain, testConfig } from '../../test/support/config.ts';
import { banner } from './banner.ts';
import { DEFAULT_PORTS } from './ports.ts';
import { paths } from './state.ts';

const ports = { smtp: 2525, submission: 2587, health: 2581, control: 2580 };
const config = testConfig('.postrider', ports, {
  domains: [lmtpDomain('example.test', 2524)],
});
const resource = { kind: 'MailUser', namespace: 'mail', name: 'demo' };
const generated = [
  {
    resource,
    username: 'demo@example.test',
    namespace: 'mail',
    secretName: 'demo-password',
    key: 'password',
    file: 'demo-password',
  },
];

it('the banner says where everything is, and how to begin', () => {
  expect(
    banner({
      config,
      project: { generated },
      files: paths('.postrider'),
      ports: DEFAULT_PORTS,
      self: 'postrider',
    }),
  ).toEqual([
    '',
    'Postrider runs as mx.test, config revision 1.',
    '',
    '  smtp     127.0.0.1:2525      SMTP, clear text, relays for 127.0.0.0/8',
    '  control  127.0.0.1:2580      queue and config; token in .postrider/control-token',
    '  health   127.0.0.1:2581      /livez /readyz /metrics',
    '  inbox    127.0.0.1:2524      LMTP; mail in .postrider/inbox/<address>/new',
    '  log      .postrider/mta.log  the mail log, a JSON object per line',
    '  password of demo@example.test in .postrider/demo-password',
    '',
    'Send the first message:',
    '',
    String.raw`  printf 'Subject: hello\r\n\r\nIt works.\r\n' | curl -sS smtp://127.0.0.1:2525 --mail-from you@example.com --mail-rcpt anna@example.test -T -`,
    '',
    'Look at the queue with `postrider queue`. Ctrl-C stops.',
    '',
  ]);
});

it('the banner names another state folder where the reader has to', () => {
  const lines = banner({
    config,
    project: { generated: [] },
    files: paths('/srv/state'),
    ports: DEFAULT_PORTS,
    self: 'npm run -s postrider --',
  });
  expect(lines.at(-2)).toContain('`npm run -s postrider -- queue --state /srv/state`');
});
