/* Bad input at every door: shapes, numbers, text, JSON, parameters, structs. A status that names what was wrong and
 * what was expected; nothing changed; never a signal. */
#include "support.h"

#include <sys/resource.h>

/* ---- Shapes and numbers ---- */

typedef struct shape {
  int64_t rows, cols, row_stride, col_stride;
  maquette_status status;
} shape;

static const shape impossible[] = {
    {-1, 4, 0, 0, MAQUETTE_E_BAD_SHAPE},
    {1, -1, 0, 0, MAQUETTE_E_BAD_SHAPE},
    {INT64_MIN, 4, 0, 0, MAQUETTE_E_BAD_SHAPE},
    {1, INT64_MIN, 0, 0, MAQUETTE_E_BAD_SHAPE},
    {INT64_MAX, INT64_MAX, 0, 0, MAQUETTE_E_BAD_SHAPE},
    {INT64_MAX, 4, 0, 0, MAQUETTE_E_BAD_SHAPE},
    {1, INT64_MAX, 0, 0, MAQUETTE_E_BAD_SHAPE},
    {1ll << 31, 4, 0, 0, MAQUETTE_E_BAD_SHAPE},
    {1, 1ll << 31, 0, 0, MAQUETTE_E_BAD_SHAPE},
    {1, 4, INT64_MIN, 0, MAQUETTE_E_BAD_SHAPE},
    {1, 4, 0, INT64_MIN, MAQUETTE_E_BAD_SHAPE},
    {2, 4, INT64_MIN, 0, MAQUETTE_E_BAD_SHAPE},
    {2, 4, INT64_MIN / 2, 0, MAQUETTE_E_BAD_SHAPE},
    {2, 4, INT64_MAX, 0, MAQUETTE_E_BAD_SHAPE},
    {2, 4, 0, INT64_MAX, MAQUETTE_E_BAD_SHAPE},
    {4, 4, INT64_MAX / 3, INT64_MAX / 3, MAQUETTE_E_BAD_SHAPE},
    {4, 4, INT64_MIN / 4, INT64_MIN / 4, MAQUETTE_E_BAD_SHAPE},
};

