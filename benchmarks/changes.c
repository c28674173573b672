/* Times how long a change takes to be seen, and what watching costs those who write.
 *
 *   changes LOCATION same CHANGES     a subscriber of this process: from the call that makes the change
 *   changes LOCATION bare CHANGES     no library at all: from a signal to a thread that waits for it
 *   changes LOCATION other CHANGES    one of another process: from the return of the call
 *   changes LOCATION cost CHANGES     nobody watches, then another process does: nanoseconds of a call that adds one
 *                                     instance, and of one that adds 1,000
 *
 * Prints JSON: nanoseconds. */
#include "maquette.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FEATURES = 64, BULK = 1000 };

static void check(maquette_status status) {
  if (status == MAQUETTE_OK) return;
  fprintf(stderr, "%s\n", maquette_status_name(status));
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int by_size(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

static maquette_dataset *open_dataset(const char *location) {
  maquette_store *store;
  maquette_dataset *dataset;
  check(maquette_store_open(location, &store, NULL));
  check(maquette_dataset_open(store, "changes", &dataset, NULL));
  return dataset;
}

static void append(maquette_dataset *dataset, int64_t rows) {
  static float x[BULK * FEATURES];
  static const char *labels[BULK];
  for (int64_t row = 0; row < rows; row++) labels[row] = "label";
  maquette_matrix matrix = {.struct_size = sizeof matrix, .data = x, .rows = rows, .cols = FEATURES, .dtype = MAQUETTE_F32};
  check(maquette_dataset_append(dataset, &matrix, labels, NULL));
}

static _Atomic int64_t seen;
static void see(void *user_data, const maquette_event *event) {
  (void)user_data;
  if (strstr(event->json, "instance")) atomic_store(&seen, now());
}

static void watch(maquette_dataset *dataset) {
  check(maquette_stream_subscribe(maquette_dataset_changes(dataset), see, NULL, NULL, NULL, NULL));
}

static void report(int64_t *times, int count) {
  qsort(times, (size_t)count, sizeof *times, by_size);
  printf("{\"median\": %lld, \"p99\": %lld}\n", (long long)times[count / 2], (long long)times[count * 99 / 100]);
}

static void pause_for(long microseconds) {
  struct timespec time = {0, microseconds * 1000};
  nanosleep(&time, NULL);
}

/* What the system alone takes to wake a thread: the least that a callback on a thread of its own can take. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t signal_given = PTHREAD_COND_INITIALIZER;
static int is_given;

static void *wait_for_signals(void *unused) {
  (void)unused;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (!is_given) pthread_cond_wait(&signal_given, &lock);
    is_given = 0;
    pthread_mutex_unlock(&lock);
    atomic_store(&seen, now());
  }
  return NULL;
}

static void bare(int count) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, wait_for_signals, NULL) != 0) exit(1);
  int64_t *times = calloc((size_t)count, sizeof *times);
  for (int i = 0; i < count; i++) {
    atomic_store(&seen, 0);
    int64_t start = now();
    pthread_mutex_lock(&lock);
    is_given = 1;
    pthread_cond_signal(&signal_given);
    pthread_mutex_unlock(&lock);
    while (atomic_load(&seen) == 0) {}
    times[i] = atomic_load(&seen) - start;
    pause_for(200);
  }
  report(times, count);
}

static void same(const char *location, int count) {
  maquette_dataset *dataset = open_dataset(location);
  watch(dataset);
  int64_t *times = calloc((size_t)count, sizeof *times);
  for (int i = 0; i < count; i++) {
    atomic_store(&seen, 0);
    int64_t start = now();
    append(dataset, 1);
    while (atomic_load(&seen) == 0) {}
    times[i] = atomic_load(&seen) - start;
    pause_for(200);
  }
  report(times, count);
}

/* The other process: prints when it has seen each change. */
static void observe(const char *location) {
  maquette_dataset *dataset = open_dataset(location);
  watch(dataset);
  printf("ready\n"), fflush(stdout);
  for (;;) {
    if (atomic_load(&seen) != 0) printf("%lld\n", (long long)atomic_exchange(&seen, 0)), fflush(stdout);
    pause_for(100);
  }
}

static pid_t start(const char *program, const char *location, FILE **out) {
  int ends[2];
  if (pipe(ends) != 0) exit(1);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1), close(ends[0]);
    execl(program, program, location, "observe", "0", NULL);
    _exit(127);
  }
  close(ends[1]);
  *out = fdopen(ends[0], "r");
  char line[64];
  if (!fgets(line, sizeof line, *out)) exit(1);
  return child;
}

static void other(const char *program, const char *location, int count) {
  maquette_dataset *dataset = open_dataset(location);
  FILE *out;
  pid_t child = start(program, location, &out);
  int64_t *times = calloc((size_t)count, sizeof *times);
  for (int i = 0; i < count; i++) {
    append(dataset, 1);
    int64_t written = now();
    long long at;
    if (fscanf(out, "%lld", &at) != 1) exit(1);
    times[i] = at > written ? at - written : 0;
    /* Now soon after, now when nothing has happened for a while. */
    pause_for(i % 10 == 0 ? 900000 : 20000 + i % 7 * 5000);
  }
  report(times, count);
  kill(child, 9), waitpid(child, NULL, 0);
}

static void time_writing(maquette_dataset *dataset, int count, const char *when) {
  int64_t *times = calloc((size_t)count, sizeof *times);
  int64_t *bulk = calloc((size_t)count / 10 + 1, sizeof *bulk);
  for (int i = 0; i < count; i++) {
    int64_t start = now();
    append(dataset, 1);
    times[i] = now() - start;
  }
  for (int i = 0; i < count / 10; i++) {
    int64_t start = now();
    append(dataset, BULK);
    bulk[i] = now() - start;
  }
  qsort(times, (size_t)count, sizeof *times, by_size), qsort(bulk, (size_t)count / 10, sizeof *bulk, by_size);
  printf("\"%s\": %lld, \"%s bulk\": %lld", when, (long long)times[count / 2], when, (long long)bulk[count / 20]);
  free(times), free(bulk);
}

static void cost(const char *program, const char *location, int count) {
  maquette_dataset *dataset = open_dataset(location);
  FILE *out;
  printf("{");
  time_writing(dataset, count, "alone");
  check(maquette_dataset_clear(dataset, NULL));
  pid_t child = start(program, location, &out);
  printf(", ");
  time_writing(dataset, count, "watched");
  kill(child, 9), waitpid(child, NULL, 0);
  check(maquette_dataset_clear(dataset, NULL));
  printf(", ");
  time_writing(dataset, count, "logged");
  printf("}\n");
}

int main(int count, char **words) {
  if (count != 4) return 2;
  int changes = atoi(words[3]);
  if (!strcmp(words[2], "observe")) observe(words[1]);
  else if (!strcmp(words[2], "same")) same(words[1], changes);
  else if (!strcmp(words[2], "bare")) bare(changes);
  else if (!strcmp(words[2], "other")) other(words[0], words[1], changes);
  else cost(words[0], words[1], changes);
  return 0;
}
