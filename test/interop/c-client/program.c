// ZooKeeper's own C client at work: what it prints must be the same with any server that it is for.

#include "say.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONG_MS = 40000, SHORT_MS = 5000, BIG = 900000 };

static const char *address;
static const char *fragile_address;

#define OPEN (&ZOO_OPEN_ACL_UNSAFE)
#define TEXT(text) text, (int)strlen(text)

/** Requests that are all under way before the first is answered. */
static void asynchronous_calls(zhandle_t *zk) {
  part("asynchronous calls");
  sent(zoo_acreate(zk, "/c", TEXT("root"), OPEN, ZOO_PERSISTENT, on_string, "create"));
  sent(zoo_acreate(zk, "/c", TEXT("root"), OPEN, ZOO_PERSISTENT, on_string, "create again"));
  sent(zoo_acreate(zk, "/c/none/x", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "no parent"));
  sent(zoo_acreate(zk, "/c/null", NULL, -1, OPEN, ZOO_PERSISTENT, on_string, "null data"));
  sent(zoo_acreate(zk, "/c/empty", "", 0, OPEN, ZOO_PERSISTENT, on_string, "empty data"));
  sent(zoo_aget(zk, "/c/null", 0, on_data, "get null"));
  sent(zoo_aget(zk, "/c/empty", 0, on_data, "get empty"));
  sent(zoo_aget(zk, "/c/none", 0, on_data, "get none"));
  sent(zoo_aset(zk, "/c", TEXT("second"), 0, on_stat, "set"));
  sent(zoo_aset(zk, "/c", TEXT("third"), 0, on_stat, "set an old version"));
  sent(zoo_aset(zk, "/c", TEXT("third"), -1, on_stat, "set any version"));
  sent(zoo_aget(zk, "/c", 0, on_data, "get"));
  sent(zoo_aexists(zk, "/c", 0, on_stat, "exists"));
  sent(zoo_aexists(zk, "/c/none", 0, on_stat, "exists not"));
  sent(zoo_aget_children(zk, "/c", 0, on_strings, "children"));
  sent(zoo_aget_children2(zk, "/c", 0, on_strings_stat, "children and stat"));
  sent(zoo_aget_children(zk, "/c/null", 0, on_strings, "no children"));
  sent(zoo_aget_children(zk, "/c/none", 0, on_strings, "children of none"));
  sent(zoo_async(zk, "/c", on_string, "sync"));
  sent(zoo_async(zk, "/c/none", on_string, "sync none"));
  sent(zoo_adelete(zk, "/c", -1, on_void, "delete a parent"));
  sent(zoo_adelete(zk, "/c/null", 7, on_void, "delete another version"));
  sent(zoo_adelete(zk, "/c/null", 0, on_void, "delete"));
  sent(zoo_adelete(zk, "/c/null", 0, on_void, "delete again"));
  sent(zoo_acreate(zk, "/c/..", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "a bad path"));
  sent(zoo_adelete(zk, "/zookeeper", -1, on_void, "delete a reserved path"));
  settle();

  char *big = malloc(BIG);
  memset(big, 'b', BIG);
  sent(zoo_aset(zk, "/c/empty", big, BIG, -1, on_stat, "set much"));
  sent(zoo_aget(zk, "/c/empty", 0, on_data, "get much"));
  settle();
  free(big);
}

