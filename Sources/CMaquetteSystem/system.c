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

static volatile _Bool is_forked;
static int watching_error;
static pthread_once_t watching = PTHREAD_ONCE_INIT;

static void note_fork(void) { is_forked = 1; }

static void watch(void) { watching_error = pthread_atfork(NULL, NULL, note_fork); }

int maquette_system_watch_forks(void) {
  pthread_once(&watching, watch);
  return watching_error;
}

_Bool maquette_system_is_forked(void) { return is_forked; }

void *maquette_system_handle_chunks(void) {
  static _Atomic(uintptr_t) chunks[MAQUETTE_HANDLE_CHUNKS];
  return chunks;
}

const char *maquette_system_commit(void) { return MAQUETTE_COMMIT; }

const char *maquette_system_compiler(void) { return __VERSION__; }
