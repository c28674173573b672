/* What a file holds when the process that writes it is killed at any moment: everything it was told is stored, and nothing
 * half. CRASH_ROUNDS is how often; `make crash` does it 200 times. */
#include "support.h"

#include <sys/time.h>

enum { BULK = 500, WIDTH = 16 };

/* What the writer says once a call has returned. */
typedef struct said {
  char what; /* 's'ingle, 'b'ulk, 'm'odel */
  char id[25];
} said;

static void say(char what, const char *id) {
  said one = {.what = what};
  if (id) snprintf(one.id, sizeof one.id, "%s", id);
  if (write(1, &one, sizeof one) != sizeof one) exit(1);
}

/* What `program --write LOCATION SEED` does until it is killed: instances alone and in bulk, and models. */
static int write_on(const char *location, uint32_t seed) {
  maquette_store *store = store_of(location);
  maquette_dataset *single = dataset_of(store, "single", NULL), *bulk = dataset_of(store, "bulk", NULL);
  rows content = rows_of(BULK, WIDTH);
  rows few = rows_of(60, WIDTH);
  maquette_model *model = trained("knn-classifier", NULL, &few);
  for (;;) {
    (void)noise(&seed);
    switch (seed >> 16 & 7) {
    case 0:
      OK(maquette_dataset_append(bulk, &content.matrix, content.y, &error));
      say('b', NULL);
      break;
    case 1: {
      char *id = NULL;
      OK(maquette_model_save_version(model, store, "model", NULL, 5, &id, &error));
      say('m', id);
      maquette_string_free(id);
      break;
    }
    default: {
      int64_t number = count_of(single);
      char text[64];
      snprintf(text, sizeof text, "{\"x\": [%lld, 1], \"y\": \"a\"}", (long long)number);
      OK(maquette_dataset_create(single, text, NULL, &error));
      say('s', NULL);
    }
    }
  }
}

/* The file opens, and holds that many instances and every model that was saved last, whole. */
static void check(const char *path, int64_t *singles, int64_t *bulks, const char *last_model) {
  char location[700];
  snprintf(location, sizeof location, "sqlite:%s?check=full", path);
  maquette_store *store = store_of(location);
  maquette_dataset *single = dataset_of(store, "single", NULL), *bulk = dataset_of(store, "bulk", NULL);
  /* What was under way may be there or not: the process was told of neither. */
  int64_t found = count_of(single);
  CHECK(found == *singles || found == *singles + 1, "%lld instances, %lld acknowledged", (long long)found, (long long)*singles);
  *singles = found;
  if (found > 0) {
    float *x = malloc((size_t)found * 2 * sizeof *x);
    maquette_matrix all = F32(x, found, 2);
    OK(maquette_dataset_read(single, &all, NULL, NULL, &error));
    for (int64_t i = 0; i < found; i++) REQUIRE(x[2 * i] == (float)i, "instance %lld is %g", (long long)i, (double)x[2 * i]);
    free(x);
  }
  found = count_of(bulk);
  CHECK(found == *bulks * BULK || found == (*bulks + 1) * BULK, "%lld rows, %lld × %d acknowledged", (long long)found,
        (long long)*bulks, BULK);
  *bulks = found / BULK;
  if (found > 0) {
    float *x = malloc((size_t)found * WIDTH * sizeof *x);
    maquette_matrix all = F32(x, found, WIDTH);
    OK(maquette_dataset_read(bulk, &all, NULL, NULL, &error));
    free(x);
  }
  maquette_model *model = model_of("knn-classifier", NULL);
  if (*last_model) OK(maquette_model_load(model, store, last_model, NULL, &error));
  /* Every model that is listed can be loaded: its checksum is right. */
  char *models = NULL;
  OK(maquette_store_models(store, NULL, NULL, &models, &error));
  int count = 0;
  for (const char *at = models; (at = strstr(at, "\"id\":\"")); at += 6) {
    char id[25];
    snprintf(id, sizeof id, "%.24s", at + 6);
    OK(maquette_model_load(model, store, id, NULL, &error));
    count++;
  }
  CHECK(count <= 5);
  maquette_string_free(models), maquette_model_destroy(model), maquette_dataset_destroy(single), maquette_dataset_destroy(bulk);
  maquette_store_destroy(store);
}

