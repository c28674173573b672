/* Training histories: runs that are whole whatever happens to the process, and calls that no host should make. */
#include "support.h"

static maquette_history *history_of(maquette_store *store) {
  maquette_history *history = NULL;
  OK(maquette_history_open(store, &history, &error));
  return history;
}

static maquette_tracking *track(maquette_history *history, maquette_model *model, const char *name) {
  maquette_tracking *tracking = NULL;
  OK(maquette_history_track(history, model, name, NULL, &tracking, &error));
  return tracking;
}

static char *run_of(maquette_history *history, const char *name) {
  char *run = NULL;
  OK(maquette_history_run(history, name, &run, &error));
  return run;
}

/* How many numbers or nulls the array of that name has. */
static int values_of(const char *json, const char *name) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":[", name);
  const char *at = strstr(json, key);
  if (!at) return -1;
  at += strlen(key);
  if (*at == ']') return 0;
  int count = 1;
  for (; *at && *at != ']'; at++) count += *at == ',';
  return count;
}

TEST(recorded, "A training is a run with parameters, all epochs and a checkpoint, which can be restored") {
  rows content = rows_of(60, 8);
  maquette_store *store = store_of(location_of(path_of("recorded.db")));
  maquette_history *history = history_of(store);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 12, \"layers\": [6]}");
  maquette_tracking *tracking = track(history, model, "digits");
  train(model, &content), train(model, &content);
  OK(maquette_history_flush(history, 10000, &error));
  char *run = run_of(history, "digits-1"), *text;
  CHECK(strstr(run, "\"status\":\"success\"") && strstr(run, "\"source\":\"mlp-classifier\""), "%s", run);
  CHECK(strstr(run, "\"basename\":\"digits\"") && strstr(run, "\"layers\":[6]") && strstr(run, "\"epoch\":12"), "%s", run);
  CHECK(strstr(run, "\"name\":\"digits-1@final\",\"service\":\"tfjs-models\""), "%s", run);
  CHECK(values_of(run, "loss") == 12 && values_of(run, "accuracyVal") == 12, "%s", run);
  maquette_string_free(run);
  OK(maquette_history_runs(history, NULL, &text, &error));
  CHECK(strstr(text, "\"total\":2,") && strstr(text, "digits-2"), "%s", text), maquette_string_free(text);
  OK(maquette_history_runs(history, "{\"basename\": \"digits\", \"$sort\": {\"start\": -1}, \"$limit\": 1}", &text, &error));
  CHECK(strstr(text, "\"total\":2,") && strstr(text, "digits-2") && !strstr(text, "digits-1\""), "%s", text);
  maquette_string_free(text);

  float *expected = confidences_of(model, &content);
  maquette_model *other = model_of("mlp-classifier", NULL), *wrong = model_of("knn-classifier", NULL);
  OK(maquette_history_restore(history, "digits-2", NULL, other, &text, &error));
  CHECK(strstr(text, "digits-2@final"), "%s", text), maquette_string_free(text);
  float *restored = confidences_of(other, &content);
  CHECK(!memcmp(expected, restored, 180 * sizeof(float)));
  OK(maquette_history_restore(history, "digits-1", "digits-1@final", other, NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "knn-classifier", maquette_history_restore(history, "digits-1", NULL, wrong, NULL, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "digits-7", maquette_history_restore(history, "digits-7", NULL, other, NULL, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "digits-1@epoch", maquette_history_restore(history, "digits-1", "digits-1@epoch-3", other, NULL, &error));

  OK(maquette_history_compare(history, "[\"digits-1\", \"digits-2\"]", &text, &error));
  CHECK(strstr(text, "\"parameters\":{}") && strstr(text, "\"bestRun\":0") && values_of(text, "best") > 0, "%s", text);
  maquette_string_free(text);
  FAILS(MAQUETTE_E_NOT_FOUND, "nobody", maquette_history_compare(history, "[\"nobody\"]", &text, &error));

  OK(maquette_history_remove(history, "digits-1", 1, &text, &error));
  CHECK(strstr(text, "\"name\":\"digits-1\""), "%s", text), maquette_string_free(text);
  FAILS(MAQUETTE_E_NOT_FOUND, "digits-1", maquette_history_remove(history, "digits-1", 0, NULL, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "digits-1@final", maquette_model_load(other, store, "digits-1@final", NULL, &error));
  OK(maquette_history_remove(history, "digits-2", 0, NULL, &error));
  OK(maquette_model_load(other, store, "digits-2@final", NULL, &error));

  maquette_tracking_destroy(tracking);
  train(model, &content);
  OK(maquette_history_flush(history, MAQUETTE_FOREVER, &error));
  OK(maquette_history_runs(history, "{\"$limit\": 0}", &text, &error));
  CHECK(strstr(text, "\"total\":0,"), "%s", text), maquette_string_free(text);
  free(expected), free(restored), rows_free(content);
  maquette_model_destroy(other), maquette_model_destroy(wrong), maquette_model_destroy(model);
  maquette_history_destroy(history), maquette_store_destroy(store);
}

TEST(options, "Checkpoints are saved as the options say; without a name the runs are anonymous") {
  rows content = rows_of(60, 8);
  maquette_store *store = store_of("memory:");
  maquette_history *history = history_of(store);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 5}");
  maquette_tracking *tracking = NULL;
  OK(maquette_history_track(history, model, NULL, "{\"checkpoint\": false, \"checkpointEvery\": 2}", &tracking, &error));
  train(model, &content);
  maquette_tracking_destroy(tracking);
  OK(maquette_history_track(history, model, NULL, "{\"checkpoint\": false, \"checkpointEvery\": null}", NULL, &error));
  train(model, &content);
  OK(maquette_history_flush(history, MAQUETTE_FOREVER, &error));
  char *run = run_of(history, "anonymous-1");
  CHECK(strstr(run, "@epoch-2") && strstr(run, "@epoch-4") && !strstr(run, "@final"), "%s", run), maquette_string_free(run);
  run = run_of(history, "anonymous-2");
  CHECK(strstr(run, "\"checkpoints\":[]"), "%s", run), maquette_string_free(run);
  const char *const bad[] = {"{\"checkpoint\": 1}", "{\"checkpointEvery\": 0}", "{\"checkpointEvery\": -3}",
                             "{\"checkpointEvery\": 1.5}", "{\"checkpointEvery\": true}", "{\"every\": 3}",
                             "{\"checkpointEvery\": 1e300}"};
  for (size_t i = 0; i < COUNT(bad); i++)
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, i == 5 ? "every" : "checkpoint",
          maquette_history_track(history, model, "x", bad[i], NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "basename", maquette_history_track(history, model, "", NULL, NULL, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "options", maquette_history_track(history, model, "x", "[]", NULL, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "options", maquette_history_track(history, model, "x", "{", NULL, &error));
  FAILS(MAQUETTE_E_BAD_UTF8, "basename", maquette_history_track(history, model, "\xff", NULL, NULL, &error));
  FAILS(MAQUETTE_E_BAD_UTF8, "options", maquette_history_track(history, model, "x", "{\"\xff\": 1}", NULL, &error));
  maquette_model_destroy(model), maquette_history_destroy(history), maquette_store_destroy(store), rows_free(content);
}

/* ---- Hostile calls ---- */

typedef struct given {
  maquette_store *store;
  maquette_model *model;
  maquette_history *history;
  struct {
    char *text;
    void *handle;
  } out;
  int bad;
  void *replacement, *right[8];
} given;

#define FUNCTIONS(X)                                                                                                           \
  X(history_open, "HI", (H(0, g->store), P(1, (maquette_history **)&g->out.handle), e))                                        \
  X(history_track, "HH--", (H(0, g->history), H(1, g->model), P(2, "base"), P(3, "{}"), NULL, e))                              \
  X(history_flush, "H", (H(0, g->history), MAQUETTE_FOREVER, e))                                                               \
  X(history_runs, "H-I", (H(0, g->history), P(1, "{}"), P(2, &g->out.text), e))                                                \
  X(history_run, "HII", (H(0, g->history), P(1, "kept-1"), P(2, &g->out.text), e))                                             \
  X(history_compare, "HII", (H(0, g->history), P(1, "[\"kept-1\"]"), P(2, &g->out.text), e))                                   \
  X(history_restore, "HI-H-", (H(0, g->history), P(1, "kept-1"), P(2, "kept-1@final"), H(3, g->model), P(4, &g->out.text), e)) \
  X(history_remove, "HI", (H(0, g->history), P(1, "nobody"), 1, &g->out.text, e))

static void give_back(given *g) { maquette_string_free(g->out.text), maquette_history_destroy(g->out.handle); }

#include "given.h"

TEST(hostile, "NULL, destroyed, random and wrong-kind handles in any position are a status, and outputs stay") {
  rows content = rows_of(30, 4);
  given g = {.store = store_of("memory:"), .model = model_of("knn-classifier", NULL)};
  g.history = history_of(g.store);
  maquette_tracking *tracking = track(g.history, g.model, "kept"), *gone_tracking = track(g.history, g.model, "gone");
  train(g.model, &content);
  maquette_tracking_destroy(tracking), maquette_tracking_destroy(tracking), maquette_tracking_destroy(gone_tracking);
  OK(maquette_history_flush(g.history, MAQUETTE_FOREVER, &error));
  g.bad = -1;
  for (size_t i = 0; i < COUNT(functions); i++) /* otherwise the rest would show nothing */
    run(&g, &functions[i], strcmp(functions[i].name, "history_remove") ? MAQUETTE_OK : MAQUETTE_E_NOT_FOUND);
  maquette_history *gone = history_of(g.store);
  maquette_stream *gone_stream = maquette_history_changes(gone), *stream = maquette_history_changes(g.history);
  CHECK(gone_stream && stream && stream == maquette_history_changes(g.history));
  maquette_history_destroy(gone), maquette_history_destroy(gone);
  int mine = 0;
  void *handles[24] = {NULL, gone, gone_stream, gone_tracking, stream, &mine, (void *)1, (void *)3, (void *)~0ul,
                       g.store, g.model, g.history};
  uint64_t state = 42;
  for (size_t h = 12; h < COUNT(handles); h++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    handles[h] = (void *)(uintptr_t)(state >> (h % 3 * 16));
  }
  run_all_badly(&g, handles, COUNT(handles));
  for (size_t h = 0; h < COUNT(handles); h++) {
    if (handles[h] != g.history) {
      CHECK(maquette_history_changes(handles[h]) == NULL);
      maquette_history_destroy(handles[h]);
    }
    maquette_tracking_destroy(handles[h]);
  }
  char *text = NULL;
  FAILS(MAQUETTE_E_BAD_HANDLE, "", maquette_stream_value(gone_stream, &text, &error));
  FAILS(MAQUETTE_E_READ_ONLY, "", maquette_stream_set(stream, "{}", &error));
  FAILS(MAQUETTE_E_BAD_UTF8, "id_or_name", maquette_history_run(g.history, "\xc3", &text, &error));
  FAILS(MAQUETTE_E_BAD_UTF8, "checkpoint", maquette_history_restore(g.history, "kept-1", "\xc3", g.model, &text, &error));
  const char *const bad[] = {"", "{", "{}", "3", "null", "[1]", "[\"a\", null]", "[\"a\""};
  for (size_t i = 0; i < COUNT(bad); i++)
    FAILS(MAQUETTE_E_BAD_JSON, "runs", maquette_history_compare(g.history, bad[i], &text, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "$where", maquette_history_runs(g.history, "{\"$where\": 1}", &text, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "query", maquette_history_runs(g.history, "[]", &text, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "' OR 1", maquette_history_run(g.history, "' OR 1=1 --", &text, &error));
  for (int flag = -1; flag < 3; flag += 3)
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "with_checkpoints", maquette_history_remove(g.history, "kept-1", flag, NULL, &error));
  char *run = run_of(g.history, "kept-1");
  CHECK(text == NULL && strstr(run, "success"), "%s", run), maquette_string_free(run);
  maquette_history_destroy(g.history), maquette_model_destroy(g.model), maquette_store_destroy(g.store), rows_free(content);
}

/* ---- While a training goes on ---- */

TEST(any_order, "History, model, store and tracking may be destroyed in any order during a training: the run is whole") {
  rows content = rows_of(60, 8);
  const char *location = location_of(path_of("order.db"));
  for (int order = 0; order < 4; order++) {
    maquette_store *store = store_of(location);
    maquette_history *history = history_of(store);
    maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
    char name[16], full[24];
    snprintf(name, sizeof name, "order%d", order), snprintf(full, sizeof full, "%s-1", name);
    maquette_tracking *tracking = track(history, model, name);
    OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
    for (bool begun = false; !begun;) {
      char *status = NULL;
      OK(maquette_stream_value(maquette_model_training(model), &status, &error));
      begun = strstr(status, "\"epoch\"") != NULL, maquette_string_free(status);
    }
    if (order == 0) maquette_store_destroy(store), maquette_history_destroy(history), maquette_tracking_destroy(tracking);
    if (order == 1) maquette_tracking_destroy(tracking), maquette_history_destroy(history), maquette_store_destroy(store);
    if (order == 2) maquette_history_destroy(history), maquette_store_destroy(store), maquette_tracking_destroy(tracking);
    maquette_model_destroy(model);
    if (order == 3) maquette_history_destroy(history), maquette_tracking_destroy(tracking), maquette_store_destroy(store);
    store = store_of(location), history = history_of(store);
    char *run = NULL;
    for (int wait = 0; wait < 5000 && (!run || !strstr(run, "\"status\":\"cancelled\"")); wait++) {
      maquette_string_free(run), run = NULL;
      if (maquette_history_run(history, full, &run, NULL)) sleep_ms(2);
    }
    REQUIRE(run != NULL);
    const char *epoch = strstr(run, "\"epoch\":");
    CHECK(strstr(run, "\"status\":\"cancelled\""), "%d: %s", order, run);
    CHECK(!epoch || values_of(run, "loss") == atoi(epoch + 8), "%d: %.300s", order, run);
    maquette_string_free(run), maquette_history_destroy(history), maquette_store_destroy(store);
  }
  rows_free(content);
}

typedef struct guest {
  maquette_store *store;
  maquette_history *history;
  maquette_model *model, *other;
  atomic_int calls;
} guest;

/* Every function, from inside a callback. */
static void use_everything(void *user_data, const maquette_event *event) {
  guest *self = user_data;
  if (!strstr(event->json, "\"epoch\"") || self->calls++ > 3) return;
  static __thread maquette_error *error;
  maquette_history *another = NULL;
  maquette_tracking *tracking = NULL;
  char *text = NULL;
  OK(maquette_history_open(self->store, &another, &error));
  OK(maquette_history_track(another, self->other, "inside", NULL, &tracking, &error));
  OK(maquette_history_flush(self->history, MAQUETTE_FOREVER, &error));
  OK(maquette_history_flush(another, MAQUETTE_FOREVER, &error));
  OK(maquette_history_run(self->history, "base-1", &text, &error)), maquette_string_free(text);
  OK(maquette_history_runs(another, NULL, &text, &error)), maquette_string_free(text);
  OK(maquette_history_compare(another, "[\"base-1\"]", &text, &error)), maquette_string_free(text);
  CHECK(maquette_history_restore(another, "nobody", NULL, self->other, NULL, NULL) == MAQUETTE_E_NOT_FOUND);
  CHECK(maquette_history_remove(another, "nobody", 1, NULL, NULL) == MAQUETTE_E_NOT_FOUND);
  CHECK(maquette_history_changes(another) != NULL);
  maquette_tracking_destroy(tracking), maquette_history_destroy(another);
}

TEST(in_callbacks, "In callbacks of a training and of the history's own stream every function may be called") {
  rows content = rows_of(60, 8);
  guest g = {.store = store_of(location_of(path_of("inside.db"))), .model = model_of("mlp-classifier", "{\"epochs\": 400}"),
             .other = model_of("mlp-classifier", NULL)};
  g.history = history_of(g.store);
  maquette_tracking *tracking = track(g.history, g.model, "base");
  maquette_subscription *first, *second;
  OK(maquette_stream_subscribe(maquette_model_training(g.model), use_everything, &g, NULL, &first, &error));
  OK(maquette_stream_subscribe(maquette_history_changes(g.history), use_everything, &g, NULL, &second, &error));
  train(g.model, &content);
  OK(maquette_history_flush(g.history, MAQUETTE_FOREVER, &error));
  maquette_subscription_destroy(first), maquette_subscription_destroy(second);
  CHECK(g.calls > 0);
  char *run = run_of(g.history, "base-1");
  CHECK(values_of(run, "loss") == 400, "%.300s", run), maquette_string_free(run);
  maquette_tracking_destroy(tracking), maquette_history_destroy(g.history);
  maquette_model_destroy(g.model), maquette_model_destroy(g.other), maquette_store_destroy(g.store), rows_free(content);
}

TEST(changes, "The stream tells of runs and their epochs, holds the last change, and ends with the history") {
  rows content = rows_of(60, 8);
  maquette_store *store = store_of("memory:");
  maquette_history *history = history_of(store);
  maquette_stream *stream = maquette_history_changes(history);
  char *text;
  OK(maquette_stream_value(stream, &text, &error));
  CHECK(!strcmp(text, "{\"type\":\"ready\"}"), "%s", text), maquette_string_free(text);
  maquette_subscription *pulled;
  OK(maquette_stream_subscribe(stream, NULL, NULL, NULL, &pulled, &error));
  watcher *w = watcher_new();
  maquette_subscription *subscription = watch(stream, w);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 9}");
  OK(maquette_history_track(history, model, "base", NULL, NULL, &error));
  train(model, &content);
  OK(maquette_history_flush(history, MAQUETTE_FOREVER, &error));
  OK(maquette_history_remove(history, "base-1", 0, NULL, &error));
  maquette_history_destroy(history);
  bool created = false, succeeded = false, removed = false;
  maquette_event event = {.struct_size = sizeof event};
  maquette_status status;
  while ((status = maquette_subscription_next(pulled, 10000, &event, NULL)) == MAQUETTE_OK) {
    created |= strstr(event.json, "\"type\":\"created\"") != NULL;
    succeeded |= strstr(event.json, "\"status\":\"success\",\"epoch\":9,\"epochs\":9") != NULL;
    removed |= strstr(event.json, "\"type\":\"removed\"") != NULL;
    CHECK(!strstr(event.json, "\"logs\""), "%s", event.json);
  }
  CHECK(status == MAQUETTE_E_CLOSED && created && succeeded && removed, "%d %d %d", created, succeeded, removed);
  wait_for(&w->ended);
  CHECK(watcher_says(w, "removed"));
  maquette_subscription_destroy(pulled), maquette_subscription_destroy(subscription), watcher_free(w);
  FAILS(MAQUETTE_E_BAD_HANDLE, "", maquette_stream_value(stream, &text, &error));
  maquette_model_destroy(model), maquette_store_destroy(store), rows_free(content);
}

static void *track_and_forget(void *user_data) {
  guest *self = user_data;
  for (int i = 0; i < 50; i++) {
    maquette_tracking *tracking = NULL;
    if (maquette_history_track(self->history, self->model, "busy", "{\"checkpoint\": false}", &tracking, NULL)) break;
    maquette_tracking_destroy(tracking);
    maquette_history_flush(self->history, i % 2 ? 0 : 5, NULL);
    self->calls++;
  }
  return NULL;
}

TEST(threads, "Many threads track and let go of one model while it is trained again and again") {
  rows content = rows_of(30, 4);
  guest g = {.store = store_of("memory:"), .model = model_of("mlp-classifier", "{\"epochs\": 3, \"layers\": [4]}")};
  g.history = history_of(g.store);
  maquette_tracking *tracking = track(g.history, g.model, "base");
  pthread_t threads[4];
  for (size_t i = 0; i < COUNT(threads); i++) pthread_create(&threads[i], NULL, track_and_forget, &g);
  for (int i = 0; i < 40; i++) train(g.model, &content);
  for (size_t i = 0; i < COUNT(threads); i++) pthread_join(threads[i], NULL);
  OK(maquette_history_flush(g.history, MAQUETTE_FOREVER, &error));
  CHECK(g.calls == 200);
  char *text;
  OK(maquette_history_runs(g.history, "{\"basename\": \"base\", \"status\": \"success\", \"$limit\": 0}", &text, &error));
  CHECK(strstr(text, "\"total\":40,"), "%s", text), maquette_string_free(text);
  OK(maquette_history_runs(g.history, "{\"status\": {\"$ne\": \"success\"}}", &text, &error));
  CHECK(strstr(text, "\"total\":0,"), "%s", text), maquette_string_free(text);
  maquette_tracking_destroy(tracking), maquette_history_destroy(g.history);
  maquette_model_destroy(g.model), maquette_store_destroy(g.store), rows_free(content);
}

typedef struct latecomer {
  maquette_history *history;
  atomic_int epochs, missing;
} latecomer;

static void flush_and_look(void *user_data, const maquette_event *event) {
  latecomer *self = user_data;
  maquette_training_status status = {.struct_size = sizeof status};
  if (maquette_event_training_status(event, &status, NULL) || status.status != MAQUETTE_TRAINING_EPOCH) return;
  OK(maquette_history_flush(self->history, MAQUETTE_FOREVER, &error));
  char *run = run_of(self->history, "base-1"), *stored = strstr(run, "\"epoch\":");
  self->epochs++;
  self->missing += !stored || atoi(stored + 8) < status.epoch;
  maquette_string_free(run);
}

TEST(heard, "What a callback has heard of is in the store after a flush, though the tracking came after the callback") {
  rows content = rows_of(60, 8);
  maquette_store *store = store_of("memory:");
  latecomer self = {.history = history_of(store)};
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 400, \"layers\": [4]}");
  maquette_subscription *subscription;
  OK(maquette_stream_subscribe(maquette_model_training(model), flush_and_look, &self, NULL, &subscription, &error));
  maquette_tracking *tracking = track(self.history, model, "base");
  train(model, &content);
  CHECK(self.epochs > 0 && self.missing == 0, "%d of %d epochs were missing", (int)self.missing, (int)self.epochs);
  maquette_subscription_destroy(subscription), maquette_tracking_destroy(tracking);
  maquette_history_destroy(self.history), maquette_model_destroy(model), maquette_store_destroy(store);
  rows_free(content);
}

/* ---- Processes ---- */

static void print_epoch(void *user_data, const maquette_event *event) {
  maquette_training_status status = {.struct_size = sizeof status};
  if (maquette_event_training_status(event, &status, NULL) || status.status != MAQUETTE_TRAINING_EPOCH) return;
  if (status.epoch < 30 || maquette_history_flush(user_data, MAQUETTE_FOREVER, NULL)) return;
  printf("%d\n", status.epoch), fflush(stdout);
}

/* What `program --record LOCATION` does: it trains until it is killed. */
static int record(const char *location) {
  rows content = rows_of(60, 8);
  maquette_history *history = history_of(store_of(location));
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
  OK(maquette_stream_subscribe(maquette_model_training(model), print_epoch, history, NULL, NULL, &error));
  OK(maquette_history_track(history, model, "base", NULL, NULL, &error));
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  return 1;
}

TEST(killed, "A run whose process is killed keeps every epoch that was written, and is told apart at once") {
  char location[600];
  snprintf(location, sizeof location, "%s", location_of(path_of("killed.db")));
  maquette_store *store = store_of(location);
  maquette_history *history = history_of(store);
  for (int round = 1; round <= 5; round++) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
      dup2(ends[1], 1), close(ends[0]), close(ends[1]);
      execl("/proc/self/exe", "history", "--record", location, NULL);
      _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    int epoch = 0;
    char name[24];
    snprintf(name, sizeof name, "base-%d", round);
    CHECK(fscanf(out, "%d", &epoch) == 1 && epoch >= 30);
    char *run = run_of(history, name); /* it lives */
    CHECK(strstr(run, "\"status\":\"epoch\""), "%.300s", run), maquette_string_free(run);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0), fclose(out);
    run = run_of(history, name);
    const char *stored = strstr(run, "\"epoch\":");
    CHECK(strstr(run, "\"status\":\"interrupted\"") && stored, "%.300s", run);
    if (stored)
      CHECK(atoi(stored + 8) >= epoch && values_of(run, "loss") == atoi(stored + 8), "%d epochs, %d losses, %d told: %.600s",
            atoi(stored + 8), values_of(run, "loss"), epoch, run);
    CHECK(values_of(run, "accuracyVal") == values_of(run, "loss"));
    CHECK(!strstr(run, "null"));
    maquette_string_free(run);
  }
  maquette_history_destroy(history), maquette_store_destroy(store);
}

/* What `program --number LOCATION` does. */
static int number(const char *location) {
  rows content = rows_of(30, 4);
  maquette_history *history = history_of(store_of(location));
  maquette_model *model = model_of("knn-classifier", NULL);
  track(history, model, "base");
  for (int i = 0; i < 10; i++) train(model, &content);
  OK(maquette_history_flush(history, MAQUETTE_FOREVER, &error));
  rows_free(content);
  return test_failures > 0;
}

TEST(numbers, "Processes that record runs of one name at once never give one number twice") {
  char location[600], name[24], *run;
  snprintf(location, sizeof location, "%s", location_of(path_of("numbers.db")));
  pid_t children[3];
  for (size_t i = 0; i < COUNT(children); i++)
    if ((children[i] = fork()) == 0) {
      execl("/proc/self/exe", "history", "--number", location, NULL);
      _exit(127);
    }
  for (size_t i = 0; i < COUNT(children); i++) {
    int status;
    waitpid(children[i], &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child ended with %x", status);
  }
  maquette_store *store = store_of(location);
  maquette_history *history = history_of(store);
  for (int i = 1; i <= 30; i++) {
    snprintf(name, sizeof name, "base-%d", i);
    run = run_of(history, name);
    CHECK(strstr(run, "\"status\":\"success\""), "%s", run), maquette_string_free(run);
  }
  OK(maquette_history_runs(history, "{\"$limit\": 0}", &run, &error));
  CHECK(strstr(run, "\"total\":30,"), "%s", run), maquette_string_free(run);
  maquette_history_destroy(history), maquette_store_destroy(store);
}

TEST(forked, "In a forked child everything is FORKED, and destroy does nothing") {
  rows content = rows_of(30, 4);
  given g = {.store = store_of("memory:"), .model = model_of("mlp-classifier", "{\"epochs\": 1000000}"), .bad = -1};
  g.history = history_of(g.store);
  maquette_tracking *tracking = track(g.history, g.model, "base");
  OK(maquette_model_train_matrix(g.model, &content.matrix, content.y, NULL, NULL, &error));
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    for (size_t i = 0; i < COUNT(functions); i++) CHECK(functions[i].call(&g, NULL) == MAQUETTE_E_FORKED, "%s", functions[i].name);
    CHECK(maquette_history_changes(g.history) == NULL);
    maquette_tracking_destroy(tracking), maquette_history_destroy(g.history);
    _exit(test_failures ? 1 : 0);
  }
  int status;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %x", status);
  OK(maquette_model_cancel(g.model));
  maquette_model_wait(g.model, MAQUETTE_FOREVER, NULL);
  OK(maquette_history_flush(g.history, MAQUETTE_FOREVER, &error));
  char *run = run_of(g.history, "base-1");
  CHECK(strstr(run, "cancelled"), "%.300s", run), maquette_string_free(run);
  maquette_tracking_destroy(tracking), maquette_history_destroy(g.history);
  maquette_model_destroy(g.model), maquette_store_destroy(g.store), rows_free(content);
}

int main(int count, char **words) {
  if (count == 3 && !strcmp(words[1], "--record")) return record(words[2]);
  if (count == 3 && !strcmp(words[1], "--number")) return number(words[2]);
  return test_main(count, words);
}
