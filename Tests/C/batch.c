/* Batch prediction and metrics. */
#include "support.h"

static maquette_batch_prediction *batch_of(maquette_store *store, const char *name) {
  maquette_batch_prediction *batch = NULL;
  OK(maquette_batch_prediction_open(store, name, &batch, &error));
  return batch;
}

static void predict(maquette_batch_prediction *batch, maquette_model *model, maquette_dataset *dataset, int resume) {
  maquette_batch_options options = {.struct_size = sizeof options, .resume = resume};
  OK(maquette_batch_prediction_predict(batch, model, dataset, &options, &error));
  OK(maquette_batch_prediction_wait(batch, MAQUETTE_FOREVER, &error));
}

static int64_t predictions_in(maquette_batch_prediction *batch) {
  int64_t count = -1;
  OK(maquette_batch_prediction_count(batch, &count, &error));
  return count;
}

static maquette_batch_status status_of(maquette_batch_prediction *batch) {
  char *json;
  maquette_batch_status status = {.struct_size = sizeof status};
  OK(maquette_stream_value(maquette_batch_prediction_status(batch), &json, &error));
  maquette_event event = {.struct_size = sizeof event, .json = json, .json_length = strlen(json)};
  OK(maquette_event_batch_status(&event, &status, &error));
  maquette_string_free(json);
  return status;
}

TEST(sequence, "A batch prediction goes through Marcelle's sequence, and its results are the model's") {
  rows content = rows_of(50, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "test", &content);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 3, \"layers\": [8]}", &content);
  maquette_batch_prediction *batch = batch_of(store, "TestSet");
  CHECK(status_of(batch).status == MAQUETTE_BATCH_IDLE && status_of(batch).count == -1);
  maquette_subscription *pulled;
  OK(maquette_stream_subscribe(maquette_batch_prediction_status(batch), NULL, NULL, NULL, &pulled, &error));
  predict(batch, model, dataset, 0);
  int running = 0, last = MAQUETTE_BATCH_IDLE;
  maquette_event event = {.struct_size = sizeof event};
  while (last != MAQUETTE_BATCH_SUCCESS) {
    maquette_batch_status status = {.struct_size = sizeof status};
    OK(maquette_subscription_next(pulled, 1000, &event, &error));
    OK(maquette_event_batch_status(&event, &status, &error));
    if (status.status == MAQUETTE_BATCH_RUNNING) {
      CHECK(++running == status.count && status.total == 50);
      CHECK(strstr(event.json, "\"confidences\":{\"left\":") && strstr(event.json, "\"instanceId\":\""), "%s", event.json);
    }
    CHECK(status.status != MAQUETTE_BATCH_START || last == MAQUETTE_BATCH_IDLE);
    last = status.status;
  }
  CHECK(running == 50);
  CHECK(status_of(batch).status == MAQUETTE_BATCH_SUCCESS && status_of(batch).count == 50);

  maquette_predictions *predictions;
  OK(maquette_batch_prediction_results(batch, &predictions, &error));
  float values[150], *expected = confidences_of(model, &content);
  maquette_matrix shape = F32(NULL, 0, 0), matrix = F32(values, 50, 3), wrong = F32(values, 3, 50);
  OK(maquette_predictions_values(predictions, &shape, &error));
  CHECK(shape.rows == 50 && shape.cols == 3);
  OK(maquette_predictions_values(predictions, &matrix, &error));
  CHECK(!memcmp(values, expected, sizeof values));
  FAILS(MAQUETTE_E_BAD_SHAPE, "50 × 3", maquette_predictions_values(predictions, &wrong, &error));
  int32_t predicted[50], truth[50];
  char *names, ids[50 * 24 + 1] = "", id[25] = "";
  OK(maquette_predictions_labels(predictions, predicted, truth, &names, &error));
  CHECK(strstr(names, "\"outputs\":[\"left\",\"middle\",\"right\"]") && strstr(names, "\"true\":[\"left\""), "%s", names);
  for (int row = 0; row < 50; row++) {
    CHECK(truth[row] == row % 3);
    for (int column = 0; column < 3; column++) CHECK(values[row * 3 + predicted[row]] >= values[row * 3 + column]);
  }
  OK(maquette_predictions_labels(predictions, NULL, NULL, NULL, &error));
  OK(maquette_predictions_ids(predictions, ids, &error));
  CHECK(strlen(ids) == 50 * 24);
  memcpy(id, ids + 24 * 7, 24);
  char *instance;
  OK(maquette_dataset_get(dataset, id, &instance, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "numbers", maquette_predictions_targets(predictions, &shape, &error));
  maquette_string_free(instance), maquette_string_free(names), free(expected);

  /* Results are of one moment. */
  OK(maquette_batch_prediction_clear(batch, &error));
  CHECK(status_of(batch).status == MAQUETTE_BATCH_IDLE && predictions_in(batch) == 0);
  OK(maquette_predictions_values(predictions, &matrix, &error));
  maquette_predictions_destroy(predictions), maquette_subscription_destroy(pulled);
  maquette_batch_prediction_destroy(batch), maquette_model_destroy(model), maquette_dataset_destroy(dataset);
  maquette_store_destroy(store), rows_free(content);
}

