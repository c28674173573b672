/* What the kinds of models have of their own: clusters, components, neighbours, embeddings. */
#include "support.h"

static void learn(maquette_model *model, maquette_matrix *features, int32_t mode) {
  maquette_rows rows = {.struct_size = sizeof rows, .features = features};
  maquette_source source = {.struct_size = sizeof source, .rows = &rows};
  OK(maquette_model_train_source(model, &source, NULL, mode, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
}

TEST(every_kind, "Every kind has a schema, learns from a dataset, predicts, saves, loads, clones and resets") {
  rows content = rows_of(60, 5);
  char *kinds, *text;
  OK(maquette_model_kinds(&kinds, &error));
  const char *const names[] = {"mlp-classifier", "mlp-regressor",     "knn-classifier", "knn-regressor",
                               "kmeans-clustering", "pca", "umap"};
  maquette_store *store = store_of("memory:");
  maquette_dataset *labelled = dataset_of(store, "labelled", &content), *numbers = dataset_of(store, "numbers", NULL);
  maquette_matrix targets = F32(content.x, 60, 2);
  targets.row_stride = 5 * (int64_t)sizeof(float);
  OK(maquette_dataset_append_targets(numbers, &content.matrix, &targets, &error));
  for (size_t i = 0; i < COUNT(names); i++) {
    CHECK(strstr(kinds, names[i]), "%s lacks %s", kinds, names[i]);
    OK(maquette_model_schema(names[i], &text, &error));
    CHECK(strstr(text, "\"task\":") && strstr(text, "\"description\":"), "%s", text);
    maquette_string_free(text);
    maquette_model *model = model_of(names[i], NULL), *clone, *loaded = model_of(names[i], NULL);
    OK(maquette_model_train(model, strstr(names[i], "regressor") ? numbers : labelled, NULL, &error));
    OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
    int64_t outputs, features;
    OK(maquette_model_output_count(model, &outputs, &error));
    OK(maquette_model_feature_count(model, &features, &error));
    CHECK(features == 5 && outputs >= 2 && outputs <= 3, "%s: %d", names[i], (int)outputs);
    float first[180], second[180];
    maquette_matrix out = F32(first, 60, outputs), again = F32(second, 60, outputs);
    OK(maquette_model_predict(model, &content.matrix, &out, &error));
    OK(maquette_model_save(model, store, names[i], NULL, NULL, NULL, &error));
    OK(maquette_model_load(loaded, store, names[i], NULL, &error));
    OK(maquette_model_clone(model, &clone, &error));
    OK(maquette_model_reset(model, &error));
    FAILS(MAQUETTE_E_NOT_TRAINED, "trained", maquette_model_predict(model, &content.matrix, &out, &error));
    maquette_model *copies[] = {loaded, clone};
    for (int copy = 0; copy < 2; copy++) {
      OK(maquette_model_predict(copies[copy], &content.matrix, &again, &error));
      CHECK(!memcmp(first, second, 60 * (size_t)outputs * sizeof(float)), "%s, copy %d", names[i], copy);
    }
    maquette_matrix one = F32(content.x, 1, 5);
    OK(maquette_model_predict_json(clone, &one, &text, &error));
    CHECK(text[0] == '{' || text[0] == '[', "%s: %s", names[i], text);
    maquette_string_free(text);
    maquette_model_destroy(model), maquette_model_destroy(clone), maquette_model_destroy(loaded);
  }
  maquette_string_free(kinds), maquette_dataset_destroy(labelled), maquette_dataset_destroy(numbers);
  maquette_store_destroy(store), rows_free(content);
}

TEST(clusters, "Centers and clusters are streams and attributes") {
  float x[] = {0, 1, 2, 100, 101, 102};
  maquette_matrix rows = F32(x, 6, 1), shape = F32(NULL, 0, 0);
  maquette_model *model = model_of("kmeans-clustering", "{\"k\": 2, \"init\": [[0], [90]]}");
  maquette_stream *stream;
  char *text;
  OK(maquette_model_stream(model, "centers", &stream, &error));
  OK(maquette_stream_value(stream, &text, &error));
  CHECK(!strcmp(text, "null"), "%s", text), maquette_string_free(text);
  learn(model, &rows, MAQUETTE_TRAIN_FRESH);
  OK(maquette_stream_value(stream, &text, &error));
  CHECK(!strcmp(text, "[[1],[101]]"), "%s", text), maquette_string_free(text);
  OK(maquette_model_stream(model, "clusters", &stream, &error));
  OK(maquette_stream_value(stream, &text, &error));
  CHECK(!strcmp(text, "[0,0,0,1,1,1]"), "%s", text), maquette_string_free(text);
  FAILS(MAQUETTE_E_NOT_FOUND, "centers, clusters", maquette_model_stream(model, "colours", &stream, &error));
  OK(maquette_model_attributes(model, &text, &error));
  CHECK(!strcmp(text, "[\"centers\",\"clusters\",\"inertia\",\"iterations\"]"), "%s", text), maquette_string_free(text);
  OK(maquette_model_attribute(model, "centers", &shape, &error));
  CHECK(shape.rows == 2 && shape.cols == 1);
  double centers[2] = {0, 0};
  maquette_matrix to = matrix_of(centers, 2, 1, MAQUETTE_F64), wrong = matrix_of(centers, 1, 2, MAQUETTE_F64);
  OK(maquette_model_attribute(model, "centers", &to, &error));
  CHECK(centers[0] == 1 && centers[1] == 101);
  FAILS(MAQUETTE_E_BAD_SHAPE, "2 × 1", maquette_model_attribute(model, "centers", &wrong, &error));
  maquette_model_destroy(model);
}

TEST(components, "Components lead to coordinates and back") {
  rows content = rows_of(50, 4);
  maquette_model *model = model_of("pca", "{\"nComponents\": 4}"), *other = model_of("knn-classifier", NULL);
  float scores[200], back[200];
  maquette_matrix out = F32(scores, 50, 4), rows = F32(back, 50, 4), narrow = F32(back, 50, 3);
  FAILS(MAQUETTE_E_NOT_TRAINED, "trained", maquette_model_inverse(model, &out, &rows, &error));
  learn(model, &content.matrix, MAQUETTE_TRAIN_FRESH);
  OK(maquette_model_predict(model, &content.matrix, &out, &error));
  OK(maquette_model_inverse(model, &out, &rows, &error));
  for (int i = 0; i < 200; i++) CHECK(fabsf(back[i] - content.x[i]) < 1e-4f, "%d: %f, %f", i, back[i], content.x[i]);
  FAILS(MAQUETTE_E_BAD_SHAPE, "", maquette_model_inverse(model, &narrow, &rows, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "", maquette_model_inverse(model, &out, &narrow, &error));
  FAILS(MAQUETTE_E_UNSUPPORTED, "knn-classifier", maquette_model_inverse(other, &out, &rows, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "predictions", maquette_model_inverse(model, NULL, &rows, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "features", maquette_model_inverse(model, &out, NULL, &error));
  FAILS(MAQUETTE_E_BAD_HANDLE, "", maquette_model_inverse(NULL, &out, &rows, &error));
  maquette_model_destroy(model), maquette_model_destroy(other), rows_free(content);
}

TEST(neighbours, "Neighbours have ids and distances; rows come and go without training again") {
  float x[] = {0, 1, 5};
  const char *labels[] = {"a", "b", "c"};
  maquette_matrix matrix = F32(x, 3, 1);
  maquette_model *model = model_of("knn-classifier", "{\"k\": 1, \"metric\": \"euclidean\", \"rejectDistance\": 2}");
  maquette_model *other = model_of("pca", NULL);
  float query[] = {0.75f, 4}, distances[4];
  int64_t ids[4], gone[] = {1};
  maquette_matrix queries = F32(query, 2, 1), out = F32(distances, 2, 2), narrow = F32(distances, 2, 1);
  FAILS(MAQUETTE_E_NOT_TRAINED, "trained", maquette_model_neighbours(model, &queries, 2, ids, &out, &error));
  OK(maquette_model_train_matrix(model, &matrix, labels, NULL, NULL, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  OK(maquette_model_neighbours(model, &queries, 2, ids, &out, &error));
  CHECK(ids[0] == 1 && ids[1] == 0 && ids[2] == 2 && ids[3] == 1);
  CHECK(distances[0] == 0.25f && distances[1] == 0.75f && distances[2] == 1 && distances[3] == 3);
  OK(maquette_model_neighbours(model, &queries, 2, NULL, NULL, &error));
  OK(maquette_model_remove(model, gone, 1, &error));
  OK(maquette_model_neighbours(model, &queries, 1, ids, NULL, &error));
  CHECK(ids[0] == 0 && ids[1] == 2);
  FAILS(MAQUETTE_E_NOT_FOUND, "1", maquette_model_remove(model, gone, 1, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "ids", maquette_model_remove(model, NULL, 1, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "count", maquette_model_remove(model, gone, -1, &error));
  int64_t all[] = {0, 2};
  FAILS(MAQUETTE_E_NO_ROWS, "", maquette_model_remove(model, all, 2, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "count", maquette_model_neighbours(model, &queries, 0, ids, NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "3", maquette_model_neighbours(model, &queries, 3, ids, NULL, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "distances", maquette_model_neighbours(model, &queries, 2, ids, &narrow, &error));
  FAILS(MAQUETTE_E_UNSUPPORTED, "pca", maquette_model_neighbours(other, &queries, 1, ids, NULL, &error));
  FAILS(MAQUETTE_E_UNSUPPORTED, "pca", maquette_model_remove(other, gone, 1, &error));
  FAILS(MAQUETTE_E_BAD_HANDLE, "", maquette_model_remove(NULL, gone, 1, &error));
  FAILS(MAQUETTE_E_BAD_HANDLE, "", maquette_model_neighbours(NULL, &queries, 1, ids, NULL, &error));
  float far_away = 100;
  maquette_matrix one = F32(&far_away, 1, 1);
  char *text;
  OK(maquette_model_predict_json(model, &one, &text, &error));
  CHECK(strstr(text, "\"label\":\"none\""), "%s", text), maquette_string_free(text);
  maquette_model_destroy(model), maquette_model_destroy(other);
}

typedef struct embeddings {
  int epochs, matrices;
  int64_t rows, cols;
  float sum;
  sem_t done;
} embeddings;

static void see_embedding(void *user_data, const maquette_event *event) {
  embeddings *self = user_data;
  bool isEpoch = strstr(event->json, "\"epoch\":") != NULL, isOver = strstr(event->json, "\"success\"") != NULL;
  self->epochs += isEpoch;
  if (event->matrix) {
    self->matrices++, self->rows = event->matrix->rows, self->cols = event->matrix->cols;
    const float *values = event->matrix->data;
    self->sum = 0;
    for (int64_t i = 0; i < self->rows * self->cols; i++) self->sum += values[i];
  }
  if (isOver) sem_post(&self->done);
}

TEST(embedding, "Every epoch of umap brings its embedding as a matrix") {
  rows content = rows_of(60, 5);
  maquette_model *model = model_of("umap", "{\"epochs\": 20, \"nNeighbors\": 10}");
  embeddings seen = {0};
  sem_init(&seen.done, 0, 0);
  maquette_subscription *pushed, *pulled;
  OK(maquette_stream_subscribe(maquette_model_training(model), see_embedding, &seen, NULL, &pushed, &error));
  OK(maquette_stream_subscribe(maquette_model_training(model), NULL, NULL, NULL, &pulled, &error));
  learn(model, &content.matrix, MAQUETTE_TRAIN_FRESH);
  wait_for(&seen.done);
  CHECK(seen.epochs == 20 && seen.matrices == 21, "%d epochs, %d matrices", seen.epochs, seen.matrices);
  CHECK(seen.rows == 60 && seen.cols == 2 && isfinite(seen.sum));
  maquette_event event = {.struct_size = sizeof event};
  int matrices = 0;
  for (int i = 0; i < 23; i++) {
    OK(maquette_subscription_next(pulled, 1000, &event, &error));
    if (event.matrix) matrices++, CHECK(event.matrix->rows == 60 && isfinite(((float *)event.matrix->data)[119]));
  }
  CHECK(matrices == 21, "%d", matrices);
  maquette_subscription_destroy(pushed), maquette_subscription_destroy(pulled);
  maquette_model_destroy(model), rows_free(content);
}

int main(int count, char **words) { return test_main(count, words); }
