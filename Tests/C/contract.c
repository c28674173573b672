/* What every kind of model keeps to, seen from C. A new kind is here by being in maquette_model_kinds(), and fails until
 * it has an entry in `kinds`, or is named among those that can't be trained. */
#include "layouts.h"

#include <malloc.h>

enum { EVENTS = 12, TEXT = 512 };

/* What a kind is tried with, and what a training of it says. A number that is measured is written as #. */
typedef struct kind {
  const char *name, *service, *parameters;
  bool learnsNumbers;
  const char *events[EVENTS];
} kind;

static const kind kinds[] = {
    {"mlp-classifier", "tfjs-models", "{\"layers\": [8], \"epochs\": 3}", false,
     {"{\"status\":\"start\",\"epochs\":3}",
      "{\"status\":\"epoch\",\"epoch\":1,\"epochs\":3,\"data\":{\"loss\":#,\"accuracy\":#,\"lossVal\":#,\"accuracyVal\":#}}",
      "{\"status\":\"epoch\",\"epoch\":2,\"epochs\":3,\"data\":{\"loss\":#,\"accuracy\":#,\"lossVal\":#,\"accuracyVal\":#}}",
      "{\"status\":\"epoch\",\"epoch\":3,\"epochs\":3,\"data\":{\"loss\":#,\"accuracy\":#,\"lossVal\":#,\"accuracyVal\":#}}",
      "{\"status\":\"success\",\"data\":{\"loss\":[#,#,#],\"accuracy\":[#,#,#],\"lossVal\":[#,#,#],\"accuracyVal\":[#,#,#]}}"}},
    {"mlp-regressor", "tfjs-models", "{\"units\": [8], \"epochs\": 1}", true,
     {"{\"status\":\"start\",\"epochs\":1}",
      "{\"status\":\"epoch\",\"epoch\":1,\"epochs\":1,\"data\":{\"loss\":#,\"meanAbsoluteError\":#,\"lossVal\":#,"
      "\"meanAbsoluteErrorVal\":#}}",
      "{\"status\":\"success\",\"data\":{\"loss\":[#],\"meanAbsoluteError\":[#],\"lossVal\":[#],"
      "\"meanAbsoluteErrorVal\":[#]}}"}},
    {"knn-classifier", "knn-classifier-models", "{}", false,
     {"{\"status\":\"start\",\"epochs\":1}", "{\"status\":\"success\"}"}},
    {"knn-regressor", "knn-regressor-models", "{}", true,
     {"{\"status\":\"start\",\"epochs\":1}", "{\"status\":\"success\"}"}},
    {"kmeans-clustering", "kmeans-models", "{}", false,
     {"{\"status\":\"start\",\"epochs\":1}", "centers [[#,#,#,#],[#,#,#,#],[#,#,#,#]]",
      "clusters [#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#,#]", "{\"status\":\"success\"}"}},
    {"pca", "pca", "{}", false,
     {"{\"status\":\"start\"}", "{\"status\":\"success\",\"data\":{\"explainedVariance\":[#,#]}}"}},
    {"umap", "umap", "{\"epochs\": 2, \"nNeighbors\": 5}", false,
     {"{\"status\":\"start\",\"epochs\":2}", "{\"status\":\"epoch\",\"epoch\":1,\"epochs\":2} + 30 x 2",
      "{\"status\":\"epoch\",\"epoch\":2,\"epochs\":2} + 30 x 2", "{\"status\":\"success\"} + 30 x 2"}},
};

/* Starts a training on the rows, with their labels or with two numbers of each as targets. */
static maquette_status start_on(maquette_model *model, const kind *one, const maquette_matrix *features,
                                const rows *content) {
  maquette_matrix targets = F32(content->x, content->count, 2);
  targets.row_stride = content->width * (int64_t)sizeof(float);
  maquette_rows given = {.struct_size = sizeof given, .features = features};
  if (one->learnsNumbers) given.targets = &targets;
  else given.labels = content->y;
  maquette_source source = {.struct_size = sizeof source, .rows = &given};
  return maquette_model_train_source(model, &source, NULL, MAQUETTE_TRAIN_FRESH, &error);
}