TEST(numbers, "Numbers are predicted, read and compared") {
  rows content = rows_of(40, 3);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "numbers", NULL);
  maquette_matrix targets = F32(content.x, 40, 2);
  targets.row_stride = 3 * (int64_t)sizeof(float);
  OK(maquette_dataset_append_targets(dataset, &content.matrix, &targets, &error));
  maquette_model *model = model_of("knn-regressor", "{\"k\": 1}");
  OK(maquette_model_train(model, dataset, NULL, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  maquette_batch_prediction *batch = batch_of(store, "numbers");
  predict(batch, model, dataset, 0);
  maquette_predictions *predictions;
  OK(maquette_batch_prediction_results(batch, &predictions, &error));
  double values[80], truth[80];
  maquette_matrix found = matrix_of(values, 40, 2, MAQUETTE_F64), right = matrix_of(truth, 40, 2, MAQUETTE_F64);
  OK(maquette_predictions_values(predictions, &found, &error));
  OK(maquette_predictions_targets(predictions, &right, &error));
  maquette_regression_scores scores = {.struct_size = sizeof scores};
  OK(maquette_metrics_regression(&right, &found, &scores, &error));
  CHECK(scores.mean_absolute_error < 0.2 && scores.mean_squared_error < 0.2 && scores.r2 > 0.8, "%g", scores.r2);
  OK(maquette_metrics_regression(&right, &right, &scores, &error));
  CHECK(scores.mean_absolute_error == 0 && scores.mean_squared_error == 0 && scores.r2 == 1);
  int32_t codes[40];
  OK(maquette_predictions_labels(predictions, codes, NULL, NULL, &error));
  CHECK(codes[0] == -1 && codes[39] == -1);
  maquette_predictions_destroy(predictions), maquette_batch_prediction_destroy(batch), maquette_model_destroy(model);
  maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

TEST(resume, "A run that is cancelled is resumed") {
  rows content = rows_of(30000, 4);
  maquette_store *store = store_of(location_of(path_of("batch.db")));
  maquette_dataset *dataset = dataset_of(store, "test", &content);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1, \"layers\": [8]}", &content);
  maquette_batch_prediction *batch = batch_of(store, "test");
  maquette_subscription *pulled;
  OK(maquette_stream_subscribe(maquette_batch_prediction_status(batch), NULL, NULL, NULL, &pulled, &error));
  OK(maquette_batch_prediction_predict(batch, model, dataset, NULL, &error));
  maquette_event event = {.struct_size = sizeof event};
  do OK(maquette_subscription_next(pulled, 10000, &event, &error));
  while (!strstr(event.json, "running"));
  OK(maquette_batch_prediction_cancel(batch));
  maquette_status ended = maquette_batch_prediction_wait(batch, MAQUETTE_FOREVER, NULL);
  CHECK(ended == MAQUETTE_E_CANCELLED || ended == MAQUETTE_OK);
  int64_t kept = predictions_in(batch);
  CHECK(kept > 0 && kept <= 30000);
  if (ended == MAQUETTE_E_CANCELLED) CHECK(status_of(batch).status == MAQUETTE_BATCH_CANCELLED);
  predict(batch, model, dataset, 1);
  CHECK(predictions_in(batch) == 30000 && status_of(batch).count == 30000);
  maquette_subscription_destroy(pulled);
  maquette_batch_prediction_destroy(batch), maquette_model_destroy(model), maquette_dataset_destroy(dataset);
  maquette_store_destroy(store), rows_free(content);
}

TEST(meanwhile, "Clearing, predicting, destroying things and the batch prediction itself while it runs") {
  rows content = rows_of(40000, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "test", &content);
  maquette_model *model = trained("knn-classifier", NULL, &(rows){.count = 3000, .matrix = F32(content.x, 3000, 4), .y = content.y});
  for (int round = 0; round < 5; round++) {
    maquette_batch_prediction *batch = batch_of(store, "test");
    watcher *seen = watcher_new();
    maquette_subscription *subscription = watch(maquette_batch_prediction_status(batch), seen);
    OK(maquette_batch_prediction_predict(batch, model, dataset, NULL, &error));
    /* It may be over already, on a fast machine. */
    maquette_status status = maquette_batch_prediction_clear(batch, NULL);
    CHECK(status == MAQUETTE_E_BUSY || status == MAQUETTE_OK, "%s", maquette_status_name(status));
    status = maquette_batch_prediction_predict(batch, model, dataset, NULL, NULL);
    CHECK(status == MAQUETTE_E_BUSY || status == MAQUETTE_OK, "%s", maquette_status_name(status));
    status = maquette_batch_prediction_wait(batch, 0, NULL);
    CHECK(status == MAQUETTE_E_TIMEOUT || status == MAQUETTE_OK, "%s", maquette_status_name(status));
    if (round % 2) maquette_subscription_destroy(subscription);
    maquette_batch_prediction_destroy(batch);
    CHECK(maquette_batch_prediction_wait(batch, 0, NULL) == MAQUETTE_E_BAD_HANDLE);
    CHECK(maquette_batch_prediction_status(batch) == NULL);
    if (round % 2 == 0) maquette_subscription_destroy(subscription);
    wait_for(&seen->ended);
    watcher_free(seen);
  }
  maquette_batch_prediction *batch = batch_of(store, "last");
  OK(maquette_batch_prediction_predict(batch, model, dataset, NULL, &error));
  maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
  OK(maquette_batch_prediction_wait(batch, MAQUETTE_FOREVER, &error));
  CHECK(predictions_in(batch) == 40000);
  maquette_batch_prediction_destroy(batch), rows_free(content);
}

static void wait_inside(void *user_data, const maquette_event *event) {
  maquette_batch_prediction *batch = *(maquette_batch_prediction **)user_data;
  if (strstr(event->json, "success"))
    CHECK(maquette_batch_prediction_wait(batch, MAQUETTE_FOREVER, NULL) == MAQUETTE_E_REENTRANT);
}

TEST(errors, "What can't be predicted is an error that says why") {
  rows content = rows_of(9, 4), wide = rows_of(9, 5);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "test", &content), *other = dataset_of(store, "wide", &wide);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1, \"layers\": [4]}", &content);
  maquette_model *untrained = model_of("pca", NULL);
  maquette_batch_prediction *batch = batch_of(store, "test");
  maquette_batch_options options = {.struct_size = sizeof options};
  FAILS(MAQUETTE_E_NOT_TRAINED, "trained", maquette_batch_prediction_predict(batch, untrained, dataset, NULL, &error));
  OK(maquette_batch_prediction_predict(batch, model, other, NULL, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "5 features", maquette_batch_prediction_wait(batch, MAQUETTE_FOREVER, &error));
  CHECK(status_of(batch).status == MAQUETTE_BATCH_ERROR);
  options.input_field = "nothing";
  OK(maquette_batch_prediction_predict(batch, model, dataset, &options, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "nothing", maquette_batch_prediction_wait(batch, MAQUETTE_FOREVER, &error));
  options.input_field = "";
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "field",
        maquette_batch_prediction_predict(batch, model, dataset, &options, &error));
  options.input_field = "\xff";
  FAILS(MAQUETTE_E_BAD_UTF8, "input_field", maquette_batch_prediction_predict(batch, model, dataset, &options, &error));
  options.input_field = NULL, options.resume = 2;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "resume",
        maquette_batch_prediction_predict(batch, model, dataset, &options, &error));
  options.resume = 0, options.reserved = 1;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "reserved",
        maquette_batch_prediction_predict(batch, model, dataset, &options, &error));
  options.reserved = 0;
  const size_t sizes[] = {0, 8, sizeof options - 1, (size_t)1 << 40, (size_t)-1};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    options.struct_size = sizes[i];
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "struct_size",
          maquette_batch_prediction_predict(batch, model, dataset, &options, &error));
    maquette_event idle = {.struct_size = sizeof idle, .json = "{\"status\": \"idle\"}"};
    maquette_batch_status status = {.struct_size = sizes[i]};
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "struct_size", maquette_event_batch_status(&idle, &status, &error));
    maquette_regression_scores scores = {.struct_size = sizes[i]};
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "struct_size",
          maquette_metrics_regression(&content.matrix, &content.matrix, &scores, &error));
  }
  /* A struct of a later version: its tail must be zero. */
  struct { maquette_batch_options known; int64_t later; } longer = {{.struct_size = sizeof longer}, 0};
  OK(maquette_batch_prediction_predict(batch, model, dataset, &longer.known, &error));
  OK(maquette_batch_prediction_wait(batch, MAQUETTE_FOREVER, &error));
  longer.later = 1;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "byte", maquette_batch_prediction_predict(batch, model, dataset, &longer.known, &error));
  maquette_event event = {.struct_size = sizeof event, .json = "{\"status\": \"epoch\"}"};
  maquette_batch_status status = {.struct_size = sizeof status};
  FAILS(MAQUETTE_E_BAD_JSON, "status", maquette_event_batch_status(&event, &status, &error));
  FAILS(MAQUETTE_E_READ_ONLY, "set", maquette_stream_set(maquette_batch_prediction_status(batch), "{}", &error));
  maquette_subscription *subscription;
  OK(maquette_stream_subscribe(maquette_batch_prediction_status(batch), wait_inside, &batch, NULL, &subscription, &error));
  predict(batch, model, dataset, 0);
  maquette_subscription_destroy(subscription);
  maquette_batch_prediction_destroy(batch), maquette_batch_prediction_destroy(batch);
  maquette_model_destroy(model), maquette_model_destroy(untrained), maquette_dataset_destroy(dataset);
  maquette_dataset_destroy(other), maquette_store_destroy(store), rows_free(content), rows_free(wide);
}