static void kill_writers(const char *options) {
  int rounds = test_setting("CRASH_ROUNDS", 10);
  uint32_t seed = (uint32_t)test_setting("CRASH_SEED", 1);
  char path[600] = "", location[700], model[25] = "";
  int64_t singles = 0, bulks = 0;
  for (int round = 0; round < rounds; round++) {
    if (round % 20 == 0) { /* a new file, so that the last is checked as fast as the first */
      snprintf(path, sizeof path, "%s", path_of("crash-00.db"));
      snprintf(path + strlen(path) - 5, 6, "%02d.db", round / 20 % 100);
      singles = bulks = 0, *model = 0;
    }
    snprintf(location, sizeof location, "sqlite:%s%s", path, options);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    (void)noise(&seed);
    char number[16];
    snprintf(number, sizeof number, "%u", seed);
    pid_t child = fork();
    if (child == 0) {
      dup2(ends[1], 1), close(ends[0]), close(ends[1]);
      execl("/proc/self/exe", "crash", "--write", location, number, NULL);
      _exit(127);
    }
    close(ends[1]);
    /* From before it has opened the file to some hundred writes later. */
    sleep_ms((int)(seed >> 8 & 0xFF) + 5);
    kill(child, SIGKILL);
    said one;
    int64_t single = 0, bulk = 0;
    while (read(ends[0], &one, sizeof one) == sizeof one) {
      single += one.what == 's', bulk += one.what == 'b';
      if (one.what == 'm') memcpy(model, one.id, sizeof model);
    }
    int status = 0;
    waitpid(child, &status, 0), close(ends[0]);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the writer ended by itself");
    singles += single, bulks += bulk;
    check(path, &singles, &bulks, model);
  }
}

TEST(killed_full, "A writer that is killed at any moment leaves a file that opens, with all that was acknowledged") {
  kill_writers("");
}

TEST(killed_normal, "So does one that does not wait for the disk") { kill_writers("?synchronous=normal"); }

/* What `program --pair LOCATION SECONDS` does: writes beside another process, and counts. */
static int write_beside(const char *location, int seconds) {
  maquette_store *store = store_of(location);
  maquette_dataset *single = dataset_of(store, "single", NULL), *bulk = dataset_of(store, "bulk", NULL);
  rows content = rows_of(50, 4);
  struct timespec now, end;
  clock_gettime(CLOCK_MONOTONIC, &end), end.tv_sec += seconds;
  int written = 0;
  do {
    OK(maquette_dataset_create(single, "{\"x\": [1, 2], \"y\": \"a\"}", NULL, &error));
    if (written % 10 == 0) OK(maquette_dataset_append(bulk, &content.matrix, content.y, &error));
    written++;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec);
  printf("%d\n", written);
  maquette_dataset_destroy(single), maquette_dataset_destroy(bulk), maquette_store_destroy(store), rows_free(content);
  return 0;
}

/* More than the processors: then the lock is taken again before those who wait have looked. */
enum { WRITERS = 6 };

TEST(writers, "Six processes write at once: each has its turn, and nothing of any is lost (WRITER_SECONDS)") {
  char location[700], seconds[16];
  snprintf(location, sizeof location, "%s", location_of(path_of("six.db")));
  snprintf(seconds, sizeof seconds, "%d", test_setting("WRITER_SECONDS", 2));
  FILE *outs[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    if (fork() == 0) {
      dup2(ends[1], 1), close(ends[0]), close(ends[1]);
      execl("/proc/self/exe", "crash", "--pair", location, seconds, NULL);
      _exit(127);
    }
    close(ends[1]);
    outs[i] = fdopen(ends[0], "r");
  }
  int sum = 0, bulks = 0;
  for (int i = 0; i < WRITERS; i++) {
    int written = 0, status = 0;
    CHECK(fscanf(outs[i], "%d", &written) == 1 && written > 0);
    sum += written, bulks += (written + 9) / 10;
    fclose(outs[i]), wait(&status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  maquette_store *store = store_of(location);
  CHECK(count_of(dataset_of(store, "single", NULL)) == sum);
  CHECK(count_of(dataset_of(store, "bulk", NULL)) == bulks * 50);
}

int main(int count, char **words) {
  if (count == 4 && !strcmp(words[1], "--write")) return write_on(words[2], (uint32_t)strtoul(words[3], NULL, 10));
  if (count == 4 && !strcmp(words[1], "--pair")) return write_beside(words[2], atoi(words[3]));
  return test_main(count, words);
}