static void learn(maquette_model *model, const kind *one, const maquette_matrix *features, const rows *content) {
  OK(start_on(model, one, features, content));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
}

static maquette_model *learned(const kind *one, const rows *content) {
  maquette_model *model = model_of(one->name, one->parameters);
  learn(model, one, &content->matrix, content);
  return model;
}

/* Its predictions for the rows; `outputs` a row. */
static float *predictions_of(maquette_model *model, const maquette_matrix *features, int64_t *outputs) {
  OK(maquette_model_output_count(model, outputs, &error));
  float *answers = calloc((size_t)(features->rows * *outputs) + 1, sizeof(float));
  maquette_matrix out = F32(answers, features->rows, *outputs);
  OK(maquette_model_predict(model, features, &out, &error));
  return answers;
}

TEST(known, "Every kind that there is has an entry here") {
  char *text, names[TEXT] = "[";
  OK(maquette_model_kinds(&text, &error));
  for (size_t i = 0; i < COUNT(kinds); i++)
    snprintf(names + strlen(names), TEXT - strlen(names), "%s\"%s\"", i ? "," : "", kinds[i].name);
  CHECK(!strncmp(text, names, strlen(names)) && !strcmp(text + strlen(names), ",\"onnx-model\"]"), "%s", text);
  maquette_string_free(text);
}

TEST(untrainable, "A kind that only predicts with what was trained elsewhere says so, and predicts nothing before it is loaded") {
  rows content = whole_rows();
  char *text;
  OK(maquette_model_schema("onnx-model", &text, &error));
  CHECK(strstr(text, "\"task\":\"inference\"") && strstr(text, "\"trainable\":false"), "%s", text);
  maquette_string_free(text);
  const kind one = {.name = "onnx-model"};
  maquette_model *model = model_of(one.name, "{\"classLabels\": [\"a\", \"b\"]}"), *clone;
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "rows", &content);
  FAILS(MAQUETTE_E_UNSUPPORTED, "can't be trained", start_on(model, &one, &content.matrix, &content));
  FAILS(MAQUETTE_E_UNSUPPORTED, "can't be trained", maquette_model_train(model, dataset, NULL, &error));
  FAILS(MAQUETTE_E_UNSUPPORTED, "no labels to learn",
        maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  int64_t outputs;
  FAILS(MAQUETTE_E_NOT_TRAINED, "neither trained nor loaded", maquette_model_output_count(model, &outputs, &error));
  FAILS(MAQUETTE_E_NOT_TRAINED, "neither trained nor loaded", maquette_model_labels(model, &text, &error));
  FAILS(MAQUETTE_E_BAD_FORMAT, "can't be read", maquette_model_upload_bytes(model, "\xff", 1, NULL, &error));
  FAILS(MAQUETTE_E_BAD_PARAMETER, "classLabels can't be",
        maquette_model_create("onnx-model", "{\"classLabels\": [1]}", &clone, &error));
  OK(maquette_model_clone(model, &clone, &error));
  OK(maquette_model_parameters(clone, &text, &error));
  CHECK(strstr(text, "\"classLabels\":[\"a\",\"b\"]"), "%s", text);
  maquette_string_free(text);
  OK(maquette_model_reset(model, &error));
  maquette_model_destroy(model), maquette_model_destroy(clone);
  maquette_dataset_destroy(dataset), maquette_store_destroy(store);
  rows_free(content);
}

