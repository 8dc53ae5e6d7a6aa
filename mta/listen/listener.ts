/**
 * A listening port: smtp-server accepts connections, does the handshake of implicit TLS and holds the secure contexts;
 * the session after that is ours (`docs/decisions/0300-sessions-of-our-own-on-smtp-server.md`). Fails at start with `PortInUse` or
 * `CertificateInvalid`, and refuses a config that it can't take on while it runs with `ConfigInvalid`; then the old one
 * stays in force.
 */
import type { AddressInfo, BlockList, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { SMTPServer } from 'smtp-server';
import { bindError } from '../bind-error.ts';
import type { Clock } from '../clock.ts';
import type { Listener as ListenerConfig } from '../config.ts';
import { PostriderError, type SmtpError, smtpError } from '../errors.ts';
import type { MailLog } from '../log/types.ts';
import type { Random } from '../random.ts';
import { contains, networkList } from '../route/egress.ts';
import { Connections, shareOf } from './connections.ts';
import { DialogueClient, type Recount } from './dialogue-client.ts';
import { handshakeFailure, securedBy } from './handshake.ts';
import { plainAddress } from './plain-address.ts';
import { readProxyHeader } from './read-proxy-header.ts';
import { Session, type SessionDeps } from './session.ts';
import { TlsContexts } from './tls-contexts.ts';
import { type TlsMaterial, tlsMaterial } from './tls-material.ts';
import type { Acceptor } from './types.ts';

/** What a listener is run by and may be reloaded with. */
export interface ListenerSettings {
  readonly config: ListenerConfig;
  /** The fleet's; the listener's own comes first. */
  readonly hostname: string;
  /** `MtaConfig.secrets`: where `config.tls.certificate` and `config.tls.key` are found. */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface ListenerDeps {
  readonly acceptor: Acceptor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<MailLog, 'refused'>;
  /** Processes of the same secret resume each other's TLS sessions; this one has its own where absent. */
  readonly ticketSecret?: Uint8Array | undefined;
  /** This process's part of the listener's connections: 1 with one worker, 0.5 for each of two. */
  readonly connectionShare: number;
}

export interface RunningListener {
  readonly config: ListenerConfig;
  /** Open sessions. */
  readonly sessions: number;
  /** Binds; resolves with the port, which is of the system's choice where the config says 0. */
  start(): Promise<{ port: number }>;
  /**
   * Takes on new limits, certificates, hostname and permissions, for open sessions too, without ending one.
   * Address, port, whether TLS is implicit, and whether LMTP is spoken can't change: that is another listener.
   */
  reload(settings: ListenerSettings): Promise<void>;
  /**
   * Accepts no more, answers 421 4.3.2 to whoever isn't in the middle of a message, and resolves when the last
   * session has ended, or when `graceSeconds` are over and the rest has been cut.
   */
  stop(graceSeconds: number): Promise<void>;
}

// How long a client may take for the handshake of implicit TLS, however its bytes trickle in.
const HANDSHAKE_MS = 60_000;

export function createListener(settings: ListenerSettings, deps: ListenerDeps): RunningListener {
  return new SmtpListener(settings, deps);
}

class SmtpListener extends SMTPServer implements RunningListener {
  readonly #deps: ListenerDeps;
  readonly #connections: Connections;
  readonly #open = new Set<Session>();
  readonly #sessionDeps: SessionDeps;
  readonly #idPrefix: string;
  readonly #ticketSecret: Uint8Array;
  #settings: ListenerSettings;
  #material: TlsMaterial | undefined;
  #contexts: TlsContexts | undefined;
  /** Addresses that load balancers have told, until the session begins. */
  readonly #toldAddress = new WeakMap<Socket, string>();
  /** Whose connections begin with a PROXY header. */
  #proxies: BlockList | undefined;
  #accepted = 0;
  #stopping = false;
  #onIdle: () => void = () => {};

  constructor(settings: ListenerSettings, deps: ListenerDeps) {
    const { config } = settings;
    const material = tlsMaterial(settings.config, settings.secrets);
    super({
      secure: config.tls.mode === 'implicit',
      maxClients: config.limits.connections,
      // Commands and replies are small, and each is waited for.
      noDelay: true,
      keepAlive: true,
      // A client that closes its side behind its last command still gets its replies.
      allowHalfOpen: true,
      // Whether a client's certificate counts is looked at when the handshake is over.
      rejectUnauthorized: false,
      // Without TLS the context is never used, and its warning would be wrong.
      ...(material?.pairs[0] ?? { hideSTARTTLS: true }),
    } as ConstructorParameters<typeof SMTPServer>[0]);
    this.#settings = settings;
    this.#proxies = proxiesOf(config);
    this.#deps = deps;
    this.#ticketSecret = deps.ticketSecret ?? deps.random.bytes(32);
    if (material !== undefined) this.#useTls(material);
    this.#connections = new Connections(deps.connectionShare);
    this.#idPrefix = deps.random.bytes(4).toString('hex');
    this.#sessionDeps = {
      acceptor: deps.acceptor,
      clock: deps.clock,
      log: deps.log,
      hostname: () => this.#settings.config.hostname ?? this.#settings.hostname,
      secure: (socket) => this.#secure(socket),
      closed: (session) => this.#forget(session),
    };
    // Failed handshakes: the client sees them, and nobody else can do anything about them.
    this.on('error', () => {});
  }

  get config(): ListenerConfig {
    return this.#settings.config;
  }

  get sessions(): number {
    return this.#open.size;
  }

  start(): Promise<{ port: number }> {
    const { address, port, name } = this.config;
    return new Promise((resolve, reject) => {
      const refused = (error: Error) => reject(bindError(error, { name: `listener ${name}`, address, port }));
      this.server.once('error', refused);
      // Several workers share the port; the kernel spreads connections over them.
      this.server.listen({ host: address, port, reusePort: true, backlog: 1024 }, () => {
        this.server.removeListener('error', refused);
        resolve({ port: (this.server.address() as AddressInfo).port });
      });
    });
  }

  async reload(settings: ListenerSettings): Promise<void> {
    if (!isSamePlace(this.config, settings.config)) {
      throw new PostriderError('ConfigInvalid', `listener ${this.config.name} can't move while it runs`, {
        hint: 'address, port, implicit TLS and LMTP belong to a listener: stop this one and start another',
      });
    }
    const material = tlsMaterial(settings.config, settings.secrets);
    // A new context ends the resumption of sessions: only where something is new.
    if (material !== undefined && !isDeepStrictEqual(material, this.#material)) this.#useTls(material);
    this.options.maxClients = settings.config.limits.connections;
    this.#proxies = proxiesOf(settings.config);
    this.#settings = settings;
  }

  async stop(graceSeconds: number): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    // Handshakes of implicit TLS that have no session yet.
    for (const pending of this._pendingSockets.values()) pending.destroy();
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    for (const session of this.#open) session.stop();
    if (this.#open.size > 0) {
      const cancel = this.#deps.clock.after(graceSeconds * 1000, this.#onIdle);
      await idle;
      cancel();
      for (const session of this.#open) session.destroy();
    }
    await closed;
  }

  /**
   * Counts and times what comes before a session with its limits and deadlines: a PROXY header, and the handshake of implicit
   * TLS. A load balancer is one for many clients, and is not counted.
   */
  override _acceptSocket(socket: Socket, handshake: boolean): (() => void) | false {
    // A connection that is lost before its session listens must not end the process.
    socket.on('error', () => socket.destroy());
    const isProxied = this.#isProxied(socket);
    if (!handshake && !isProxied) return super._acceptSocket(socket, handshake);
    const address = socket.remoteAddress;
    const others = [...this._pendingSockets.keys()].filter((other) => other.remoteAddress === address).length;
    if (
      !isProxied &&
      others >= shareOf(this.config.limits.connectionsPerAddress, this.#deps.connectionShare)
    ) {
      socket.destroy();
      return false;
    }
    const release = super._acceptSocket(socket, true);
    const cancel = this.#deps.clock.after(HANDSHAKE_MS, () => this._pendingSockets.get(socket)?.destroy());
    socket.once('close', cancel);
    return release;
  }

  /** Who is behind a load balancer that we trust; nobody else is asked. */
  override _handleProxy(socket: Socket, callback: Parameters<SMTPServer['_handleProxy']>[1]): void {
    if (!this.#isProxied(socket)) {
      callback(null);
      return;
    }
    readProxyHeader(socket, this.#deps.clock).then(
      (client) => {
        if (client !== undefined) this.#toldAddress.set(socket, client.address);
        // A session's id is of our own making.
        callback(null, client && { id: '', remoteAddress: client.address, remotePort: client.port });
      },
      (error: SmtpError) => {
        const clientAddress = plainAddress(socket.remoteAddress ?? '');
        this.#deps.log.refused({ command: 'PROXY', error, listener: this.config.name, clientAddress });
        socket.destroy();
        callback(error);
      },
    );
  }

  /** From the next handshake on. Sessions that are open go on with what they have. */
  #useTls(material: TlsMaterial): void {
    this.#contexts = new TlsContexts(material, this.config.name, this.#ticketSecret);
    this.secureContext.set('*', this.#contexts.first);
    this.options.requestCert = material.ca !== undefined;
    this.#material = material;
  }

  #secure(socket: Socket): TLSSocket {
    return new TLSSocket(socket, {
      isServer: true,
      server: this.server,
      secureContext: this.#contexts!.first,
      SNICallback: (name, callback) => this._resolveSNI(name, callback),
      requestCert: this.#material?.ca !== undefined,
      rejectUnauthorized: false,
    });
  }

  override _resolveSNI(name: string, callback: Parameters<SMTPServer['_resolveSNI']>[1]): void {
    callback(null, this.#contexts!.for(name));
  }

  /** A handshake whose client has closed its side is over: nobody will ever end it. */
  override _upgrade(socket: Socket, callback: Parameters<SMTPServer['_upgrade']>[1]): void {
    super._upgrade(socket, (failed, secured) => {
      const error = handshakeFailure(failed);
      const clientAddress = this.#toldAddress.get(socket) ?? plainAddress(socket.remoteAddress ?? '');
      if (error) this.#deps.log.refused({ command: 'TLS', error, listener: this.config.name, clientAddress });
      callback(failed, secured);
    });
    const pending = this._pendingSockets.get(socket);
    if (pending === undefined) return;
    const cut = (): void => void pending.destroy();
    pending.once('end', cut);
    pending.once('secure', () => pending.off('end', cut));
  }

  #isProxied(socket: Socket): boolean {
    return contains(this.#proxies, plainAddress(socket.remoteAddress ?? ''));
  }

  override connect(socket: Socket, proxied?: { remoteAddress?: string; remotePort?: number }): void {
    const address = plainAddress(proxied?.remoteAddress ?? socket.remoteAddress ?? '');
    this.#accepted += 1;
    const id = `${this.#idPrefix}-${this.#accepted.toString(36)}`;
    const port = proxied?.remotePort ?? socket.remotePort ?? 0;
    const client = new DialogueClient(id, address, port, () => this.config, this.#recount);
    if (socket instanceof TLSSocket) Object.assign(client, securedBy(socket));
    const session = new Session(socket, client, this.#sessionDeps);
    this.#open.add(session);
    const refused = this.#connections.enter(address, this.config.limits);
    session.start(this.#stopping ? smtpError('serviceShutdown') : refused);
    // Behind a PROXY header.
    if (socket.isPaused()) socket.resume();
  }

  readonly #recount: Recount = (from, to) => {
    this.#connections.leave(from);
    return this.#connections.enter(to, this.config.limits);
  };

  #forget(session: Session): void {
    this.#open.delete(session);
    this.#connections.leave(session.address);
    if (this.#open.size === 0) this.#onIdle();
  }
}

/** Whether one can become the other while clients are connected: what they began with stays. */
export function isSamePlace(a: ListenerConfig, b: ListenerConfig): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    (a.role === 'lmtp') === (b.role === 'lmtp') &&
    (a.tls.mode === 'implicit') === (b.tls.mode === 'implicit')
  );
}

const proxiesOf = ({ proxyProtocol }: ListenerConfig): BlockList | undefined =>
  proxyProtocol && networkList(proxyProtocol.from);
