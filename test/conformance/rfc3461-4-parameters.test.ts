/** RFC 3461 §3, §4 and §5.4: what a client may say of the reports that it wants. */
import { afterEach, describe, expect, it } from 'vitest';
import { serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

const FROM = 'MAIL FROM:<x@elsewhere.test>';
const TO = 'RCPT TO:<anna@example.test>';

async function statusOf(...lines: string[]): Promise<string> {
  const { port } = await serve();
  const wire = await Wire.hello(port);
  return (await wire.dialogue(...lines)).at(-1)!;
}

describe('RFC 3461: parameters', () => {
  it('§3: DSN is announced without parameters of its own', async () => {
    const { port } = await serve();
    const wire = await Wire.connect(port);
    await wire.reply();
    expect((await wire.command('EHLO x')).lines).toContain('DSN');
  });

  it.each([
    ['§4.3: RET is FULL or HDRS, in any letters', `${FROM} ret=Full`],
    ['§4.3: RET is FULL or HDRS, in any letters', `${FROM} RET=hdrs`],
    ['§4.4: ENVID is any xtext', `${FROM} ENVID=QQ+2B+3D+20~!`],
    ['§5.4: ENVID has 100 characters', `${FROM} ENVID=${'x'.repeat(100)}`],
    ['§5.1 (a): both, beside parameters of others', `${FROM} SIZE=10 RET=HDRS BODY=8BITMIME ENVID=a`],
  ])('%s', async (_, mail) => {
    expect(await statusOf(mail)).toBe('250 2.1.0');
  });

  it.each([
    ['§4.3: RET has a value', `${FROM} RET`],
    ['§4.3: RET has no other value', `${FROM} RET=BODY`],
    ['§4.4: ENVID has a value', `${FROM} ENVID`],
    ['§4.4: ENVID is xtext', `${FROM} ENVID=a+zz`],
    ['§4.4: ENVID is printable once it is decoded', `${FROM} ENVID=a+0D+0ABcc`],
    ['§4.5: RET is given once', `${FROM} RET=FULL RET=HDRS`],
    ['§4.5: ENVID is given once', `${FROM} ENVID=a ENVID=a`],
  ])('%s, else 501', async (_, mail) => {
    expect(await statusOf(mail)).toBe('501 5.5.4');
  });

  it.each([
    ['§4.1: NOTIFY is NEVER, in any letters', `${TO} NOTIFY=Never`],
    ['§4.1: NOTIFY is a list', `${TO} NOTIFY=success,FAILURE,Delay`],
    ['§4.2: ORCPT is a type and xtext', `${TO} ORCPT=rfc822;Anna+2BLists@elsewhere.test`],
    ['§4.2: ORCPT needn’t be an address of that type', `${TO} ORCPT=x400;/C+3Dde/A+3D+20/P+3Dx/`],
    ['§5.4: ORCPT has 500 characters', `${TO} ORCPT=rfc822;${'x'.repeat(493)}`],
    [
      '§5.4: a command of RCPT has 530 characters more than others',
      `RCPT TO:<${'a'.repeat(64)}@any.test> ${' '.repeat(400)} ORCPT=rfc822;${'x'.repeat(493)} NOTIFY=SUCCESS,FAILURE,DELAY`,
    ],
  ])('%s', async (_, rcpt) => {
    expect(await statusOf(FROM, rcpt)).toBe('250 2.1.5');
  });

  it.each([
    ['§4.1: NOTIFY has a value', `${TO} NOTIFY`],
    ['§4.1: NEVER is alone', `${TO} NOTIFY=NEVER,FAILURE`],
    ['§4.1: there are no other words', `${TO} NOTIFY=SUCCESS,ALWAYS`],
    ['§4.2: ORCPT has a type', `${TO} ORCPT=anna@example.test`],
    ['§4.2: ORCPT is xtext', `${TO} ORCPT=rfc822;a+b@example.test`],
    ['§4.2: ORCPT is printable once it is decoded', `${TO} ORCPT=rfc822;a+0Ab@example.test`],
    ['§4.5: NOTIFY is given once', `${TO} NOTIFY=NEVER NOTIFY=NEVER`],
    ['§4.5: ORCPT is given once', `${TO} ORCPT=rfc822;a ORCPT=rfc822;a`],
  ])('%s, else 501', async (_, rcpt) => {
    expect(await statusOf(FROM, rcpt)).toBe('501 5.5.4');
  });

  it('§5.1 (b): what is asked for changes no answer to the address itself', async () => {
    for (const asked of ['', ' NOTIFY=NEVER', ' NOTIFY=SUCCESS ORCPT=rfc822;nobody@example.test']) {
      expect(await statusOf(FROM, `RCPT TO:<nobody@example.test>${asked}`)).toBe('550 5.1.1');
    }
  });

  it('RFC 5321 §4.1.1.11: parameters of MAIL are none of RCPT, and those of RCPT none of MAIL', async () => {
    expect(await statusOf(`${FROM} NOTIFY=NEVER`)).toBe('555 5.5.4');
    expect(await statusOf(FROM, `${TO} RET=FULL`)).toBe('555 5.5.4');
  });
});
