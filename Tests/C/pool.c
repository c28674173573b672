/* A pool of handles under eight threads that do everything at once, in callbacks too: no crash, no leak, no deadlock, and
 * nothing but the header's statuses. What is called is read from the header, see values.h and calls.h.
 *
 * POOL_SECONDS is how long, POOL_CALLS how many calls at least, POOL_SEED where it begins. Threads work in seasons, each on a
 * pool of its own; after each everything is given back, and the process must be as small as it was. */
#include "calls.h"

#include <dirent.h>
#include <malloc.h>

enum { THREADS = 8, SEASON_CALLS = 20000 };

typedef struct worker {
  pool *pool;
  uint64_t seed;
  atomic_llong calls; /* which go on as long as nothing hangs */
} worker;

static void prune(pool *self) {
  for (int slot = 0; slot < SLOTS; slot++) {
    int64_t count = 0;
    maquette_dataset *dataset = self->handles[KIND_dataset][slot];
    if (!maquette_dataset_count(dataset, &count, NULL) && count > 500) maquette_dataset_clear(dataset, NULL);
  }
}

static void *work(void *argument) {
  worker *self = argument;
  caller *own = caller_new(self->pool, self->seed);
  for (int i = 0; i < SEASON_CALLS / THREADS; i++) {
    if (i % 64 == 0) prune(self->pool);
    call_anything(own, i % 2);
    self->calls++;
  }
  caller_free(own);
  return NULL;
}

static int entries_of(const char *path) {
  int count = 0;
  DIR *directory = opendir(path);
  while (directory && readdir(directory)) count++;
  if (directory) closedir(directory);
  return count;
}

/* The threads that run and the files that are open, for whoever looks why. */
static void list_resources(void) {
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
    FILE *file = fopen(path, "r");
    if (file && fgets(name, sizeof name, file)) fprintf(stderr, "     %s", name);
    if (file) fclose(file);
  }
  if (tasks) closedir(tasks);
  DIR *directory = opendir("/proc/self/fd");
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    char target[512];
    ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target);
    if (length > 0) fprintf(stderr, "     %.*s\n", (int)length, target);
  }
  if (directory) closedir(directory);
}