TEST(forms, "Every kind reads every type and every layout as the same numbers, to learn and to predict") {
  rows content = whole_rows();
  for (size_t i = 0; i < COUNT(kinds); i++) {
    int64_t outputs;
    maquette_model *model = learned(&kinds[i], &content), *other = model_of(kinds[i].name, kinds[i].parameters);
    float *expected = predictions_of(model, &content.matrix, &outputs);
    size_t size = (size_t)(ROWS * outputs) * sizeof(float);
    for (int32_t dtype = MAQUETTE_F32; dtype <= MAQUETTE_I64; dtype++) {
      for (size_t l = 0; l < COUNT(layouts); l++) {
        static char block[BLOCK];
        memset(block, 0x55, sizeof block);
        maquette_matrix matrix = lay_out(block, &layouts[l], dtype, ROWS, COLS);
        for (int64_t row = 0; row < ROWS; row++)
          for (int64_t column = 0; column < COLS; column++) put(&matrix, row, column, content.x[row * COLS + column]);
        float *same = predictions_of(model, &matrix, &outputs);
        CHECK(!memcmp(same, expected, size), "%s, type %d, %s: predicted", kinds[i].name, dtype, layouts[l].name);
        free(same);
        learn(other, &kinds[i], &matrix, &content);
        same = predictions_of(other, &content.matrix, &outputs);
        CHECK(!memcmp(same, expected, size), "%s, type %d, %s: learned", kinds[i].name, dtype, layouts[l].name);
        free(same);
      }
    }
    free(expected), maquette_model_destroy(model), maquette_model_destroy(other);
  }
  rows_free(content);
}

/* ---- Events ---- */

typedef struct listener {
  atomic_int count;
  char text[64][TEXT];
  sem_t done;
} listener;

/* The JSON with every number behind "data" as #, unless it is about loading. */
static void note(listener *self, const char *prefix, const maquette_event *event) {
  char *to = self->text[self->count], *end = to + TEXT - 32;
  to += snprintf(to, TEXT, "%s", prefix);
  bool isMeasured = *prefix != 0, isText = false;
  bool isTold = strstr(event->json, "\"loaded\"") || strstr(event->json, "\"error\"");
  for (const char *from = event->json; *from && to < end; from++) {
    if (!strncmp(from, "\"data\"", 6) && !isTold) isMeasured = true;
    if (*from == '"') isText = !isText;
    if (!isMeasured || isText || !strchr("-0123456789", *from)) {
      *to++ = *from;
      continue;
    }
    from += strspn(from, "-+.0123456789e") - 1;
    *to++ = '#';
  }
  *to = 0;
  if (event->matrix) sprintf(to, " + %d x %d", (int)event->matrix->rows, (int)event->matrix->cols);
  self->count++;
  if (strstr(event->json, "\"success\"")) sem_post(&self->done);
}

static void hear(void *user_data, const maquette_event *event) { note(user_data, "", event); }

/* Takes what a pulled stream has held back until now. */
static void take(listener *self, maquette_subscription *subscription, const char *prefix, const char *empty) {
  maquette_event event = {.struct_size = sizeof event};
  while (maquette_subscription_next(subscription, 0, &event, NULL) == MAQUETTE_OK)
    if (strcmp(event.json, empty)) note(self, prefix, &event);
}

TEST(events, "A training of every kind says what Marcelle's says, event for event, as JSON") {
  rows content = rows_of(30, 4);
  for (size_t i = 0; i < COUNT(kinds); i++) {
    maquette_model *model = model_of(kinds[i].name, kinds[i].parameters);
    for (int pushed = 0; pushed < 2; pushed++) {
      listener *self = calloc(1, sizeof *self);
      sem_init(&self->done, 0, 0);
      maquette_subscription *training, *centers = NULL, *clusters = NULL;
      maquette_stream *stream;
      maquette_model_reset(model, NULL);
      OK(maquette_stream_subscribe(maquette_model_training(model), pushed ? hear : NULL, pushed ? self : NULL, NULL,
                                   &training, &error));
      if (!pushed && maquette_model_stream(model, "centers", &stream, NULL) == MAQUETTE_OK) {
        OK(maquette_stream_subscribe(stream, NULL, NULL, NULL, &centers, &error));
        OK(maquette_model_stream(model, "clusters", &stream, &error));
        OK(maquette_stream_subscribe(stream, NULL, NULL, NULL, &clusters, &error));
      }
      learn(model, &kinds[i], &content.matrix, &content);
      if (pushed) wait_for(&self->done);
      if (!pushed) {
        /* Each stream has an order of its own: the start, what was found, the end. */
        maquette_event event = {.struct_size = sizeof event};
        for (int event_of = 0; event_of < 2; event_of++) {
          OK(maquette_subscription_next(training, 1000, &event, &error));
          note(self, "", &event);
        }
        if (centers) take(self, centers, "centers ", "null"), take(self, clusters, "clusters ", "[]");
        take(self, training, "", "");
      }
      CHECK(!strcmp(self->text[0], "{\"status\":\"idle\"}"), "%s: %s", kinds[i].name, self->text[0]);
      int seen = 1;
      for (int e = 0; e < EVENTS && kinds[i].events[e]; e++) {
        if (pushed && kinds[i].events[e][0] != '{') continue;
        CHECK(!strcmp(self->text[seen], kinds[i].events[e]), "%s: %s, not %s", kinds[i].name, self->text[seen],
              kinds[i].events[e]);
        seen++;
      }
      CHECK(self->count == seen, "%s: %d events, not %d", kinds[i].name, self->count, seen);
      maquette_subscription_destroy(training), maquette_subscription_destroy(centers);
      maquette_subscription_destroy(clusters), free(self);
    }
    maquette_model_destroy(model);
  }
  rows_free(content);
}

