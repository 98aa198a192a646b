/* Kills its process at the KILL_AT-th call that writes, before it or (KILL_AFTER=1) after it.

   To be preloaded. Calls of all threads count, those that other calls make do not. Counting begins
   when the file KILL_GATE exists, or at once. What was counted goes to KILL_COUNT at a usual end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

static long at;
static int after;
static const char *gate;
static atomic_long count;
static atomic_int open_gate;

__attribute__((constructor)) static void begin(void) {
  const char *n = getenv("KILL_AT");
  at = n ? atol(n) : 0;
  after = getenv("KILL_AFTER") != NULL;
  gate = getenv("KILL_GATE");
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("KILL_COUNT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (file == NULL) return;
  fprintf(file, "%ld\n", (long)count);
  fclose(file);
}

static int strikes(void) {
  if (gate != NULL && !open_gate) {
    if (access(gate, F_OK) != 0) return 0;
    open_gate = 1;
  }
  return ++count == at;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

#define COUNTED(result, name, parameters, arguments)                  \
  result name parameters {                                            \
    static result(*real) parameters;                                  \
    if (real == NULL) real = (result(*) parameters)dlsym(RTLD_NEXT, #name); \
    int hit = strikes();                                              \
    if (hit && !after) die();                                         \
    result done = real arguments;                                     \
    if (hit) die();                                                   \
    return done;                                                      \
  }

COUNTED(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t to), (fd, from, n, to))
COUNTED(ssize_t, pwrite64, (int fd, const void *from, size_t n, off64_t to), (fd, from, n, to))
COUNTED(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n))
COUNTED(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags))
COUNTED(int, fsync, (int fd), (fd))
COUNTED(int, fdatasync, (int fd), (fd))
COUNTED(int, ftruncate64, (int fd, off64_t n), (fd, n))
COUNTED(int, unlink, (const char *path), (path))
