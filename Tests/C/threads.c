/* Many threads at once: on one model during trainings, on handles that others destroy, on one dataset. */
#include "support.h"

enum { THREADS = 8 };

static int rounds_of(int usual) { return (int)((long long)usual * test_setting("TEST_ROUNDS", 300) / 300); }

static void together(void *(*body)(void *), void *argument, size_t size) {
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++)
    REQUIRE(!pthread_create(&threads[i], NULL, body, (char *)argument + i * size));
  for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

/* ---- Predicting during trainings ---- */

typedef struct shared {
  maquette_model *model;
  const rows *content;
  atomic_bool over;
  atomic_llong predictions;
} shared;

static void *predict_on_and_on(void *argument) {
  shared *self = argument;
  float answers[90], x[30 * 8];
  memcpy(x, self->content->x, sizeof x);
  maquette_matrix one = F32(x, 1, 8), one_out = F32(answers, 1, 3), many = F32(x, 30, 8), many_out = F32(answers, 30, 3);
  int64_t done = 0;
  while (!self->over) {
    OK(maquette_model_predict(self->model, &one, &one_out, &error));
    CHECK(fabsf(answers[0] + answers[1] + answers[2] - 1) < 1e-4f, "%g %g %g", (double)answers[0], (double)answers[1],
          (double)answers[2]);
    if (done++ % 8 == 0) OK(maquette_model_predict(self->model, &many, &many_out, &error));
    if (done % 64 == 0) {
      char *text;
      OK(maquette_model_predict_json(self->model, &one, &text, &error)), maquette_string_free(text);
      OK(maquette_model_labels(self->model, &text, &error)), maquette_string_free(text);
    }
  }
  self->predictions += done;
  return NULL;
}

TEST(predicting, "Eight threads predict while the model is trained, cancelled, saved, loaded and changed") {
  rows content = rows_of(120, 8);
  maquette_store *store = store_of("memory:");
  const char *const kinds[] = {"mlp-classifier", "knn-classifier"}, *const names[] = {"epochs", "k"};
  for (size_t kind = 0; kind < COUNT(kinds); kind++) {
    maquette_model *model = trained(kinds[kind], NULL, &content);
    maquette_stream *parameter;
    OK(maquette_model_parameter(model, names[kind], &parameter, &error));
    OK(maquette_model_save(model, store, "m", NULL, NULL, NULL, &error));
    shared self = {.model = model, .content = &content};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) REQUIRE(!pthread_create(&threads[i], NULL, predict_on_and_on, &self));
    for (int round = 0; round < rounds_of(60); round++) {
      OK(maquette_stream_set(parameter, round % 2 ? "3" : "7", &error));
      OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
      if (round % 3 == 0) OK(maquette_model_cancel(model));
      OK(maquette_model_save(model, store, "m", NULL, NULL, NULL, &error));
      maquette_status status = maquette_model_wait(model, MAQUETTE_FOREVER, NULL);
      CHECK(status == MAQUETTE_OK || (round % 3 == 0 && status == MAQUETTE_E_CANCELLED));
      OK(maquette_model_load(model, store, "m", NULL, &error));
    }
    self.over = true;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(self.predictions > 1000, "%d predictions", (int)self.predictions);
    maquette_model_destroy(model);
  }
  maquette_store_destroy(store), rows_free(content);
}

/* ---- Handles that come and go ---- */

typedef struct slot {
  maquette_model *volatile *models;
  const rows *content;
  uint32_t state;
} slot;

enum { SLOTS = 4 };

