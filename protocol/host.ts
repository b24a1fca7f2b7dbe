/**
 * The doors to the machine. Server, client and recipes take time, randomness, network and disk
 * through these and through nothing else, so that a whole ensemble runs inside one simulator.
 * `node-host.ts` has the real ones, `server/testing/` the simulated ones.
 *
 * Every callback runs in a turn of its own, never inside the call that asked for it.
 */
export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: Disk;
  readonly machine: Machine;
}

/** What the machine and the process are called: for operators to read, decides nothing. */
export interface Machine {
  describe(): MachineDescription;
}

export interface MachineDescription {
  readonly hostName: string;
  /** As `process.version` has it, without the v. */
  readonly nodeVersion: string;
  readonly osName: string;
  readonly osArchitecture: string;
  readonly osVersion: string;
  readonly userName: string;
  readonly userHome: string;
  readonly workingDirectory: string;
  /** Of the JavaScript heap: not in use, in use or not, and what it may grow to. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly maxBytes: number;
}

export interface Clock {
  /** Milliseconds from an arbitrary origin, with fractions; never goes back. */
  nowMs(): number;
  /** Milliseconds since 1970, whole; may jump. For Stat times and for people. */
  wallMs(): number;
  /** Calls back once, at least `delayMs` from now (0 to 2^31 - 1). */
  after(delayMs: number, callback: () => void): Timer;
  /** Calls back when all that this turn brings in has been handled: where buffers are flushed. */
  endOfTurn(callback: () => void): void;
}

export interface Timer {
  /** After this the callback does not run; harmless once it has run. */
  cancel(): void;
}

export interface Random {
  /** 0 <= x < 1. */
  fraction(): number;
  /** Fills all of `target`. */
  fill(target: Uint8Array): void;
}

export interface Network {
  /**
   * Listens for TCP connections. `done` gets the listener, or the error that prevents it
   * (`code` as Node's: EADDRINUSE, EACCES, ...). `accept` sets the link's handlers before it returns.
   */
  listen(
    at: ListenAddress,
    accept: (link: Link) => void,
    done: (error: HostError | undefined, listener: Listener | undefined) => void,
  ): void;
  /** Starts to connect. The handlers' `opened` or `closed` follows. */
  connect(to: Address, handlers: LinkHandlers): Link;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ListenAddress {
  /** Undefined: every address of the machine. */
  readonly host: string | undefined;
  /** 0: any free one. */
  readonly port: number;
  readonly backlog: number;
}

export interface Listener {
  readonly port: number;
  /** Accepts no more; links that are open stay. */
  close(done: () => void): void;
}

/** An error of the machine, with the code that the operating system gave. */
export interface HostError extends Error {
  readonly code?: string;
}

export interface LinkHandlers {
  /** Connected. Only for a link made by `connect`. */
  opened?(): void;
  /** Bytes arrived. They are the caller's only until this returns: copy what is kept. */
  data(bytes: Buffer): void;
  /** The peer sends no more; what we write may still reach it. */
  ended(): void;
  /** All that an earlier `write` kept has left. */
  drained(): void;
  /** The last call: the link is gone, whoever ended it. */
  closed(error: HostError | undefined): void;
}

/** One TCP connection. */
export interface Link {
  /** The peer's address as text, IPv4 without the ::ffff: prefix; "" before it is connected. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Who hears of it. A link from `accept` has none until this is set. */
  handlers: LinkHandlers;
  /** Bytes that `write` kept and that have not left. */
  readonly pendingBytes: number;
  /**
   * Sends. True: all of it went to the kernel and the buffer is the caller's again.
   * False: the link keeps the buffer until `drained`, and so the caller must not touch it.
   */
  write(bytes: Uint8Array): boolean;
  /** No `data` until `resume`: the peer feels it as a full window. */
  pause(): void;
  resume(): void;
  /** Has the kernel ask a silent peer whether it is still there; if not, the connection is dropped. */
  keepAlive(): void;
  /** Ends the stream after what was written. */
  end(): void;
  /** Drops the connection now; `closed` follows. */
  destroy(): void;
}

/**
 * Files. What start-up and recovery need is synchronous, since nothing else runs then; what is
 * called while a server serves takes a callback. Errors carry the operating system's code.
 *
 * Nothing survives a crash but what `datasync` (for a file's bytes) and `syncDirectory` (for the
 * names in a directory) have confirmed.
 */
export interface Disk {
  /** Names in a directory, in no order. @throws HostError ENOENT, ENOTDIR, EACCES */
  list(directory: string): string[];
  /** What a path names, or undefined when nothing is there. */
  stat(path: string): PathStat | undefined;
  /** Creates a directory and its parents; harmless if it is there. */
  makeDirectory(path: string): void;
  /** Opens synchronously, at start. @throws HostError */
  openNow(path: string, mode: OpenMode): DiskFile;
  renameNow(from: string, to: string): void;
  removeNow(path: string): void;
  syncDirectoryNow(path: string): void;

  open(
    path: string,
    mode: OpenMode,
    done: (error: HostError | undefined, file: DiskFile | undefined) => void,
  ): void;
  rename(from: string, to: string, done: DiskDone): void;
  remove(path: string, done: DiskDone): void;
  syncDirectory(path: string, done: DiskDone): void;
}

/** `read`: must exist. `create`: empty and new, truncating what was there. `write`: must exist, kept as it is. */
export type OpenMode = "read" | "create" | "write";

export type DiskDone = (error: HostError | undefined) => void;

export interface PathStat {
  readonly isDirectory: boolean;
  readonly size: number;
}

export interface DiskFile {
  /** The size in bytes now. */
  size(): number;
  /** Reads at `position` into all of `target` if the file has that much; returns the bytes read. */
  readNow(target: Uint8Array, position: number): number;
  truncateNow(size: number): void;
  datasyncNow(): void;
  closeNow(): void;

  /** Writes all of `bytes`; they must not change until `done`. A short write is an error. */
  write(bytes: Uint8Array, position: number, done: DiskDone): void;
  /** After this every byte that was written before the call, and the size, survive a crash. */
  datasync(done: DiskDone): void;
  close(done: DiskDone): void;
}
