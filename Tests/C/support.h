/* What most tests need: checked calls, small data, and a subscriber that remembers what it was told. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include "maquette.h"
#include "test.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* ---- Calls ---- */

/* The error of the last call in this thread that was given it. */
static __thread maquette_error *error;

static inline int support_ok(maquette_status status, const char *file, int line, const char *call) {
  int holds = test_check(status == MAQUETTE_OK, file, line, call, " %s: %s", maquette_status_name(status),
                         error ? maquette_error_message(error) : "no error object");
  maquette_error_destroy(error);
  error = NULL;
  return holds;
}

/* The call succeeds. Pass `&error`. A test does not go on without it. */
#define OK(call) (support_ok((call), __FILE__, __LINE__, #call) ? (void)0 : exit(1))

static inline void support_fails(maquette_status status, maquette_status expected, const char *word, const char *file,
                                 int line, const char *call) {
  const char *message = error ? maquette_error_message(error) : "";
  test_check(status == expected, file, line, call, " %s instead of %s: %s", maquette_status_name(status),
             maquette_status_name(expected), message);
  if (status != MAQUETTE_OK) {
    test_check(error != NULL, file, line, call, " no error object");
    test_check(maquette_error_status(error) == status, file, line, call, " the error has another status");
    test_check(strlen(message) > 10, file, line, call, " the message says nothing: \"%s\"", message);
    test_check(strstr(message, word) || strstr(maquette_error_name(error), word), file, line, call,
               " neither message nor name says \"%s\": \"%s\"", word, message);
  }
  maquette_error_destroy(error);
  error = NULL;
}

/* The call fails with that status, and its message (or name) contains the word. Pass `&error`. */
#define FAILS(status, word, call) support_fails((call), (status), (word), __FILE__, __LINE__, #call)

/* ---- Data ---- */

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline maquette_matrix matrix_of(void *data, int64_t rows, int64_t cols, int32_t dtype) {
  maquette_matrix matrix = {.struct_size = sizeof matrix, .data = data, .rows = rows, .cols = cols, .dtype = dtype};
  return matrix;
}

#define F32(data, rows, cols) matrix_of((data), (rows), (cols), MAQUETTE_F32)

