/* Times single predictions from C, and counts what they allocate.
 *
 *   predict STORE NAME CALLS
 *
 * loads a model of 64 features from a store, predicts once, and then CALLS times with the clock around each call, the
 * cost of the clock included. Prints JSON: nanoseconds, and how often memory was asked for or given back meanwhile.
 *
 * The allocator's functions below take the place of the C library's in the whole process, the shared library included,
 * whichever thread calls; they count, and hand on. */
#include "maquette.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static atomic_long allocations, releases;

void *malloc(size_t size) {
  atomic_fetch_add(&allocations, 1);
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  atomic_fetch_add(&allocations, 1);
  return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
  atomic_fetch_add(&allocations, 1);
  return __libc_realloc(memory, size);
}
void *memalign(size_t alignment, size_t size) {
  atomic_fetch_add(&allocations, 1);
  return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *given = memalign(alignment, size);
  if (given == NULL) return ENOMEM;
  *memory = given;
  return 0;
}
void free(void *memory) {
  if (memory != NULL) atomic_fetch_add(&releases, 1);
  __libc_free(memory);
}

enum { FEATURES = 64, ROWS = 16, LABELS = 64 };

static void check(maquette_status status, maquette_error *error) {
  if (status == MAQUETTE_OK) return;
  fprintf(stderr, "%s: %s\n", maquette_status_name(status), maquette_error_message(error));
  exit(1);
}

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

static int compare(const void *a, const void *b) {
  long x = *(const long *)a, y = *(const long *)b;
  return (x > y) - (x < y);
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: %s STORE NAME CALLS\n", arguments[0]);
    return 2;
  }
  const long calls = atol(arguments[3]);
  maquette_error *error = NULL;
  maquette_store *store;
  maquette_model *model;
  int64_t labels;
  check(maquette_store_open(arguments[1], &store, &error), error);
  check(maquette_model_create("mlp-classifier", NULL, &model, &error), error);
  check(maquette_model_load(model, store, arguments[2], NULL, &error), error);
  check(maquette_model_label_count(model, &labels, &error), error);

  static float rows[ROWS][FEATURES], confidences[LABELS];
  for (int row = 0; row < ROWS; row++) {
    for (int i = 0; i < FEATURES; i++) rows[row][i] = (float)((row * 7 + i * 5) % 17) / 16;
  }
  long *times = malloc((size_t)calls * sizeof *times);
  if (labels > LABELS || calls < 1 || times == NULL) return 1;
  maquette_matrix row = {sizeof row, rows[0], 1, FEATURES, 0, 0, MAQUETTE_F32, 0};
  maquette_matrix out = {sizeof out, confidences, 1, labels, 0, 0, MAQUETTE_F32, 0};
  check(maquette_model_predict(model, &row, &out, &error), error);

  const long allocated = atomic_load(&allocations), released = atomic_load(&releases);
  for (long call = 0; call < calls; call++) {
    row.data = rows[call % ROWS];
    long start = now();
    maquette_status status = maquette_model_predict(model, &row, &out, &error);
    times[call] = now() - start;
    check(status, error);
  }
  const long more = atomic_load(&allocations) - allocated, less = atomic_load(&releases) - released;

  /* What the clock costs is part of every figure above; this says how much it is. */
  long clock = now();
  for (int i = 0; i < 1000; i++) (void)now();
  clock = (now() - clock) / 1000;
  qsort(times, (size_t)calls, sizeof *times, compare);
  printf("{\"calls\": %ld, \"median\": %ld, \"p99\": %ld, \"clock\": %ld, \"allocations\": %ld, \"releases\": %ld, "
         "\"counted_before\": %ld}\n",
         calls, times[calls / 2], times[calls - 1 - calls / 100], clock, more, less, allocated);
  free(times);
  maquette_model_destroy(model);
  maquette_store_destroy(store);
  return 0;
}