TEST(impossible_shapes, "A shape or stride that no memory can have is BAD_SHAPE at every door") {
  rows content = rows_of(30, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  float answers[90] = {-7};
  char *json = NULL;
  for (size_t i = 0; i < COUNT(impossible); i++) {
    maquette_matrix bad = F32(content.x, impossible[i].rows, impossible[i].cols);
    bad.row_stride = impossible[i].row_stride, bad.col_stride = impossible[i].col_stride;
    maquette_matrix out = F32(answers, 1, 3), bad_out = bad;
    bad_out.data = answers;
    FAILS(impossible[i].status, "features", maquette_dataset_append(dataset, &bad, NULL, &error));
    FAILS(impossible[i].status, "features", maquette_dataset_read(dataset, &bad, NULL, NULL, &error));
    FAILS(impossible[i].status, "features",
          maquette_model_train_matrix(model, &bad, content.y, NULL, NULL, &error));
    FAILS(impossible[i].status, "validation_features",
          maquette_model_train_matrix(model, &content.matrix, content.y, &bad, content.y, &error));
    FAILS(impossible[i].status, "features", maquette_model_predict(model, &bad, &out, &error));
    maquette_matrix one = F32(content.x, 1, 4);
    FAILS(impossible[i].status, "predictions", maquette_model_predict(model, &one, &bad_out, &error));
    FAILS(impossible[i].status, "features", maquette_model_predict_json(model, &bad, &json, &error));
  }
  CHECK(answers[0] == -7 && json == NULL && count_of(dataset) == 30);
  rows_free(content), maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(huge_shapes, "Rows that would take more memory than there is are refused, before memory is taken for them") {
  rows content = rows_of(30, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
#ifndef SANITIZED /* they take all addresses there are */
  struct rlimit limit = {2ull << 30, 2ull << 30};
  setrlimit(RLIMIT_AS, &limit);
#endif
  maquette_matrix wide = F32(content.x, INT32_MAX, INT32_MAX), long_one = F32(content.x, INT32_MAX, 1000);
  maquette_matrix empty = F32(content.x, INT32_MAX, 0);
  FAILS(MAQUETTE_E_BAD_SHAPE, "features", maquette_dataset_append(dataset, &wide, NULL, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "features", maquette_model_predict(model, &wide, &wide, &error));
  FAILS(MAQUETTE_E_OUT_OF_MEMORY, "memory", maquette_dataset_append(dataset, &long_one, NULL, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "features", maquette_dataset_append(dataset, &empty, NULL, &error));
  CHECK(count_of(dataset) == 30);
  rows_free(content), maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(widths, "A matrix of another width or height than needed says which was needed") {
  rows content = rows_of(30, 4);
  float answers[90] = {-7};
  char *json = NULL;
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  maquette_matrix narrow = F32(content.x, 30, 3), one = F32(content.x, 1, 4), two = F32(content.x, 2, 4);
  maquette_matrix out = F32(answers, 30, 3), short_out = F32(answers, 29, 3), wide_out = F32(answers, 1, 4);
  FAILS(MAQUETTE_E_BAD_SHAPE, "4", maquette_dataset_append(dataset, &narrow, NULL, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "30", maquette_dataset_read(dataset, &narrow, NULL, NULL, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "4", maquette_model_predict(model, &narrow, &out, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "30", maquette_model_predict(model, &content.matrix, &short_out, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "3", maquette_model_predict(model, &one, &wide_out, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "2", maquette_model_predict_json(model, &two, &json, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "", maquette_model_train_matrix(model, &content.matrix, content.y, &narrow, content.y, &error));
  CHECK(answers[0] == -7 && json == NULL && count_of(dataset) == 30);
  rows_free(content), maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(not_finite, "NaN and infinity, also of a double beyond the floats, are NOT_FINITE and say where") {
  rows content = rows_of(30, 4);
  float answers[90] = {-7};
  double wide[120];
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1e39, -1e300};
  maquette_matrix out = F32(answers, 30, 3);
  for (size_t i = 0; i < COUNT(bad); i++) {
    for (int k = 0; k < 120; k++) wide[k] = content.x[k];
    wide[17 * 4 + 2] = bad[i];
    maquette_matrix matrix = matrix_of(wide, 30, 4, MAQUETTE_F64);
    FAILS(MAQUETTE_E_NOT_FINITE, "row 17, column 2", maquette_dataset_append(dataset, &matrix, content.y, &error));
    FAILS(MAQUETTE_E_NOT_FINITE, "row 17, column 2", maquette_model_predict(model, &matrix, &out, &error));
    FAILS(MAQUETTE_E_NOT_FINITE, "17",
          maquette_model_train_matrix(model, &matrix, content.y, NULL, NULL, &error));
    FAILS(MAQUETTE_E_NOT_FINITE, "17",
          maquette_model_train_matrix(model, &content.matrix, content.y, &matrix, content.y, &error));
  }
  content.x[0] = NAN;
  FAILS(MAQUETTE_E_NOT_FINITE, "row 0, column 0", maquette_model_predict(model, &content.matrix, &out, &error));
  CHECK(answers[0] == -7 && count_of(dataset) == 30);
  FAILS(MAQUETTE_E_NOT_FINITE, "", maquette_dataset_create(dataset, "{\"x\": [1, 2, 3, 1e39]}", NULL, &error));
  CHECK(count_of(dataset) == 30);
  rows_free(content), maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(no_rows, "No rows: nothing to add, nothing to learn, and nothing to predict is fine") {
  rows content = rows_of(30, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", NULL);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  maquette_matrix none = F32(NULL, 0, 4), no_answers = F32(NULL, 0, 3), nothing = F32(NULL, 0, 0);
  FAILS(MAQUETTE_E_NO_ROWS, "rows", maquette_dataset_append(dataset, &none, NULL, &error));
  FAILS(MAQUETTE_E_NO_ROWS, "", maquette_model_train_matrix(model, &none, content.y, NULL, NULL, &error));
  FAILS(MAQUETTE_E_NO_ROWS, "", maquette_model_train_matrix(model, &none, NULL, NULL, NULL, &error));
  OK(maquette_model_predict(model, &none, &no_answers, &error));
  int64_t shape[2] = {-1, -1};
  OK(maquette_dataset_shape(dataset, &shape[0], &shape[1], &error));
  CHECK(shape[0] == 0 && shape[1] == 0);
  OK(maquette_dataset_read(dataset, &nothing, NULL, NULL, &error));
  OK(maquette_model_train(model, dataset, NULL, &error));
  FAILS(MAQUETTE_E_NO_ROWS, "", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  free(confidences_of(model, &content));
  rows_free(content), maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(labels, "One label, a row without a label, broken labels: each is told apart") {
  rows content = rows_of(30, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *one_label = dataset_of(store, "one", NULL), *unlabelled = dataset_of(store, "none", NULL);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  const char *same[30], *gap[30], *broken[30];
  for (int row = 0; row < 30; row++) same[row] = "left", gap[row] = broken[row] = content.y[row];
  gap[20] = NULL, broken[20] = "caf\xe9";
  FAILS(MAQUETTE_E_ONE_LABEL, "left", maquette_model_train_matrix(model, &content.matrix, same, NULL, NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "20",
        maquette_model_train_matrix(model, &content.matrix, gap, NULL, NULL, &error));
  FAILS(MAQUETTE_E_BAD_UTF8, "20", maquette_model_train_matrix(model, &content.matrix, broken, NULL, NULL, &error));
  FAILS(MAQUETTE_E_BAD_UTF8, "20", maquette_dataset_append(one_label, &content.matrix, broken, &error));
  CHECK(count_of(one_label) == 0);
  OK(maquette_dataset_append(one_label, &content.matrix, same, &error));
  OK(maquette_dataset_append(unlabelled, &content.matrix, gap, &error));
  OK(maquette_model_train(model, one_label, NULL, &error));
  FAILS(MAQUETTE_E_ONE_LABEL, "left", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  OK(maquette_model_train(model, unlabelled, NULL, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "20", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  free(confidences_of(model, &content));
  rows_free(content), maquette_model_destroy(model);
  maquette_dataset_destroy(one_label), maquette_dataset_destroy(unlabelled), maquette_store_destroy(store);
}

/* ---- Text and JSON ---- */

static const char *const broken_texts[] = {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"};

TEST(utf8, "Broken UTF-8 is BAD_UTF8 wherever text goes in") {
  rows content = rows_of(30, 4);
  maquette_store *store = store_of("memory:"), *no_store = NULL;
  maquette_dataset *dataset = dataset_of(store, "d", &content), *no_dataset = NULL;
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content), *no_model = NULL;
  maquette_stream *stream = NULL, *epochs;
  OK(maquette_model_parameter(model, "epochs", &epochs, &error));
  char *text = NULL;
  for (size_t i = 0; i < COUNT(broken_texts); i++) {
    const char *bad = broken_texts[i];
    FAILS(MAQUETTE_E_BAD_UTF8, "location", maquette_store_open(bad, &no_store, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "name", maquette_dataset_open(store, bad, &no_dataset, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "instance", maquette_dataset_create(dataset, bad, &text, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "id", maquette_dataset_get(dataset, bad, &text, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "id", maquette_dataset_remove(dataset, bad, &text, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "query", maquette_dataset_find(dataset, bad, &text, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "field", maquette_dataset_distinct(dataset, bad, &text, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "kind", maquette_model_schema(bad, &text, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "kind", maquette_model_create(bad, NULL, &no_model, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "parameters", maquette_model_create("mlp-classifier", bad, &no_model, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "name", maquette_model_parameter(model, bad, &stream, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "json", maquette_stream_set(epochs, bad, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "name", maquette_model_save(model, store, bad, NULL, NULL, &text, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "metadata", maquette_model_save(model, store, "m", bad, NULL, &text, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "id", maquette_model_save(model, store, "m", NULL, bad, &text, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "id_or_name", maquette_model_load(model, store, bad, &text, &error));
    maquette_event event = {.struct_size = sizeof event, .json = bad};
    maquette_training_status status = {.struct_size = sizeof status};
    FAILS(MAQUETTE_E_BAD_UTF8, "event", maquette_event_training_status(&event, &status, &error));
  }
  CHECK(!no_store && !no_dataset && !no_model && !stream && !text);
  rows_free(content), maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

/* `opening`, many times over; then `closing` as often. */
static char *nested(const char *opening, const char *closing, size_t depth, const char *before, const char *after) {
  size_t width = strlen(opening), back = strlen(closing);
  char *text = malloc(strlen(before) + strlen(after) + depth * (width + back) + 1), *end = text;
  end = stpcpy(end, before);
  for (size_t i = 0; i < depth; i++) memcpy(end, opening, width), end += width;
  for (size_t i = 0; i < depth; i++) memcpy(end, closing, back), end += back;
  strcpy(end, after);
  return text;
}

TEST(json, "Text that is not JSON, or JSON of another form, is BAD_JSON and says where") {
  rows content = rows_of(30, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content), *no_model = NULL;
  maquette_stream *epochs;
  OK(maquette_model_parameter(model, "epochs", &epochs, &error));
  char *deep = nested("[", "]", 5000000, "{\"x\": ", "}"), *deep_object = nested("{\"a\":", "}", 300, "", "");
  char *unclosed = nested("[", "", 1000000, "", "");
  const char *const bad[] = {"",        " ",         "{",          "}",        "{\"a\"}",      "{\"a\": 1,}", "{a: 1}",
                             "{'a':1}", "{} {}",     "[1, 2",      "nul",      "\"x",          "{\"a\": 01}", "{\"a\": 1.}",
                             "{\"a\": .5}", "{\"a\": NaN}", "{\"a\": \"\\ud800\"}", "{\"a\": \"\\q\"}", "{\"a\": \"\n\"}",
                             "// {}", deep, deep_object, unclosed, "3", "[]", "\"text\"", "null", "true"};
  char *text = NULL;
  for (size_t i = 0; i < COUNT(bad); i++) {
    FAILS(MAQUETTE_E_BAD_JSON, "parameters", maquette_model_create("mlp-classifier", bad[i], &no_model, &error));
    /* An empty array is no instances, which can be created. */
    if (strcmp(bad[i], "[]"))
      FAILS(MAQUETTE_E_BAD_JSON, "instance", maquette_dataset_create(dataset, bad[i], &text, &error));
    FAILS(MAQUETTE_E_BAD_JSON, "query", maquette_dataset_find(dataset, bad[i], &text, &error));
    FAILS(MAQUETTE_E_BAD_JSON, "metadata", maquette_model_save(model, store, "m", bad[i], NULL, &text, &error));
    maquette_event event = {.struct_size = sizeof event, .json = bad[i]};
    maquette_training_status status = {.struct_size = sizeof status};
    FAILS(MAQUETTE_E_BAD_JSON, "", maquette_event_training_status(&event, &status, &error));
    if (i < 23) FAILS(MAQUETTE_E_BAD_JSON, "json", maquette_stream_set(epochs, bad[i], &error));
  }
  CHECK(!no_model && !text && count_of(dataset) == 30);
  free(deep), free(deep_object), free(unclosed);
  rows_free(content), maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(long_texts, "Ten megabytes of text are stored and found again, or refused; the message stays short") {
  size_t size = 10 << 20;
  char *text = malloc(size + 64), *stored = NULL, *values = NULL;
  strcpy(text, "{\"x\": [1, 2], \"y\": \"");
  size_t start = strlen(text);
  memset(text + start, 'a', size), strcpy(text + start + size, "\"}");
  maquette_store *store = store_of("memory:"), *no_store = NULL;
  maquette_dataset *dataset = dataset_of(store, "d", NULL), *no_dataset = NULL;
  maquette_model *model = NULL;
  OK(maquette_dataset_create(dataset, text, &stored, &error));
  CHECK(strlen(stored) > size);
  OK(maquette_dataset_distinct(dataset, "y", &values, &error));
  CHECK(strlen(values) == size + 4);
  maquette_string_free(values), maquette_string_free(stored);
  text[start + size] = 0; /* now it is no JSON any more, and a long name */
  struct {
    maquette_status status;
    maquette_error *error;
  } calls[6] = {{0, NULL}};
  calls[0].status = maquette_model_create("mlp-classifier", text, &model, &calls[0].error);
  calls[1].status = maquette_model_create(text, NULL, &model, &calls[1].error);
  calls[2].status = maquette_dataset_get(dataset, text, &stored, &calls[2].error);
  calls[3].status = maquette_store_open(text, &no_store, &calls[3].error);
  calls[4].status = maquette_dataset_find(dataset, text, &stored, &calls[4].error);
  strcpy(text + start + size, "\"}"), memcpy(text, "{\"layers\":\"         \"", 10);
  calls[5].status = maquette_dataset_find(dataset, "{\"$sort\": 1}", &stored, &calls[5].error);
  for (size_t i = 0; i < COUNT(calls); i++) {
    CHECK(calls[i].status != MAQUETTE_OK, "call %zu", i);
    CHECK(strlen(maquette_error_message(calls[i].error)) < 2000, "call %zu: a message of %zu bytes", i,
          strlen(maquette_error_message(calls[i].error)));
    maquette_error_destroy(calls[i].error);
  }
  maquette_status status = maquette_dataset_open(store, text, &no_dataset, &error);
  CHECK(status == MAQUETTE_OK || status == MAQUETTE_E_INVALID_ARGUMENT);
  maquette_error_destroy(error), error = NULL;
  maquette_dataset_destroy(no_dataset), maquette_dataset_destroy(dataset), maquette_store_destroy(store), free(text);
}

TEST(numbers, "Numbers that no type can hold are refused, not trapped on") {
  rows content = rows_of(30, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = model_of("mlp-classifier", NULL);
  const char *const numbers[] = {"1e400", "-1e400", "1e309", "9223372036854775807", "9223372036854775808",
                                 "-9223372036854775808", "-9223372036854775809", "1e19", "1e-400", "-0", "1.5",
                                 "18446744073709551616", "123456789012345678901234567890"};
  const char *const names[] = {"epochs", "batchSize", "seed", "learningRate", "validationSplit", "layers"};
  const char *const query[] = {"$limit", "$skip"};
  char json[256], *page;
  for (size_t i = 0; i < COUNT(numbers); i++) {
    for (size_t k = 0; k < COUNT(names); k++) {
      maquette_stream *stream;
      OK(maquette_model_parameter(model, names[k], &stream, &error));
      maquette_status status = maquette_stream_set(stream, numbers[i], NULL);
      CHECK(status == MAQUETTE_OK || status == MAQUETTE_E_BAD_PARAMETER || status == MAQUETTE_E_BAD_JSON, "%s = %s: %s",
            names[k], numbers[i], maquette_status_name(status));
      CHECK(k > 1 || status != MAQUETTE_OK, "%s = %s", names[k], numbers[i]);
      snprintf(json, sizeof json, "[%s]", numbers[i]);
      status = maquette_stream_set(stream, json, NULL);
      CHECK(status == MAQUETTE_E_BAD_PARAMETER || status == MAQUETTE_E_BAD_JSON, "%s = %s: %s", names[k], json,
            maquette_status_name(status));
    }
    for (size_t k = 0; k < COUNT(query); k++) {
      snprintf(json, sizeof json, "{\"%s\": %s}", query[k], numbers[i]);
      if (maquette_dataset_find(dataset, json, &page, NULL) == MAQUETTE_OK) maquette_string_free(page);
      snprintf(json, sizeof json, "{\"$limit\": 200, \"%s\": %s, \"$sort\": {\"y\": -1}}", query[k], numbers[i]);
      if (maquette_dataset_find(dataset, json, &page, NULL) == MAQUETTE_OK) maquette_string_free(page);
    }
    snprintf(json, sizeof json, "{\"status\": \"epoch\", \"epoch\": %s, \"epochs\": %s}", numbers[i], numbers[i]);
    maquette_event event = {.struct_size = sizeof event, .json = json};
    maquette_training_status status = {.struct_size = sizeof status};
    maquette_event_training_status(&event, &status, NULL);
    snprintf(json, sizeof json, "{\"x\": [1, 2, 3, %s], \"y\": %s, \"other\": %s}", numbers[i], numbers[i], numbers[i]);
    if (maquette_dataset_create(dataset, json, &page, NULL) == MAQUETTE_OK) maquette_string_free(page);
  }
  int64_t shape[2];
  OK(maquette_dataset_shape(dataset, &shape[0], &shape[1], &error));
  CHECK(shape[0] >= 30 && shape[1] == 4);
  rows_free(content), maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(queries, "A query that can't be is refused, naming the parameter") {
  rows content = rows_of(30, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  static const struct {
    const char *query, *word;
    maquette_status status;
  } bad[] = {
      {"{\"$where\": 1}", "$where", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"$limit\": \"ten\"}", "$limit", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"$limit\": 1.5}", "$limit", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"$skip\": -1}", "$skip", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"$sort\": [\"y\"]}", "$sort", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"$sort\": {\"y\": 2}}", "$sort", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"$select\": \"y\"}", "$select", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"$or\": {}}", "$or", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"y\": {\"$regex\": \"a\"}}", "$regex", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"y\": {\"$in\": 3}}", "$in", MAQUETTE_E_INVALID_ARGUMENT},
      {"{\"$distinct\": \"y\"}", "$distinct", MAQUETTE_E_UNSUPPORTED},
  };
  char *page = NULL;
  for (size_t i = 0; i < COUNT(bad); i++)
    FAILS(bad[i].status, bad[i].word, maquette_dataset_find(dataset, bad[i].query, &page, &error));
  char *deep = nested("{\"$not\":", "}", 200, "", ""); /* ends in {"$not":} */
  FAILS(MAQUETTE_E_BAD_JSON, "query", maquette_dataset_find(dataset, deep, &page, &error));
  free(deep);
  deep = malloc(4000);
  char *end = deep;
  for (int i = 0; i < 200; i++) end = stpcpy(end, "{\"$not\":");
  end = stpcpy(end, "{}");
  for (int i = 0; i < 200; i++) *end++ = '}';
  *end = 0;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "nested", maquette_dataset_find(dataset, deep, &page, &error));
  free(deep);
  CHECK(page == NULL);
  OK(maquette_dataset_find(dataset, "{\"y\": \"left\", \"$limit\": 3, \"$sort\": {\"createdAt\": -1}}", &page, &error));
  CHECK(strstr(page, "\"total\":10") != NULL, "%s", page);
  maquette_string_free(page);
  rows_free(content), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(instances, "Instances that can't be kept are refused; the dataset is as before") {
  rows content = rows_of(3, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  char *stored = NULL, again[512], id[32];
  FAILS(MAQUETTE_E_BAD_SHAPE, "4", maquette_dataset_create(dataset, "{\"x\": [1, 2, 3]}", &stored, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "nowhere", maquette_dataset_get(dataset, "nowhere", &stored, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "000000000000000000000000",
        maquette_dataset_get(dataset, "000000000000000000000000", &stored, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "", maquette_dataset_remove(dataset, "", &stored, &error));
  CHECK(stored == NULL && count_of(dataset) == 3);
  OK(maquette_dataset_create(dataset, "{\"x\": [[1, 2], [3, 4]], \"y\": \"left\", \"note\": \"\\u0000 ok\"}", &stored, &error));
  id_in(stored, id);
  maquette_string_free(stored), stored = NULL;
  snprintf(again, sizeof again, "{\"id\": \"%s\", \"x\": [1, 2, 3, 4]}", id);
  FAILS(MAQUETTE_E_CONFLICT, id, maquette_dataset_create(dataset, again, &stored, &error));
  CHECK(stored == NULL && count_of(dataset) == 4);
  OK(maquette_dataset_get(dataset, id, &stored, &error));
  CHECK(strstr(stored, "\\u0000 ok") != NULL, "%s", stored);
  maquette_string_free(stored);
  rows_free(content), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

/* ---- Kinds and parameters ---- */

TEST(kinds, "An unknown kind is UNKNOWN_KIND, and the message lists those there are") {
  maquette_model *model = NULL;
  char *text = NULL;
  FAILS(MAQUETTE_E_UNKNOWN_KIND, "mlp-classifier", maquette_model_create("mlp", NULL, &model, &error));
  FAILS(MAQUETTE_E_UNKNOWN_KIND, "mlp-classifier", maquette_model_create("", NULL, &model, &error));
  FAILS(MAQUETTE_E_UNKNOWN_KIND, "MLP-Classifier", maquette_model_create("MLP-Classifier", NULL, &model, &error));
  FAILS(MAQUETTE_E_UNKNOWN_KIND, "knn-classifier", maquette_model_schema("svm", &text, &error));
  CHECK(!model && !text);
}

static const struct {
  const char *kind, *parameters, *word;
  maquette_status status;
} bad_parameters[] = {
    {"mlp-classifier", "{\"epoch\": 3}", "epochs", MAQUETTE_E_UNKNOWN_PARAMETER},
    {"mlp-classifier", "{\"\": 3}", "epochs", MAQUETTE_E_UNKNOWN_PARAMETER},
    {"knn-classifier", "{\"epochs\": 3}", "metric", MAQUETTE_E_UNKNOWN_PARAMETER},
    {"mlp-classifier", "{\"epochs\": 0}", "1000000", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"epochs\": 1000001}", "1000000", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"epochs\": \"20\"}", "whole number", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"epochs\": 2.5}", "2.5", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"epochs\": null}", "epochs", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"batchSize\": 0}", "batchSize", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"batchSize\": -8}", "-8", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"learningRate\": 0}", "learningRate", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"learningRate\": 11}", "10", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"validationSplit\": true}", "validationSplit", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"layers\": 64}", "layers", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"layers\": [64, 0]}", "layers", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"layers\": [64, \"32\"]}", "layers", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"layers\": [16385]}", "16384", MAQUETTE_E_BAD_PARAMETER},
    {"mlp-classifier", "{\"seed\": -1}", "seed", MAQUETTE_E_BAD_PARAMETER},
    {"knn-classifier", "{\"k\": 0}", "k", MAQUETTE_E_BAD_PARAMETER},
    {"knn-classifier", "{\"metric\": \"chebyshev\"}", "euclidean", MAQUETTE_E_BAD_PARAMETER},
    {"knn-classifier", "{\"weights\": 1}", "weights", MAQUETTE_E_BAD_PARAMETER},
};

TEST(parameters, "Unknown parameters and values out of range are refused with what is possible") {
  maquette_model *model = NULL;
  for (size_t i = 0; i < COUNT(bad_parameters); i++)
    FAILS(bad_parameters[i].status, bad_parameters[i].word,
          maquette_model_create(bad_parameters[i].kind, bad_parameters[i].parameters, &model, &error));
  CHECK(model == NULL);
  char layers[256] = "{\"layers\": [1", *end = layers + strlen(layers);
  for (int i = 0; i < 32; i++) end = stpcpy(end, ", 1");
  strcpy(end, "]}");
  maquette_status status = maquette_model_create("mlp-classifier", layers, &model, &error);
  maquette_error_destroy(error), error = NULL;
  rows content = rows_of(30, 4);
  if (status == MAQUETTE_OK) /* then the training refuses it */
    FAILS(MAQUETTE_E_BAD_PARAMETER, "32",
          maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  else
    CHECK(status == MAQUETTE_E_BAD_PARAMETER);
  rows_free(content), maquette_model_destroy(model);
}

TEST(huge_model, "A model that does not fit into memory fails to train, and the host lives") {
  rows content = rows_of(30, 4);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  maquette_stream *layers;
  OK(maquette_model_parameter(model, "layers", &layers, &error));
  OK(maquette_stream_set(layers, "[16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384]", &error));
#ifndef SANITIZED /* they take all addresses there are */
  struct rlimit limit = {1ull << 30, 1ull << 30};
  setrlimit(RLIMIT_AS, &limit);
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  FAILS(MAQUETTE_E_OUT_OF_MEMORY, "memory", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
#endif
  free(confidences_of(model, &content));
  rows_free(content), maquette_model_destroy(model);
}

/* ---- Structs ---- */

TEST(structs, "Another struct_size, an unknown tail, flags and types that can't be are INVALID_ARGUMENT") {
  rows content = rows_of(30, 4);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  maquette_stream *training = maquette_model_training(model);
  maquette_subscription *pulled;
  OK(maquette_stream_subscribe(training, NULL, NULL, NULL, &pulled, &error));
  struct {
    maquette_matrix matrix;
    char tail[24];
  } future = {content.matrix, {0}};
  float answers[90] = {-7};
  maquette_matrix out = F32(answers, 30, 3), bad;
  const size_t sizes[] = {0, 1, 8, sizeof(maquette_event) - 1, SIZE_MAX, SIZE_MAX / 2, 1ull << 40};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    bad = content.matrix, bad.struct_size = sizes[i];
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "struct_size", maquette_model_predict(model, &bad, &out, &error));
    maquette_event event = {.struct_size = sizes[i]};
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "struct_size", maquette_subscription_next(pulled, 0, &event, &error));
    CHECK(event.json == NULL);
    event = (maquette_event){.struct_size = sizeof event, .json = "{\"status\": \"idle\"}"};
    maquette_training_status status = {.struct_size = sizes[i], .epoch = -7};
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "struct_size", maquette_event_training_status(&event, &status, &error));
    CHECK(status.epoch == -7);
  }
  future.matrix.struct_size = sizeof future;
  OK(maquette_model_predict(model, &future.matrix, &out, &error));
  answers[0] = -7;
  future.tail[23] = 1;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "features", maquette_model_predict(model, &future.matrix, &out, &error));
  bad = content.matrix, bad.flags = 1;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "flags", maquette_model_predict(model, &bad, &out, &error));
  const int32_t types[] = {-1, 5, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < COUNT(types); i++) {
    bad = content.matrix, bad.dtype = types[i];
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "dtype", maquette_model_predict(model, &bad, &out, &error));
  }
  const int32_t unwritable[] = {MAQUETTE_U8, MAQUETTE_I32, MAQUETTE_I64};
  for (size_t i = 0; i < COUNT(unwritable); i++) {
    bad = out, bad.dtype = unwritable[i];
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "dtype", maquette_model_predict(model, &content.matrix, &bad, &error));
  }
  bad = content.matrix, bad.data = NULL;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "data", maquette_model_predict(model, &bad, &out, &error));
  CHECK(answers[0] == -7);
  maquette_event event = {.struct_size = sizeof event};
  OK(maquette_subscription_next(pulled, 0, &event, &error));
  maquette_training_status status = {.struct_size = sizeof status};
  OK(maquette_event_training_status(&event, &status, &error));
  CHECK(status.status == MAQUETTE_TRAINING_SUCCESS && isfinite(status.loss), "%s", event.json);
  maquette_subscription_destroy(pulled), maquette_model_destroy(model), rows_free(content);
}

TEST(training_status, "A training status is read from its JSON, what is missing is 0 or NaN") {
  static const struct {
    const char *json;
    int32_t status, epoch, epochs;
    double loss, accuracy_val;
  } good[] = {
      {"{\"status\": \"idle\"}", MAQUETTE_TRAINING_IDLE, 0, 0, (double)NAN, (double)NAN},
      {"{\"status\": \"start\", \"epochs\": 20}", MAQUETTE_TRAINING_START, 0, 20, (double)NAN, (double)NAN},
      {"{\"status\": \"epoch\", \"epoch\": 3, \"epochs\": 20, \"data\": {\"loss\": 1.5, \"accuracyVal\": 0.5}}",
       MAQUETTE_TRAINING_EPOCH, 3, 20, 1.5, 0.5},
      {"{\"status\": \"success\", \"data\": {\"loss\": [3, 2.5], \"accuracyVal\": []}}", MAQUETTE_TRAINING_SUCCESS, 0,
       0, 2.5, (double)NAN},
      {"{\"status\": \"cancelled\", \"epoch\": 7, \"epochs\": 20}", MAQUETTE_TRAINING_CANCELLED, 7, 20, (double)NAN,
       (double)NAN},
      {"{\"status\": \"error\", \"data\": {\"error\": \"no\", \"code\": 24}}", MAQUETTE_TRAINING_ERROR, 0, 0,
       (double)NAN, (double)NAN},
      {"{\"status\": \"epoch\", \"epoch\": \"3\", \"epochs\": 1e99, \"data\": 5}", MAQUETTE_TRAINING_EPOCH, 0, 0,
       (double)NAN, (double)NAN},
  };
  for (size_t i = 0; i < COUNT(good); i++) {
    maquette_event event = {.struct_size = sizeof event, .json = good[i].json, .json_length = strlen(good[i].json)};
    maquette_training_status got = {.struct_size = sizeof got};
    OK(maquette_event_training_status(&event, &got, &error));
    CHECK(got.status == good[i].status && got.epoch == good[i].epoch && got.epochs == good[i].epochs, "%s",
          good[i].json);
    CHECK(isnan(good[i].loss) ? isnan(got.loss) : got.loss == good[i].loss, "%s: %g", good[i].json, got.loss);
    CHECK(isnan(good[i].accuracy_val) ? isnan(got.accuracy_val) : got.accuracy_val == good[i].accuracy_val, "%s",
          good[i].json);
  }
  maquette_event event = {.struct_size = sizeof event, .json = "{\"status\": \"dancing\"}"};
  maquette_training_status got = {.struct_size = sizeof got, .epoch = -7};
  FAILS(MAQUETTE_E_BAD_JSON, "status", maquette_event_training_status(&event, &got, &error));
  event.json = NULL;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "json", maquette_event_training_status(&event, &got, &error));
  CHECK(got.epoch == -7);
}

int main(int count, char **words) { return test_main(count, words); }