static char *text_of(maquette_stream *stream) {
  char *text = NULL;
  OK(maquette_stream_value(stream, &text, &error));
  return text;
}

TEST(confusion, "A confusion matrix of two columns, and one that keeps up with a batch prediction") {
  const char *truth[] = {"a", "b", "a", NULL, "b"}, *predicted[] = {"a", "a", "none", "a", "b"};
  maquette_confusion *matrix;
  char *text;
  OK(maquette_confusion_create(truth, predicted, 5, &matrix, &error));
  OK(maquette_confusion_scores(matrix, &text, &error));
  CHECK(strstr(text, "\"labels\":[\"a\",\"b\",\"none\"],\"matrix\":[[1,0,1],[1,1,0],[0,0,0]],\"total\":4,\"accuracy\":0.5"),
        "%s", text);
  maquette_string_free(text);
  text = text_of(maquette_confusion_cells(matrix));
  CHECK(strstr(text, "[{\"x\":\"a\",\"y\":\"a\",\"v\":1},") == text, "%s", text), maquette_string_free(text);
  OK(maquette_confusion_recount(matrix, &error));
  maquette_confusion_destroy(matrix), maquette_confusion_destroy(matrix);
  OK(maquette_confusion_create(NULL, NULL, 0, &matrix, &error));
  text = text_of(maquette_confusion_accuracy(matrix));
  CHECK(!strcmp(text, "null"), "%s", text), maquette_string_free(text);
  maquette_confusion_destroy(matrix);
  FAILS(MAQUETTE_E_BAD_SHAPE, "-1", maquette_confusion_create(truth, predicted, -1, &matrix, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "rows", maquette_confusion_create(truth, predicted, INT64_MAX, &matrix, &error));
  const char *broken[] = {"\xc3(", "a"};
  FAILS(MAQUETTE_E_BAD_UTF8, "truth", maquette_confusion_create(broken, predicted, 2, &matrix, &error));

  rows content = rows_of(60, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "test", &content);
  maquette_model *model = trained("knn-classifier", "{\"k\": 1}", &content);
  maquette_batch_prediction *batch = batch_of(store, "test");
  OK(maquette_confusion_open(batch, &matrix, &error));
  text = text_of(maquette_confusion_accuracy(matrix));
  CHECK(!strcmp(text, "null"), "%s", text), maquette_string_free(text);
  predict(batch, model, dataset, 0);
  text = text_of(maquette_confusion_accuracy(matrix));
  CHECK(!strcmp(text, "1"), "%s", text), maquette_string_free(text);
  maquette_batch_prediction_destroy(batch); /* the matrix keeps it */
  OK(maquette_confusion_recount(matrix, &error));
  text = text_of(maquette_confusion_cells(matrix));
  CHECK(strstr(text, "{\"x\":\"right\",\"y\":\"right\",\"v\":20}"), "%s", text), maquette_string_free(text);
  maquette_confusion_destroy(matrix);
  CHECK(maquette_confusion_cells(matrix) == NULL && maquette_confusion_accuracy(matrix) == NULL);
  maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

TEST(closing, "A store closes when its batch predictions, their results and confusion matrices are given back") {
  rows content = rows_of(30, 4);
  maquette_model *model = trained("knn-classifier", NULL, &content);
  for (int way = 0; way < 4; way++) {
    const char *path = path_of("closing.db");
    maquette_store *store = store_of(location_of(path));
    maquette_dataset *dataset = dataset_of(store, "d", way ? NULL : &content);
    maquette_batch_prediction *batch;
    maquette_predictions *results;
    maquette_confusion *confusion;
    OK(maquette_batch_prediction_open(store, "b", &batch, &error));
    if (way == 2) {
      OK(maquette_batch_prediction_predict(batch, model, dataset, NULL, &error));
      OK(maquette_batch_prediction_wait(batch, MAQUETTE_FOREVER, &error));
    }
    OK(maquette_batch_prediction_results(batch, &results, &error));
    OK(maquette_confusion_open(batch, &confusion, &error));
    OK(maquette_confusion_recount(confusion, &error));
    maquette_predictions_destroy(results), maquette_batch_prediction_destroy(batch), maquette_confusion_destroy(confusion);
    maquette_dataset_destroy(dataset), maquette_store_destroy(store);
    char log[600];
    snprintf(log, sizeof log, "%s-wal", path);
    for (int patience = 0; patience < 5000 && !access(log, F_OK); patience++) sleep_ms(1);
    CHECK(access(log, F_OK), "the file is still open (%d)", way);
  }
  maquette_model_destroy(model), rows_free(content);
}

TEST(metrics, "Log loss and the errors of numbers, with what they refuse") {
  float confidences[] = {0.5f, 0.5f, 1, 0};
  maquette_matrix matrix = F32(confidences, 2, 2), one = F32(confidences, 1, 2), none = F32(confidences, 0, 2);
  const char *labels[] = {"a", "b"}, *truth[] = {"a", "a"}, *nobody[] = {NULL, NULL}, *other[] = {"a", "c"};
  double loss = -1;
  OK(maquette_metrics_log_loss(truth, &matrix, labels, &loss, &error));
  CHECK(fabs(loss - log(2) / 2) < 1e-6, "%g", loss);
  FAILS(MAQUETTE_E_NO_ROWS, "label", maquette_metrics_log_loss(nobody, &matrix, labels, &loss, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "c", maquette_metrics_log_loss(other, &matrix, labels, &loss, &error));
  confidences[1] = NAN;
  FAILS(MAQUETTE_E_NOT_FINITE, "nan", maquette_metrics_log_loss(truth, &matrix, labels, &loss, &error));
  maquette_regression_scores scores = {.struct_size = sizeof scores};
  FAILS(MAQUETTE_E_NOT_FINITE, "nan", maquette_metrics_regression(&matrix, &matrix, &scores, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "1 × 2", maquette_metrics_regression(&matrix, &one, &scores, &error));
  FAILS(MAQUETTE_E_NO_ROWS, "predictions", maquette_metrics_regression(&none, &none, &scores, &error));
  int64_t large[] = {(int64_t)1 << 40, ((int64_t)1 << 40) + 1}, off[] = {((int64_t)1 << 40) + 1, ((int64_t)1 << 40) + 1};
  maquette_matrix right = matrix_of(large, 2, 1, MAQUETTE_I64), guess = matrix_of(off, 2, 1, MAQUETTE_I64);
  OK(maquette_metrics_regression(&right, &guess, &scores, &error));
  CHECK(scores.mean_absolute_error == 0.5, "%g", scores.mean_absolute_error);
}

/* ---- Bad arguments ---- */

typedef struct given {
  maquette_store *store;
  maquette_dataset *dataset;
  maquette_model *model;
  maquette_batch_prediction *batch;
  maquette_predictions *predictions;
  maquette_confusion *confusion;
  rows rows;
  float values[27];
  char ids[9 * 24];
  maquette_matrix matrix;
  maquette_event event;
  maquette_batch_status status;
  maquette_regression_scores scores;
  struct {
    void *handle;
    char *text;
    int64_t number;
    double real;
  } out;
  int bad;
  void *replacement, *right[8];
} given;

#define FUNCTIONS(X)                                                                                                  \
  X(batch_prediction_open, "HII", (H(0, g->store), P(1, "x"), P(2, (maquette_batch_prediction **)&g->out.handle), e)) \
  X(batch_prediction_predict, "HHH", (H(0, g->batch), H(1, g->model), H(2, g->dataset), NULL, e))                     \
  X(batch_prediction_wait, "H", (H(0, g->batch), MAQUETTE_FOREVER, e))                                                \
  X(batch_prediction_count, "HI", (H(0, g->batch), P(1, &g->out.number), e))                                          \
  X(batch_prediction_results, "HI", (H(0, g->batch), P(1, (maquette_predictions **)&g->out.handle), e))               \
  X(event_batch_status, "II", (P(0, &g->event), P(1, &g->status), e))                                                 \
  X(predictions_values, "HI", (H(0, g->predictions), P(1, &g->matrix), e))                                            \
  X(predictions_labels, "H---", (H(0, g->predictions), NULL, NULL, P(3, &g->out.text), e))                            \
  X(predictions_ids, "HI", (H(0, g->predictions), P(1, g->ids), e))                                                   \
  X(confusion_open, "HI", (H(0, g->batch), P(1, (maquette_confusion **)&g->out.handle), e))                           \
  X(confusion_create, "III", (P(0, g->rows.y), P(1, g->rows.y), 9, P(2, (maquette_confusion **)&g->out.handle), e))   \
  X(confusion_scores, "HI", (H(0, g->confusion), P(1, &g->out.text), e))                                              \
  X(confusion_recount, "H", (H(0, g->confusion), e))                                                                  \
  X(metrics_regression, "III", (P(0, &g->rows.matrix), P(1, &g->rows.matrix), P(2, &g->scores), e))                   \
  X(metrics_log_loss, "IIII", (P(0, g->rows.y), P(1, &g->matrix), P(2, g->rows.y), P(3, &g->out.real), e))            \
  X(batch_prediction_clear, "H", (H(0, g->batch), e))

static void give_back(given *g) {
  maquette_string_free(g->out.text), maquette_batch_prediction_destroy(g->out.handle);
  maquette_predictions_destroy(g->out.handle), maquette_confusion_destroy(g->out.handle);
  maquette_batch_prediction_wait(g->batch, MAQUETTE_FOREVER, NULL);
}

#include "given.h"

TEST(bad_arguments, "NULL, destroyed, random and wrong-kind handles are statuses everywhere") {
  given g = {.bad = -1, .rows = rows_of(9, 4)};
  g.store = store_of("memory:");
  g.dataset = dataset_of(g.store, "test", &g.rows);
  g.model = trained("mlp-classifier", "{\"epochs\": 1, \"layers\": [4]}", &g.rows);
  g.batch = batch_of(g.store, "test");
  predict(g.batch, g.model, g.dataset, 0);
  OK(maquette_batch_prediction_results(g.batch, &g.predictions, &error));
  OK(maquette_confusion_open(g.batch, &g.confusion, &error));
  g.matrix = F32(g.values, 9, 3);
  g.event = (maquette_event){.struct_size = sizeof g.event, .json = "{\"status\": \"idle\"}"};
  g.status.struct_size = sizeof g.status, g.scores.struct_size = sizeof g.scores;
  run_all_well(&g);
  maquette_batch_prediction *gone = batch_of(g.store, "gone");
  maquette_batch_prediction_destroy(gone);
  int mine = 0;
  void *handles[] = {NULL, gone, &mine, (void *)1, (void *)~0ul, g.store, g.dataset, g.model, g.batch, g.predictions,
                     g.confusion, maquette_batch_prediction_status(g.batch)};
  run_all_badly(&g, handles, COUNT(handles));
  for (size_t h = 0; h < COUNT(handles); h++) {
    if (handles[h] != g.batch) {
      CHECK(maquette_batch_prediction_cancel(handles[h]) == MAQUETTE_E_BAD_HANDLE);
      CHECK(maquette_batch_prediction_status(handles[h]) == NULL);
      maquette_batch_prediction_destroy(handles[h]);
    }
    if (handles[h] != g.predictions) {
      maquette_matrix shape = F32(NULL, 0, 0);
      CHECK(maquette_predictions_targets(handles[h], &shape, NULL) == MAQUETTE_E_BAD_HANDLE);
      maquette_predictions_destroy(handles[h]);
    }
    if (handles[h] != g.confusion) maquette_confusion_destroy(handles[h]);
  }
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "targets", maquette_predictions_targets(g.predictions, NULL, &error));
  run_all_well(&g);
  maquette_confusion_destroy(g.confusion), maquette_predictions_destroy(g.predictions);
  maquette_batch_prediction_destroy(g.batch), maquette_model_destroy(g.model), maquette_dataset_destroy(g.dataset);
  maquette_store_destroy(g.store), rows_free(g.rows);
}

int main(int count, char **words) { return test_main(count, words); }
