/**
 * The two epochs that a server of an ensemble must not forget (quorum-protocol 1.1):
 *
 *     acceptedEpoch   the promise to take part in no earlier one
 *     currentEpoch    the last one whose leader's history is in the log
 *
 * One number each was not enough: with a single one, two leaders used the same epoch after a crash
 * between promise and adoption (ZOOKEEPER-335, 1081).
 *
 *     save ─▶ <name>.tmp ─▶ fsync ─▶ rename ─▶ fsync of the directory ─▶ memory ─▶ done
 *
 * so a crash leaves the old value or the new one, and what memory says is never ahead of the disk
 * (P-1). Between a history that is durable and its currentEpoch lies a moment in which a crash
 * leaves txns of an epoch that was not adopted: P-3 heals that at the next start.
 */
import { assert } from "../../protocol/assert.ts";
import type { Clock, Disk, DiskFile, HostError } from "../../protocol/host.ts";
import { EPOCH_MAX, type Zxid, zxidEpoch, zxidHex } from "../../protocol/zxid.ts";
import { UNFINISHED } from "./files.ts";
import { RecoveryError } from "./recovery-error.ts";

type EpochName = "acceptedEpoch" | "currentEpoch";

interface Save {
  readonly name: EpochName;
  readonly epoch: number;
  readonly done: () => void;
}

/** A term saves each epoch once, and waits for it. */
const SAVES_MAX = 16;
/** More than the digits of any epoch: a longer file is no epoch. */
const FILE_BYTES_MAX = 64;

export class Epochs {
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #directory: string;
  /** A write or an fsync failed. Called once; nothing is saved afterwards: stop the server. */
  readonly #failed: (error: HostError) => void;
  /** Invariant: current <= accepted, neither ever falls, and both are what the files say (P-4). */
  readonly #values: Record<EpochName, number>;
  /** Those that the files do not say: created or healed, until `settle`. */
  readonly #unsaved: EpochName[] = [];
  /** The first one is under way. */
  readonly #saves: Save[] = [];
  readonly #idle: (() => void)[] = [];
  #hasFailed = false;

  /**
   * Reads what the directory says and sets it right, in memory; `settle` writes that.
   *
   * @param directory The version-2 directory of snapshots.
   * @param lastZxid Of the tree, with the whole log applied.
   * @throws RecoveryError Epochs; HostError.
   */
  constructor(
    host: { readonly clock: Clock; readonly disk: Disk },
    directory: string,
    lastZxid: Zxid,
    failed: (error: HostError) => void,
  ) {
    this.#clock = host.clock;
    this.#disk = host.disk;
    this.#directory = directory;
    this.#failed = failed;
    const historyEpoch = zxidEpoch(lastZxid);
    const foundAccepted = this.#read("acceptedEpoch");
    const foundCurrent = this.#read("currentEpoch");
    const accepted = foundAccepted ?? historyEpoch;
    const current = Math.max(foundCurrent ?? historyEpoch, historyEpoch);
    // P-2 and P-3: holding any txn of an epoch implies holding all that its leader began with.
    if (current > accepted) throw refusal(directory, lastZxid, foundAccepted, foundCurrent);
    this.#values = { acceptedEpoch: accepted, currentEpoch: current };
    if (accepted !== foundAccepted) this.#unsaved.push("acceptedEpoch");
    if (current !== foundCurrent) this.#unsaved.push("currentEpoch");
  }

  get accepted(): number {
    return this.#values.acceptedEpoch;
  }

  get current(): number {
    return this.#values.currentEpoch;
  }

