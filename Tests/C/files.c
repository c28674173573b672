/* Models in files and in memory. */
#include "support.h"

static const char *const kinds[] = {"mlp-classifier",    "mlp-regressor", "knn-classifier", "knn-regressor",
                                    "kmeans-clustering", "pca",           "umap"};

/* A small model of the kind that has learned the rows. */
static maquette_model *learned(const char *kind, const rows *content) {
  maquette_model *model = model_of(kind, strstr(kind, "mlp") ? "{\"epochs\": 3, \"standardize\": true}"
                                         : !strcmp(kind, "umap") ? "{\"epochs\": 5, \"nNeighbors\": 5}" : NULL);
  maquette_matrix targets = F32(content->x, content->count, 2);
  targets.row_stride = content->width * (int64_t)sizeof(float);
  maquette_rows given = {.struct_size = sizeof given, .features = &content->matrix, .labels = content->y};
  if (strstr(kind, "regressor")) given.labels = NULL, given.targets = &targets;
  maquette_source source = {.struct_size = sizeof source, .rows = &given};
  OK(maquette_model_train_source(model, &source, NULL, MAQUETTE_TRAIN_FRESH, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  return model;
}

/* What the model answers to the rows; yours to free. */
static float *answers_of(maquette_model *model, const rows *content, size_t *size) {
  int64_t outputs;
  OK(maquette_model_output_count(model, &outputs, &error));
  *size = (size_t)(content->count * outputs) * sizeof(float);
  float *answers = calloc(1, *size);
  maquette_matrix out = F32(answers, content->count, outputs);
  OK(maquette_model_predict(model, &content->matrix, &out, &error));
  return answers;
}

static void same_answers(maquette_model *one, maquette_model *other, const rows *content) {
  size_t first_size, second_size;
  float *first = answers_of(one, content, &first_size), *second = answers_of(other, content, &second_size);
  CHECK(first_size == second_size && !memcmp(first, second, first_size));
  free(first), free(second);
}

TEST(travels, "A model of each kind goes into a file and memory, and out of them, into a model that is there or a new one") {
  rows content = rows_of(40, 5);
  for (size_t i = 0; i < COUNT(kinds); i++) {
    maquette_model *model = learned(kinds[i], &content), *other = model_of(kinds[i], NULL), *opened;
    const char *path = path_of(kinds[i]);
    char *text;
    OK(maquette_model_download(model, path, "{\"format\": \"safetensors\", \"metadata\": {\"n\": 7}}", &text, &error));
    CHECK(strstr(text, path), "%s", text), maquette_string_free(text);
    OK(maquette_model_upload(other, &path, 1, &text, &error));
    CHECK(strstr(text, kinds[i]) && strstr(text, "\"n\":7"), "%s", text), maquette_string_free(text);
    same_answers(model, other, &content);
    OK(maquette_model_open_files(&path, 1, &opened, &error));
    OK(maquette_model_kind(opened, &text, &error));
    CHECK(!strcmp(text, kinds[i]), "%s", text), maquette_string_free(text);
    same_answers(model, opened, &content);
    maquette_model_destroy(opened);
    void *bytes;
    size_t size;
    OK(maquette_model_download_bytes(model, NULL, &bytes, &size, &error));
    OK(maquette_model_reset(other, &error));
    OK(maquette_model_upload_bytes(other, bytes, size, NULL, &error));
    same_answers(model, other, &content);
    OK(maquette_model_open_bytes(bytes, size, &opened, &error));
    same_answers(model, opened, &content);
    FAILS(MAQUETTE_E_BAD_FORMAT, "bytes", maquette_model_open_bytes(bytes, size - 1, &opened, &error));
    maquette_bytes_free(bytes);
    maquette_model_destroy(model), maquette_model_destroy(other), maquette_model_destroy(opened);
  }
  rows_free(content);
}

TEST(events, "An upload tells loading and loaded from a file; one that fails tells its error and changes nothing") {
  rows content = rows_of(30, 4);
  maquette_model *model = learned("knn-classifier", &content), *other = model_of("knn-classifier", NULL);
  maquette_model *wrong = learned("pca", &content);
  const char *path = path_of("model.safetensors"), *missing = path_of("missing.safetensors");
  const char *of_pca = path_of("pca.safetensors");
  OK(maquette_model_download(model, path, NULL, NULL, &error));
  OK(maquette_model_download(wrong, of_pca, NULL, NULL, &error));
  watcher *self = watcher_new();
  maquette_subscription *watching = watch(maquette_model_training(other), self);
  OK(maquette_model_upload(other, &path, 1, NULL, &error));
  while (!watcher_says(self, "\"source\":\"file\"")) sleep_ms(1);
  FAILS(MAQUETTE_E_IO, "missing", maquette_model_upload(other, &missing, 1, NULL, &error));
  FAILS(MAQUETTE_E_BAD_FORMAT, "pca", maquette_model_upload(other, &of_pca, 1, NULL, &error));
  while (!watcher_says(self, "holds a pca")) sleep_ms(1);
  same_answers(model, other, &content);
  maquette_subscription_destroy(watching);
  wait_for(&self->ended);
  int seen[] = {MAQUETTE_TRAINING_IDLE,    MAQUETTE_TRAINING_LOADING, MAQUETTE_TRAINING_LOADED, MAQUETTE_TRAINING_LOADING,
                MAQUETTE_TRAINING_ERROR, MAQUETTE_TRAINING_LOADING, MAQUETTE_TRAINING_ERROR};
  CHECK(self->calls == COUNT(seen) && !memcmp(self->status, seen, sizeof seen));
  watcher_free(self);
  maquette_model_destroy(model), maquette_model_destroy(other), maquette_model_destroy(wrong), rows_free(content);
}

TEST(formats, "A format that there is not, or not for the kind, is an error that lists those there are") {
  rows content = rows_of(30, 4);
  maquette_model *model = learned("umap", &content), *untrained = model_of("pca", NULL);
  const char *path = path_of("model");
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "safetensors",
        maquette_model_download(model, path, "{\"format\": \"pickle\"}", NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "colour", maquette_model_download(model, path, "{\"colour\": 1}", NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "format", maquette_model_download(model, path, "{\"format\": 1}", NULL, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "options", maquette_model_download(model, path, "[]", NULL, &error));
  FAILS(MAQUETTE_E_NOT_TRAINED, "pca", maquette_model_download(untrained, path, NULL, NULL, &error));
  FAILS(MAQUETTE_E_IO, "nowhere", maquette_model_download(model, "/nowhere/model", NULL, NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "count", maquette_model_upload(model, &path, 0, NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "count", maquette_model_upload(model, &path, -1, NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "size", maquette_model_upload_bytes(model, "{}", SIZE_MAX, NULL, &error));
  FAILS(MAQUETTE_E_BAD_FORMAT, "format", maquette_model_upload_bytes(model, "{}", 0, NULL, &error));
  FAILS(MAQUETTE_E_BAD_FORMAT, "format", maquette_model_upload_bytes(model, "{}", 2, NULL, &error));
  maquette_model_destroy(model), maquette_model_destroy(untrained), rows_free(content);
}

/* ---- Bad arguments ---- */

typedef struct given {
  maquette_model *model;
  char path[512];
  const char *paths[2];
  void *bytes;
  size_t size;
  struct {
    void *bytes, *handle;
    char *text;
    size_t size;
  } out;
  int bad;
  void *replacement, *right[8];
} given;

#define FUNCTIONS(X)                                                                                                   \
  X(model_download, "HI--", (H(0, g->model), P(1, g->path), P(2, "{}"), P(3, &g->out.text), e))                        \
  X(model_download_bytes, "H-II", (H(0, g->model), P(1, "{}"), P(2, &g->out.bytes), P(3, &g->out.size), e))            \
  X(model_upload, "HI", (H(0, g->model), P(1, g->paths), 1, &g->out.text, e))                                          \
  X(model_upload_bytes, "HI", (H(0, g->model), P(1, g->bytes), g->size, &g->out.text, e))                              \
  X(model_open_files, "I-I", (P(0, g->paths), 1, P(2, (maquette_model **)&g->out.handle), e))                          \
  X(model_open_bytes, "I-I", (P(0, g->bytes), g->size, P(2, (maquette_model **)&g->out.handle), e))

static void give_back(given *g) {
  maquette_string_free(g->out.text), maquette_bytes_free(g->out.bytes), maquette_model_destroy(g->out.handle);
}

#include "given.h"

TEST(bad_arguments, "NULL, destroyed and wrong-kind handles are statuses everywhere") {
  rows content = rows_of(30, 4);
  given g = {.bad = -1, .model = learned("knn-classifier", &content)};
  strcpy(g.path, path_of("given.safetensors"));
  g.paths[0] = g.path;
  OK(maquette_model_download(g.model, g.path, NULL, NULL, &error));
  OK(maquette_model_download_bytes(g.model, NULL, &g.bytes, &g.size, &error));
  maquette_model *gone = model_of("pca", NULL);
  maquette_model_destroy(gone);
  int mine = 0;
  void *handles[] = {NULL, gone, maquette_model_training(g.model), &mine, (void *)3, (void *)~0ul};
  run_all_well(&g);
  run_all_badly(&g, handles, COUNT(handles));
  const char *broken[] = {"\xff"}, *none[] = {NULL};
  maquette_model *model;
  FAILS(MAQUETTE_E_BAD_UTF8, "paths[0]", maquette_model_upload(g.model, broken, 1, NULL, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "paths[0]", maquette_model_open_files(none, 1, &model, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "count", maquette_model_open_files(broken, INT64_MAX, &model, &error));
  maquette_bytes_free(NULL), maquette_bytes_free(g.bytes);
  maquette_model_destroy(g.model), rows_free(content);
}

int main(int argc, char **argv) { return test_main(argc, argv); }
