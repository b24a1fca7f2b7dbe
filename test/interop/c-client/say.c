#define _GNU_SOURCE
#include "say.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_S = 60, SMALL_DATA = 40 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int outstanding = 0;
static int events = 0;
static int events_awaited = 0;

void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  flockfile(stdout);
  vprintf(format, arguments);
  putchar('\n');
  fflush(stdout);
  funlockfile(stdout);
  va_end(arguments);
}

void part(const char *name) {
  settle();
  say("-- %s", name);
}

void demand(const char *what) {
  char answer[16];
  say("! %s", what);
  if (fgets(answer, sizeof answer, stdin) == NULL) exit(1);
}

/** Waits for a change, with the lock held; a wait without end ends the program. */
static void await_change(const char *what) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += PATIENCE_S;
  if (pthread_cond_timedwait(&changed, &lock, &until) != 0) {
    fprintf(stderr, "not within %d s: %s\n", PATIENCE_S, what);
    exit(1);
  }
}

void sent(int code) {
  if (code != ZOK) {
    settle();
    say("refused by the client: %s", zerror(code));
    return;
  }
  pthread_mutex_lock(&lock);
  outstanding++;
  pthread_mutex_unlock(&lock);
}

static void answered(void) {
  pthread_mutex_lock(&lock);
  outstanding--;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

void settle(void) {
  pthread_mutex_lock(&lock);
  while (outstanding != 0) await_change("a reply");
  pthread_mutex_unlock(&lock);
}

void await_events(int count) {
  pthread_mutex_lock(&lock);
  events_awaited += count;
  while (events < events_awaited) await_change("a watch event");
  if (events > events_awaited) say("%d events too many", events - events_awaited);
  pthread_mutex_unlock(&lock);
}

// ---- Sessions ----

static const char *state_name(int state) {
  if (state == ZOO_CONNECTED_STATE) return "connected";
  if (state == ZOO_EXPIRED_SESSION_STATE) return "expired";
  if (state == ZOO_AUTH_FAILED_STATE) return "auth failed";
  if (state == ZOO_CONNECTING_STATE) return "connecting";
  return "another";
}

static void on_session(zhandle_t *handle, int type, int state, const char *path, void *context) {
  session_t *session = context;
  (void)handle;
  if (type != ZOO_SESSION_EVENT) {
    say("%s: an event that nobody asked for: %d %s", session->name, type, path);
    return;
  }
  pthread_mutex_lock(&lock);
  session->state = state;
  if (state == ZOO_CONNECTED_STATE) session->connections++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

void attach_session(session_t *session, const char *name, const char *address, int timeout_ms,
                    const clientid_t *id) {
  session->name = name;
  session->state = 0;
  session->connections = 0;
  session->handle = zookeeper_init(address, on_session, timeout_ms, id, session, 0);
  if (session->handle == NULL) exit(1);
}

void open_session(session_t *session, const char *name, const char *address, int timeout_ms) {
  attach_session(session, name, address, timeout_ms, NULL);
  await_connection(session, 1);
  say("%s: connected as {session:%lld}, timeout %d", name,
      (long long)zoo_client_id(session->handle)->client_id, zoo_recv_timeout(session->handle));
}

void close_session(session_t *session) {
  settle();
  int code = zookeeper_close(session->handle);
  if (code != ZOK) say("%s: not closed: %s", session->name, zerror(code));
}

void await_state(session_t *session, int state) {
  pthread_mutex_lock(&lock);
  while (session->state != state) await_change(state_name(state));
  pthread_mutex_unlock(&lock);
  say("%s: %s", session->name, state_name(state));
}

void await_connection(session_t *session, int count) {
  pthread_mutex_lock(&lock);
  while (session->connections < count) await_change("a connection");
  pthread_mutex_unlock(&lock);
}

// ---- Text ----

const char *text_of(const struct Stat *stat) {
  static __thread char texts[8][400];
  static __thread int next = 0;
  if (stat == NULL) return "no stat";
  char *text = texts[next++ % 8];
  snprintf(text, sizeof texts[0],
           "czxid {zxid:%lld} mzxid {zxid:%lld} pzxid {zxid:%lld} ctime {time:%lld} "
           "mtime {time:%lld} versions %d %d %d owner {session:%lld} length %d children %d",
           (long long)stat->czxid, (long long)stat->mzxid, (long long)stat->pzxid,
           (long long)stat->ctime, (long long)stat->mtime, stat->version, stat->cversion,
           stat->aversion, (long long)stat->ephemeralOwner, stat->dataLength, stat->numChildren);
  return text;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/** The names in order; that of the server is anybody's. */
static void say_names(const char *label, const struct String_vector *strings) {
  if (strings == NULL) return;
  qsort(strings->data, (size_t)strings->count, sizeof *strings->data, by_name);
  for (int i = 0; i < strings->count; i++) say("%s:   %s", label, strings->data[i]);
}

// ---- Completions ----

void on_void(int code, const void *data) {
  say("%s: %s", (const char *)data, zerror(code));
  answered();
}

void on_stat(int code, const struct Stat *stat, const void *data) {
  say("%s: %s, %s", (const char *)data, zerror(code), text_of(stat));
  answered();
}

void on_data(int code, const char *value, int length, const struct Stat *stat, const void *data) {
  const char *label = data;
  if (code != ZOK || value == NULL || length > SMALL_DATA)
    say("%s: %s, %d bytes, %s", label, zerror(code), length, text_of(stat));
  else
    say("%s: %s, \"%.*s\", %s", label, zerror(code), length, value, text_of(stat));
  answered();
}

void on_string(int code, const char *value, const void *data) {
  say("%s: %s, %s", (const char *)data, zerror(code), value == NULL ? "nothing" : value);
  answered();
}

void on_string_stat(int code, const char *value, const struct Stat *stat, const void *data) {
  say("%s: %s, %s, %s", (const char *)data, zerror(code), value == NULL ? "nothing" : value,
      text_of(stat));
  answered();
}

void on_strings(int code, const struct String_vector *strings, const void *data) {
  say("%s: %s", (const char *)data, zerror(code));
  say_names(data, strings);
  answered();
}

void on_strings_stat(int code, const struct String_vector *strings, const struct Stat *stat,
                     const void *data) {
  say("%s: %s, %s", (const char *)data, zerror(code), text_of(stat));
  say_names(data, strings);
  answered();
}

void on_acl(int code, struct ACL_vector *acl, struct Stat *stat, const void *data) {
  const char *label = data;
  say("%s: %s, %s", label, zerror(code), text_of(stat));
  for (int i = 0; acl != NULL && i < acl->count; i++)
    say("%s:   %d %s %s", label, acl->data[i].perms, acl->data[i].id.scheme, acl->data[i].id.id);
  answered();
}

static const char *type_name(int type) {
  if (type == ZOO_CREATED_EVENT) return "created";
  if (type == ZOO_DELETED_EVENT) return "deleted";
  if (type == ZOO_CHANGED_EVENT) return "changed";
  if (type == ZOO_CHILD_EVENT) return "children";
  return "another";
}

void on_event(zhandle_t *handle, int type, int state, const char *path, void *context) {
  (void)handle;
  if (type == ZOO_SESSION_EVENT) return;
  say("event of %s: %s %s, %s", (const char *)context, type_name(type), path, state_name(state));
  pthread_mutex_lock(&lock);
  events++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}
