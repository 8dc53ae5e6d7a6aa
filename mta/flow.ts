/**
 * The way of a message, from the first command of a client to the last reply of a next hop.
 *
 * `accept`: session policy → sender → recipients → content → queue commit → 250.
 * `attempt`: route → session with a next hop → a result per recipient → done, retry, or bounce.
 *
 * Nothing is answered 250 before the queue has committed it, and nothing leaves the queue before a next hop has
 * answered 250 for it, a bounce is queued in its stead, or a person has removed it. A crash between a next hop's 250
 * and our record of it means that this recipient is tried again.
 */
import type { Clock } from './clock.ts';
import type { MtaConfig } from './config.ts';
import { type ContentFacts, ContentScan } from './content-scan.ts';
import type { WorkerMetrics } from './control/metrics.ts';
import { type OfferDeps, offer, offerOn } from './deliver/offer.ts';
import type { RecipientResult, Session, Sessions } from './deliver/types.ts';
import { type Envelope, type Recipient, sentAt, withoutSome } from './envelope.ts';
import { PostriderError, SmtpError, smtpError } from './errors.ts';
import type { DeliverBy } from './listen/deliver-by.ts';
import type { Acceptor, Client, ContentSink, Mail, PickUp } from './listen/types.ts';
import type { MailLog } from './log/types.ts';
import { originOf } from './origin.ts';
import { overdue, returnedAt } from './overdue.ts';
import { heldUntil } from './pick-up/hold.ts';
import { askedFor, planJobs } from './plan.ts';
import type { Policy } from './policy/policy.ts';
import { withDomain } from './postmaster.ts';
import type {
  Draft,
  Job,
  NewMessage,
  Queue,
  QueueId,
  Settlement,
  StoredMessage,
  StoredReply,
} from './queue/types.ts';
import type { Random } from './random.ts';
import { readOriginal } from './reports/original.ts';
import { buildReport, gravest } from './reports/report.ts';
import { toReport } from './reports/select.ts';
import type { Original, Report } from './reports/types.ts';
import { type Destination, isStore } from './route/types.ts';
import { expiryOf, retryDelay } from './schedule/backoff.ts';
import type { ClockWatch } from './schedule/clock-watch.ts';
import type { Work } from './schedule/destination.ts';
import type { AttemptReport } from './schedule/types.ts';
import { type Decision, decide, forAll, reconcile } from './settle.ts';
import type { Setup } from './setup.ts';
import { completing } from './submission.ts';
import { type Seen, type Teller, teller } from './tell.ts';
import { receivedField } from './trace.ts';

export interface FlowDeps {
  readonly setup: () => Setup;
  readonly queue: Queue;
  readonly sessions: Sessions;
  /** Looks up where a destination's mail may be handed over; in the order to try. */
  readonly hops: OfferDeps['hops'];
  readonly reports: OfferDeps['reports'];
  readonly log: MailLog;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly clockWatch: ClockWatch;
  readonly pickUp: PickUp;
  /** Told of errors that nobody foresaw. */
  readonly onDefect: (error: unknown) => void;
}

export class Flow implements Acceptor {
  readonly #deps: FlowDeps;
  readonly #offering: OfferDeps;
  /** ETRN and ATRN: what waits is asked for. */
  readonly pickUp: PickUp;

  constructor(deps: FlowDeps) {
    this.#deps = deps;
    this.pickUp = deps.pickUp;
    this.#offering = { ...deps, failure: (error) => this.#failure(error) };
  }

  // ---- accept -----------------------------------------------------------------------------------------------------

  /** Before the greeting. Limits of connections are the listener's own; policy may refuse a client here. */
  connect(client: Client): void {
    this.#deps.metrics.connection(client.listener.name);
  }

  /** AUTH: resolves with the user's name, rejects with 535. */
  async authenticate(_client: Client, username: string, password: string): Promise<string> {
    try {
      const user = await this.#policy.authenticate(username, password);
      this.#deps.metrics.authentication(true);
      return user;
    } catch (error) {
      this.#deps.metrics.authentication(false);
      throw error;
    }
  }

