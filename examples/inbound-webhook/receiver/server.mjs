// A receiver of mail as HTTP requests (docs/webhook.md), in Node.js 20 or newer, without dependencies. It checks the signature, keeps
// each message as a file for each recipient, and answers for each of them.
//
//   WEBHOOK_KEY  whsec_…, as in the Secret; several, one on each line
//   PORT, HOST   where it listens; 8080 and 127.0.0.1
//   FOLDER       where mail is kept; ./mail
//   KNOWN        local parts that it takes mail for, separated by commas; any where it is empty
import { createHmac, timingSafeEqual } from 'node:crypto';
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

const { WEBHOOK_KEY = '', PORT = '8080', HOST = '127.0.0.1', FOLDER = 'mail', KNOWN = '' } = process.env;
const LARGEST = 64 * 1024 * 1024;
const TOLERANCE_SECONDS = 300;

const keys = WEBHOOK_KEY.split(/\r?\n/)
  .filter((line) => line !== '')
  .map((line) => Buffer.from(line.replace(/^whsec_/, ''), 'base64'));
if (keys.length === 0) throw new Error('set WEBHOOK_KEY to what the Secret has: whsec_…');
const known = new Set(KNOWN.split(',').filter((name) => name !== ''));

/** The whole body. Throws where the request ends before its length: then it is none. */
async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Whether one of our keys has signed these bytes, and not long ago. */
function isSigned(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures = '' } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(seconds)) <= TOLERANCE_SECONDS)) return false;
  return keys.some((key) => {
    const mac = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest();
    return signatures.split(' ').some((signature) => {
      const given = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
      return given.length === mac.length && timingSafeEqual(given, mac);
    });
  });
}

/** Keeps one message for one recipient, on stable storage before it is answered for; once, however often it comes. */
async function keep({ id }, { index, address }, message) {
  const folder = join(FOLDER, encodeURIComponent(address.toLowerCase()));
  const path = join(folder, `${id}-${index}.eml`);
  if (await stat(path).then(() => true, () => false)) return;
  await mkdir(folder, { recursive: true });
  const draft = await open(`${path}.part`, 'w', 0o600);
  try {
    await draft.writeFile(message);
    await draft.sync();
  } finally {
    await draft.close();
  }
  await rename(`${path}.part`, path);
  const parent = await open(folder);
  await parent.sync().finally(() => parent.close());
}

async function answerFor(envelope, recipient, message) {
  const { index, address } = recipient;
  // postmaster may come without a domain.
  const localPart = address.replace(/@[^@]*$/, '').toLowerCase();
  if (known.size > 0 && !known.has(localPart)) {
    return { index, status: 'bounced', code: '5.1.1', message: 'nobody here has this address' };
  }
  try {
    await keep(envelope, recipient, message);
    return { index, status: 'delivered' };
  } catch (error) {
    console.error(error);
    return { index, status: 'deferred', code: '4.3.1', message: 'it could not be stored' };
  }
}

async function answer(request) {
  if (request.method !== 'POST') return { status: 405, body: { message: 'mail comes by POST' } };
  const length = request.headers['content-length'];
  if (length === undefined) return { status: 411, body: { message: 'say how long it is' } };
  if (Number(length) > LARGEST) return { status: 413, body: { message: `more than ${LARGEST} bytes` } };
  const body = await bodyOf(request);
  if (!isSigned(request.headers, body)) return { status: 401, body: { message: 'not signed with our key' } };
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  const form = await new Response(body, { headers }).formData();
  const envelope = JSON.parse(form.get('envelope'));
  const message = Buffer.from(await form.get('message').arrayBuffer());
  const recipients = await Promise.all(envelope.recipients.map((each) => answerFor(envelope, each, message)));
  return { status: 207, body: { recipients } };
}

const server = createServer(async (request, response) => {
  const { status, body } = await answer(request).catch((error) => {
    console.error(error);
    return { status: 500, body: { message: 'an error of ours' } };
  });
  // What was not read to its end can't be followed by another request.
  if (!request.complete) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
});
server.listen(Number(PORT), HOST, () => console.log(`listening on ${HOST}:${server.address().port}`));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close());
