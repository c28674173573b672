/* Training: in the background, cancellable, repeatable; what fails leaves the last good model. */
#include "support.h"

TEST(returns_at_once, "train returns at once, wait(0) is TIMEOUT, predict answers meanwhile, then a second is BUSY") {
  rows content = rows_of(300, 8);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error)); /* without a training */
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  FAILS(MAQUETTE_E_TIMEOUT, "0 ms", maquette_model_wait(model, 0, &error));
  FAILS(MAQUETTE_E_TIMEOUT, "10 ms", maquette_model_wait(model, 10, &error));
  FAILS(MAQUETTE_E_BUSY, "", maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  FAILS(MAQUETTE_E_BUSY, "", maquette_model_train(model, dataset, NULL, &error));
  FAILS(MAQUETTE_E_BUSY, "", maquette_model_load(model, store, "anything", NULL, &error));
  float answers[3];
  maquette_matrix one = F32(content.x, 1, 8), out = F32(answers, 1, 3);
  maquette_status status = MAQUETTE_E_NOT_TRAINED; /* until the first epoch is over */
  while (status == MAQUETTE_E_NOT_TRAINED) status = maquette_model_predict(model, &one, &out, NULL);
  CHECK(status == MAQUETTE_OK && fabsf(answers[0] + answers[1] + answers[2] - 1) < 1e-5f);
  FAILS(MAQUETTE_E_TIMEOUT, "", maquette_model_wait(model, 0, &error));
  CHECK(maquette_model_cancel(model) == MAQUETTE_OK);
  FAILS(MAQUETTE_E_CANCELLED, "cancelled", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  FAILS(MAQUETTE_E_CANCELLED, "cancelled", maquette_model_wait(model, 0, &error)); /* asked again, the same */
  CHECK(maquette_model_cancel(model) == MAQUETTE_OK);
  OK(maquette_model_predict(model, &one, &out, &error));
  char *json;
  OK(maquette_stream_value(maquette_model_training(model), &json, &error));
  CHECK(strstr(json, "\"cancelled\"") != NULL, "%s", json);
  maquette_string_free(json);
  maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

TEST(within_a_batch, "cancel is seen within a mini-batch, not only at the end of an epoch") {
  /* One epoch of these is ten thousand mini-batches: a training that looked only between epochs would publish one. */
  rows content = rows_of(10000, 64);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1, \"batchSize\": 1, \"layers\": [512, 512]}");
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  watcher *w = watcher_new();
  maquette_subscription *subscription = watch(maquette_model_training(model), w);
  while (!watcher_says(w, "start")) sleep_ms(1);
  OK(maquette_model_cancel(model));
  FAILS(MAQUETTE_E_CANCELLED, "", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  int64_t count;
  FAILS(MAQUETTE_E_NOT_TRAINED, "", maquette_model_label_count(model, &count, &error));
  CHECK(strstr(w->last, "cancelled") != NULL, "%s", w->last);
  maquette_subscription_destroy(subscription), watcher_free(w), maquette_model_destroy(model), rows_free(content);
}

static void *wait_in_thread(void *model) { return (void *)(intptr_t)maquette_model_wait(model, MAQUETTE_FOREVER, NULL); }

TEST(many_waiters, "Any number of threads may wait for one training, and all learn how it ended") {
  rows content = rows_of(300, 8);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, wait_in_thread, model);
  sleep_ms(10);
  for (int i = 0; i < 4; i++) CHECK(pthread_tryjoin_np(threads[i], NULL) != 0);
  OK(maquette_model_cancel(model));
  for (int i = 0; i < 4; i++) {
    void *status;
    pthread_join(threads[i], &status);
    CHECK((intptr_t)status == MAQUETTE_E_CANCELLED, "%s", maquette_status_name((maquette_status)(intptr_t)status));
  }
  maquette_model_destroy(model), rows_free(content);
}

TEST(failures, "A training that diverges or is cancelled leaves the last good model") {
  rows content = rows_of(60, 256), wild = rows_of(60, 256);
  for (int i = 0; i < 60 * 256; i++) wild.x[i] *= 1e38f; /* finite, but no sum of them is */
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 3}", &content);
  float *before = confidences_of(model, &content);
  maquette_stream *rate, *epochs;
  OK(maquette_model_parameter(model, "learningRate", &rate, &error));
  OK(maquette_model_parameter(model, "epochs", &epochs, &error));
  OK(maquette_stream_set(rate, "10", &error));
  watcher *w = watcher_new();
  maquette_subscription *subscription = watch(maquette_model_training(model), w);
  OK(maquette_model_train_matrix(model, &wild.matrix, wild.y, NULL, NULL, &error));
  FAILS(MAQUETTE_E_DIVERGED, "loss", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  CHECK(strstr(w->last, "\"status\":\"error\"") && strstr(w->last, "\"code\":24"), "%s", w->last);
  /* "The last good epoch or model": one from before an epoch that went wrong answers with numbers. */
  float *after = confidences_of(model, &content);
  int bad = 0;
  for (int i = 0; i < 180; i++) bad += !isfinite(after[i]);
  CHECK(bad == 0, "%d of 180 confidences are no numbers", bad);
  if (!strstr(w->last, "epoch")) {
    bool hasEpoch = false;
    for (int i = 0; i < w->calls; i++) hasEpoch |= w->status[i] == MAQUETTE_TRAINING_EPOCH;
    CHECK(hasEpoch || !memcmp(before, after, 180 * sizeof(float)), "another model without a finished epoch");
  }
  free(before), free(after);
  OK(maquette_stream_set(rate, "0.001", &error));
  train(model, &content); /* and it can learn again */
  before = confidences_of(model, &content);
  OK(maquette_stream_set(epochs, "1000000", &error));
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  OK(maquette_model_cancel(model));
  FAILS(MAQUETTE_E_CANCELLED, "", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  after = confidences_of(model, &content);
  for (int i = 0; i < 180; i++) bad += !isfinite(after[i]);
  CHECK(bad == 0);
  maquette_subscription_destroy(subscription), watcher_free(w), free(before), free(after);
  maquette_model_destroy(model), rows_free(content), rows_free(wild);
}

TEST(refused, "A training that can't begin leaves everything as it was, without an event") {
  rows content = rows_of(60, 8);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 3}", &content);
  float *before = confidences_of(model, &content);
  watcher *w = watcher_new();
  maquette_subscription *subscription = watch(maquette_model_training(model), w);
  maquette_matrix none = F32(content.x, 0, 8);
  FAILS(MAQUETTE_E_NO_ROWS, "", maquette_model_train_matrix(model, &none, content.y, NULL, NULL, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  float *after = confidences_of(model, &content);
  CHECK(!memcmp(before, after, 180 * sizeof(float)));
  sleep_ms(10);
  CHECK(w->calls == 1 && watcher_says(w, "success"), "%d calls, last %s", w->calls, w->last);
  maquette_subscription_destroy(subscription), watcher_free(w), free(before), free(after);
  maquette_model_destroy(model), rows_free(content);
}

TEST(all_for_validation, "With every row set apart for validation there is nothing to learn, and the host lives") {
  rows content = rows_of(60, 8);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  maquette_stream *split;
  OK(maquette_model_parameter(model, "validationSplit", &split, &error));
  OK(maquette_stream_set(split, "1", &error));
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  maquette_status status = maquette_model_wait(model, MAQUETTE_FOREVER, NULL);
  CHECK(status == MAQUETTE_OK || status == MAQUETTE_E_NO_ROWS || status == MAQUETTE_E_BAD_PARAMETER, "%s",
        maquette_status_name(status));
  free(confidences_of(model, &content));
  maquette_model_destroy(model), rows_free(content);
}

TEST(repeatable, "The same seed gives the same bits, with one thread and with several") {
  rows content = rows_of(700, 40);
  const char *const parameters = "{\"epochs\": 4, \"layers\": [96, 32], \"batchSize\": 64, \"seed\": 11}";
  float *first = NULL;
  for (int32_t threads = 1; threads <= 4; threads++) {
    OK(maquette_set_threads(threads, &error));
    maquette_model *model = trained("mlp-classifier", parameters, &content);
    float *answers = confidences_of(model, &content);
    if (first) CHECK(!memcmp(first, answers, 2100 * sizeof(float)), "%d threads", (int)threads);
    else first = answers;
    if (first != answers) free(answers);
    maquette_model_destroy(model);
  }
  maquette_model *other = trained("mlp-classifier", "{\"epochs\": 4, \"layers\": [96, 32], \"batchSize\": 64, \"seed\": 12}",
                                  &content);
  float *answers = confidences_of(other, &content);
  CHECK(memcmp(first, answers, 2100 * sizeof(float)) != 0, "another seed must differ");
  free(first), free(answers), maquette_model_destroy(other), rows_free(content);
}

TEST(any_order, "Store, dataset and model may be destroyed in any order, also during a training") {
  rows content = rows_of(60, 8);
  const char *const locations[] = {"memory:", location_of(path_of("order.db"))};
  for (int order = 0; order < 12; order++) {
    maquette_store *store = store_of(locations[order / 6]);
    maquette_dataset *dataset = dataset_of(store, "d", NULL);
    OK(maquette_dataset_clear(dataset, &error));
    OK(maquette_dataset_append(dataset, &content.matrix, content.y, &error));
    maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 200}");
    watcher *w = watcher_new();
    OK(maquette_stream_subscribe(maquette_model_training(model), watcher_call, w, watcher_destroy, NULL, &error));
    OK(maquette_model_train(model, dataset, dataset, &error));
    for (int step = 0; step < 3; step++) {
      static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
      switch (orders[order % 6][step]) {
        case 0: maquette_store_destroy(store); break;
        case 1: maquette_dataset_destroy(dataset); break;
        case 2:
          if (step == 2) {
            OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
            free(confidences_of(model, &content));
          }
          maquette_model_destroy(model);
      }
    }
    while (sem_wait(&w->ended)) {}
    /* Waited for where the model goes last; else cancelled, or just in time. */
    CHECK(strstr(w->last, "success") || (order % 6 != 0 && order % 6 != 2 && strstr(w->last, "cancelled")),
          "order %d: %s", order, w->last);
    watcher_free(w);
  }
  rows_free(content);
}

TEST(labels, "Labels come in the order first seen, and are told by number, as a list and in a prediction") {
  rows content = rows_of(60, 8);
  const char *names[60];
  for (int row = 0; row < 60; row++) names[row] = row % 3 == 0 ? "caf\xc3\xa9" : row % 3 == 1 ? "" : "a \"quoted\" one";
  const char *const kinds[] = {"mlp-classifier", "knn-classifier"};
  for (size_t kind = 0; kind < COUNT(kinds); kind++) {
    maquette_model *model = model_of(kinds[kind], NULL);
    char *text = NULL;
    int64_t count = -7;
    float answers[180];
    maquette_matrix one = F32(content.x, 1, 8), out = F32(answers, 60, 3);
    FAILS(MAQUETTE_E_NOT_TRAINED, "", maquette_model_label_count(model, &count, &error));
    FAILS(MAQUETTE_E_NOT_TRAINED, "", maquette_model_label(model, 0, &text, &error));
    FAILS(MAQUETTE_E_NOT_TRAINED, "", maquette_model_labels(model, &text, &error));
    FAILS(MAQUETTE_E_NOT_TRAINED, "", maquette_model_predict(model, &content.matrix, &out, &error));
    FAILS(MAQUETTE_E_NOT_TRAINED, "", maquette_model_predict_json(model, &one, &text, &error));
    CHECK(text == NULL && count == -7);
    OK(maquette_model_train_matrix(model, &content.matrix, names, NULL, NULL, &error));
    OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
    OK(maquette_model_labels(model, &text, &error));
    CHECK(!strcmp(text, "[\"caf\xc3\xa9\",\"\",\"a \\\"quoted\\\" one\"]"), "%s", text);
    maquette_string_free(text);
    OK(maquette_model_label(model, 2, &text, &error));
    CHECK(!strcmp(text, names[2]));
    maquette_string_free(text), text = NULL;
    const int64_t beyond[] = {-1, 3, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT(beyond); i++)
      FAILS(MAQUETTE_E_NOT_FOUND, "3", maquette_model_label(model, beyond[i], &text, &error));
    CHECK(text == NULL);
    OK(maquette_model_predict_json(model, &one, &text, &error));
    CHECK(strstr(text, "\"label\":") && strstr(text, "\"a \\\"quoted\\\" one\":"), "%s", text);
    maquette_string_free(text);
    maquette_model_destroy(model);
  }
  rows_free(content);
}

TEST(learns, "What it learns is right: each kind tells the three places apart") {
  rows content = rows_of(300, 6);
  const char *const kinds[][2] = {{"mlp-classifier", "{\"epochs\": 30}"}, {"knn-classifier", "{\"k\": 5}"}};
  for (size_t kind = 0; kind < COUNT(kinds); kind++) {
    maquette_model *model = trained(kinds[kind][0], kinds[kind][1], &content);
    float *answers = confidences_of(model, &content);
    int right = 0;
    for (int row = 0; row < 300; row++) {
      const float *c = answers + row * 3;
      int best = c[1] > c[0] ? 1 : 0;
      right += (c[2] > c[best] ? 2 : best) == row % 3;
    }
    CHECK(right > 290, "%s: %d of 300", kinds[kind][0], right);
    free(answers), maquette_model_destroy(model);
  }
  rows_free(content);
}

int main(int count, char **words) { return test_main(count, words); }

TEST(reset, "reset forgets what was learned and keeps the parameters; during a training it is BUSY") {
  rows content = rows_of(30, 4);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 3}", &content);
  OK(maquette_model_reset(model, &error));
  int64_t count = -1;
  FAILS(MAQUETTE_E_NOT_TRAINED, "trained", maquette_model_output_count(model, &count, &error));
  CHECK(count == -1);
  char *text;
  OK(maquette_stream_value(maquette_model_training(model), &text, &error));
  CHECK(strcmp(text, "{\"status\":\"idle\"}") == 0, "%s", text), maquette_string_free(text);
  OK(maquette_model_parameters(model, &text, &error));
  CHECK(strstr(text, "\"epochs\":3") != NULL, "%s", text), maquette_string_free(text);
  maquette_model_destroy(model);

  model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  FAILS(MAQUETTE_E_BUSY, "trained", maquette_model_reset(model, &error));
  maquette_model_destroy(model), rows_free(content);
}

TEST(clones, "A clone predicts the same bits and goes on by itself") {
  rows content = rows_of(30, 4);
  const char *const kinds[] = {"mlp-classifier", "knn-classifier"};
  for (size_t i = 0; i < COUNT(kinds); i++) {
    maquette_model *model = trained(kinds[i], NULL, &content), *clone = NULL;
    int64_t features = 0, outputs = 0;
    OK(maquette_model_clone(model, &clone, &error));
    OK(maquette_model_feature_count(clone, &features, &error)), CHECK(features == 4);
    OK(maquette_model_output_count(clone, &outputs, &error)), CHECK(outputs == 3);
    float *before = confidences_of(model, &content);
    maquette_model_destroy(model);
    float *after = confidences_of(clone, &content);
    CHECK(memcmp(before, after, 90 * sizeof(float)) == 0);
    free(before), free(after), maquette_model_destroy(clone);
  }
  rows_free(content);
}