TEST(loading, "Loading says loading and then loaded with its source, or error, and fails too") {
  rows content = rows_of(30, 4);
  maquette_store *store = store_of("memory:");
  for (size_t i = 0; i < COUNT(kinds); i++) {
    maquette_model *model = learned(&kinds[i], &content), *loaded = model_of(kinds[i].name, NULL);
    char *id, loadedText[TEXT], missing[TEXT];
    OK(maquette_model_save(model, store, "rows", NULL, NULL, &id, &error));
    listener *self = calloc(1, sizeof *self);
    maquette_subscription *training;
    OK(maquette_stream_subscribe(maquette_model_training(loaded), NULL, NULL, NULL, &training, &error));
    OK(maquette_model_load(loaded, store, "rows", NULL, &error));
    FAILS(MAQUETTE_E_NOT_FOUND, "nobody", maquette_model_load(loaded, store, "nobody", NULL, &error));
    take(self, training, "", "");
    snprintf(loadedText, TEXT, "{\"status\":\"loaded\",\"data\":{\"source\":\"datastore\",\"url\":\"%s/%s\"}}",
             kinds[i].service, id);
    snprintf(missing, TEXT,
             "{\"status\":\"error\",\"data\":{\"error\":\"no saved %s has the id or the name \\\"nobody\\\"\","
             "\"code\":10}}", kinds[i].name);
    const char *expected[] = {"{\"status\":\"idle\"}", "{\"status\":\"loading\"}", loadedText,
                              "{\"status\":\"loading\"}", missing};
    for (size_t e = 0; e < COUNT(expected); e++)
      CHECK(!strcmp(self->text[e], expected[e]), "%s: %s, not %s", kinds[i].name, self->text[e], expected[e]);
    CHECK(self->count == (int)COUNT(expected));
    maquette_string_free(id), maquette_subscription_destroy(training), free(self);
    maquette_model_destroy(model), maquette_model_destroy(loaded);
  }
  maquette_store_destroy(store), rows_free(content);
}

/* ---- Bad input ---- */