static void kinds_of_znodes(zhandle_t *zk) {
  part("kinds of znodes");
  sent(zoo_acreate2(zk, "/c/two", TEXT("2"), OPEN, ZOO_PERSISTENT, on_string_stat, "create2"));
  sent(zoo_acreate2(zk, "/c/two", TEXT("2"), OPEN, ZOO_PERSISTENT, on_string_stat, "again"));
  sent(zoo_acreate(zk, "/c/s-", TEXT(""), OPEN, ZOO_PERSISTENT_SEQUENTIAL, on_string, "sequential"));
  sent(zoo_acreate(zk, "/c/", TEXT(""), OPEN, ZOO_PERSISTENT_SEQUENTIAL, on_string, "no prefix"));
  sent(zoo_acreate(zk, "/c/e", TEXT("e"), OPEN, ZOO_EPHEMERAL, on_string, "ephemeral"));
  sent(zoo_aexists(zk, "/c/e", 0, on_stat, "its owner"));
  sent(zoo_acreate(zk, "/c/e/x", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "a child of it"));
  sent(zoo_acreate2(zk, "/c/es-", TEXT(""), OPEN, ZOO_EPHEMERAL_SEQUENTIAL, on_string_stat, "both"));
  sent(zoo_acreate2(zk, "/c/box", TEXT(""), OPEN, ZOO_CONTAINER, on_string_stat, "container"));
  sent(zoo_acreate(zk, "/c/box2", TEXT(""), OPEN, ZOO_CONTAINER, on_string, "container, by create"));
  sent(zoo_aget_children2(zk, "/c", 0, on_strings_stat, "children"));
  settle();
}

static void short_lived(zhandle_t *zk) {
  part("znodes with a time to live");
  int mode = ZOO_PERSISTENT_WITH_TTL;
  int sequential = ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL;
  sent(zoo_acreate2_ttl(zk, "/c/ttl", TEXT("t"), OPEN, mode, 600000, on_string_stat, "ttl"));
  sent(zoo_acreate_ttl(zk, "/c/ttl", TEXT("t"), OPEN, mode, 600000, on_string, "ttl again"));
  sent(zoo_acreate_ttl(zk, "/c/t-", TEXT(""), OPEN, sequential, 1, on_string, "sequential ttl"));
  sent(zoo_acreate_ttl(zk, "/c/t", TEXT(""), OPEN, mode, 0, on_string, "ttl 0"));
  sent(zoo_acreate_ttl(zk, "/c/t", TEXT(""), OPEN, mode, 1LL << 40, on_string, "ttl too long"));
  sent(zoo_acreate_ttl(zk, "/c/t", TEXT(""), OPEN, mode, (1LL << 40) - 1, on_string, "longest ttl"));
  sent(zoo_acreate(zk, "/c/n", TEXT(""), OPEN, mode, on_string, "no ttl"));
  settle();
}

static void access_control(zhandle_t *zk) {
  part("access control");
  struct ACL entries[] = {{ZOO_PERM_READ, ZOO_ANYONE_ID_UNSAFE},
                          {ZOO_PERM_ALL, {"digest", "ann:tsWEVOe/mtt9nSIpW5bt9hkN1/8="}}};
  struct ACL_vector acl = {2, entries};
  struct ACL_vector none = {0, NULL};
  sent(zoo_acreate(zk, "/c/acl", TEXT("a"), OPEN, ZOO_PERSISTENT, on_string, "create"));
  sent(zoo_aget_acl(zk, "/c/acl", on_acl, "open"));
  sent(zoo_acreate(zk, "/c/mine", TEXT(""), &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, on_string,
                   "creator all, before auth"));
  settle();
  sent(zoo_add_auth(zk, "digest", TEXT("bob:secret"), on_void, "auth"));
  settle();
  sent(zoo_acreate(zk, "/c/mine", TEXT("m"), &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, on_string,
                   "creator all"));
  sent(zoo_aget_acl(zk, "/c/mine", on_acl, "mine"));
  sent(zoo_aset_acl(zk, "/c/acl", 0, &acl, on_void, "set acl"));
  // Apache judges what is pipelined behind a setACL by the list before it.
  settle();
  sent(zoo_aset_acl(zk, "/c/acl", 0, &acl, on_void, "set acl of an old version"));
  sent(zoo_aset_acl(zk, "/c/acl", -1, &none, on_void, "set acl, no admin"));
  settle();
  sent(zoo_aget_acl(zk, "/c/acl", on_acl, "read only"));
  sent(zoo_aget(zk, "/c/acl", 0, on_data, "may read"));
  sent(zoo_aset(zk, "/c/acl", TEXT("x"), -1, on_stat, "may not write"));
  sent(zoo_acreate(zk, "/c/acl/x", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "may not create"));
  sent(zoo_aset_acl(zk, "/c/two", -1, &none, on_void, "an empty acl"));
  settle();

  session_t stranger;
  open_session(&stranger, "stranger", address, LONG_MS);
  sent(zoo_aget(stranger.handle, "/c/mine", 0, on_data, "a stranger reads"));
  sent(zoo_aget_acl(stranger.handle, "/c/mine", on_acl, "a stranger asks for the acl"));
  settle();
  sent(zoo_add_auth(stranger.handle, "digest", TEXT("bob:secret"), on_void, "bob again"));
  settle();
  sent(zoo_aget(stranger.handle, "/c/mine", 0, on_data, "bob reads"));
  settle();
  sent(zoo_add_auth(stranger.handle, "no-such-scheme", TEXT("x"), on_void, "a scheme of nobody"));
  settle();
  await_state(&stranger, ZOO_AUTH_FAILED_STATE);
  close_session(&stranger);
}

