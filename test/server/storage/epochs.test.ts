import { expect, test } from "vitest";
import type { HostError } from "../../../protocol/host.ts";
import { makeZxid } from "../../../protocol/zxid.ts";
import { Epochs } from "../../../server/storage/epochs.ts";
import { RecoveryError } from "../../../server/storage/recovery-error.ts";
import type { SimHost, World } from "../../../server/testing/index.ts";
import { DIRECTORY, newMachine } from "./sim-machine.ts";
import { TracedDisk } from "./traced-disk.ts";

/** Epoch files on a simulated disk. */
class Bench {
  readonly world: World;
  readonly host: SimHost;
  readonly disk: TracedDisk;
  readonly errors: HostError[] = [];

  constructor(seed = 1) {
    ({ world: this.world, host: this.host } = newMachine(seed));
    this.disk = new TracedDisk(this.host.disk);
  }

  /** What a server that starts makes of the files, with a history that ends there. */
  open(lastZxid = 0): Epochs {
    const { clock } = this.host;
    const failed = (error: HostError): void => void this.errors.push(error);
    return new Epochs({ clock, disk: this.disk }, DIRECTORY, lastZxid, failed);
  }

  /** Why it does not start. */
  refusal(lastZxid: number): RecoveryError {
    try {
      this.open(lastZxid);
    } catch (error) {
      if (error instanceof RecoveryError) return error;
      throw error;
    }
    throw new Error("it started");
  }

  put(name: string, text: string): void {
    this.host.disk.open(`${DIRECTORY}/${name}`, "create", (_, file) => {
      file?.write(Buffer.from(text), 0, () => file.datasyncNow());
    });
    this.rest();
    this.host.disk.syncDirectoryNow(DIRECTORY);
  }

  text(name: string): string | undefined {
    const path = `${DIRECTORY}/${name}`;
    if (this.host.disk.stat(path) === undefined) return undefined;
    const bytes = Buffer.alloc(100);
    return bytes.toString("latin1", 0, this.host.disk.openNow(path, "read").readNow(bytes, 0));
  }

  rest(): void {
    while (this.world.step());
  }
}

const values = (epochs: Epochs): number[] => [epochs.accepted, epochs.current];

// quorum-protocol P-1, P-4
test("an epoch is in its file, synced, renamed and the directory synced, before memory has it", () => {
  const bench = new Bench();
  const epochs = bench.open();
  const told: string[] = [];
  epochs.saveAccepted(1, () => told.push("accepted"));
  epochs.saveCurrent(1, () => told.push("current"));
  while (told.length === 0) {
    expect(values(epochs)).toEqual([0, 0]);
    expect(bench.world.step()).toBe(true);
  }
  const saved = (name: string): string[] => [
    `create ${name}.tmp`,
    `write ${name}.tmp 0+1`,
    `datasync ${name}.tmp`,
    `close ${name}.tmp`,
    `rename ${name}.tmp ${name}`,
    "syncDirectory version-2",
  ];
  expect(bench.disk.trace.slice(0, 6)).toEqual(saved("acceptedEpoch"));
  bench.rest();
  expect(told).toEqual(["accepted", "current"]);
  expect(bench.disk.take().slice(6)).toEqual(saved("currentEpoch"));
  expect(values(epochs)).toEqual([1, 1]);
  expect([bench.text("acceptedEpoch"), bench.text("currentEpoch")]).toEqual(["1", "1"]);
});

test("an epoch that is saved already costs no write, and the answer comes in a later turn", () => {
  const bench = new Bench();
  bench.put("acceptedEpoch", "7");
  bench.put("currentEpoch", "6");
  const epochs = bench.open();
  let told = 0;
  epochs.saveAccepted(7, () => told++);
  epochs.saveCurrent(6, () => told++);
  expect(told).toBe(0);
  bench.rest();
  expect(told).toBe(2);
  expect(bench.disk.take()).toEqual([]);
});

// quorum-protocol P-1
test("a save that fails leaves memory as it was, and nothing is saved afterwards", () => {
  for (let operations = 0; operations < 6; operations++) {
    const bench = new Bench();
    const epochs = bench.open();
    let told = 0;
    bench.host.disk.failAfter(operations, "EIO");
    epochs.saveAccepted(1, () => told++);
    epochs.saveCurrent(1, () => told++);
    bench.rest();
    expect(bench.errors.map(({ code }) => code)).toEqual(["EIO"]);
    expect([told, ...values(epochs)]).toEqual([0, 0, 0]);
  }
});

