/* Stores: files that can't be opened, are something else, or are full; and what was saved is there in a new process. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- A disk that is full ----
 *
 * These take the place of the C library's, also for the library under test: files take `room` more bytes, then
 * ENOSPC, as a disk does, which writes what still fits. */
static atomic_llong room = -1; /* as much as you like */

static size_t allowed(int file, size_t size) {
  struct stat about;
  if (room < 0 || fstat(file, &about) || !S_ISREG(about.st_mode)) return size;
  long long before = atomic_fetch_sub(&room, (long long)size);
  if (before >= (long long)size) return size;
  room = 0;
  return before > 0 ? (size_t)before : 0;
}

static ssize_t refuse(void) { return errno = ENOSPC, -1; }

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t place) {
  size_t fits = allowed(file, size);
  return fits || !size ? syscall(SYS_pwrite64, file, bytes, fits, place) : refuse();
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t place) { return pwrite64(file, bytes, size, place); }

ssize_t write(int file, const void *bytes, size_t size) {
  size_t fits = allowed(file, size);
  return fits || !size ? syscall(SYS_write, file, bytes, fits) : refuse();
}

static const char *write_file(const char *name, const void *bytes, size_t size) {
  const char *path = path_of(name);
  int file = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  REQUIRE(file >= 0 && write(file, bytes, size) == (ssize_t)size);
  close(file);
  return path;
}

static bool has_content(const char *path, const void *bytes, size_t size) {
  char *content = malloc(size + 1);
  int file = open(path, O_RDONLY);
  bool same = file >= 0 && read(file, content, size + 1) == (ssize_t)size && !memcmp(content, bytes, size);
  close(file), free(content);
  return same;
}

TEST(locations, "A location that can't be is refused, naming it") {
  maquette_store *store = NULL;
  FAILS(MAQUETTE_E_UNSUPPORTED, "mysql", maquette_store_open("mysql:host", &store, &error));
  FAILS(MAQUETTE_E_UNSUPPORTED, "http", maquette_store_open("ftp://localhost", &store, &error));
  maquette_status status = maquette_store_open("digits.db", &store, &error);
  CHECK(status == MAQUETTE_E_UNSUPPORTED || status == MAQUETTE_E_INVALID_ARGUMENT, "%s", maquette_status_name(status));
  maquette_error_destroy(error), error = NULL;
  status = maquette_store_open("", &store, &error);
  CHECK(status == MAQUETTE_E_UNSUPPORTED || status == MAQUETTE_E_INVALID_ARGUMENT, "%s", maquette_status_name(status));
  maquette_error_destroy(error), error = NULL;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "", maquette_store_open("sqlite:", &store, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "synchronous",
        maquette_store_open("sqlite:/tmp/x.db?synchronous=sometimes", &store, &error));
  FAILS(MAQUETTE_E_IO, "/nowhere/at/all.db", maquette_store_open("sqlite:/nowhere/at/all.db", &store, &error));
  FAILS(MAQUETTE_E_IO, "/tmp", maquette_store_open("sqlite:/tmp", &store, &error));
  FAILS(MAQUETTE_E_IO, "/proc", maquette_store_open("sqlite:/proc/maquette.db", &store, &error));
  char name[6000] = "sqlite:/tmp/";
  memset(name + 12, 'x', sizeof name - 13);
  status = maquette_store_open(name, &store, NULL);
  CHECK(status == MAQUETTE_E_IO || status == MAQUETTE_E_INVALID_ARGUMENT, "%s", maquette_status_name(status));
  CHECK(store == NULL && access("/tmp/x.db", F_OK) != 0);
}

TEST(other_files, "A file that is no Maquette store is NOT_A_STORE and stays as it is, byte for byte") {
  static const char text[] = "This is a letter and not a database, and it should stay one. It is long enough to be longer "
                             "than the hundred bytes of a header.";
  char other[4096 * 2] = "SQLite format 3"; /* an empty database of somebody else: header, and a schema of no rows */
  static const unsigned char header[] = {16, 0, 1, 1, 0, 64, 32, 32};
  memcpy(other + 16, header, sizeof header);
  other[31] = 2, other[47] = 4, other[59] = 1;              /* pages, schema format, encoding */
  other[68] = 'T', other[69] = 'e', other[70] = 's', other[71] = 't'; /* its application_id */
  other[100] = 13, other[105] = 16;                         /* a leaf page without cells */
  other[27] = 1, other[95] = 1;
  char zeros[5000] = {0}, scrambled[20000];
  uint32_t state = 5;
  for (size_t i = 0; i < sizeof scrambled; i++) scrambled[i] = (char)(noise(&state) * 127);
  const struct {
    const char *name, *bytes;
    size_t size;
  } files[] = {{"letter.txt", text, sizeof text}, {"short", "x", 1}, {"other.db", other, sizeof other},
               {"zeros", zeros, sizeof zeros}, {"scrambled", scrambled, sizeof scrambled}};
  for (size_t i = 0; i < COUNT(files); i++) {
    const char *path = write_file(files[i].name, files[i].bytes, files[i].size);
    maquette_store *store = NULL;
    FAILS(MAQUETTE_E_NOT_A_STORE, files[i].name, maquette_store_open(location_of(path), &store, &error));
    CHECK(store == NULL && has_content(path, files[i].bytes, files[i].size), "%s was changed", files[i].name);
    char beside[600];
    snprintf(beside, sizeof beside, "%s-wal", path);
    CHECK(access(beside, F_OK) != 0, "%s was left behind", beside);
  }
}

