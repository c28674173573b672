/* Where rows to learn from come from: matrices, a dataset, a function of the host's; and how a training begins. */
#include "support.h"

#define SOURCE(...) ((maquette_source){.struct_size = sizeof(maquette_source), __VA_ARGS__})
#define ROWS(...) ((maquette_rows){.struct_size = sizeof(maquette_rows), __VA_ARGS__})

static void start(maquette_model *model, maquette_source source, int32_t mode) {
  OK(maquette_model_train_source(model, &source, NULL, mode, &error));
}

TEST(attributes, "Attributes are listed; one that isn't there is NOT_FOUND") {
  rows content = rows_of(30, 4);
  maquette_model *model = model_of("knn-classifier", NULL);
  char *text = NULL;
  maquette_matrix shape = F32(NULL, 0, 0);
  FAILS(MAQUETTE_E_NOT_TRAINED, "trained", maquette_model_attributes(model, &text, &error));
  FAILS(MAQUETTE_E_NOT_TRAINED, "trained", maquette_model_attribute(model, "centers", &shape, &error));
  train(model, &content);
  OK(maquette_model_attributes(model, &text, &error));
  CHECK(!strcmp(text, "[]"), "%s", text);
  maquette_string_free(text);
  FAILS(MAQUETTE_E_NOT_FOUND, "centers", maquette_model_attribute(model, "centers", &shape, &error));
  FAILS(MAQUETTE_E_BAD_UTF8, "name", maquette_model_attribute(model, "\xff", &shape, &error));
  maquette_model_destroy(model), rows_free(content);
}

/* ---- A host's function ---- */

typedef struct reader {
  const rows *content;
  int64_t block;           /* rows of each */
  int64_t fails_at, narrow_at; /* a block, or -1 */
  const char *const *names;
  atomic_int reads, destroyed;
  int64_t passes;
  maquette_matrix matrix;
} reader;

static reader reader_of(const rows *content, int64_t block) {
  return (reader){.content = content, .block = block, .fails_at = -1, .narrow_at = -1, .names = content->y};
}

static maquette_status read_rows(void *user_data, int64_t pass, int64_t block, maquette_rows *to) {
  reader *self = user_data;
  self->reads++;
  if (pass + 1 > self->passes) self->passes = pass + 1;
  if (block == self->fails_at) return MAQUETTE_E_IO;
  int64_t first = block * self->block, left = self->content->count - first;
  if (left <= 0) return MAQUETTE_OK;
  int64_t width = self->content->width;
  self->matrix = F32(self->content->x + first * width, left < self->block ? left : self->block, width);
  if (block == self->narrow_at) self->matrix.cols--;
  to->features = &self->matrix;
  to->labels = self->names + first;
  return MAQUETTE_OK;
}

static void destroy_reader(void *user_data) { ((reader *)user_data)->destroyed++; }

static maquette_source source_of(reader *reader) {
  return SOURCE(.read = read_rows, .user_data = reader, .destroy = destroy_reader);
}

/* Whoever has waited for the end of a training may take away what it read. */
static void check_destroyed(reader *reader) { CHECK(reader->destroyed == 1, "destroyed %d times", (int)reader->destroyed); }

