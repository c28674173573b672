/* Lets threads start late and wake late, at random: what a busy machine does now and then happens all the time. A test that
 * hopes that another thread has come to something by now fails with it, and so does a program.
 *
 *     cc -O2 -shared -fPIC Tests/late.c -o build/late.so && LD_PRELOAD=$PWD/build/late.so PROGRAM
 *
 * `make test-late` runs the tests in C and Python so. Whatever it does the system may do too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* One start of three is late by up to a fifth of a second, one waking of eight by up to 30 ms, and one of thirty that
 * waited for a lock of Swift's by up to 10 ms. */
enum { STARTS = 3, STARTS_BY = 200000, WAKINGS = 8, WAKINGS_BY = 30000, LOCKS = 30, LOCKS_BY = 10000 };

static __thread uint64_t state;

static uint64_t chance(void) {
  if (state == 0) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    state = ((uint64_t)now.tv_nsec * 0x9E3779B97F4A7C15u) ^ (uintptr_t)&state ^ 1;
  }
  /* Marsaglia, "Xorshift RNGs", 2003. */
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

/* One time of so many, up to so many microseconds. */
static int is_late(unsigned times, unsigned microseconds) {
  if (chance() % times != 0) return 0;
  struct timespec by = {0, (long)(chance() % microseconds) * 1000};
  int kept = errno;
  clock_nanosleep(CLOCK_MONOTONIC, 0, &by, NULL);
  errno = kept;
  return 1;
}

/* The function that the program would have called. */
static void *found(void **kept, const char *name, const char *version) {
  if (*kept == NULL) *kept = version ? dlvsym(RTLD_NEXT, name, version) : dlsym(RTLD_NEXT, name);
  return *kept;
}

typedef struct {
  void *(*begin)(void *);
  void *with;
} start;

static void *begin_late(void *given) {
  start own = *(start *)given;
  free(given);
  is_late(STARTS, STARTS_BY);
  return own.begin(own.with);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*begin)(void *), void *with) {
  static void *kept;
  int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = found(&kept, "pthread_create", NULL);
  start *own = malloc(sizeof *own);
  if (own == NULL) return EAGAIN;
  *own = (start){begin, with};
  int failure = create(thread, attributes, begin_late, own);
  if (failure) free(own);
  return failure;
}

/* Who was woken comes back to a lock that others had meanwhile. */
static int woken(int result, pthread_mutex_t *lock) {
  if (chance() % WAKINGS == 0) {
    pthread_mutex_unlock(lock);
    is_late(1, WAKINGS_BY);
    pthread_mutex_lock(lock);
  }
  return result;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock) {
  static void *kept;
  int (*wait)(pthread_cond_t *, pthread_mutex_t *) = found(&kept, "pthread_cond_wait", "GLIBC_2.3.2");
  return woken(wait(condition, lock), lock);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until) {
  static void *kept;
  int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) =
      found(&kept, "pthread_cond_timedwait", "GLIBC_2.3.2");
  return woken(wait(condition, lock, until), lock);
}

int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *lock, clockid_t clock,
                           const struct timespec *until) {
  static void *kept;
  int (*wait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *) =
      found(&kept, "pthread_cond_clockwait", NULL);
  return woken(wait(condition, lock, clock, until), lock);
}

/* Swift's Mutex waits by this. */
long syscall(long number, ...) {
  static void *kept;
  long (*call)(long, ...) = found(&kept, "syscall", NULL);
  va_list given;
  va_start(given, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(given, long);
  va_end(given);
  long result = call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  if (number == SYS_futex) is_late(LOCKS, LOCKS_BY);
  return result;
}