TEST(damaged, "A store that was damaged gives an error, never a crash") {
  rows content = rows_of(2000, 16);
  const char *path = path_of("damaged.db");
  maquette_store *store = store_of(location_of(path));
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  OK(maquette_model_save(model, store, "m", NULL, NULL, NULL, &error));
  maquette_dataset_destroy(dataset), maquette_store_destroy(store);
  struct stat about;
  REQUIRE(stat(path, &about) == 0 && about.st_size > 100000, "%d bytes", (int)about.st_size);
  char *good = malloc((size_t)about.st_size);
  int file = open(path, O_RDONLY);
  REQUIRE(read(file, good, (size_t)about.st_size) == about.st_size);
  close(file);
  uint32_t state = 3;
  for (int round = 0; round < 40; round++) {
    char *bad = malloc((size_t)about.st_size);
    memcpy(bad, good, (size_t)about.st_size);
    size_t size = (size_t)about.st_size;
    if (round % 4 == 0) size = 100 + (size_t)(fabsf(noise(&state)) * (float)(size - 100)); /* cut off */
    for (int i = 0; round % 4 && i < 1 << round % 12; i++) {
      size_t place = 100 + (size_t)(fabsf(noise(&state)) * (float)(size - 200));
      if (round % 4 == 1) bad[place] ^= 0x55;
      if (round % 4 == 2) memset(bad + place, 0xFF, 50);
      if (round % 4 == 3) memset(bad + place, 0, 50);
    }
    write_file("damaged.db", bad, size);
    free(bad);
    maquette_store *damaged = NULL;
    maquette_dataset *again = NULL;
    maquette_model *loaded = model_of("mlp-classifier", NULL);
    int64_t rows, cols;
    char *page;
    /* Any of these may fail, with any status but INTERNAL; the point is that they return. */
    maquette_status statuses[7] = {maquette_store_open(location_of(path_of("damaged.db")), &damaged, NULL)};
    if (statuses[0] == MAQUETTE_OK) {
      statuses[1] = maquette_dataset_open(damaged, "d", &again, NULL);
      if (!statuses[1]) {
        statuses[2] = maquette_dataset_shape(again, &rows, &cols, NULL);
        if (!statuses[2] && rows <= 1000 && cols <= 1000) {
          float *x = malloc((size_t)rows * (size_t)cols * sizeof *x + 1);
          maquette_matrix all = F32(x, rows, cols);
          statuses[6] = maquette_dataset_read(again, &all, NULL, NULL, NULL);
          free(x);
        }
        statuses[3] = maquette_dataset_find(again, "{\"y\": \"left\"}", &page, NULL);
        if (!statuses[3]) maquette_string_free(page);
        statuses[4] = maquette_dataset_append(again, &content.matrix, content.y, NULL);
      }
      statuses[5] = maquette_model_load(loaded, damaged, "m", NULL, NULL);
      if (!statuses[5]) free(confidences_of(loaded, &content));
    }
    for (int i = 0; i < 7; i++) CHECK(statuses[i] != MAQUETTE_E_INTERNAL, "round %d, call %d", round, i);
    maquette_model_destroy(loaded), maquette_dataset_destroy(again), maquette_store_destroy(damaged);
  }
  free(good), maquette_model_destroy(model), rows_free(content);
}

