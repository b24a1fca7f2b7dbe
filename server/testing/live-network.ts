/** Real sockets for a server that can be stopped, ended and cut off from others (live-link.ts). */
import type {
  Address,
  HostError,
  Link,
  LinkHandlers,
  ListenAddress,
  Listener,
  Network,
} from "../../protocol/host.ts";
import { LiveLink, OPEN_PASSAGE, type Passage } from "./live-link.ts";
import type { LiveProcess } from "./live-process.ts";
import type { LiveWires } from "./live-wires.ts";

/** Until the owner has set its own. */
const NO_HANDLERS: LinkHandlers = { data() {}, ended() {}, drained() {}, closed() {} };

export class LiveNetwork implements Network {
  readonly #sid: number;
  readonly #process: LiveProcess;
  readonly #wires: LiveWires;
  readonly #real: Network;
  readonly #listeners = new Set<Listener>();
  readonly #links = new Set<LiveLink>();
  /** Those of `#links` that were accepted, with the port. */
  readonly #accepted = new Map<LiveLink, number>();

  constructor(sid: number, process: LiveProcess, wires: LiveWires, real: Network) {
    this.#sid = sid;
    this.#process = process;
    this.#wires = wires;
    this.#real = real;
  }

  listen(
    at: ListenAddress,
    accept: (link: Link) => void,
    done: (error: HostError | undefined, listener: Listener | undefined) => void,
  ): void {
    const accepted = (real: Link): void => {
      if (this.#process.hasEnded) {
        real.handlers = NO_HANDLERS;
        real.destroy();
        return;
      }
      const link = this.#keep(OPEN_PASSAGE, real, NO_HANDLERS);
      this.#accepted.set(link, at.port);
      // A kernel shakes hands for a process that stands still.
      this.#process.pass(() => accept(link));
    };
    this.#real.listen(at, accepted, (error, listener) => {
      if (listener === undefined) {
        this.#process.pass(() => done(error, undefined));
      } else if (this.#process.hasEnded) {
        listener.close(() => {});
      } else {
        this.#listeners.add(listener);
        this.#process.pass(() => done(undefined, this.#listening(listener)));
      }
    });
  }

  connect(to: Address, handlers: LinkHandlers): Link {
    const dial = (events: LinkHandlers): Link => this.#real.connect(to, events);
    return this.#keep(this.#passageTo(to), dial, handlers);
  }

  /** The process stands still, or goes on. */
  regulate(): void {
    for (const link of this.#links) link.rewired();
  }

  /** Breaks every connection that was accepted on this port. */
  breakAccepted(port: number): void {
    for (const [link, at] of this.#accepted) if (at === port) link.break();
  }

  /** What a kernel does for a process that is gone. */
  abandon(closed: () => void): void {
    let open = this.#listeners.size;
    for (const listener of this.#listeners) {
      listener.close(() => {
        if (--open === 0) closed();
      });
    }
    if (open === 0) closed();
    this.#listeners.clear();
    for (const link of [...this.#links]) link.abandon();
  }

  #listening(listener: Listener): Listener {
    return {
      port: listener.port,
      close: (done) => {
        this.#listeners.delete(listener);
        listener.close(() => this.#process.pass(done));
      },
    };
  }

  #passageTo(to: Address): Passage {
    const sid = this.#wires.ownerOf(to);
    if (sid === undefined) return OPEN_PASSAGE;
    return {
      isOutCut: () => this.#wires.isCut(this.#sid, sid),
      isInCut: () => this.#wires.isCut(sid, this.#sid),
    };
  }

  #keep(
    passage: Passage,
    from: Link | ((handlers: LinkHandlers) => Link),
    handlers: LinkHandlers,
  ): LiveLink {
    const link = new LiveLink(this.#process, passage, from, handlers, (gone) => {
      this.#links.delete(gone);
      this.#accepted.delete(gone);
      this.#wires.remove(gone);
    });
    this.#links.add(link);
    this.#wires.add(link);
    return link;
  }
}
