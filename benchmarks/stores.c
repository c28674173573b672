/* Times work on a store of instances: 64 32-bit floats and one of 10 labels each, through Maquette or through SQLite alone.
 *
 *   stores WORK FILE ROWS
 *
 * is built twice: with RAW it is the limit, a program that knows its one table and uses SQLite's C API as its manual
 * advises: prepared statements, memory bound where it lies, a write-ahead log. WORK is `append` (all rows at once,
 * synchronous = FULL), `read` (the file of `append`, as one matrix), `single` (one row a transaction, synchronous =
 * NORMAL), `query` (on a file that `query` makes when it is not there: how many have a label, and the first hundred of
 * them, as JSON of id and label) or, for Maquette alone, `memory` (all rows at once into a store in memory). Prints JSON:
 * seconds, of `query` for one query. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef RAW
#include <sqlite3.h>
#else
#include "maquette.h"
#endif

enum { FEATURES = 64, LABELS = 10, QUERIES = 300, PAGE = 100 };

static float *features;
static const char **labels;
static char label_names[LABELS][16];
static int rows;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

/* The same rows in every program: numbers of a linear congruential generator (Knuth's MMIX). */
static void make_rows(void) {
  uint64_t state = 7;
  features = malloc(sizeof(float) * FEATURES * rows);
  labels = malloc(sizeof *labels * rows);
  if (!features || !labels) exit(1);
  for (int label = 0; label < LABELS; label++) snprintf(label_names[label], sizeof label_names[label], "label %d", label);
  for (int64_t i = 0; i < (int64_t)rows * FEATURES; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    features[i] = (float)(state >> 40) * 0x1p-24f;
  }
  for (int row = 0; row < rows; row++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    labels[row] = label_names[(state >> 33) % LABELS];
  }
}

static void failed(const char *what) {
  fprintf(stderr, "stores: %s\n", what);
  exit(1);
}

#ifdef RAW

static sqlite3 *database;

static void check(int code) {
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) failed(sqlite3_errmsg(database));
}

static void run(const char *sql) { check(sqlite3_exec(database, sql, NULL, NULL, NULL)); }

static sqlite3_stmt *prepared(const char *sql) {
  sqlite3_stmt *statement;
  check(sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL));
  return statement;
}