  /**
   * Writes what was created or healed, and makes durable what was read: a process that was killed
   * between a rename and its sync has left a name that a power cut would still take back. Before
   * the server speaks to anybody.
   */
  settle(done: () => void): void {
    this.#disk.syncDirectory(this.#directory, (error) => {
      if (!this.#goesOn(error)) return;
      for (const name of this.#unsaved.splice(0)) {
        this.#enqueue({ name, epoch: this.#values[name], done: () => undefined });
      }
      this.whenIdle(done);
    });
  }

  /** Calls back once the promise survives any crash, never if that fails. */
  saveAccepted(epoch: number, done: () => void): void {
    if (epoch === this.accepted && this.#saves.length === 0) this.#clock.endOfTurn(done);
    else this.#enqueue({ name: "acceptedEpoch", epoch, done });
  }

  /** Likewise, for an epoch that was promised. */
  saveCurrent(epoch: number, done: () => void): void {
    if (epoch === this.current && this.#saves.length === 0) this.#clock.endOfTurn(done);
    else this.#enqueue({ name: "currentEpoch", epoch, done });
  }

  /** Calls back when no save is under way. */
  whenIdle(done: () => void): void {
    if (this.#saves.length === 0) this.#clock.endOfTurn(done);
    else this.#idle.push(done);
  }

  #enqueue(save: Save): void {
    assert(save.epoch <= EPOCH_MAX, "an epoch beyond the last one");
    assert(this.#saves.length < SAVES_MAX, "epochs are saved faster than terms can begin");
    this.#saves.push(save);
    if (this.#saves.length === 1) this.#write(save);
  }

  #write({ name, epoch }: Save): void {
    assert(epoch >= this.#values[name], "an epoch goes back");
    assert(name === "acceptedEpoch" || epoch <= this.accepted, "an epoch that was not promised");
    this.#disk.open(this.#path(name) + UNFINISHED, "create", (error, file) => {
      if (!this.#goesOn(error) || file === undefined) return;
      file.write(Buffer.from(String(epoch)), 0, (writeError) => {
        if (this.#goesOn(writeError)) this.#sync(file, name);
      });
    });
  }

  #sync(file: DiskFile, name: EpochName): void {
    file.datasync((error) => {
      if (!this.#goesOn(error)) return;
      // Its bytes are safe: an election does not wait for the descriptor.
      file.close((closeError) => void this.#goesOn(closeError));
      this.#rename(name);
    });
  }

  #rename(name: EpochName): void {
    const path = this.#path(name);
    this.#disk.rename(path + UNFINISHED, path, (error) => {
      if (!this.#goesOn(error)) return;
      this.#disk.syncDirectory(this.#directory, (syncError) => {
        if (this.#goesOn(syncError)) this.#saved();
      });
    });
  }

  #saved(): void {
    const save = this.#saves.shift();
    assert(save !== undefined, "a save that nobody asked for");
    this.#values[save.name] = save.epoch;
    const next = this.#saves[0];
    if (next !== undefined) this.#write(next);
    save.done();
    if (this.#saves.length > 0) return;
    for (const idle of this.#idle.splice(0)) idle();
  }

  #goesOn(error: HostError | undefined): boolean {
    if (this.#hasFailed) return false;
    if (error === undefined) return true;
    this.#hasFailed = true;
    this.#failed(error);
    return false;
  }

  /** The number in a file's first line; undefined: there is no such file. */
  #read(name: EpochName): number | undefined {
    const path = this.#path(name);
    if (this.#disk.stat(path) === undefined) return undefined;
    const file = this.#disk.openNow(path, "read");
    let text: string;
    try {
      const bytes = Buffer.alloc(FILE_BYTES_MAX);
      text = bytes.toString("latin1", 0, file.readNow(bytes, 0));
    } finally {
      file.closeNow();
    }
    const line = (text.split("\n")[0] ?? "").trim();
    const epoch = /^\d+$/.test(line) ? Number(line) : Number.NaN;
    if (epoch <= EPOCH_MAX) return epoch;
    throw new RecoveryError(
      "Epochs",
      `${path} holds ${JSON.stringify(line)}, which is no epoch. ${ADVICE}`,
    );
  }

  #path(name: EpochName): string {
    return `${this.#directory}/${name}`;
  }
}

const ADVICE: string =
  "What this server promised to other leaders is unknown, and an older promise could undo what " +
  "was acknowledged: empty its directories and let it sync, or restore all of version-2 from one " +
  "backup";

function refusal(
  directory: string,
  lastZxid: Zxid,
  accepted: number | undefined,
  current: number | undefined,
): RecoveryError {
  return new RecoveryError(
    "Epochs",
    `${directory} contradicts itself: acceptedEpoch is ${accepted ?? "missing"}, currentEpoch ` +
      `${current ?? "missing"}, and the history ends with 0x${zxidHex(lastZxid)} of epoch ` +
      `${zxidEpoch(lastZxid)}, while none of them may be above acceptedEpoch. ${ADVICE}`,
  );
}