TEST(refused, "Every kind refuses rows it can't learn or predict, each for its own reason, and stays as it was") {
  rows content = rows_of(ROWS, COLS);
  float good = content.x[4 * 17 + 2];
  for (size_t i = 0; i < COUNT(kinds); i++) {
    int64_t outputs;
    maquette_model *model = learned(&kinds[i], &content);
    float *before = predictions_of(model, &content.matrix, &outputs), answers[ROWS * 16];
    maquette_matrix out = F32(answers, ROWS, outputs), none = F32(content.x, 0, COLS), flat = F32(content.x, ROWS, 0),
                    narrow = F32(content.x, ROWS, COLS - 1), huge = content.matrix;
    rows empty = content;
    empty.count = 0;
    FAILS(MAQUETTE_E_NO_ROWS, "no rows", start_on(model, &kinds[i], &none, &empty));
    FAILS(MAQUETTE_E_BAD_SHAPE, "features", start_on(model, &kinds[i], &flat, &content));
    huge.rows = INT64_MAX / 2;
    FAILS(MAQUETTE_E_BAD_SHAPE, "", start_on(model, &kinds[i], &huge, &content));
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < COUNT(bad); b++) {
      content.x[4 * 17 + 2] = bad[b];
      FAILS(MAQUETTE_E_NOT_FINITE, "row 17, column 2", start_on(model, &kinds[i], &content.matrix, &content));
      FAILS(MAQUETTE_E_NOT_FINITE, "row 17, column 2", maquette_model_predict(model, &content.matrix, &out, &error));
      content.x[4 * 17 + 2] = good;
    }
    FAILS(MAQUETTE_E_BAD_SHAPE, "trained with 4", maquette_model_predict(model, &narrow, &out, &error));
    maquette_source nothing = {.struct_size = sizeof nothing};
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "source",
          maquette_model_train_source(model, &nothing, NULL, MAQUETTE_TRAIN_FRESH, &error));
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "mode", maquette_model_train_source(model, &nothing, NULL, 3, &error));
    maquette_model *made = NULL;
    const char *name = kinds[i].name;
    FAILS(MAQUETTE_E_UNKNOWN_PARAMETER, "nonsense", maquette_model_create(name, "{\"nonsense\": 1}", &made, &error));
    FAILS(MAQUETTE_E_BAD_JSON, "", maquette_model_create(name, "{", &made, &error));
    FAILS(MAQUETTE_E_BAD_UTF8, "", maquette_model_create(name, "{\"\xff\": 1}", &made, &error));
    CHECK(!made);
    float *after = predictions_of(model, &content.matrix, &outputs);
    CHECK(!memcmp(before, after, (size_t)(ROWS * outputs) * sizeof(float)), "%s", kinds[i].name);
    maquette_model *untrained = model_of(kinds[i].name, NULL);
    FAILS(MAQUETTE_E_NOT_TRAINED, kinds[i].name, maquette_model_predict(untrained, &content.matrix, &out, &error));
    OK(maquette_model_wait(untrained, 0, &error));
    maquette_model_cancel(untrained);
    maquette_model_destroy(untrained), maquette_model_destroy(model), free(before), free(after);
  }
  rows_free(content);
}

TEST(extreme, "Features near the end of the floats' range are predicted as numbers, or refused") {
  rows content = rows_of(ROWS, COLS);
  for (size_t i = 0; i < COUNT(kinds); i++) {
    maquette_model *model = learned(&kinds[i], &content);
    const float extremes[] = {3.4e38f, -3.4e38f, 1e19f, 1e-45f, 1e-38f};
    for (size_t e = 0; e < COUNT(extremes); e++) {
      float x[2 * COLS], answers[16] = {0};
      for (int c = 0; c < 2 * COLS; c++) x[c] = c % 3 ? extremes[e] : -extremes[e];
      for (int64_t count = 1; count <= 2; count++) {
        int64_t outputs;
        OK(maquette_model_output_count(model, &outputs, &error));
        maquette_matrix in = F32(x, count, COLS), out = F32(answers, count, outputs);
        maquette_status status = maquette_model_predict(model, &in, &out, NULL);
        CHECK(status == MAQUETTE_OK || status == MAQUETTE_E_NOT_FINITE, "%s: %d", kinds[i].name, status);
        for (int64_t o = 0; status == MAQUETTE_OK && o < count * outputs; o++)
          CHECK(isfinite(answers[o]), "%s: %g gives %g", kinds[i].name, extremes[e], answers[o]);
      }
    }
    maquette_model_destroy(model);
  }
  rows_free(content);
}

/* ---- Threads ---- */

typedef struct reader {
  maquette_model *model;
  const rows *content;
  int64_t outputs;
  atomic_bool *isOver;
} reader;