static long resident_kilobytes(void) {
  long pages = 0, total;
  malloc_trim(0);
  FILE *file = fopen("/proc/self/statm", "r");
  if (file && fscanf(file, "%ld %ld", &total, &pages) != 2) pages = 0;
  if (file) fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Files of the season before. */
static void remove_files(void) {
  DIR *directory = opendir(".");
  for (struct dirent *entry; directory && (entry = readdir(directory));) unlink(entry->d_name);
  if (directory) closedir(directory);
}

static void season(uint64_t seed) {
  remove_files();
  pool all = {.entrance = PTHREAD_MUTEX_INITIALIZER};
  pool_fill(&all);
  caller *inside = caller_new(&all, seed + 1000);
  pthread_mutex_lock(&all.entrance); /* callbacks come already */
  all.inside = inside;
  pthread_mutex_unlock(&all.entrance);
  worker workers[THREADS];
  pthread_t threads[THREADS];
  for (uint64_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){.pool = &all, .seed = seed * THREADS + i};
    REQUIRE(!pthread_create(&threads[i], NULL, work, &workers[i]));
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  pthread_mutex_lock(&all.entrance); /* no callback makes anything from here on */
  all.inside = NULL;
  pthread_mutex_unlock(&all.entrance);
  caller_free(inside);
  pool_empty(&all);
}

TEST(pool_of_handles, "Eight threads do everything at once: no crash, no leak, no deadlock (POOL_SECONDS, POOL_CALLS)") {
  REQUIRE(path_of("x") && !chdir(support_directory));
  double until = now() + test_setting("POOL_SECONDS", 0);
  int most = test_setting("POOL_CALLS", SEASON_CALLS), seasons = 0, tasks = 0, descriptors = 0;
  uint64_t seed = (uint64_t)test_setting("POOL_SEED", 1);
  long first = 0, last = 0;
  for (; seasons * SEASON_CALLS < most || now() < until; seasons++) {
    alarm((unsigned)test_setting("TEST_SECONDS", 120)); /* each season: it hangs where it does not end */
    season(seed + (uint64_t)seasons);
    REQUIRE(!test_failures, "with POOL_SEED=%d", (int)seed + seasons);
    for (int patience = 0; seasons && patience < 10000 &&
                           (entries_of("/proc/self/task") > tasks || entries_of("/proc/self/fd") > descriptors);
         patience++)
      sleep_ms(1);
    if (seasons == 0) tasks = entries_of("/proc/self/task"), descriptors = entries_of("/proc/self/fd");
    CHECK(entries_of("/proc/self/task") <= tasks + 2, "%d threads, %d before", entries_of("/proc/self/task"), tasks);
    CHECK(entries_of("/proc/self/fd") <= descriptors + 2, "%d descriptors, %d before", entries_of("/proc/self/fd"),
          descriptors);
    if (test_failures) list_resources();
    last = resident_kilobytes();
    if (seasons == 2) first = last;
    if (getenv("POOL_SECONDS")) fprintf(stderr, "     season %d: %ld KB, %d threads, %d files\n", seasons, last,
                                        entries_of("/proc/self/task"), entries_of("/proc/self/fd"));
  }
#ifdef SANITIZED /* a sanitizer keeps what is freed; what leaks it says itself */
  first = last;
#endif
  CHECK(seasons < 4 || last - first < 20000, "%ld KB after %d seasons, %ld KB after two", last, seasons, first);
}

/* ---- Each kind of handle ---- */

/* Makes and destroys handles by one function, `count` times; how often it succeeded. */
static int make_and_destroy(caller *self, const function *maker, int kind, int count) {
  int made = 0;
  for (int i = 0; i < count; i++) {
    for (int a = 0; a < maker->count; a++) fill(self, maker, (size_t)a, true, 0);
    made += call(self, maker) == MAQUETTE_OK;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
      if (kind != KIND_model && kind != KIND_dataset && kind != KIND_store && kinds[kind].destroy)
        keep(self->pool, (enum kind)kind, NULL, slot);
  }
  return made;
}

TEST(cycles, "Handles of every kind, made and destroyed again and again, take no memory, threads or files (HANDLE_CYCLES)") {
  REQUIRE(path_of("x") && !chdir(support_directory));
  int cycles = test_setting("HANDLE_CYCLES", 400);
  for (size_t f = 0; f < COUNT(functions); f++)
    for (int i = 0; i < functions[f].count; i++) {
      if (functions[f].parameters[i].sort != A_HANDLE_OUT) continue;
      alarm((unsigned)test_setting("TEST_SECONDS", 120));
      int kind = functions[f].parameters[i].kind;
      pool all = {.entrance = PTHREAD_MUTEX_INITIALIZER};
      pool_fill(&all);
      caller *self = caller_new(&all, f + 1);
      make_and_destroy(self, &functions[f], kind, cycles / 4);
      long before = resident_kilobytes();
      int tasks = entries_of("/proc/self/task"), descriptors = entries_of("/proc/self/fd");
      int made = make_and_destroy(self, &functions[f], kind, cycles);
      for (int patience = 0; patience < 5000 && entries_of("/proc/self/task") > tasks + SLOTS; patience++) sleep_ms(1);
      long growth = resident_kilobytes() - before;
      if (getenv("HANDLE_CYCLES"))
        fprintf(stderr, "     %s: %d made, %ld KB more, %d threads, %d files\n", functions[f].name, made, growth,
                entries_of("/proc/self/task"), entries_of("/proc/self/fd"));
      CHECK(made > cycles / 50, "%s succeeded %d times of %d", functions[f].name, made, cycles);
      CHECK(entries_of("/proc/self/task") <= tasks + SLOTS, "%s: %d threads, %d before", functions[f].name,
            entries_of("/proc/self/task"), tasks);
      CHECK(entries_of("/proc/self/fd") <= descriptors + 8 * SLOTS, "%s: %d files, %d before", functions[f].name,
            entries_of("/proc/self/fd"), descriptors);
#ifdef SANITIZED
      growth = 0;
#endif
      CHECK(growth < 4000, "%s: %ld KB more", functions[f].name, growth);
      caller_free(self);
      pool_empty(&all);
    }
}

int main(int count, char **words) {
  /* So that what is resident is what is in use: eight threads' arenas keep and tear apart what was freed, 150 MB of it after
   * 46 seasons, where one arena that gives back what it can stays at 16 MB. */
  mallopt(M_ARENA_MAX, 1), mallopt(M_TRIM_THRESHOLD, 65536), mallopt(M_MMAP_THRESHOLD, 65536);
  return test_main(count, words);
}