static inline float noise(uint32_t *state) { /* -1 to 1 */
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

/* Rows around three places, labelled "left", "middle" and "right" in turn. */
typedef struct rows {
  int64_t count, width;
  float *x;
  const char **y;
  maquette_matrix matrix;
} rows;

static inline rows rows_of(int64_t count, int64_t width) {
  static const char *const names[] = {"left", "middle", "right"};
  rows made = {count, width, malloc((size_t)(count * width) * sizeof(float)), malloc((size_t)count * sizeof(char *)),
               {0}};
  uint32_t state = 7;
  for (int64_t row = 0; row < count; row++) {
    made.y[row] = names[row % 3];
    for (int64_t column = 0; column < width; column++)
      made.x[row * width + column] = (column % 3 == row % 3 ? 2.0f : 0.0f) + noise(&state);
  }
  made.matrix = F32(made.x, count, width);
  return made;
}

static inline void rows_free(rows made) { free(made.x), free(made.y); }

static inline maquette_store *store_of(const char *location) {
  maquette_store *store = NULL;
  OK(maquette_store_open(location, &store, &error));
  return store;
}

static inline maquette_dataset *dataset_of(maquette_store *store, const char *name, const rows *content) {
  maquette_dataset *dataset = NULL;
  OK(maquette_dataset_open(store, name, &dataset, &error));
  if (content) OK(maquette_dataset_append(dataset, &content->matrix, content->y, &error));
  return dataset;
}

static inline maquette_model *model_of(const char *kind, const char *parameters) {
  maquette_model *model = NULL;
  OK(maquette_model_create(kind, parameters, &model, &error));
  return model;
}

static inline void train(maquette_model *model, const rows *content) {
  OK(maquette_model_train_matrix(model, &content->matrix, content->y, NULL, NULL, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
}

/* A model that has learned the rows. */
static inline maquette_model *trained(const char *kind, const char *parameters, const rows *content) {
  maquette_model *model = model_of(kind, parameters);
  train(model, content);
  return model;
}

/* Its confidences for the rows, three a row. */
static inline float *confidences_of(maquette_model *model, const rows *content) {
  float *answers = calloc((size_t)content->count * 3, sizeof(float));
  maquette_matrix out = F32(answers, content->count, 3);
  OK(maquette_model_predict(model, &content->matrix, &out, &error));
  return answers;
}

static inline int64_t count_of(maquette_dataset *dataset) {
  int64_t count = -1;
  OK(maquette_dataset_count(dataset, &count, &error));
  return count;
}

/* The id of the first document in a text. */
static inline void id_in(const char *document, char id[32]) {
  const char *place = strstr(document, "\"id\":\"");
  REQUIRE(place && sscanf(place, "\"id\":\"%24[0-9a-f]\"", id) == 1, "%s", document);
}

static char support_directory[64];
static pid_t support_owner;

static inline void remove_directory(void) {
  DIR *directory = getpid() == support_owner ? opendir(support_directory) : NULL;
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) unlinkat(dirfd(directory), entry->d_name, 0);
  closedir(directory), rmdir(support_directory);
}

/* A path in a directory of this test's own, which goes with it. */
static inline const char *path_of(const char *name) {
  static char path[8][512];
  static int turn;
  if (!*support_directory) {
    strcpy(support_directory, "/tmp/maquette-c-XXXXXX");
    REQUIRE(mkdtemp(support_directory) != NULL);
    support_owner = getpid();
    atexit(remove_directory);
  }
  turn = (turn + 1) % 8;
  snprintf(path[turn], sizeof path[turn], "%s/%s", support_directory, name);
  return path[turn];
}

static inline const char *location_of(const char *path) {
  static char location[8][600];
  static int turn;
  turn = (turn + 1) % 8;
  snprintf(location[turn], sizeof location[turn], "sqlite:%s", path);
  return location[turn];
}

static inline void wait_for(sem_t *semaphore) {
  while (sem_wait(semaphore)) {}
}

static inline void sleep_ms(int milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  nanosleep(&time, NULL);
}

/* ---- A subscriber ---- */

enum { HISTORY = 4096 };

typedef struct watcher {
  sem_t ended;                   /* posted by destroy */
  sem_t entered, gate;           /* with `blocks`: posted by the callback, waited for by it */
  atomic_bool blocks;
  atomic_int calls, destroys, inside;
  int status[HISTORY], epoch[HISTORY];
  uint64_t sequence[HISTORY], dropped[HISTORY];
  pthread_mutex_t lock; /* of `last`, while events still come */
  char last[512];
} watcher;

static inline watcher *watcher_new(void) {
  watcher *made = calloc(1, sizeof *made);
  pthread_mutex_init(&made->lock, NULL);
  sem_init(&made->ended, 0, 0), sem_init(&made->entered, 0, 0), sem_init(&made->gate, 0, 0);
  return made;
}

static inline void watcher_call(void *user_data, const maquette_event *event) {
  watcher *self = user_data;
  CHECK(++self->inside == 1, "two calls at once");
  CHECK(self->destroys == 0, "called after destroy");
  CHECK(event->json_length == strlen(event->json));
  if (self->calls < HISTORY) {
    maquette_training_status read = {.struct_size = sizeof read};
    bool isTraining = maquette_event_training_status(event, &read, NULL) == MAQUETTE_OK;
    self->status[self->calls] = isTraining ? read.status : -1;
    self->epoch[self->calls] = isTraining ? read.epoch : -1;
    self->sequence[self->calls] = event->sequence;
    self->dropped[self->calls] = event->dropped;
  }
  pthread_mutex_lock(&self->lock);
  snprintf(self->last, sizeof self->last, "%s", event->json);
  pthread_mutex_unlock(&self->lock);
  self->calls++;
  if (self->blocks) sem_post(&self->entered), sem_wait(&self->gate);
  self->inside--;
}

static inline void watcher_destroy(void *user_data) {
  watcher *self = user_data;
  CHECK(self->inside == 0, "destroy during a call");
  CHECK(++self->destroys == 1, "destroyed twice");
  sem_post(&self->ended);
}

/* Whether the last event contains the word; also while events come. */
static inline bool watcher_says(watcher *self, const char *word) {
  pthread_mutex_lock(&self->lock);
  bool says = strstr(self->last, word) != NULL;
  pthread_mutex_unlock(&self->lock);
  return says;
}

static inline maquette_subscription *watch(maquette_stream *stream, watcher *self) {
  maquette_subscription *subscription = NULL;
  OK(maquette_stream_subscribe(stream, watcher_call, self, watcher_destroy, &subscription, &error));
  return subscription;
}

static inline void watcher_free(watcher *self) {
  CHECK(self->destroys == 1, "destroy ran %d times", self->destroys);
  sem_destroy(&self->ended), sem_destroy(&self->entered), sem_destroy(&self->gate);
  free(self);
}

#endif
