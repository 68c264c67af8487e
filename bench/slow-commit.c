/*
 * Makes fsync take COMMIT_MS milliseconds longer, like a network disk in place of this machine's own.
 * Preloaded into a contender; see slow-disk.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

typedef int (*sync_function)(int);

static int later(const char *name, int file) {
  const char *ms = getenv("COMMIT_MS");
  const long long ns = ms == NULL ? 0 : (long long)(atof(ms) * 1e6);
  const struct timespec time = {ns / 1000000000, ns % 1000000000};
  nanosleep(&time, NULL);
  return ((sync_function)dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return later("fsync", file); }
int fdatasync(int file) { return later("fdatasync", file); }