static void open_file(const char *path, int is_full) {
  check(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
  run("PRAGMA page_size = 16384; PRAGMA journal_mode = WAL");
  run(is_full ? "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0" : "PRAGMA synchronous = NORMAL");
  run("CREATE TABLE IF NOT EXISTS instances(place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, y TEXT, "
      "createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL, x BLOB)");
}

static void insert(sqlite3_stmt *statement, int row) {
  char id[25];
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  int64_t date = time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
  snprintf(id, sizeof id, "0123456789abcdef%08x", row);
  sqlite3_bind_text(statement, 1, id, 24, SQLITE_STATIC);
  sqlite3_bind_text(statement, 2, labels[row], -1, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 3, date);
  sqlite3_bind_blob(statement, 4, features + (int64_t)row * FEATURES, FEATURES * 4, SQLITE_STATIC);
  check(sqlite3_step(statement));
  sqlite3_reset(statement);
}

#define INSERT "INSERT INTO instances(id, y, createdAt, updatedAt, x) VALUES(?1, ?2, ?3, ?3, ?4)"

static double append(const char *path) {
  double start = now();
  open_file(path, 1);
  run("BEGIN IMMEDIATE");
  sqlite3_stmt *statement = prepared(INSERT);
  for (int row = 0; row < rows; row++) insert(statement, row);
  sqlite3_finalize(statement);
  run("COMMIT");
  double seconds = now() - start;
  sqlite3_close(database);
  return seconds;
}

static double read_all(const char *path) {
  double start = now();
  open_file(path, 1);
  sqlite3_stmt *count = prepared("SELECT count(*) FROM instances");
  check(sqlite3_step(count));
  int64_t found = sqlite3_column_int64(count, 0);
  sqlite3_finalize(count);
  float *matrix = malloc(sizeof(float) * FEATURES * found);
  int32_t *codes = malloc(sizeof *codes * found);
  static char names[LABELS][16];
  int known = 0;
  int64_t row = 0;
  sqlite3_stmt *statement = prepared("SELECT x, y FROM instances ORDER BY place");
  while (sqlite3_step(statement) == SQLITE_ROW) {
    memcpy(matrix + row * FEATURES, sqlite3_column_blob(statement, 0), FEATURES * 4);
    const char *label = (const char *)sqlite3_column_text(statement, 1);
    int code = 0;
    while (code < known && strcmp(names[code], label)) code++;
    if (code == known) strcpy(names[known++], label);
    codes[row++] = code;
  }
  sqlite3_finalize(statement);
  double seconds = now() - start;
  if (row != rows || memcmp(matrix, features, sizeof(float) * FEATURES * rows)) failed("the matrix is another one");
  free(matrix);
  free(codes);
  sqlite3_close(database);
  return seconds;
}

static double single(const char *path) {
  open_file(path, 0);
  sqlite3_stmt *begin = prepared("BEGIN IMMEDIATE"), *commit = prepared("COMMIT"), *statement = prepared(INSERT);
  double start = now();
  for (int row = 0; row < rows; row++) {
    check(sqlite3_step(begin));
    sqlite3_reset(begin);
    insert(statement, row);
    check(sqlite3_step(commit));
    sqlite3_reset(commit);
  }
  double seconds = now() - start;
  sqlite3_finalize(begin);
  sqlite3_finalize(commit);
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return seconds;
}

static double query(const char *path) {
  if (access(path, F_OK)) {
    append(path);
    open_file(path, 1);
    run("CREATE INDEX labels ON instances(y)");
  } else {
    open_file(path, 1);
  }
  sqlite3_stmt *count = prepared("SELECT count(*) FROM instances WHERE y = ?");
  sqlite3_stmt *page = prepared("SELECT id, y FROM instances WHERE y = ? ORDER BY place LIMIT 100");
  double start = 0;
  for (int turn = -LABELS; turn < QUERIES; turn++) {
    if (turn == 0) start = now();
    const char *label = label_names[(turn + LABELS) % LABELS];
    sqlite3_bind_text(count, 1, label, -1, SQLITE_STATIC);
    check(sqlite3_step(count));
    int64_t total = sqlite3_column_int64(count, 0);
    sqlite3_reset(count);
    char *text = malloc(PAGE * 64 + 128), *end = text;
    end += sprintf(end, "{\"total\":%lld,\"limit\":100,\"skip\":0,\"data\":[", (long long)total);
    sqlite3_bind_text(page, 1, label, -1, SQLITE_STATIC);
    int found = 0;
    while (sqlite3_step(page) == SQLITE_ROW) {
      end += sprintf(end, "%s{\"id\":\"%s\",\"y\":\"%s\"}", found++ ? "," : "", sqlite3_column_text(page, 0),
                     sqlite3_column_text(page, 1));
    }
    sqlite3_reset(page);
    strcpy(end, "]}");
    if (found != PAGE) failed("no full page");
    free(text);
  }
  double seconds = (now() - start) / QUERIES;
  sqlite3_finalize(count);
  sqlite3_finalize(page);
  sqlite3_close(database);
  return seconds;
}

static double memory(void) {
  failed("SQLite has no such work");
  return 0;
}

#else

static maquette_store *store;
static maquette_dataset *dataset;

static void check(maquette_status status, maquette_error *error) {
  if (status != MAQUETTE_OK) failed(error ? maquette_error_message(error) : "failed");
}

static void open_location(const char *scheme, const char *path, const char *options) {
  char location[4096];
  maquette_error *error = NULL;
  snprintf(location, sizeof location, "%s%s%s", scheme, path, options);
  check(maquette_store_open(location, &store, &error), error);
  check(maquette_dataset_open(store, "instances", &dataset, &error), error);
}

static void close_store(void) {
  maquette_dataset_destroy(dataset);
  maquette_store_destroy(store);
}

static void append_rows(int first, int count) {
  maquette_error *error = NULL;
  maquette_matrix matrix = {.struct_size = sizeof matrix, .data = features + (int64_t)first * FEATURES,
                            .rows = count, .cols = FEATURES, .dtype = MAQUETTE_F32};
  check(maquette_dataset_append(dataset, &matrix, labels + first, &error), error);
}

static double append_at(const char *scheme, const char *path, const char *options) {
  double start = now();
  open_location(scheme, path, options);
  append_rows(0, rows);
  return now() - start;
}

static double append(const char *path) {
  double seconds = append_at("sqlite:", path, "");
  close_store();
  return seconds;
}

static double memory(void) {
  double seconds = append_at("memory:", "", "");
  close_store();
  return seconds;
}

static double read_all(const char *path) {
  maquette_error *error = NULL;
  double start = now();
  open_location("sqlite:", path, "");
  int64_t found, width;
  check(maquette_dataset_shape(dataset, &found, &width, &error), error);
  float *numbers = malloc(sizeof(float) * found * width);
  int32_t *codes = malloc(sizeof *codes * found);
  char *names;
  maquette_matrix matrix = {.struct_size = sizeof matrix, .data = numbers, .rows = found, .cols = width,
                            .dtype = MAQUETTE_F32};
  check(maquette_dataset_read(dataset, &matrix, codes, &names, &error), error);
  double seconds = now() - start;
  if (found != rows || memcmp(numbers, features, sizeof(float) * FEATURES * rows)) failed("the matrix is another one");
  maquette_string_free(names);
  free(numbers);
  free(codes);
  close_store();
  return seconds;
}

static double single(const char *path) {
  open_location("sqlite:", path, "?synchronous=normal");
  double start = now();
  for (int row = 0; row < rows; row++) append_rows(row, 1);
  double seconds = now() - start;
  close_store();
  return seconds;
}

static double query(const char *path) {
  maquette_error *error = NULL;
  if (access(path, F_OK)) append(path);
  open_location("sqlite:", path, "?index=y");
  double start = 0;
  for (int turn = -LABELS; turn < QUERIES; turn++) {
    if (turn == 0) start = now();
    char text[128], *page;
    snprintf(text, sizeof text, "{\"y\": \"%s\", \"$select\": [\"y\"]}", label_names[(turn + LABELS) % LABELS]);
    check(maquette_dataset_find(dataset, text, &page, &error), error);
    if (!strstr(page, "\"data\":[{")) failed("no full page");
    maquette_string_free(page);
  }
  double seconds = (now() - start) / QUERIES;
  close_store();
  return seconds;
}

#endif

int main(int count, char **arguments) {
  if (count != 4 || (rows = atoi(arguments[3])) < 1) failed("WORK FILE ROWS");
  make_rows();
  const char *work = arguments[1], *path = arguments[2];
  double seconds = !strcmp(work, "append")   ? append(path)
                   : !strcmp(work, "read")   ? read_all(path)
                   : !strcmp(work, "single") ? single(path)
                   : !strcmp(work, "query")  ? query(path)
                   : !strcmp(work, "memory") ? memory()
                                             : (failed("no such work"), 0);
  printf("%.9f\n", seconds);
  return 0;
}