static void say_results(const zoo_op_result_t *results, int count) {
  for (int i = 0; i < count; i++)
    say("  result %d: %s, %s, %s", i, zerror(results[i].err),
        results[i].err == ZOK && results[i].value != NULL ? results[i].value : "-",
        results[i].err == ZOK ? text_of(results[i].stat) : "-");
}

static void multi(zhandle_t *zk) {
  part("multi");
  enum { COUNT = 5 };
  zoo_op_t ops[COUNT];
  zoo_op_result_t results[COUNT];
  char paths[COUNT][64] = {{0}};
  struct Stat stat = {0};
  memset(results, 0, sizeof results);

  zoo_create_op_init(&ops[0], "/c/m", TEXT("m"), OPEN, ZOO_PERSISTENT, paths[0], sizeof paths[0]);
  zoo_create_op_init(&ops[1], "/c/m/s-", TEXT(""), OPEN, ZOO_PERSISTENT_SEQUENTIAL, paths[1],
                     sizeof paths[1]);
  zoo_set_op_init(&ops[2], "/c/m", TEXT("mm"), 0, &stat);
  zoo_check_op_init(&ops[3], "/c/m", 1);
  zoo_delete_op_init(&ops[4], "/c/m/s-0000000000", 0);
  sent(zoo_amulti(zk, COUNT, ops, results, on_void, "multi"));
  settle();
  say_results(results, COUNT);
  sent(zoo_aget(zk, "/c/m", 0, on_data, "after it"));

  memset(results, 0, sizeof results);
  zoo_create_op_init(&ops[0], "/c/m/a", TEXT(""), OPEN, ZOO_PERSISTENT, paths[0], sizeof paths[0]);
  zoo_set_op_init(&ops[1], "/c/m", TEXT("no"), 1, &stat);
  zoo_check_op_init(&ops[2], "/c/m", 1);
  zoo_delete_op_init(&ops[3], "/c/m/a", -1);
  zoo_create_op_init(&ops[4], "/c/m/b", TEXT(""), OPEN, ZOO_EPHEMERAL, paths[4], sizeof paths[4]);
  sent(zoo_amulti(zk, COUNT, ops, results, on_void, "multi that fails at its third"));
  settle();
  for (int i = 0; i < COUNT; i++) say("  result %d: %s", i, zerror(results[i].err));
  sent(zoo_aget_children2(zk, "/c/m", 0, on_strings_stat, "nothing of it"));
  settle();

  // The synchronous form, and a code of an op that is also that of the whole.
  zoo_delete_op_init(&ops[0], "/c/m/none", -1);
  say("multi of one: %s", zerror(zoo_multi(zk, 1, ops, results)));
  sent(zoo_amulti(zk, 0, ops, results, on_void, "multi of none"));
  settle();
}