TEST(alike, "Rows in a struct, in a dataset and from a function teach the same as a matrix") {
  rows content = rows_of(100, 6);
  const char *const kinds[][2] = {{"mlp-classifier", "{\"epochs\": 3}"}, {"knn-classifier", NULL}};
  for (size_t kind = 0; kind < COUNT(kinds); kind++) {
    maquette_model *model = trained(kinds[kind][0], kinds[kind][1], &content);
    float *expected = confidences_of(model, &content);
    maquette_store *store = store_of("memory:");
    maquette_dataset *dataset = dataset_of(store, "d", &content);
    maquette_rows in_memory = ROWS(.features = &content.matrix, .labels = content.y);
    for (int64_t block = 0; block <= 101; block += block < 3 ? 1 : 49) {
      reader reader = reader_of(&content, block);
      maquette_model *other = model_of(kinds[kind][0], kinds[kind][1]);
      start(other, block == 0 ? SOURCE(.rows = &in_memory) : block == 1 ? SOURCE(.dataset = dataset) : source_of(&reader),
            MAQUETTE_TRAIN_FRESH);
      OK(maquette_model_wait(other, MAQUETTE_FOREVER, &error));
      float *answers = confidences_of(other, &content);
      CHECK(!memcmp(expected, answers, 300 * sizeof(float)), "%s, blocks of %d", kinds[kind][0], (int)block);
      if (block > 1) {
        check_destroyed(&reader);
        CHECK(reader.reads == (100 + block - 1) / block + 1, "%d reads in blocks of %d", (int)reader.reads, (int)block);
      }
      free(answers), maquette_model_destroy(other);
    }
    free(expected), maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
  }
  rows_free(content);
}

TEST(labels, "Labels of later blocks come behind those of earlier ones") {
  rows content = rows_of(60, 6);
  const char *names[60];
  for (int row = 0; row < 60; row++) names[row] = row < 20 ? "a" : row < 40 ? (row % 2 ? "a" : "b") : "c";
  reader reader = reader_of(&content, 20);
  reader.names = names;
  maquette_model *model = model_of("knn-classifier", NULL);
  start(model, source_of(&reader), MAQUETTE_TRAIN_FRESH);
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  char *text;
  OK(maquette_model_labels(model, &text, &error));
  CHECK(!strcmp(text, "[\"a\",\"b\",\"c\"]"), "%s", text);
  check_destroyed(&reader);
  maquette_string_free(text), maquette_model_destroy(model), rows_free(content);
}