static void *use_what_goes(void *argument) {
  slot *self = argument;
  char *text = NULL;
  float answers[3];
  maquette_matrix one = F32(self->content->x, 1, 4), out = F32(answers, 1, 3);
  for (int round = 0; round < rounds_of(3000); round++) {
    maquette_model *volatile *place = &self->models[(int)(fabsf(noise(&self->state)) * SLOTS) % SLOTS];
    maquette_model *model = __atomic_load_n(place, __ATOMIC_SEQ_CST);
    int what = (int)(fabsf(noise(&self->state)) * 8);
    maquette_status status = MAQUETTE_OK;
    if (what == 0) {
      maquette_model *made = trained("knn-classifier", NULL, self->content);
      maquette_model_destroy(__atomic_exchange_n(place, made, __ATOMIC_SEQ_CST));
    } else if (what == 1) {
      maquette_model_destroy(model); /* perhaps the second time */
    } else if (what == 2) {
      status = maquette_model_train_matrix(model, &self->content->matrix, self->content->y, NULL, NULL, NULL);
    } else if (what == 3) {
      status = maquette_model_parameters(model, &text, NULL);
      if (!status) maquette_string_free(text);
    } else if (what == 4) {
      status = maquette_stream_value(maquette_model_training(model), &text, NULL);
      if (!status) maquette_string_free(text);
    } else if (what == 5) {
      maquette_subscription *subscription = NULL;
      watcher *w = watcher_new();
      status = maquette_stream_subscribe(maquette_model_training(model), watcher_call, w, watcher_destroy, &subscription,
                                         NULL);
      maquette_subscription_destroy(subscription);
      CHECK(w->destroys == 1, "destroy ran %d times, status %s", w->destroys, maquette_status_name(status));
      watcher_free(w);
    } else {
      status = maquette_model_predict(model, &one, &out, NULL);
    }
    CHECK(status == MAQUETTE_OK || status == MAQUETTE_E_BAD_HANDLE || status == MAQUETTE_E_BUSY, "%s",
          maquette_status_name(status));
  }
  return NULL;
}

TEST(coming_and_going, "Threads create, use and destroy the same handles: what is gone is BAD_HANDLE") {
  rows content = rows_of(30, 4);
  maquette_model *volatile models[SLOTS] = {NULL};
  for (int i = 0; i < SLOTS; i++) models[i] = trained("knn-classifier", NULL, &content);
  slot slots[THREADS];
  for (uint32_t i = 0; i < THREADS; i++) slots[i] = (slot){models, &content, i + 1};
  together(use_what_goes, slots, sizeof *slots);
  for (int i = 0; i < SLOTS; i++) maquette_model_destroy(models[i]);
  rows_free(content);
}

typedef struct race {
  maquette_model *model;
  maquette_stream *stream;
  pthread_barrier_t *start;
} race;

static void *ask_for_stream(void *argument) {
  race *self = argument;
  pthread_barrier_wait(self->start);
  self->stream = maquette_model_training(self->model);
  return NULL;
}

TEST(late_streams, "A stream asked for while its model is destroyed is stale afterwards") {
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, 2);
  int left = 0;
  for (int round = 0; round < rounds_of(3000); round++) {
    race self = {model_of("knn-classifier", NULL), NULL, &start};
    pthread_t thread;
    REQUIRE(!pthread_create(&thread, NULL, ask_for_stream, &self));
    pthread_barrier_wait(&start);
    for (volatile int i = 0; i < round % 200; i++) {}
    maquette_model_destroy(self.model);
    pthread_join(thread, NULL);
    char *text;
    maquette_status status = maquette_stream_value(self.stream, &text, NULL);
    if (status == MAQUETTE_OK) maquette_string_free(text), left++;
  }
  CHECK(left == 0, "%d of %d streams outlived their model", left, rounds_of(3000));
}

/* ---- One dataset ---- */

typedef struct writer {
  maquette_dataset *dataset;
  maquette_model *model;
  const rows *content;
} writer;

static void *write_and_read(void *argument) {
  writer *self = argument;
  for (int round = 0; round < rounds_of(30) + 1; round++) {
    OK(maquette_dataset_append(self->dataset, &self->content->matrix, self->content->y, &error));
    char *stored, *page, id[64];
    OK(maquette_dataset_create(self->dataset, "{\"x\": [1, 2, 3, 4], \"y\": \"left\"}", &stored, &error));
    REQUIRE(sscanf(strstr(stored, "\"id\":\""), "\"id\":\"%63[^\"]", id) == 1, "%s", stored);
    maquette_string_free(stored);
    OK(maquette_dataset_find(self->dataset, "{\"y\": \"left\", \"$limit\": 5}", &page, &error));
    maquette_string_free(page);
    OK(maquette_dataset_remove(self->dataset, id, NULL, &error));
    int64_t rows, cols;
    OK(maquette_dataset_shape(self->dataset, &rows, &cols, &error));
    CHECK(cols == 4 && rows >= 30 * (round + 1));
    maquette_status status = maquette_model_train(self->model, self->dataset, NULL, NULL);
    CHECK(status == MAQUETTE_OK || status == MAQUETTE_E_BUSY, "%s", maquette_status_name(status));
  }
  return NULL;
}