// quorum-protocol P-2; operations 1.4/<dataDir>/version-2/{acceptedEpoch currentEpoch}
test("files that are missing are created with the epoch of the history", () => {
  const bench = new Bench();
  const epochs = bench.open(makeZxid(3, 9));
  expect(values(epochs)).toEqual([3, 3]);
  let isSettled = false;
  epochs.settle(() => {
    isSettled = true;
  });
  bench.rest();
  expect(isSettled).toBe(true);
  expect([bench.text("acceptedEpoch"), bench.text("currentEpoch")]).toEqual(["3", "3"]);
});

// quorum-protocol P-2; operations 1.4/<dataDir>/version-2/{acceptedEpoch currentEpoch}
test("the first line of a file counts, as for Apache", () => {
  const bench = new Bench();
  bench.put("acceptedEpoch", "12\n");
  bench.put("currentEpoch", "11\nand more");
  expect(values(bench.open(makeZxid(11, 1)))).toEqual([12, 11]);
});

// quorum-protocol P-2, P-3, 16/1653/2307/2354
test("txns of an epoch that was promised and not adopted heal currentEpoch", () => {
  const bench = new Bench();
  bench.put("acceptedEpoch", "5");
  bench.put("currentEpoch", "3");
  // What Apache leaves when it is killed in between, and what we leave.
  bench.put("currentEpoch.tmp", "");
  const epochs = bench.open(makeZxid(4, 17));
  expect(values(epochs)).toEqual([5, 4]);
  epochs.settle(() => {});
  bench.rest();
  expect(bench.text("currentEpoch")).toBe("4");
  expect(values(bench.open(makeZxid(4, 17)))).toEqual([5, 4]);
});

// quorum-protocol P-2, P-3
test("a history or an adoption beyond every promise is refused, and no file is touched", () => {
  const cases: [accepted: string, current: string, lastZxid: number][] = [
    ["5", "5", makeZxid(6, 1)],
    ["5", "6", makeZxid(5, 1)],
    ["5", "4", makeZxid(6, 0)],
  ];
  for (const [accepted, current, lastZxid] of cases) {
    const bench = new Bench();
    bench.put("acceptedEpoch", accepted);
    bench.put("currentEpoch", current);
    bench.disk.take();
    const error = bench.refusal(lastZxid);
    expect(error.code).toBe("Epochs");
    expect(error.message).toContain(`acceptedEpoch is ${accepted}, currentEpoch ${current}`);
    expect(error.message).toContain(`0x${lastZxid.toString(16)}`);
    bench.rest();
    expect(bench.disk.take()).toEqual([]);
  }
});

// quorum-protocol P-2
test("a promise that is lost is not guessed from an adoption that is higher than the history", () => {
  const bench = new Bench();
  bench.put("currentEpoch", "4");
  expect(bench.refusal(makeZxid(3, 1)).message).toContain("acceptedEpoch is missing");
});

test("what is no epoch is refused with its file's name", () => {
  for (const text of ["", "-1", "five", "0x5", "9007199254740993", " "]) {
    const bench = new Bench();
    bench.put("acceptedEpoch", text);
    expect(bench.refusal(0).message).toContain(`${DIRECTORY}/acceptedEpoch`);
  }
});

// quorum-protocol P-4, I-9, 16/335/1081/1082
test("a power cut at any step leaves the old epoch or the new one, and the new one once it was told", () => {
  let old = 0;
  let between = 0;
  let adopted = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const bench = new Bench(seed);
    bench.put("acceptedEpoch", "1");
    bench.put("currentEpoch", "1");
    const epochs = bench.open();
    const told = [1, 1];
    epochs.saveAccepted(2, () => {
      told[0] = 2;
    });
    epochs.saveCurrent(2, () => {
      told[1] = 2;
    });
    for (let steps = seed % 15; steps > 0; steps--) bench.world.step();
    expect(values(epochs)).toEqual(told);
    bench.host.crash(seed % 3 === 0 ? "kill" : "power");
    bench.host.restart();
    const [accepted = 0, current = 0] = values(bench.open());
    expect(accepted).toBeGreaterThanOrEqual(told[0] ?? 0);
    expect(current).toBeGreaterThanOrEqual(told[1] ?? 0);
    expect(current).toBeLessThanOrEqual(accepted);
    if (accepted === 1) old++;
    else if (current === 1) between++;
    else adopted++;
  }
  expect(Math.min(old, between, adopted)).toBeGreaterThan(10);
});