TEST(full, "A full disk is FULL; nothing is half-written, nothing that was there is lost, and it goes on afterwards") {
  rows content = rows_of(500, 64);
  char path[512]; /* kept: path_of has only a few places */
  strcpy(path, path_of("full.db"));
  maquette_store *store = store_of(location_of(path)), *none = NULL;
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1, \"layers\": [512, 512]}", &content);
  OK(maquette_model_save(model, store, "before", NULL, NULL, NULL, &error));
  const long long rooms[] = {0, 1, 100, 5000, 20000, 60000, 100000, 130000, 160000};
  for (size_t i = 0; i < COUNT(rooms) * 2; i++) {
    int64_t before = count_of(dataset);
    room = rooms[i / 2];
    if (i % 2) FAILS(MAQUETTE_E_FULL, "full.db", maquette_dataset_append(dataset, &content.matrix, content.y, &error));
    else FAILS(MAQUETTE_E_FULL, "full.db", maquette_model_save(model, store, "m", NULL, NULL, NULL, &error));
    CHECK(count_of(dataset) == before);
    room = 0;
    FAILS(MAQUETTE_E_NOT_FOUND, "m", maquette_model_load(model, store, "m", NULL, &error)); /* reading goes on */
    OK(maquette_model_load(model, store, "before", NULL, &error));
    maquette_status status = maquette_store_open(location_of(path_of("new.db")), &none, NULL);
    CHECK(status == MAQUETTE_E_FULL && !none, "%s", maquette_status_name(status));
    room = -1;
    if (i % 3 == 0) OK(maquette_dataset_append(dataset, &content.matrix, content.y, &error));
  }
  int64_t count = count_of(dataset);
  OK(maquette_model_save(model, store, "m", NULL, NULL, NULL, &error));
  maquette_dataset_destroy(dataset), maquette_store_destroy(store);
  store = store_of(location_of(path));
  dataset = dataset_of(store, "d", NULL);
  CHECK(count == 500 * 7 && count_of(dataset) == count, "%d rows, %d before", (int)count_of(dataset), (int)count);
  maquette_model *loaded = model_of("mlp-classifier", NULL);
  OK(maquette_model_load(loaded, store, "m", NULL, &error));
  float *a = confidences_of(model, &content), *b = confidences_of(loaded, &content);
  CHECK(!memcmp(a, b, 1500 * sizeof(float)));
  free(a), free(b), maquette_model_destroy(model), maquette_model_destroy(loaded);
  maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

