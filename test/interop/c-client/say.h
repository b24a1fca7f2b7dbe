// What the program prints and waits for. All completions and watch events of a handle run on one
// thread of its own, in the order in which the server sent them; the main thread prints, and turns to
// another handle, only while nothing is outstanding. So the order of the lines is that on the wire.

#ifndef SAY_H
#define SAY_H

#include <stdint.h>
#include <zookeeper/zookeeper.h>

/** Prints a line. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Prints the head of a part, once all before it is settled. */
void part(const char *name);

/** Asks the judge ("restart", "cut", ...) and waits until it is done. */
void demand(const char *what);

/** Notes that a request was sent, or says why the client itself refused it. */
void sent(int code);

/** Waits until each request noted by `sent` was answered. */
void settle(void);

/** Waits until `count` watch events more than at the last call were printed. */
void await_events(int count);

/** A session: its handle, and what its default watcher was told. */
typedef struct {
  const char *name;
  zhandle_t *handle;
  int state;
  /** How often it was connected. */
  int connections;
} session_t;

/** Connects and waits for it; the session goes by `name` in the transcript. */
void open_session(session_t *session, const char *name, const char *address, int timeout_ms);

/** Connects to a session that is there already. */
void attach_session(session_t *session, const char *name, const char *address, int timeout_ms,
                    const clientid_t *id);

/** Says nothing: what others see of it may come before or after. */
void close_session(session_t *session);

/** Waits for a state, printing it. */
void await_state(session_t *session, int state);

/** Waits until it was connected `count` times. */
void await_connection(session_t *session, int count);

// Completions; `data` is the label of the request.
void on_void(int code, const void *data);
void on_stat(int code, const struct Stat *stat, const void *data);
void on_data(int code, const char *value, int length, const struct Stat *stat, const void *data);
void on_string(int code, const char *value, const void *data);
void on_string_stat(int code, const char *value, const struct Stat *stat, const void *data);
void on_strings(int code, const struct String_vector *strings, const void *data);
void on_strings_stat(int code, const struct String_vector *strings, const struct Stat *stat,
                     const void *data);
void on_acl(int code, struct ACL_vector *acl, struct Stat *stat, const void *data);

/** A watcher; its context is the name of the watch. Session events are the default watcher's. */
void on_event(zhandle_t *handle, int type, int state, const char *path, void *context);

/** A Stat as text that lasts until eight more were asked for. */
const char *text_of(const struct Stat *stat);

#endif