TEST(query, "Of a dataset only the instances that match a query are learned, and validated with") {
  rows content = rows_of(60, 6);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 2}");
  maquette_source some = SOURCE(.dataset = dataset, .query = "{\"y\": {\"$ne\": \"middle\"}, \"$limit\": 30}");
  OK(maquette_model_train_source(model, &some, &some, MAQUETTE_TRAIN_FRESH, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  char *text;
  OK(maquette_model_labels(model, &text, &error));
  CHECK(!strcmp(text, "[\"left\",\"right\"]"), "%s", text);
  maquette_string_free(text);
  start(model, SOURCE(.dataset = dataset, .query = "{\"y\": \"nowhere\"}"), MAQUETTE_TRAIN_FRESH);
  FAILS(MAQUETTE_E_NO_ROWS, "", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  const struct {
    const char *query;
    maquette_status status;
  } bad[] = {{"", MAQUETTE_E_BAD_JSON},           {"[]", MAQUETTE_E_BAD_JSON},
             {"\xff", MAQUETTE_E_BAD_UTF8},       {"{\"$where\": 1}", MAQUETTE_E_INVALID_ARGUMENT},
             {"{\"$limit\": \"x\"}", MAQUETTE_E_INVALID_ARGUMENT}};
  for (size_t i = 0; i < COUNT(bad); i++) {
    maquette_source source = SOURCE(.dataset = dataset, .query = bad[i].query);
    FAILS(bad[i].status, "", maquette_model_train_source(model, &source, NULL, MAQUETTE_TRAIN_FRESH, &error));
  }
  maquette_rows in_memory = ROWS(.features = &content.matrix, .labels = content.y);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "query",
        maquette_model_train_source(model, &SOURCE(.rows = &in_memory, .query = "{}"), NULL, MAQUETTE_TRAIN_FRESH,
                                    &error));
  maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

TEST(validation, "Every sort of source may be validated with") {
  rows content = rows_of(60, 6);
  reader one = reader_of(&content, 7), other = reader_of(&content, 9);
  maquette_rows in_memory = ROWS(.features = &content.matrix, .labels = content.y);
  maquette_source training = source_of(&one), reading = source_of(&other), table = SOURCE(.rows = &in_memory);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 2}");
  OK(maquette_model_train_source(model, &training, &reading, MAQUETTE_TRAIN_FRESH, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  check_destroyed(&one), check_destroyed(&other);
  char *first, *second;
  OK(maquette_stream_value(maquette_model_training(model), &first, &error));
  OK(maquette_model_train_source(model, &table, &table, MAQUETTE_TRAIN_FRESH, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  OK(maquette_stream_value(maquette_model_training(model), &second, &error));
  CHECK(strstr(first, "accuracyVal") && !strcmp(first, second), "%s\n%s", first, second);
  maquette_string_free(first), maquette_string_free(second), maquette_model_destroy(model), rows_free(content);
}

TEST(failing, "A function that fails half-way, or gives rows of another width, fails the training; the model stays") {
  rows content = rows_of(60, 6);
  maquette_model *model = trained("knn-classifier", NULL, &content);
  float *before = confidences_of(model, &content);
  for (int what = 0; what < 4; what++) {
    reader reader = reader_of(&content, 20);
    const char *names[60];
    memcpy(names, content.y, sizeof names);
    if (what == 0) reader.fails_at = 2;
    if (what == 1) reader.narrow_at = 1;
    if (what == 2) names[30] = "\xff";
    if (what == 3) names[30] = NULL;
    reader.names = names;
    start(model, source_of(&reader), MAQUETTE_TRAIN_FRESH);
    const maquette_status expected[] = {MAQUETTE_E_IO, MAQUETTE_E_BAD_SHAPE, MAQUETTE_E_BAD_UTF8, MAQUETTE_E_NOT_FOUND};
    const char *const words[] = {"block 2", "block 1", "block 1", "label"};
    FAILS(expected[what], words[what], maquette_model_wait(model, MAQUETTE_FOREVER, &error));
    check_destroyed(&reader);
    float *after = confidences_of(model, &content);
    CHECK(!memcmp(before, after, 180 * sizeof(float)));
    free(after);
  }
  reader empty = reader_of(&content, 20);
  empty.content = &(rows){.count = 0, .width = 6, .x = content.x};
  start(model, source_of(&empty), MAQUETTE_TRAIN_FRESH);
  FAILS(MAQUETTE_E_NO_ROWS, "", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  free(before), maquette_model_destroy(model), rows_free(content);
}

TEST(refused, "What is no source is refused at once, and destroy is called even so") {
  rows content = rows_of(30, 4);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
  maquette_rows in_memory = ROWS(.features = &content.matrix, .labels = content.y);
  maquette_source none = SOURCE(.read = NULL), two = SOURCE(.rows = &in_memory);
  reader reader = reader_of(&content, 10);
  two.read = read_rows, two.user_data = &reader, two.destroy = destroy_reader;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "exactly one",
        maquette_model_train_source(model, &none, NULL, MAQUETTE_TRAIN_FRESH, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "exactly one",
        maquette_model_train_source(model, &two, NULL, MAQUETTE_TRAIN_FRESH, &error));
  CHECK(reader.destroyed == 1);
  reader.destroyed = 0;
  maquette_source good = source_of(&reader);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "mode", maquette_model_train_source(model, &good, NULL, 3, &error));
  CHECK(reader.destroyed == 1);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "mode", maquette_model_train_source(model, &good, NULL, -1, &error));
  FAILS(MAQUETTE_E_BAD_HANDLE, "model", maquette_model_train_source(NULL, &good, &good, 0, &error));
  CHECK(reader.destroyed == 4);
  maquette_source sized = good;
  sized.struct_size = 8;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "struct_size", maquette_model_train_source(model, &sized, NULL, 0, &error));
  maquette_source gone = SOURCE(.dataset = (maquette_dataset *)model);
  FAILS(MAQUETTE_E_BAD_HANDLE, "dataset", maquette_model_train_source(model, &gone, NULL, 0, &error));
  float targets[30] = {0};
  maquette_matrix column = F32(targets, 30, 1), short_column = F32(targets, 29, 1);
  maquette_rows both = in_memory, few = ROWS(.features = &content.matrix, .targets = &short_column);
  both.targets = &column;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "labels and targets",
        maquette_model_train_source(model, &SOURCE(.rows = &both), NULL, 0, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "29", maquette_model_train_source(model, &SOURCE(.rows = &few), NULL, 0, &error));
  maquette_rows numbers = ROWS(.features = &content.matrix, .targets = &column);
  FAILS(MAQUETTE_E_NOT_FOUND, "label", maquette_model_train_source(model, &SOURCE(.rows = &numbers), NULL, 0, &error));
  maquette_model *other = model_of("knn-classifier", NULL);
  FAILS(MAQUETTE_E_UNSUPPORTED, "epochs",
        maquette_model_train_source(other, &SOURCE(.rows = &in_memory), NULL, MAQUETTE_TRAIN_CONTINUING, &error));
  maquette_model_destroy(other);
  start(model, SOURCE(.rows = &in_memory), MAQUETTE_TRAIN_FRESH);
  reader.destroyed = 0;
  FAILS(MAQUETTE_E_BUSY, "", maquette_model_train_source(model, &good, NULL, MAQUETTE_TRAIN_FRESH, &error));
  CHECK(reader.destroyed == 1 && reader.reads == 0);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "kept", maquette_model_cancel_keeping(model, 2, &error));
  OK(maquette_model_cancel_keeping(model, MAQUETTE_KEEP_BEST, &error));
  FAILS(MAQUETTE_E_CANCELLED, "", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  maquette_model_destroy(model), rows_free(content);
}

TEST(numbers, "Numbers are learned from matrices, datasets and functions alike, and predicted as such") {
  rows content = rows_of(90, 4);
  float y[180], answers[180], other[180];
  for (int row = 0; row < 90; row++) y[2 * row] = content.x[4 * row], y[2 * row + 1] = content.x[4 * row + 1] - 3;
  maquette_matrix targets = F32(y, 90, 2), out = F32(answers, 90, 2), again = F32(other, 90, 2);
  maquette_rows in_memory = ROWS(.features = &content.matrix, .targets = &targets);
  maquette_model *model = model_of("mlp-regressor", "{\"epochs\": 60, \"learningRate\": 0.005}");
  start(model, SOURCE(.rows = &in_memory), MAQUETTE_TRAIN_FRESH);
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  int64_t outputs = 0;
  OK(maquette_model_output_count(model, &outputs, &error)), CHECK(outputs == 2);
  FAILS(MAQUETTE_E_UNSUPPORTED, "labels", maquette_model_label_count(model, &outputs, &error));
  OK(maquette_model_predict(model, &content.matrix, &out, &error));
  double worst = 0;
  for (int i = 0; i < 180; i++) worst = fmax(worst, fabs((double)answers[i] - (double)y[i]));
  CHECK(worst < 1.5, "%f", worst);
  maquette_matrix one = F32(content.x, 1, 4);
  char *text;
  OK(maquette_model_predict_json(model, &one, &text, &error));
  CHECK(text[0] == '[', "%s", text), maquette_string_free(text);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "numbers", NULL);
  OK(maquette_dataset_append_targets(dataset, &content.matrix, &targets, &error));
  OK(maquette_model_train(model, dataset, NULL, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  OK(maquette_model_predict(model, &content.matrix, &again, &error));
  CHECK(!memcmp(answers, other, sizeof answers));
  OK(maquette_stream_value(maquette_model_training(model), &text, &error));
  CHECK(strstr(text, "meanAbsoluteErrorVal"), "%s", text), maquette_string_free(text);
  FAILS(MAQUETTE_E_UNSUPPORTED, "labels", maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

TEST(going_on, "Training goes on from where it was: ten epochs and ten are twenty; new rows bring new labels") {
  rows content = rows_of(60, 6);
  maquette_rows in_memory = ROWS(.features = &content.matrix, .labels = content.y);
  maquette_model *whole = model_of("mlp-classifier", "{\"epochs\": 20}"), *halves = model_of("mlp-classifier", "{\"epochs\": 10}");
  FAILS(MAQUETTE_E_NOT_TRAINED, "go on",
        maquette_model_train_source(halves, &SOURCE(.rows = &in_memory), NULL, MAQUETTE_TRAIN_CONTINUING, &error));
  maquette_model *all[] = {whole, halves, halves};
  for (int i = 0; i < 3; i++) {
    start(all[i], SOURCE(.rows = &in_memory), i == 2 ? MAQUETTE_TRAIN_CONTINUING : MAQUETTE_TRAIN_FRESH);
    OK(maquette_model_wait(all[i], MAQUETTE_FOREVER, &error));
  }
  float *first = confidences_of(whole, &content), *second = confidences_of(halves, &content);
  CHECK(!memcmp(first, second, 180 * sizeof(float)));
  const char *late[3] = {"late", "late", "late"};
  maquette_matrix few = F32(content.x, 3, 6);
  maquette_rows more = ROWS(.features = &few, .labels = late);
  start(halves, SOURCE(.rows = &more), MAQUETTE_TRAIN_PARTIAL);
  OK(maquette_model_wait(halves, MAQUETTE_FOREVER, &error));
  char *text;
  OK(maquette_model_labels(halves, &text, &error));
  CHECK(!strcmp(text, "[\"left\",\"middle\",\"right\",\"late\"]"), "%s", text);
  maquette_string_free(text), free(first), free(second);
  maquette_model_destroy(whole), maquette_model_destroy(halves), rows_free(content);
}

TEST(targets, "Targets come back from a dataset as they were given") {
  rows content = rows_of(30, 4);
  float y[60], back[60] = {0};
  for (int i = 0; i < 60; i++) y[i] = (float)i / 7;
  maquette_store *store = store_of("memory:");
  for (int64_t width = 1; width <= 2; width++) {
    maquette_dataset *dataset = dataset_of(store, width == 1 ? "one" : "two", NULL);
    maquette_matrix targets = F32(y, 30, width), shape = F32(NULL, 0, 0), to = F32(back, 30, width);
    OK(maquette_dataset_append_targets(dataset, &content.matrix, &targets, &error));
    OK(maquette_dataset_targets(dataset, &shape, &error));
    CHECK(shape.rows == 30 && shape.cols == width);
    OK(maquette_dataset_targets(dataset, &to, &error));
    CHECK(!memcmp(y, back, 30 * (size_t)width * sizeof(float)));
    maquette_matrix narrow = F32(back, 29, width), empty = F32(y, 30, 0);
    FAILS(MAQUETTE_E_BAD_SHAPE, "29", maquette_dataset_targets(dataset, &narrow, &error));
    FAILS(MAQUETTE_E_BAD_SHAPE, "29", maquette_dataset_append_targets(dataset, &content.matrix, &narrow, &error));
    FAILS(MAQUETTE_E_BAD_SHAPE, "", maquette_dataset_append_targets(dataset, &content.matrix, &empty, &error));
    y[5] = NAN;
    FAILS(MAQUETTE_E_NOT_FINITE, "row", maquette_dataset_append_targets(dataset, &content.matrix, &targets, &error));
    y[5] = 5.0f / 7;
    CHECK(count_of(dataset) == 30);
    maquette_dataset_destroy(dataset);
  }
  maquette_dataset *labelled = dataset_of(store, "labelled", &content);
  maquette_matrix shape = F32(NULL, 0, 0);
  FAILS(MAQUETTE_E_BAD_SHAPE, "label", maquette_dataset_targets(labelled, &shape, &error));
  maquette_dataset_destroy(labelled), maquette_store_destroy(store), rows_free(content);
}

int main(int count, char **words) { return test_main(count, words); }
