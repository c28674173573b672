#define _GNU_SOURCE
#include "maquette_system.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Written by the Makefile; a checkout that is built otherwise has none. */
#if __has_include("commit.h")
#include "commit.h"
#else
#define MAQUETTE_COMMIT "unknown"
#endif

void maquette_system_name_thread(const char *name) {
  char kept[16];
  strncpy(kept, name, sizeof kept - 1);
  kept[sizeof kept - 1] = 0;
  pthread_setname_np(pthread_self(), kept);
}

int maquette_system_eventfd(void) {
  int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

void maquette_system_eventfd_raise(int descriptor) {
  uint64_t one = 1;
  /* EAGAIN: the counter is full, so the descriptor is readable already. */
  ssize_t written = write(descriptor, &one, sizeof one);
  (void)written;
}

void maquette_system_eventfd_lower(int descriptor) {
  uint64_t count;
  /* EAGAIN: it was not readable. */
  ssize_t got = read(descriptor, &count, sizeof count);
  (void)got;
}

int maquette_system_at_fork(void (*child)(void)) { return pthread_atfork(NULL, NULL, child); }

const char *maquette_system_commit(void) { return MAQUETTE_COMMIT; }

const char *maquette_system_compiler(void) { return __VERSION__; }
