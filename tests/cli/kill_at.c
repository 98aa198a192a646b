/* Kills its process at the KILL_AT-th call that changes something outside of it: before that call,
   in the middle of it (half of the bytes are written) or after it, as KILL_HOW says.

   To be preloaded. Calls of all threads count, those that other calls make do not; with KILL_ONLY
   those to that place alone. Counting begins when the file KILL_GATE exists, or at once. KILL_COUNT
   gets a line a place at a usual end, "place count"; at a kill, the place. A process that is forked
   from one that was preloaded calls kill_begin once its environment is its own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* The journal, the locks on it, UpdateAlias, what people are told, what vendors are asked, the rest. */
enum { JOURNAL, LOCK, SHIFT, TELL, ASK, SAY, PLACES };
static const char *const names[PLACES] = {"journal", "lock", "shift", "tell", "ask", "say"};
enum { BEFORE, TORN, AFTER };

static long at;
static int how, only;
static const char *gate, *report;
static atomic_long count, counts[PLACES];
static atomic_int open_gate;
static __thread int talk = ASK; /* what the request is that this thread sends: its body follows */

__attribute__((constructor)) void kill_begin(void) {
  const char *n = getenv("KILL_AT"), *h = getenv("KILL_HOW"), *o = getenv("KILL_ONLY");
  at = n ? atol(n) : 0;
  how = !h || !strcmp(h, "before") ? BEFORE : !strcmp(h, "torn") ? TORN : AFTER;
  only = PLACES;
  for (int place = 0; place < PLACES; place++) {
    counts[place] = 0;
    if (o && !strcmp(o, names[place])) only = place;
  }
  count = 0;
  gate = getenv("KILL_GATE");
  open_gate = gate == NULL;
  report = getenv("KILL_COUNT");
}

__attribute__((destructor)) static void end(void) {
  FILE *file = report ? fopen(report, "w") : NULL;
  if (file == NULL) return;
  for (int place = 0; place < PLACES; place++)
    fprintf(file, "%s %ld\n", names[place], (long)counts[place]);
  fclose(file);
}

static void die(int place) {
  int fd = report ? creat(report, 0600) : -1;
  if (fd >= 0) dprintf(fd, "%s\n", names[place]);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int of_journal(const char *path) { return strstr(path, "guardian.db") ? JOURNAL : SAY; }

static int place_of(int fd, const char *data, size_t n) {
  char link[32], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t found = readlink(link, path, sizeof path - 1);
  path[found > 0 ? found : 0] = 0;
  if (strncmp(path, "socket:", 7)) return of_journal(path);
  char line[128];
  snprintf(line, sizeof line, "%.*s", (int)(n < 120 ? n : 120), data ? data : "");
  if (!strncmp(line, "PUT /", 5)) talk = SHIFT;
  else if (!strncmp(line, "POST /", 6))
    talk = strstr(line, "/chat.") || strstr(line, "/v2/") ? TELL : ASK;
  else if (!strncmp(line, "GET /", 5)) talk = ASK;
  return talk;
}

/* Whether this is the call to die at; dies, if before it. */
static int strikes(int place) {
  if (!open_gate) {
    if (access(gate, F_OK) != 0) return 0;
    open_gate = 1;
  }
  counts[place]++;
  if (only != PLACES && place != only) return 0;
  if (++count != at) return 0;
  if (how == BEFORE) die(place);
  return 1;
}

#define REAL(name) \
  static __typeof__(name) *real; \
  if (real == NULL) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define CALL(place, result, arguments)         \
  do {                                         \
    int where = (place), hit = strikes(where); \
    result done = real arguments;              \
    if (hit) die(where);                       \
    return done;                               \
  } while (0)

/* Of a torn call half is done, and of one byte nothing. */
#define PART(n) (hit && how == TORN ? (n) / 2 : (n))
#define WRITE(place, arguments)                \
  do {                                         \
    int where = (place), hit = strikes(where); \
    ssize_t done = real arguments;             \
    if (hit) die(where);                       \
    return done;                               \
  } while (0)

ssize_t pwrite(int fd, const void *from, size_t n, off_t to) {
  REAL(pwrite);
  WRITE(place_of(fd, from, n), (fd, from, PART(n), to));
}
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t to) {
  REAL(pwrite64);
  WRITE(place_of(fd, from, n), (fd, from, PART(n), to));
}
ssize_t write(int fd, const void *from, size_t n) {
  REAL(write);
  WRITE(place_of(fd, from, n), (fd, from, PART(n)));
}
ssize_t send(int fd, const void *from, size_t n, int flags) {
  REAL(send);
  WRITE(place_of(fd, from, n), (fd, from, PART(n), flags));
}
int fsync(int fd) {
  REAL(fsync);
  CALL(place_of(fd, NULL, 0), int, (fd));
}
int fdatasync(int fd) {
  REAL(fdatasync);
  CALL(place_of(fd, NULL, 0), int, (fd));
}
int ftruncate64(int fd, off64_t n) {
  REAL(ftruncate64);
  CALL(place_of(fd, NULL, 0), int, (fd, n));
}
int unlink(const char *path) {
  REAL(unlink);
  CALL(of_journal(path), int, (path));
}
int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  CALL(of_journal(path), int, (path, mode));
}
int open64(const char *path, int flags, ...) {
  REAL(open64);
  mode_t mode = 0;
  if (!(flags & O_CREAT)) return real(path, flags);
  va_list rest;
  va_start(rest, flags);
  mode = va_arg(rest, mode_t);
  va_end(rest);
  CALL(of_journal(path), int, (path, flags, mode));
}
/* Between the locks lie the stores into the log's shared index, which are no calls. */
int fcntl64(int fd, int command, ...) {
  REAL(fcntl64);
  va_list rest;
  va_start(rest, command);
  void *what = va_arg(rest, void *);
  va_end(rest);
  if (command != F_SETLK && command != F_SETLKW) return real(fd, command, what);
  CALL(LOCK, int, (fd, command, what));
}
