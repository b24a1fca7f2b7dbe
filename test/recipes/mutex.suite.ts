// What a mutex is held to on any server, ours and Apache's alike.

import { afterAll, beforeAll, test } from "vitest";
import { LockRoom, type TestServer, type TestServerOptions } from "./lock-room.ts";
import * as cases from "./mutex-cases.ts";

export function mutexSuite(start: (options?: TestServerOptions) => Promise<TestServer>): void {
  let shared: TestServer;

  beforeAll(async () => {
    shared = await start();
  });

  afterAll(async () => {
    await shared.stop();
  });

  /** Runs a case in a room of its own. */
  function inRoom(run: cases.MutexCase): () => Promise<void> {
    return async () => {
      await using room = new LockRoom(shared, start);
      await run(room);
    };
  }

  // recipes T-MUTEX-1, ID-1, FT-6, RL-1, Trap 54
  test("a lock's znode is Curator's, in containers", inRoom(cases.leavesCuratorsLayout));
  // recipes T-MUTEX-2, OR-1, FT-1
  test("one at a time, in the order of the numbers", inRoom(cases.letsOneInInOrder));
  // recipes FT-1, FT-2, OR-2, CL-53, Trap 18, Trap 33
  test("tokens grow when numbers begin anew", inRoom(cases.keepsItsTokensGrowing));
  // recipes T-MUTEX-3, OWN-5
  test("a release wakes one waiter", inRoom(cases.wakesOneWaiterPerRelease));
  // recipes T-MUTEX-4, CL-64, Trap 27
  test(
    "the one in front is gone before it is watched",
    inRoom(cases.seesThatTheOneInFrontIsGoneAlready),
  );
  // recipes T-MUTEX-5
  test("the event comes with the watch's reply", inRoom(cases.hearsAnEventThatComesWithTheReply));
  // recipes T-MUTEX-6, Trap 43, B.0.8/X13
  test("a waiter in the middle gives up", inRoom(cases.closesTheGapOfAWaiterThatGaveUp));
  // recipes T-MUTEX-7, CL-63, Trap 26, B.0.8/X1
  test("a change of data is no departure", inRoom(cases.watchesAgainAfterAChangeThatIsNoDeletion));
  // recipes T-MUTEX-8, CL-17, RL-4
  test("the holder is told before the next owns", inRoom(cases.tellsTheHolderBeforeTheNextOneOwns));
  // recipes OWN-1
  test("an interrupted waiter reads its znode", inRoom(cases.looksAtItsZnodeAfterAnInterruption));
  // recipes T-MUTEX-9, CL-10, TM-8, Trap 2
  test("cut off, the holder gives up in time", inRoom(cases.givesUpByTheDeadlineWhenCutOff));
  // recipes T-MUTEX-10
  test("a server's restart costs nobody the lock", inRoom(cases.outlivesARestartOfTheServer));
  // recipes T-MUTEX-11, Trap 15
  test("a lost reply makes no second znode", inRoom(cases.findsItsZnodeWhenTheReplyIsLost));
  // recipes T-MUTEX-12, OWN-4, Trap 14
  test("reply and session lost: one new znode", inRoom(cases.startsAnewWhenReplyAndSessionAreLost));
  // recipes T-MUTEX-13
  test("the first error is told", inRoom(cases.tellsTheFirstErrorWhenTheCleanUpFailsToo));
  // recipes T-MUTEX-14, CL-73
  test("grant against abort is decided once", inRoom(cases.decidesGrantAgainstAbortOnce(300)));
  // recipes T-MUTEX-15, RL-2, RL-3, Trap 41
  test("a release without a connection is pending", inRoom(cases.releasesWithoutAConnection));
  // recipes T-MUTEX-16, OWN-6, FT-8
  test("a deleted claim is a lost lock", inRoom(cases.losesTheLockWhenItsZnodeIsDeleted));
  // recipes T-MUTEX-17, OR-5
  test("a deleted place is taken again", inRoom(cases.standsInLineAgainWhenItsZnodeIsDeleted));
  // recipes T-MUTEX-20, LY-2, Trap 36
  test("a kazoo client in the directory", inRoom(cases.refusesToShareWithKazoo));
  // recipes T-MUTEX-21, LY-3, B.0.8/X7
  test("a foreign child blocks nobody", inRoom(cases.passesAForeignChild));
  // recipes T-MUTEX-22, TA-1, TA-2, Trap 42
  test("trying a busy lock writes nothing", inRoom(cases.triesWithoutWriting));
  // recipes T-MUTEX-23, CL-52, Trap 21
  test("the container reaper disturbs nobody", inRoom(cases.outlivesTheReaper));
  // recipes T-MUTEX-26, OR-3
  test("the numbers are used up", inRoom(cases.refusesWhenTheNumbersAreUsedUp));
  // recipes T-MUTEX-28, FT-7, CL-92, Trap 35
  test("a guarded transaction needs the lock", inRoom(cases.guardsTransactions));
  // recipes T-MUTEX-29, CL-13, LK-2, Trap 7
  test("a stall is known at once", inRoom(cases.knowsAtOnceAfterAStall));
  // recipes T-MUTEX-34
  test("closing rejects every waiter", inRoom(cases.rejectsEveryWaiterWhenClosed));
  // recipes LK-2
  test("work under the lock", inRoom(cases.worksUnderTheLock));
  // recipes LK-3, ID-2
  test("the queue can be read", inRoom(cases.tellsWhoIsInTheQueue));
  // recipes CL-70, CL-71, RE-1
  test("an abandoned place frees itself", inRoom(cases.abandonsAPlaceAtOnce));
}