TEST(full_at_close, "A disk that is full when a store closes loses nothing that was acknowledged") {
  rows content = rows_of(500, 64);
  const char *path = path_of("close.db");
  maquette_store *store = store_of(location_of(path));
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  room = 0;
  maquette_dataset_destroy(dataset), maquette_store_destroy(store);
  room = -1;
  store = store_of(location_of(path)), dataset = dataset_of(store, "d", NULL);
  CHECK(count_of(dataset) == 500);
  maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

TEST(size_limit, "A file that outgrows the process's limit is an error that names it, not a signal") {
  rows content = rows_of(500, 64);
  maquette_store *store = store_of(location_of(path_of("limit.db")));
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  struct rlimit limit = {200000, RLIM_INFINITY}; /* SIGXFSZ has its deadly default */
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  maquette_status status = MAQUETTE_OK;
  int appended = 1;
  while ((status = maquette_dataset_append(dataset, &content.matrix, content.y, &error)) == MAQUETTE_OK) appended++;
  CHECK(status == MAQUETTE_E_FULL || status == MAQUETTE_E_IO, "%s", maquette_status_name(status));
  CHECK(strstr(maquette_error_message(error), "limit.db") != NULL, "%s", maquette_error_message(error));
  maquette_error_destroy(error), error = NULL;
  CHECK(count_of(dataset) == appended * 500);
  limit.rlim_cur = RLIM_INFINITY, setrlimit(RLIMIT_FSIZE, &limit);
  OK(maquette_dataset_append(dataset, &content.matrix, content.y, &error));
  CHECK(count_of(dataset) == (appended + 1) * 500);
  maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

TEST(read_only_file, "A file that can't be written to is an IO error that names it") {
  if (geteuid() == 0) return; /* whoever may do anything can't be refused; the directories in `locations` do it */
  const char *path = write_file("locked.db", "", 0);
  chmod(path, 0400);
  maquette_store *store = NULL;
  FAILS(MAQUETTE_E_IO, "locked.db", maquette_store_open(location_of(path), &store, &error));
}

TEST(saving, "Saving and loading: ids, names, metadata; what is not there is NOT_FOUND and changes nothing") {
  rows content = rows_of(60, 8);
  const char *const locations[] = {"memory:", location_of(path_of("saving.db"))};
  for (size_t i = 0; i < COUNT(locations); i++) {
    maquette_store *store = store_of(locations[i]);
    maquette_model *model = trained("mlp-classifier", "{\"epochs\": 2}", &content);
    maquette_model *other = trained("knn-classifier", NULL, &content), *empty = model_of("mlp-classifier", NULL);
    char *id = NULL, *again = NULL, *stored = NULL;
    FAILS(MAQUETTE_E_NOT_TRAINED, "", maquette_model_save(empty, store, "m", NULL, NULL, &id, &error));
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "name", maquette_model_save(model, store, "", NULL, NULL, &id, &error));
    FAILS(MAQUETTE_E_NOT_FOUND, "000000000000000000000000",
          maquette_model_save(model, store, "m", NULL, "000000000000000000000000", &id, &error));
    FAILS(MAQUETTE_E_NOT_FOUND, "nobody", maquette_model_load(model, store, "nobody", &stored, &error));
    CHECK(!id && !stored);
    float *before = confidences_of(model, &content); /* the failed loading changed nothing */
    OK(maquette_model_save(model, store, "m", "{\"note\": \"mine\"}", NULL, &id, &error));
    FAILS(MAQUETTE_E_NOT_FOUND, "m", maquette_model_load(other, store, "m", &stored, &error)); /* another kind */
    OK(maquette_model_load(empty, store, "m", &stored, &error));
    CHECK(strstr(stored, id) && strstr(stored, "\"note\":\"mine\""), "%s", stored);
    maquette_string_free(stored), stored = NULL;
    float *after = confidences_of(empty, &content);
    CHECK(!memcmp(before, after, 180 * sizeof(float)));
    train(model, &content);
    OK(maquette_model_save(model, store, "m2", NULL, id, &again, &error));
    CHECK(!strcmp(id, again), "replaced, it has the same id");
    FAILS(MAQUETTE_E_NOT_FOUND, "", maquette_model_load(empty, store, "m", NULL, &error));
    OK(maquette_model_load(empty, store, id, NULL, &error));
    char *json;
    OK(maquette_stream_value(maquette_model_training(empty), &json, &error));
    CHECK(strstr(json, "\"loaded\"") && strstr(json, "\"source\":\"datastore\"") && strstr(json, id), "%s", json);
    maquette_string_free(json), maquette_string_free(id), maquette_string_free(again), free(before), free(after);
    maquette_model_destroy(model), maquette_model_destroy(other), maquette_model_destroy(empty);
    maquette_store_destroy(store);
  }
  rows_free(content);
}

/* This program again, in a new process: prints what a saved model answers. */
static int answer(const char *path, const char *kind) {
  rows content = rows_of(60, 8);
  maquette_store *store = store_of(location_of(path));
  maquette_model *model = model_of(kind, NULL);
  OK(maquette_model_load(model, store, kind, NULL, &error));
  float *answers = confidences_of(model, &content);
  int failed = fwrite(answers, sizeof(float), 180, stdout) != 180 || fflush(stdout);
  free(answers), maquette_model_destroy(model), maquette_store_destroy(store), rows_free(content);
  return failed;
}

static const char *program;

TEST(new_process, "A model loaded in a new process answers with the same bits") {
  rows content = rows_of(60, 8);
  const char *const kinds[][2] = {{"mlp-classifier", "{\"epochs\": 3, \"layers\": [33, 7]}"},
                                  {"knn-classifier", "{\"k\": 7, \"metric\": \"euclidean\", \"weights\": \"distance\"}"}};
  const char *path = path_of("process.db");
  for (size_t kind = 0; kind < COUNT(kinds); kind++) {
    maquette_store *store = store_of(location_of(path));
    maquette_model *model = trained(kinds[kind][0], kinds[kind][1], &content);
    OK(maquette_model_save(model, store, kinds[kind][0], NULL, NULL, NULL, &error));
    if (kind) maquette_store_destroy(store); /* once with the store still open here */
    float *answers = confidences_of(model, &content), loaded[180] = {0};
    char command[1200];
    snprintf(command, sizeof command, "'%s' --answer '%s' %s", program, path, kinds[kind][0]);
    FILE *pipe = popen(command, "r");
    REQUIRE(pipe != NULL);
    CHECK(fread(loaded, sizeof(float), 180, pipe) == 180);
    CHECK(pclose(pipe) == 0);
    CHECK(!memcmp(answers, loaded, sizeof loaded), "%s", kinds[kind][0]);
    if (!kind) maquette_store_destroy(store);
    free(answers), maquette_model_destroy(model);
  }
  rows_free(content);
}

int main(int count, char **words) {
  program = words[0];
  if (count == 4 && !strcmp(words[1], "--answer")) return answer(words[2], words[3]);
  return test_main(count, words);
}