static void watches(zhandle_t *zk) {
  part("watches");
  sent(zoo_acreate(zk, "/c/w", TEXT("0"), OPEN, ZOO_PERSISTENT, on_string, "create"));
  sent(zoo_awget(zk, "/c/w", on_event, "get", on_data, "get"));
  sent(zoo_awexists(zk, "/c/w/x", on_event, "exists", on_stat, "exists"));
  sent(zoo_awget_children(zk, "/c/w", on_event, "children", on_strings, "children"));
  sent(zoo_awget_children2(zk, "/c/w", on_event, "children2", on_strings_stat, "children2"));
  sent(zoo_awget(zk, "/c/w/none", on_event, "get of none", on_data, "get of none"));
  // Each write's event comes before its reply, and only the first of each kind.
  sent(zoo_aset(zk, "/c/w", TEXT("1"), -1, on_stat, "set"));
  sent(zoo_aset(zk, "/c/w", TEXT("2"), -1, on_stat, "set again"));
  sent(zoo_acreate(zk, "/c/w/x", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "create a child"));
  sent(zoo_acreate(zk, "/c/w/y", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "and another"));
  settle();
  await_events(4);
  sent(zoo_awexists(zk, "/c/w/x", on_event, "exists x", on_stat, "exists x"));
  sent(zoo_awget_children(zk, "/c/w/x", on_event, "children of x", on_strings, "children of x"));
  sent(zoo_awget_children(zk, "/c/w", on_event, "children of w", on_strings, "children of w"));
  sent(zoo_adelete(zk, "/c/w/x", -1, on_void, "delete x"));
  settle();
  await_events(3);

  sent(zoo_awget(zk, "/c/w", on_event, "removed", on_data, "get"));
  sent(zoo_awget_children(zk, "/c/w", on_event, "kept", on_strings, "children"));
  settle();
  say("remove data: %s",
      zerror(zoo_remove_watches(zk, "/c/w", ZWATCHTYPE_DATA, on_event, "removed", 0)));
  say("remove it again: %s",
      zerror(zoo_remove_watches(zk, "/c/w", ZWATCHTYPE_DATA, on_event, "removed", 0)));
  sent(zoo_aset(zk, "/c/w", TEXT("3"), -1, on_stat, "set unseen"));
  sent(zoo_adelete(zk, "/c/w/y", -1, on_void, "delete y"));
  settle();
  await_events(1);
}

/** Another session sees the ephemerals of one that closes go, all at once. */
static void closing(zhandle_t *zk) {
  part("a session that closes");
  session_t other;
  sent(zoo_acreate(zk, "/c/held", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "create"));
  settle();
  open_session(&other, "other", address, LONG_MS);
  for (int i = 0; i < 3; i++)
    sent(zoo_acreate(other.handle, "/c/held/lock-", TEXT(""), OPEN, ZOO_EPHEMERAL_SEQUENTIAL,
                     on_string, "lock"));
  settle();
  sent(zoo_awexists(zk, "/c/held/lock-0000000001", on_event, "the second", on_stat, "exists"));
  settle();
  close_session(&other);
  await_events(1);
  sent(zoo_aget_children2(zk, "/c/held", 0, on_strings_stat, "what is left"));
  settle();
}

/** SIGKILL and a new start: the same sessions, their ephemerals, their watches. */
static void restart(session_t *mine) {
  part("a server that was killed");
  zhandle_t *zk = mine->handle;
  sent(zoo_awget(zk, "/c/w", on_event, "data, set before", on_data, "get"));
  sent(zoo_awget_children(zk, "/c/w", on_event, "children, set before", on_strings, "children"));
  sent(zoo_awexists(zk, "/c/later", on_event, "exists, set before", on_stat, "exists"));
  settle();
  int64_t id = zoo_client_id(zk)->client_id;
  int connections = mine->connections;
  demand("restart");
  await_connection(mine, connections + 1);
  say("the same session: %s", zoo_client_id(zk)->client_id == id ? "yes" : "no");
  sent(zoo_aexists(zk, "/c/e", 0, on_stat, "its ephemeral"));
  sent(zoo_aget(zk, "/c/mine", 0, on_data, "its auth"));
  sent(zoo_aset(zk, "/c/w", TEXT("4"), -1, on_stat, "set"));
  sent(zoo_acreate(zk, "/c/w/z", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "create a child"));
  sent(zoo_acreate(zk, "/c/later", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "create later"));
  settle();
  await_events(3);
}