TEST(one_dataset, "Eight threads append to, change, read and train on one dataset: no row is lost") {
  rows content = rows_of(30, 4);
  const char *const locations[] = {"memory:", location_of(path_of("threads.db"))};
  for (size_t i = 0; i < COUNT(locations); i++) {
    maquette_store *store = store_of(locations[i]);
    writer writers[THREADS];
    maquette_model *model = model_of("knn-classifier", NULL);
    watcher *w = watcher_new();
    maquette_dataset *dataset = dataset_of(store, "d", NULL);
    maquette_subscription *subscription = watch(maquette_dataset_counts(dataset), w);
    for (int t = 0; t < THREADS; t++) /* some share a handle, some have one of their own */
      writers[t] = (writer){t % 2 ? dataset : dataset_of(store, "d", NULL), model, &content};
    together(write_and_read, writers, sizeof *writers);
    char expected[32];
    int64_t all = THREADS * 30ll * (rounds_of(30) + 1);
    snprintf(expected, sizeof expected, "%lld", (long long)all);
    CHECK(count_of(dataset) == all, "%d instead of %d", (int)count_of(dataset), (int)all);
    for (int patience = 0; !watcher_says(w, expected) && patience < 5000; patience++) sleep_ms(1);
    CHECK(watcher_says(w, expected), "the stream says %s", w->last);
    maquette_model_wait(model, MAQUETTE_FOREVER, NULL);
    maquette_subscription_destroy(subscription), watcher_free(w), maquette_model_destroy(model);
    for (int t = 0; t < THREADS; t += 2) maquette_dataset_destroy(writers[t].dataset);
    maquette_dataset_destroy(dataset), maquette_store_destroy(store);
  }
  rows_free(content);
}

/* ---- Threads that are cancelled ---- */

typedef struct cancelled {
  maquette_dataset *dataset;
  maquette_model *model;
  maquette_subscription *subscription;
  const rows *content;
} cancelled;

static void *append_until_cancelled(void *argument) {
  cancelled *self = argument;
  for (;;) {
    OK(maquette_dataset_append(self->dataset, &self->content->matrix, self->content->y, &error));
    pthread_testcancel();
  }
  return NULL;
}

static void *wait_until_cancelled(void *argument) {
  cancelled *self = argument;
  maquette_event event = {.struct_size = sizeof event};
  for (;;) {
    maquette_model_wait(self->model, 20, NULL);
    maquette_subscription_next(self->subscription, 1, &event, NULL);
    pthread_testcancel();
  }
  return NULL;
}

TEST(cancelled_threads, "A thread that is cancelled while it waits leaves nobody waiting, and no half of anything") {
  rows content = rows_of(5, 4), more = rows_of(300, 16);
  maquette_store *store = store_of(location_of(path_of("cancelled.db")));
  cancelled self = {dataset_of(store, "d", NULL), model_of("mlp-classifier", "{\"epochs\": 1000000}"), NULL, &content};
  OK(maquette_model_train_matrix(self.model, &more.matrix, more.y, NULL, NULL, &error));
  OK(maquette_stream_subscribe(maquette_model_training(self.model), NULL, NULL, NULL, &self.subscription, &error));
  for (int round = 0; round < rounds_of(30); round++) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
      REQUIRE(!pthread_create(&threads[i], NULL, i ? append_until_cancelled : wait_until_cancelled, &self));
    sleep_ms(1 + round % 7);
    for (int i = 0; i < THREADS; i++) pthread_cancel(threads[(i + round) % THREADS]);
    for (int i = 0; i < THREADS; i++) {
      void *result;
      pthread_join(threads[i], &result);
      CHECK(result == PTHREAD_CANCELED);
    }
    CHECK(count_of(self.dataset) % 5 == 0, "%d rows", (int)count_of(self.dataset));
  }
  OK(maquette_dataset_append(self.dataset, &content.matrix, content.y, &error));
  OK(maquette_model_cancel(self.model));
  FAILS(MAQUETTE_E_CANCELLED, "", maquette_model_wait(self.model, MAQUETTE_FOREVER, &error));
  maquette_subscription_destroy(self.subscription), maquette_model_destroy(self.model);
  maquette_dataset_destroy(self.dataset), maquette_store_destroy(store), rows_free(content), rows_free(more);
}

int main(int count, char **words) { return test_main(count, words); }
