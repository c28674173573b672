#define _GNU_SOURCE
#include "maquette_system.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
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

/* sched_setattr(2), which glibc has from 2.41 on only. */
struct scheduling {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

void maquette_system_take_short_turns(void) {
  struct scheduling now = {0};
  if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.policy != 0 /* SCHED_OTHER */) return;
  now.size = sizeof now;
  now.flags &= 1; /* SCHED_FLAG_RESET_ON_FORK, which nobody may take back */
  now.runtime = 100000;
  syscall(SYS_sched_setattr, 0, &now, 0);
}

int maquette_system_hold_cancellation(void) {
  int before;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  return before;
}

void maquette_system_release_cancellation(int before) { pthread_setcancelstate(before, NULL); }

void maquette_system_hold_signal(maquette_system_held_signal *held, int signal) {
  sigset_t one, pending;
  held->signal = signal;
  held->was_pending = 0;
  held->cancelability = maquette_system_hold_cancellation();
  sigemptyset(&one);
  sigaddset(&one, signal);
  pthread_sigmask(SIG_BLOCK, &one, &held->before);
  /* Only where it was held off before can one have come before. */
  if (sigismember(&held->before, signal) == 1 && sigpending(&pending) == 0)
    held->was_pending = sigismember(&pending, signal) == 1;
}

void maquette_system_release_signal(const maquette_system_held_signal *held) {
  if (!held->was_pending) {
    const struct timespec now = {0, 0};
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, held->signal);
    while (sigtimedwait(&one, NULL, &now) == held->signal) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &held->before, NULL);
  maquette_system_release_cancellation(held->cancelability);
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

int maquette_system_inotify(void) {
  int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

int maquette_system_inotify_add(int descriptor, const char *path) {
  return inotify_add_watch(descriptor, path, IN_MODIFY | IN_ATTRIB) < 0 ? -errno : 0;
}

_Bool maquette_system_inotify_take(int descriptor) {
  _Alignas(struct inotify_event) char events[4096];
  _Bool was_readable = 0;
  while (read(descriptor, events, sizeof events) > 0) was_readable = 1;
  return was_readable;
}

static volatile _Bool is_forked;

static void note_fork(void) { is_forked = 1; }

/* From the loading on, not from the first use: Swift's locks remember the number of the loading thread, which is another
 * one in the child, and the first of them that two threads want there would never be free again. */
__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, note_fork); }

_Bool maquette_system_is_forked(void) { return is_forked; }

void *maquette_system_handle_chunks(void) {
  static _Atomic(uintptr_t) chunks[MAQUETTE_HANDLE_CHUNKS];
  return chunks;
}

const char *maquette_system_commit(void) { return MAQUETTE_COMMIT; }

const char *maquette_system_compiler(void) { return __VERSION__; }