  /** MAIL: who may send as whom, and how much; and whether there is room at all (RFC 1870 §6.1). */
  mail(client: Client, mail: Mail): Mail {
    this.#policy.checkSender(client, mail);
    if (this.#deps.queue.counts().full) throw smtpError('insufficientStorage');
    if (mail.priority === undefined) return mail;
    return { ...mail, priority: Math.min(mail.priority, this.#policy.highestPriority(client)) };
  }

  /** RCPT: mail for our domains and their recipients from anyone, for others from those who may relay. */
  recipient(client: Client, mail: Mail, recipient: Recipient, accepted: readonly Recipient[]): void {
    this.#policy.checkRecipient(client, mail, recipient, accepted);
  }

  /** DATA: a draft in the queue takes the content as it comes; `commit` is what makes it ours. */
  content(client: Client, mail: Mail, recipients: readonly Recipient[]): ContentSink {
    const { queue, clock, random } = this.#deps;
    const draft = queue.draft();
    const scan = new ContentScan();
    const envelope: Envelope = {
      from: mail.from,
      recipients: recipients.map((recipient) => withDomain(recipient, this.#config.fleet)),
      arrivedAt: clock.now(),
      origin: originOf(client, mail),
      ...(mail.bodyType === undefined ? {} : { bodyType: mail.bodyType }),
      ...(mail.auth === undefined ? {} : { auth: mail.auth }),
      ...(mail.smtputf8 === true ? { smtputf8: true } : {}),
      ...(mail.ret === undefined ? {} : { ret: mail.ret }),
      ...(mail.envid === undefined ? {} : { envid: mail.envid }),
      ...(mail.hold === undefined ? {} : { holdUntil: mail.hold.until, holdRequest: mail.hold.request }),
      ...(mail.deliverBy === undefined ? {} : deadlineOf(mail.deliverBy)),
      ...(mail.priority === undefined ? {} : { priority: mail.priority }),
      ...(mail.requireTls === true ? { requireTls: true } : {}),
    };
    const hostname = client.listener.hostname ?? this.#config.fleet.hostname;
    const traced = draft.write(receivedField(draft.id, envelope, hostname));
    // Where no content follows, the commit says it.
    traced?.catch(() => {});
    const sink: ContentSink = {
      limits: this.#policy.messageLimits(client, recipients),
      write(chunk) {
        scan.see(chunk);
        return traced === undefined ? draft.write(chunk) : traced.then(() => draft.write(chunk));
      },
      commit: (without) => this.#accept(draft, client, withoutSome(envelope, without), scan.finish()),
      // What an abort can't remove, the lane's next owner does.
      abort: () => void draft.abort().catch(() => {}),
    };
    if (client.listener.role !== 'submission') return sink;
    const messageId = `${random.bytes(15).toString('hex')}@${hostname}`;
    return completing(sink, { from: mail.from, arrivedAt: envelope.arrivedAt, messageId });
  }

  /** After the final dot: the last checks, the queue's commit, and only then the text of the 250. */
  async #accept(draft: Draft, client: Client, received: Envelope, facts: ContentFacts): Promise<string> {
    if (facts.hops >= client.listener.limits.hops) {
      await draft.abort();
      throw smtpError('loop');
    }
    const envelope: Envelope = {
      ...received,
      eightBit: facts.eightBit,
      // RFC 8689 §4.1
      ...(facts.tlsOptional && received.requireTls !== true ? { tlsOptional: true } : {}),
    };
    await draft.commit(envelope, this.#plan(envelope, envelope.arrivedAt));
    const { messageId } = facts;
    const { id, size } = draft;
    // The client is answered first.
    this.#deps.clock.soon(() => {
      this.#deps.metrics.accepted(client.listener.name, size);
      this.#deps.log.accepted({ id, envelope, size, ...(messageId === undefined ? {} : { messageId }) });
    });
    return `Ok: queued as ${id}`;
  }

  /**
   * One job for each destination, by today's config: when an attempt is due it is looked at again. What is held for its
   * owner is tried by itself only when its time is up.
   */
  #plan(envelope: Envelope, dueAt: number): Job[] {
    const { held } = this.#deps.setup();
    const notBefore = Math.max(dueAt, envelope.holdUntil ?? 0);
    const indexes = envelope.recipients.map((_, index) => index);
    const jobs = planJobs(indexes, (index) => this.#destinationOf(envelope, index).key, {
      attempts: 0,
      dueAt: notBefore,
      ...askedFor(envelope),
    });
    if (held.size === 0) return jobs;
    return jobs.map((job) => {
      const domain = held.get(job.destination);
      if (domain === undefined) return job;
      return { ...job, dueAt: Math.min(heldUntil(domain, sentAt(envelope)), job.deliverBy ?? Infinity) };
    });
  }

  /** Takes a message of our own making. It has no DKIM signature: here is where it would get one. Rejects with an `SmtpError`. */
  async originate({ envelope, content }: Report): Promise<QueueId> {
    const { queue, log } = this.#deps;
    if (queue.counts().full) throw smtpError('insufficientStorage');
    const id = await queue.enqueue({ envelope, content, jobs: this.#plan(envelope, envelope.arrivedAt) });
    log.accepted({ id, envelope, size: content.length });
    return id;
  }

  // ---- attempt ----------------------------------------------------------------------------------------------------

  /**
   * Tries the recipients of one job once, and settles with the queue what came of it.
   *
   * @param session one that the owner of the mail has made to fetch it
   */
  async attempt(work: Work, session?: Session): Promise<AttemptReport> {
    const message = await this.#deps.queue.read(work.id);
    if (message === undefined) return UNTRIED;

    const moved = this.#early(message, work.job) ?? this.#moved(message, work.job);
    if (moved !== undefined) {
      return { destination: 'untried', ...this.#settle(message.id, { ended: [], deferred: moved }) };
    }

    const late = this.#overdue(message, work.job);
    const told = late && (await this.#record(message, work.job, late, {}));
    const job = late === undefined ? work.job : late.deferred[0];
    if (job === undefined) return { destination: 'untried', ...told! };

    const offered = { message, job, destination: this.#destinationOf(message.envelope, job.recipients[0]!) };
    const { destination, reply, waitMs, ...outcome } = await (session === undefined
      ? offer(offered, this.#offering)
      : offerOn(session, offered, this.#offering));
    // What a next hop said is recorded in any case: whether that counts is for the queue to find out.
    if (reply !== undefined && !this.#deps.queue.owns(message.id)) return UNTRIED;
    const decision = this.#decide(message, job, outcome.results, waitMs);
    const recorded = await this.#record(message, job, decision, outcome);
    return { destination, waitMs, ...recorded, ...(reply === undefined ? {} : { reply }) };
  }

  /**
   * For what waits too long for its turn: nobody is asked, but time may be up, or a warning due.
   *
   * @param reply why the destination is down, where it is
   */
  async lapse(work: Work, reply?: StoredReply): Promise<AttemptReport> {
    const message = await this.#deps.queue.read(work.id);
    if (message === undefined) return UNTRIED;
    const late = this.#overdue(message, work.job);
    if (late !== undefined) {
      return { destination: 'untried', ...(await this.#record(message, work.job, late, {})) };
    }
    const last = work.job.lastReply ?? reply;
    if (last === undefined) return UNTRIED;
    const decision = this.#decide(message, work.job, forAll(work.job, last));
    if (decision.ended.length === 0 && decision.late.length === 0) return UNTRIED;
    // Nobody was asked, so it doesn't count as an attempt, and it stays due.
    const deferred = decision.deferred.map((job) => ({
      ...job,
      attempts: work.job.attempts,
      dueAt: work.job.dueAt,
    }));
    const recorded = await this.#record(message, work.job, { ...decision, deferred }, {});
    return { destination: 'untried', ...recorded };
  }

  /** RFC 4865 §4.2: never before its time, whoever asks for it: a person, or the owner of held mail, who asks again then. */
  #early(message: StoredMessage, job: Job): Job[] | undefined {
    const { holdUntil } = message.envelope;
    if (holdUntil === undefined || holdUntil <= this.#deps.clock.now()) return undefined;
    const isHeld = this.#deps.setup().held.has(job.destination);
    const dueAt = isHeld ? Math.min(this.#expiryOf(message, job), job.deliverBy ?? Infinity) : holdUntil;
    return [{ ...job, dueAt }];
  }

  #overdue({ envelope }: StoredMessage, job: Job): Decision | undefined {
    const { clock, clockWatch } = this.#deps;
    return clockWatch.trusted() ? overdue(job, envelope, clock.now()) : undefined;
  }

  /** Jobs anew, where config now sends any of these recipients another way than when they were planned. */
  #moved(message: StoredMessage, job: Job): Job[] | undefined {
    const keys = job.recipients.map((index) => this.#destinationOf(message.envelope, index).key);
    if (keys.every((key) => key === job.destination)) return undefined;
    const { destination: _, recipients, ...rest } = job;
    return planJobs(recipients, (index) => this.#destinationOf(message.envelope, index).key, rest);
  }

  #decide(message: StoredMessage, job: Job, results: readonly RecipientResult[], waitMs?: number): Decision {
    const { clock, clockWatch, random } = this.#deps;
    const { delivery } = this.#config;
    const arrivedAt = sentAt(message.envelope);
    const now = clock.now();
    const expiry = this.#expiryOf(message, job);
    const delay = retryDelay(delivery.retry, job.attempts + 1, random.fraction(), waitMs);
    const isHeld = this.#deps.setup().held.has(job.destination);
    return decide(job, results, {
      now,
      arrivedAt,
      expiresAt: clockWatch.trusted() ? expiry : undefined,
      // Until its owner asks again.
      delay: isHeld ? Math.max(delay, expiry - now) : delay,
      warnAfter: delivery.delayWarningSeconds * 1000,
    });
  }

  #expiryOf({ envelope }: StoredMessage, job: Job): number {
    const held = this.#deps.setup().held.get(job.destination);
    return held === undefined
      ? expiryOf(this.#config.delivery, { from: envelope.from, arrivedAt: sentAt(envelope) })
      : heldUntil(held, sentAt(envelope));
  }

  /** Stores a decision together with the report that it calls for, and logs it when that is on stable storage. */
  async #record(message: StoredMessage, job: Job, decision: Decision, seen: Seen): Promise<Settled> {
    const report = await this.#report(message, job, decision, seen);
    const tell = teller(this.#deps, message, job, decision, seen);
    const { ended, deferred } = decision;
    return this.#settle(message.id, { ended, deferred, ...(report === undefined ? {} : { report }) }, tell);
  }

  /** The index changes at once; `stored` resolves when the disk has. What a person did in the meantime stands. */
  #settle(id: QueueId, settlement: Settlement, tell: Teller = () => {}): Settled {
    const { queue, onDefect } = this.#deps;
    const deferred = reconcile(queue.entry(id)?.jobs ?? [], settlement.deferred);
    const stored = queue.settle(id, { ...settlement, deferred }).then(
      () => tell('settled'),
      (error: unknown) => {
        // Without its lane it is for whoever owns that next, as is what a lane that is lost or closing has refused.
        if (error instanceof PostriderError && error.code === 'NoSuchMessage') {
          if (queue.owns(id)) tell('removed');
        } else if (!(error instanceof SmtpError)) onDefect(error);
      },
    );
    return { stored };
  }

  /** What the sender is to hear of an attempt, if anything. */
  async #report(
    message: StoredMessage,
    job: Job,
    decision: Decision,
    seen: Seen,
  ): Promise<NewMessage | undefined> {
    const { clock, random, metrics, onDefect } = this.#deps;
    const { id, envelope } = message;
    const now = clock.now();
    const { hop, endsHere = false, notifies = false, deliversBy = false } = seen;
    const answered = { isStore: endsHere || isStore(hop), notifies, deliversBy };
    const told = toReport(envelope, decision, answered, now, endsHere || hop !== undefined);
    // Of what fails at a mailbox for TLS reports nobody is told: it was sent by a machine, or by whoever names somebody else as its sender.
    const isForReports = this.#destinationOf(envelope, job.recipients[0]!).kind === 'tlsRpt';
    const recipients = isForReports ? told.filter(({ action }) => action === 'delivered') : told;
    if (recipients.length === 0) return undefined;
    const { hostname, postmaster } = this.#config.fleet;
    // What ends must end, whether or not it can be read: a report without its original is better than none.
    const original = await readOriginal(message.content).catch((error: unknown): Original => {
      onDefect(error);
      return { bytes: Buffer.alloc(0), complete: false };
    });
    const retryUntil = Math.min(this.#expiryOf(message, job), returnedAt(envelope));
    const report = buildReport({
      ...{ id, envelope, original, recipients, hostname, postmaster, now, random, retryUntil },
    });
    metrics.reports.inc({ kind: KINDS[gravest(recipients)] });
    return { ...report, jobs: this.#plan(report.envelope, report.envelope.arrivedAt) };
  }

  /** What isn't an `SmtpError` is a defect of ours: it is told, and the message goes on as after any local error. */
  #failure(error: unknown): SmtpError {
    if (error instanceof SmtpError) return error;
    this.#deps.onDefect(error);
    return smtpError('localError', { cause: error });
  }

  #destinationOf({ from, origin, recipients }: Envelope, recipient: number): Destination {
    return this.#deps
      .setup()
      .routes.destinationFor({ from, user: origin.user }, recipients[recipient]!.address);
  }

  get #policy(): Policy {
    return this.#deps.setup().policy;
  }

  get #config(): MtaConfig {
    return this.#deps.setup().config;
  }
}

function deadlineOf({ by, mode, trace }: DeliverBy): Partial<Envelope> {
  return { deliverBy: by, deliverByMode: mode, ...(trace ? { deliverByTrace: true } : {}) };
}

/** When a settlement is on stable storage: within an object, as a promise alone would be waited for. */
type Settled = Pick<AttemptReport, 'stored'>;

/** Nothing is settled: the job stays as it is. */
const UNTRIED: AttemptReport = { destination: 'untried', stored: Promise.resolve() };

/** Kinds of reports, as metrics have them. */
const KINDS = { failed: 'bounce', delayed: 'delay', relayed: 'success', delivered: 'success' } as const;
