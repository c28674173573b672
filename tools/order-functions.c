/* What hosts do again and again, one thing of it so many times: see order-functions.py.
 *
 *   order-functions WHAT FILE TIMES
 *
 * WHAT is `append` (an instance into memory, and somebody is told of it), `predict` (a row, by models of four kinds), `store`
 * (as `append`, into FILE, an SQLite store), `find` or `train`. */
#include "maquette.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = 16, ROWS = 60, OUTPUTS = 3 };

static void check(maquette_status status, maquette_error **error) {
  if (status == MAQUETTE_OK) return;
  fprintf(stderr, "%s: %s\n", maquette_status_name(status), maquette_error_message(*error));
  exit(1);
}

static float numbers[ROWS * FEATURES];
static const char *labels[ROWS];

static maquette_matrix matrix(float *data, int64_t rows, int64_t columns) {
  maquette_matrix matrix = {.struct_size = sizeof matrix, .data = data, .rows = rows, .cols = columns, .dtype = MAQUETTE_F32};
  return matrix;
}

static atomic_int events;
static void see(void *user_data, const maquette_event *event) {
  (void)user_data;
  if (event->json_length > 0) atomic_fetch_add(&events, 1);
}

static void watch(maquette_stream *stream) {
  maquette_error *error = NULL;
  check(maquette_stream_subscribe(stream, see, NULL, NULL, NULL, &error), &error);
}

static maquette_dataset *fill(const char *location) {
  maquette_error *error = NULL;
  maquette_store *store;
  maquette_dataset *dataset;
  maquette_matrix features = matrix(numbers, ROWS, FEATURES);
  check(maquette_store_open(location, &store, &error), &error);
  check(maquette_dataset_open(store, "samples", &dataset, &error), &error);
  check(maquette_dataset_append(dataset, &features, labels, &error), &error);
  watch(maquette_dataset_changes(dataset));
  return dataset;
}

static maquette_model *train(const char *kind, const char *parameters, maquette_dataset *dataset) {
  maquette_error *error = NULL;
  maquette_model *model;
  check(maquette_model_create(kind, parameters, &model, &error), &error);
  check(maquette_model_train(model, dataset, NULL, &error), &error);
  check(maquette_model_wait(model, MAQUETTE_FOREVER, &error), &error);
  return model;
}

static void append(maquette_dataset *dataset, int time) {
  maquette_error *error = NULL;
  maquette_matrix row = matrix(numbers + time % ROWS * FEATURES, 1, FEATURES);
  check(maquette_dataset_append(dataset, &row, &labels[time % ROWS], &error), &error);
}

static void find(maquette_dataset *dataset) {
  maquette_error *error = NULL;
  char *page;
  check(maquette_dataset_find(dataset, "{\"y\": \"left\", \"$limit\": 2}", &page, &error), &error);
  maquette_string_free(page);
}

static void predict(maquette_model *model, int time) {
  maquette_error *error = NULL;
  float answer[OUTPUTS];
  maquette_matrix row = matrix(numbers + time % ROWS * FEATURES, 1, FEATURES), answers = matrix(answer, 1, OUTPUTS);
  check(maquette_model_predict(model, &row, &answers, &error), &error);
}

int main(int count, char **words) {
  if (count != 4) return 2;
  const char *what = words[1];
  int times = atoi(words[3]);
  char location[4096];
  snprintf(location, sizeof location, "sqlite:%s?synchronous=normal", words[2]);
  for (int i = 0; i < ROWS * FEATURES; i++) numbers[i] = (float)(i * 7919 % 1000) / 1000 + (float)(i / FEATURES % OUTPUTS);
  for (int row = 0; row < ROWS; row++) labels[row] = (const char *[]){"left", "middle", "right"}[row % OUTPUTS];

  maquette_dataset *dataset = fill("memory:");
  if (!strcmp(what, "append"))
    for (int time = 0; time < times; time++) append(dataset, time);
  if (!strcmp(what, "predict")) {
    maquette_model *models[] = {
        train("mlp-classifier", "{\"layers\": [16, 8], \"epochs\": 1}", dataset), train("knn-classifier", "{}", dataset),
        train("pca", "{\"nComponents\": 3}", dataset), train("kmeans-clustering", "{\"k\": 3}", dataset)};
    for (int time = 0; time < times; time++)
      for (int i = 0; i < 4; i++) predict(models[i], time);
  }
  if (!strcmp(what, "store") || !strcmp(what, "find")) {
    maquette_dataset *stored = fill(location);
    for (int time = 0; time < times; time++) {
      append(stored, time);
      if (!strcmp(what, "find")) find(dataset), find(stored);
    }
  }
  if (!strcmp(what, "train")) {
    maquette_model *network = train("mlp-classifier", "{\"layers\": [16, 8], \"epochs\": 1}", dataset);
    watch(maquette_model_training(network));
    for (int time = 0; time < times; time++) {
      maquette_error *error = NULL;
      check(maquette_model_train(network, dataset, NULL, &error), &error);
      check(maquette_model_wait(network, MAQUETTE_FOREVER, &error), &error);
    }
  }
  return 0;
}