static void *keep_predicting(void *data) {
  reader *self = data;
  float answers[16];
  for (int64_t row = 0; !*self->isOver; row = (row + 1) % ROWS) {
    maquette_matrix one = F32(self->content->x + row * COLS, 1, COLS), out = F32(answers, 1, self->outputs);
    maquette_error *failure = NULL;
    CHECK(maquette_model_predict(self->model, &one, &out, &failure) == MAQUETTE_OK, "%s",
          failure ? maquette_error_message(failure) : "");
    maquette_error_destroy(failure);
  }
  return NULL;
}

TEST(threads, "Eight threads predict with every kind while it is trained") {
  rows content = rows_of(ROWS, COLS);
  for (size_t i = 0; i < COUNT(kinds); i++) {
    atomic_bool isOver = false;
    reader self = {learned(&kinds[i], &content), &content, 0, &isOver};
    OK(maquette_model_output_count(self.model, &self.outputs, &error));
    pthread_t threads[8];
    for (int t = 0; t < 8; t++) REQUIRE(!pthread_create(&threads[t], NULL, keep_predicting, &self));
    for (int turn = 0; turn < 30; turn++) learn(self.model, &kinds[i], &content.matrix, &content);
    isOver = true;
    for (int t = 0; t < 8; t++) pthread_join(threads[t], NULL);
    maquette_model_destroy(self.model);
  }
  rows_free(content);
}

/* ---- Memory: a sanitizer keeps what is freed, so this would show nothing there ---- */
#ifndef SANITIZED

static long resident_kilobytes(void) {
  long pages = 0, total;
  malloc_trim(0);
  FILE *file = fopen("/proc/self/statm", "r");
  if (file && fscanf(file, "%ld %ld", &total, &pages) != 2) pages = 0;
  if (file) fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* What was allocated and not given back, to the byte: unlike pages it does not depend on where it lies. */
static long allocated_kilobytes(void) {
  struct mallinfo2 heap = mallinfo2();
  return (long)((heap.uordblks + heap.hblkhd) / 1024);
}

static void train_often(maquette_model *model, const kind *one, const rows *content, int count) {
  for (int i = 0; i < count; i++) {
    learn(model, one, &content->matrix, content);
    int64_t outputs;
    free(predictions_of(model, &content->matrix, &outputs));
  }
}

static void keeps_memory(const char *name) {
  int count = test_setting("TEST_CHURN", 1000000) / 1000;
  rows content = rows_of(120, 32);
  for (size_t i = 0; i < COUNT(kinds); i++) {
    if (strcmp(kinds[i].name, name)) continue;
    maquette_model *model = model_of(name, kinds[i].parameters);
    train_often(model, &kinds[i], &content, count / 10);
    long before = resident_kilobytes(), held = allocated_kilobytes();
    train_often(model, &kinds[i], &content, count);
    long growth = resident_kilobytes() - before, more = allocated_kilobytes() - held;
    /* The rows alone are 15 KB: trainings that kept them would keep 15 MB. */
    CHECK(growth < 4000, "%ld KB more are resident", growth);
    CHECK(more < 100, "%ld KB more are allocated", more);
    maquette_model_destroy(model), rows_free(content);
    return;
  }
  CHECK(0, "there is no %s", name);
}

#define SENTENCE "A thousand trainings take no memory: "
TEST(memory_1, SENTENCE "mlp-classifier") { keeps_memory("mlp-classifier"); }
TEST(memory_2, SENTENCE "mlp-regressor") { keeps_memory("mlp-regressor"); }
TEST(memory_3, SENTENCE "knn-classifier") { keeps_memory("knn-classifier"); }
TEST(memory_4, SENTENCE "knn-regressor") { keeps_memory("knn-regressor"); }
TEST(memory_5, SENTENCE "kmeans-clustering") { keeps_memory("kmeans-clustering"); }
TEST(memory_6, SENTENCE "pca") { keeps_memory("pca"); }
TEST(memory_7, SENTENCE "umap") { keeps_memory("umap"); }
_Static_assert(COUNT(kinds) == 7, "each kind has its test of memory");

#endif

int main(int count, char **words) { return test_main(count, words); }
