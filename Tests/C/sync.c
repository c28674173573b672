/* One model in several processes, saved models, and copies of a store. */
#include "support.h"

#include <dlfcn.h>

/* A hash of what the model says about the rows; 0 for one that knows nothing. */
static unsigned long digest(maquette_model *model, const rows *content) {
  int64_t outputs = 0;
  if (maquette_model_output_count(model, &outputs, NULL) != MAQUETTE_OK) return 0;
  float *answers = calloc((size_t)content->count * 3, sizeof(float));
  maquette_matrix out = F32(answers, content->count, 3);
  unsigned long hash = 5381;
  if (maquette_model_predict(model, &content->matrix, &out, NULL) == MAQUETTE_OK) {
    for (int64_t i = 0; i < content->count * 3; i++) {
      uint32_t bits;
      memcpy(&bits, answers + i, sizeof bits);
      hash = hash * 33 ^ bits;
    }
  }
  free(answers);
  return hash;
}

/* What `program --member LOCATION KIND` does: it trains when it is told to ("train SEED"), and says what it knows
 * ("know"), one line for each. */
static int member(const char *location, const char *kind) {
  rows content = rows_of(60, 8);
  maquette_store *store = store_of(location);
  maquette_model *model = model_of(kind, NULL);
  OK(maquette_model_sync(model, store, "shared", NULL, &error));
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    int seed;
    if (sscanf(line, "train %d", &seed) == 1) {
      rows mine = rows_of(60, 8);
      uint32_t state = (uint32_t)seed;
      for (int i = 0; i < 480; i++) mine.x[i] += noise(&state) * 6;
      train(model, &mine), rows_free(mine);
      OK(maquette_model_sync_flush(model, 20000, &error));
    }
    printf("%lu\n", digest(model, &content));
    fflush(stdout);
  }
  OK(maquette_model_unsync(model, 20000, &error));
  maquette_model_destroy(model), maquette_store_destroy(store), rows_free(content);
  return 0;
}

typedef struct process {
  pid_t id;
  FILE *in, *out;
} process;

static process start(const char *location, const char *kind) {
  int in[2], out[2];
  REQUIRE(pipe(in) == 0 && pipe(out) == 0);
  process made = {.id = fork()};
  if (made.id == 0) {
    dup2(in[0], 0), dup2(out[1], 1);
    for (int i = 3; i < 64; i++) close(i);
    execl("/proc/self/exe", "sync", "--member", location, kind, NULL);
    _exit(127);
  }
  close(in[0]), close(out[1]);
  made.in = fdopen(in[1], "w"), made.out = fdopen(out[0], "r");
  return made;
}

static unsigned long ask(process *one, const char *line) {
  unsigned long answer = 0;
  fprintf(one->in, "%s\n", line), fflush(one->in);
  REQUIRE(fscanf(one->out, "%lu", &answer) == 1, "no answer to '%s'", line);
  return answer;
}

