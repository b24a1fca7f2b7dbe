/**
 * While only a server without a quorum serves us: asks the others, one after the other and less and
 * less often, whether they have one (the word `isro`; client-protocol 10.4).
 */
import type { Address, Link } from "../protocol/host.ts";
import type { Hosts } from "./hosts.ts";
import type { ClientHost } from "./options.ts";

const FIRST_PAUSE_MS = 100;
const PAUSE_MAX_MS = 60_000;

/** For one server to answer. */
const ANSWER_MAX_MS = 1000;

const QUESTION = Buffer.from("isro");
const READ_WRITE = "rw";

export interface ReadWriteSearchEvents {
  /** `dueMs` is another. */
  rescheduled(): void;
  /** This server has a quorum. The search has ended. */
  foundReadWrite(address: Address): void;
}

export class ReadWriteSearch {
  readonly #host: ClientHost;
  readonly #hosts: Hosts;
  readonly #events: ReadWriteSearchEvents;
  #pauseMs = FIRST_PAUSE_MS;
  /** The server that is being asked. */
  #link: Link | undefined;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(host: ClientHost, hosts: Hosts, events: ReadWriteSearchEvents) {
    this.#host = host;
    this.#hosts = hosts;
    this.#events = events;
  }

  get dueMs(): number {
    return this.#dueMs;
  }

  start(): void {
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#schedule(this.#pauseMs);
  }

  stop(): void {
    this.#link?.destroy();
    this.#link = undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  tick(nowMs: number): void {
    if (nowMs < this.#dueMs) return;
    if (this.#link === undefined) this.#ask(this.#hosts.next());
    else this.#pause();
  }

  #ask(address: Address): void {
    let answer = "";
    const link = this.#host.network.connect(address, {
      opened: () => {
        link.write(QUESTION);
      },
      data: (bytes) => {
        answer += bytes.toString("latin1", 0, READ_WRITE.length);
        if (answer.startsWith(READ_WRITE) && this.#link === link) {
          this.stop();
          this.#events.foundReadWrite(address);
        }
      },
      ended: () => link.destroy(),
      drained: () => {},
      closed: () => {
        if (this.#link === link) this.#pause();
      },
    });
    this.#link = link;
    this.#schedule(ANSWER_MAX_MS);
  }

  #pause(): void {
    this.stop();
    this.#pauseMs = Math.min(PAUSE_MAX_MS, this.#pauseMs * 2);
    this.#schedule(this.#pauseMs);
  }

  #schedule(delayMs: number): void {
    this.#dueMs = this.#host.clock.nowMs() + delayMs;
    this.#events.rescheduled();
  }
}