/** What changes while a client is cut off is told when it is back. */
static void missed_events(zhandle_t *zk) {
  part("events that were missed");
  session_t cut;
  open_session(&cut, "cut", fragile_address, LONG_MS);
  sent(zoo_awget(cut.handle, "/c/w", on_event, "data", on_data, "get"));
  settle();
  sent(zoo_awexists(cut.handle, "/c/new", on_event, "exists", on_stat, "exists"));
  settle();
  sent(zoo_awget_children(cut.handle, "/c/held", on_event, "unchanged", on_strings, "children"));
  settle();
  int connections = cut.connections;
  demand("cut");
  demand("drop");
  sent(zoo_aset(zk, "/c/w", TEXT("5"), -1, on_stat, "set meanwhile"));
  sent(zoo_acreate(zk, "/c/new", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "create meanwhile"));
  settle();
  demand("heal");
  await_connection(&cut, connections + 1);
  await_events(2);
  // The event of one's own write comes before its reply.
  sent(zoo_acreate(cut.handle, "/c/held/x", TEXT(""), OPEN, ZOO_PERSISTENT, on_string, "then"));
  settle();
  await_events(1);
  close_session(&cut);
}

/** One handle takes the session of another that is cut off, by its id and password. */
static void takeover(zhandle_t *zk) {
  part("a session that is taken over");
  session_t first;
  session_t second;
  open_session(&first, "first", fragile_address, LONG_MS);
  sent(zoo_acreate(first.handle, "/c/taken", TEXT(""), OPEN, ZOO_EPHEMERAL, on_string, "create"));
  settle();
  clientid_t id = *zoo_client_id(first.handle);
  demand("cut");
  attach_session(&second, "second", address, LONG_MS, &id);
  await_connection(&second, 1);
  say("the same session: %s", zoo_client_id(second.handle)->client_id == id.client_id ? "yes" : "no");
  sent(zoo_aexists(second.handle, "/c/taken", 0, on_stat, "its ephemeral"));
  settle();
  sent(zoo_awexists(zk, "/c/taken", on_event, "it goes", on_stat, "exists"));
  settle();
  close_session(&second);
  await_events(1);
  demand("heal");
  await_state(&first, ZOO_EXPIRED_SESSION_STATE);
  close_session(&first);
}

/** A client that is silent for longer than its timeout has lost its session. */
static void expiry(zhandle_t *zk) {
  part("a session that expires");
  session_t silent;
  open_session(&silent, "silent", fragile_address, SHORT_MS);
  sent(zoo_acreate(silent.handle, "/c/silent", TEXT(""), OPEN, ZOO_EPHEMERAL, on_string, "create"));
  settle();
  sent(zoo_awexists(zk, "/c/silent", on_event, "it goes", on_stat, "exists"));
  settle();
  demand("cut");
  await_events(1);
  demand("heal");
  await_state(&silent, ZOO_EXPIRED_SESSION_STATE);
  say("a request then: %s", zerror(zoo_aget(silent.handle, "/c", 0, on_data, "get")));
  close_session(&silent);
}

static void membership(zhandle_t *zk) {
  part("membership");
  sent(zoo_agetconfig(zk, 0, on_data, "get the configuration"));
  settle();
  sent(zoo_areconfig(zk, NULL, NULL, "server.1=127.0.0.1:1:2;3", -1, on_data, "reconfig"));
  settle();
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  address = arguments[1];
  fragile_address = arguments[2];
  zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
  session_t mine;
  open_session(&mine, "mine", address, LONG_MS);
  asynchronous_calls(mine.handle);
  kinds_of_znodes(mine.handle);
  short_lived(mine.handle);
  access_control(mine.handle);
  multi(mine.handle);
  watches(mine.handle);
  closing(mine.handle);
  membership(mine.handle);
  restart(&mine);
  missed_events(mine.handle);
  takeover(mine.handle);
  expiry(mine.handle);
  close_session(&mine);
  return 0;
}