static void share(const char *kind) {
  char location[600];
  snprintf(location, sizeof location, "%s", location_of(path_of("shared.db")));
  /* Watches from the start, so that every writing is counted. */
  maquette_store *store = store_of(location);
  maquette_model *mine = model_of(kind, NULL);
  OK(maquette_model_sync(mine, store, "shared", NULL, &error));
  watcher *seen = watcher_new();
  maquette_subscription *watching = watch(maquette_model_sync_status(mine), seen);
  process members[3];
  for (int i = 0; i < 3; i++) members[i] = start(location, kind);
  enum { ROUNDS = 6 };
  rows content = rows_of(60, 8);
  unsigned long expected = 0;
  for (int round = 0; round < ROUNDS; round++) {
    char line[32];
    snprintf(line, sizeof line, "train %d", round + 1);
    unsigned long before = expected;
    expected = ask(&members[round % 3], line);
    CHECK(expected != 0 && expected != before, "round %d can't be told from the one before", round);
    for (int i = 0; i < 3; i++) {
      int tries = 0;
      while (ask(&members[i], "know") != expected && tries++ < 1000) sleep_ms(10);
      CHECK(tries < 1000, "process %d never came to know round %d", i, round);
    }
    for (int tries = 0; digest(mine, &content) != expected; tries++) REQUIRE(tries < 1000, "round %d", round), sleep_ms(10);
  }
  for (int i = 0; i < 3; i++) {
    int status = 0;
    fclose(members[i].in), waitpid(members[i].id, &status, 0), fclose(members[i].out);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  OK(maquette_model_sync_flush(mine, 20000, &error));
  OK(maquette_model_unsync(mine, 20000, &error));
  /* Each writing moved updatedAt once, and was loaded here: one model, and as many loadings as trainings. */
  char *models = NULL;
  OK(maquette_store_models(store, kind, "shared", &models, &error));
  CHECK(strstr(models, "\"id\"") && !strstr(strstr(models, "\"id\"") + 4, "\"id\""), "%s", models);
  maquette_string_free(models);
  maquette_subscription_destroy(watching), watcher_free(seen);
  maquette_model_destroy(mine), maquette_store_destroy(store), rows_free(content);
}

TEST(shared_knn, "Three processes share a model through a file: neighbours") { share("knn-classifier"); }
TEST(shared_mlp, "Three processes share a model through a file: a network") { share("mlp-classifier"); }

TEST(late, "A process that comes later begins with the model, and one that unsyncs keeps its own") {
  const char *path = path_of("late.db");
  char location[600];
  snprintf(location, sizeof location, "%s", location_of(path));
  rows content = rows_of(60, 8);
  maquette_store *store = store_of(location);
  maquette_model *first = model_of("knn-classifier", NULL);
  OK(maquette_model_sync(first, store, "shared", "{\"history\": 2}", &error));
  FAILS(MAQUETTE_E_CONFLICT, "synced", maquette_model_sync(first, store, "shared", NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "wish", maquette_model_sync(first, store, "a", "{\"wish\": 1}", &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "history", maquette_model_sync(first, store, "a", "{\"history\": 0}", &error));
  train(first, &content);
  OK(maquette_model_sync_flush(first, 20000, &error));
  process other = start(location, "knn-classifier");
  CHECK(ask(&other, "know") == digest(first, &content));
  OK(maquette_model_unsync(first, 20000, &error));
  OK(maquette_model_unsync(first, 20000, &error));
  unsigned long before = digest(first, &content);
  CHECK(ask(&other, "train 5") != before);
  sleep_ms(200);
  CHECK(digest(first, &content) == before);
  fclose(other.in), waitpid(other.id, NULL, 0), fclose(other.out);
  maquette_model_destroy(first), maquette_store_destroy(store), rows_free(content);
}

TEST(versions, "Models are kept as often as asked, listed, and removed") {
  rows content = rows_of(60, 8);
  maquette_store *store = store_of(location_of(path_of("versions.db")));
  maquette_model *model = trained("knn-classifier", NULL, &content);
  char *ids[3], *text;
  for (int i = 0; i < 3; i++) OK(maquette_model_save_version(model, store, "m", "{\"round\": 1}", 2, &ids[i], &error));
  FAILS(MAQUETTE_E_NOT_FOUND, ids[0], maquette_model_load(model, store, ids[0], NULL, &error));
  OK(maquette_model_load(model, store, ids[1], NULL, &error));
  OK(maquette_store_models(store, "knn-classifier", "m", &text, &error));
  CHECK(strstr(text, ids[2]) && strstr(text, ids[1]) && strstr(text, ids[2]) < strstr(text, ids[1]), "%s", text);
  CHECK(strstr(text, "\"kind\":\"knn-classifier\"") && strstr(text, "\"size\":"), "%s", text);
  maquette_string_free(text);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "history", maquette_model_save_version(model, store, "m", NULL, 0, NULL, &error));
  FAILS(MAQUETTE_E_UNKNOWN_KIND, "nothing", maquette_store_models(store, "nothing", NULL, &text, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "nobody", maquette_store_remove_models(store, NULL, "nobody", NULL, &error));
  OK(maquette_store_remove_models(store, NULL, ids[1], NULL, &error));
  OK(maquette_store_remove_models(store, "knn-classifier", "m", &text, &error));
  CHECK(strstr(text, ids[2]) && !strstr(text, ids[1]), "%s", text), maquette_string_free(text);
  FAILS(MAQUETTE_E_NOT_FOUND, "m", maquette_model_load(model, store, "m", NULL, &error));
  for (int i = 0; i < 3; i++) maquette_string_free(ids[i]);
  maquette_model_destroy(model), maquette_store_destroy(store), rows_free(content);
}

TEST(backup, "A store is copied while it is used, and the copy is a store of that moment") {
  rows content = rows_of(3000, 8);
  const char *copy = path_of("copy.db");
  maquette_store *store = store_of(location_of(path_of("original.db"))), *memory = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  OK(maquette_store_backup(store, copy, &error));
  OK(maquette_dataset_append(dataset, &content.matrix, content.y, &error));
  char location[700];
  snprintf(location, sizeof location, "%s?check=full", location_of(copy));
  maquette_store *other = store_of(location);
  CHECK(count_of(dataset_of(other, "d", NULL)) == 3000);
  maquette_store_destroy(other);
  OK(maquette_store_backup(store, copy, &error)); /* into a store that is there */
  other = store_of(location);
  CHECK(count_of(dataset_of(other, "d", NULL)) == 6000);
  FAILS(MAQUETTE_E_UNSUPPORTED, "memory", maquette_store_backup(memory, copy, &error));
  FAILS(MAQUETTE_E_IO, "nowhere", maquette_store_backup(store, "/nowhere/copy.db", &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "original", maquette_store_backup(store, path_of("original.db"), &error));
  maquette_dataset_destroy(dataset), maquette_store_destroy(store), maquette_store_destroy(memory), rows_free(content);
}

/* How many threads of that name this process has. */
static int threads_named(const char *name) {
  DIR *tasks = opendir("/proc/self/task");
  int count = 0;
  for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
    char path[300], found[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fgets(found, sizeof found, file)) count += !strncmp(found, name, strlen(name));
    fclose(file);
  }
  closedir(tasks);
  return count;
}

TEST(watching, "One thread watches a store, as long as anybody subscribes, and it sleeps while nothing happens") {
  maquette_store *store = store_of(location_of(path_of("watched.db")));
  maquette_dataset *first = dataset_of(store, "a", NULL), *second = dataset_of(store, "b", NULL);
  CHECK(threads_named("maquette-watch") == 0);
  watcher *seen[2] = {watcher_new(), watcher_new()};
  maquette_subscription *changes = watch(maquette_dataset_changes(first), seen[0]);
  maquette_subscription *counts = watch(maquette_dataset_counts(second), seen[1]);
  /* A thread takes its name when it begins to run. */
  for (int tries = 0; threads_named("maquette-watch") != 1; tries++) REQUIRE(tries < 1000), sleep_ms(5);
  sleep_ms(1500); /* alert for a second after its start */
  struct timespec before, after;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  sleep_ms(1000);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  double used = (double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) / 1e6;
  CHECK(used < 5, "%.3f ms of processor time in an idle second", used);
  maquette_subscription_destroy(changes);
  CHECK(threads_named("maquette-watch") == 1);
  maquette_subscription_destroy(counts), watcher_free(seen[0]), watcher_free(seen[1]);
  for (int tries = 0; threads_named("maquette-watch"); tries++) REQUIRE(tries < 1000), sleep_ms(5);
  /* And again; this time the store goes first. */
  changes = watch(maquette_dataset_changes(first), seen[0] = watcher_new());
  for (int tries = 0; threads_named("maquette-watch") != 1; tries++) REQUIRE(tries < 1000), sleep_ms(5);
  maquette_dataset_destroy(first), maquette_dataset_destroy(second), maquette_store_destroy(store);
  maquette_subscription_destroy(changes), watcher_free(seen[0]);
  for (int tries = 0; threads_named("maquette-"); tries++) REQUIRE(tries < 1000), sleep_ms(5);
}

/* How many instances another process finds. */
static long seen_outside(const char *location, const char *name) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    execl("/proc/self/exe", "sync", "--count", location, name, NULL);
    _exit(127);
  }
  close(ends[1]);
  FILE *out = fdopen(ends[0], "r");
  long count = -1;
  CHECK(fscanf(out, "%ld", &count) == 1);
  fclose(out), waitpid(child, NULL, 0);
  return count;
}

/* A program that has an SQLite of its own and looks into the store's file with it: closing it, that SQLite believes to be
 * the last one who has the file open, because locks are a process's, and removes the log under the library. */
TEST(own_sqlite, "A host that opens and closes the file with its own SQLite loses nothing that is written afterwards") {
  void *sqlite = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!sqlite) { /* nothing to test with */
    fprintf(stderr, "no libsqlite3.so.0 here\n");
    return;
  }
  int (*open)(const char *, void **) = (int (*)(const char *, void **))dlsym(sqlite, "sqlite3_open");
  int (*close)(void *) = (int (*)(void *))dlsym(sqlite, "sqlite3_close");
  int (*exec)(void *, const char *, void *, void *, char **) =
      (int (*)(void *, const char *, void *, void *, char **))dlsym(sqlite, "sqlite3_exec");
  REQUIRE(open && close && exec);
  char path[600], location[700];
  snprintf(path, sizeof path, "%s", path_of("own.db"));
  snprintf(location, sizeof location, "sqlite:%s", path);
  rows content = rows_of(10, 4);
  maquette_store *store = store_of(location);
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  watcher *seen = watcher_new();
  maquette_subscription *watching = watch(maquette_dataset_changes(dataset), seen);
  for (int round = 1; round <= 3; round++) {
    void *own = NULL;
    CHECK(open(path, &own) == 0 && exec(own, "SELECT count(*) FROM \"instances-d\"", NULL, NULL, NULL) == 0);
    close(own);
    OK(maquette_dataset_append(dataset, &content.matrix, content.y, &error));
    CHECK(count_of(dataset) == 10 + 10 * round);
    CHECK(seen_outside(location, "d") == 10 + 10 * round, "another process does not see what was written");
  }
  /* What others do is seen, too, though the log is another file. */
  pid_t child = fork();
  if (child == 0) execl("/proc/self/exe", "sync", "--clear", location, "d", NULL), _exit(127);
  waitpid(child, NULL, 0);
  for (int tries = 0; !watcher_says(seen, "cleared"); tries++) REQUIRE(tries < 1000), sleep_ms(10);
  CHECK(count_of(dataset) == 0);
  maquette_subscription_destroy(watching), watcher_free(seen);
  maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

int main(int count, char **words) {
  if (count == 4 && !strcmp(words[1], "--member")) return member(words[2], words[3]);
  if (count == 4 && !strcmp(words[1], "--count"))
    return printf("%lld\n", (long long)count_of(dataset_of(store_of(words[2]), words[3], NULL))) < 0;
  if (count == 4 && !strcmp(words[1], "--clear")) {
    OK(maquette_dataset_clear(dataset_of(store_of(words[2]), words[3], NULL), &error));
    return 0;
  }
  return test_main(count, words);
}
