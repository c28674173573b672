/* Every function, with NULL and with handles that are none in each position: a status with a message, outputs
 * untouched, and everything usable afterwards. */
#include "support.h"

/* What a function's arguments are taken from. */
typedef struct given {
  maquette_store *store, *disk;
  char copy[512];
  maquette_dataset *dataset, *scratch, *numbers;
  maquette_model *model, *untrained;
  maquette_stream *training, *parameter;
  maquette_subscription *pulled;
  char id[32], added[32];
  rows rows;
  maquette_matrix one, one_out, all_out, table, column, shape;
  maquette_rows given;
  maquette_source source;
  maquette_event event, idle;
  maquette_training_status status;
  /* The outputs: seen untouched after a failure. */
  struct {
    void *handle;
    char *text, *text2;
    int64_t number, number2;
    int32_t number32, codes[30];
    float confidences[90], features[120];
  } out;
  int bad;
  void *replacement, *right[8];
} given;

static void ignore(void *user_data, const maquette_event *event) { (void)user_data, (void)event; }
static void ignore_log(void *user_data, int32_t level, const char *message) {
  (void)user_data, (void)level, (void)message;
}

static void set_up(given *g) {
  memset(g, 0, sizeof *g);
  g->bad = -1;
  g->rows = rows_of(30, 4);
  g->store = store_of("memory:");
  g->disk = store_of(location_of(path_of("disk.db")));
  snprintf(g->copy, sizeof g->copy, "%s", path_of("copy.db"));
  g->dataset = dataset_of(g->store, "fixture", &g->rows);
  g->scratch = dataset_of(g->store, "scratch", NULL);
  g->numbers = dataset_of(g->store, "numbers", NULL);
  g->model = trained("mlp-classifier", "{\"epochs\": 1, \"layers\": [4]}", &g->rows);
  g->untrained = model_of("knn-classifier", NULL);
  g->training = maquette_model_training(g->model);
  OK(maquette_model_parameter(g->model, "epochs", &g->parameter, &error));
  OK(maquette_stream_subscribe(maquette_dataset_counts(g->dataset), NULL, NULL, NULL, &g->pulled, &error));
  char *page;
  OK(maquette_dataset_find(g->dataset, "{\"$limit\": 1}", &page, &error));
  id_in(page, g->id);
  maquette_string_free(page);
  g->one = F32(g->rows.x, 1, 4);
  g->one_out = F32(g->out.confidences, 1, 3);
  g->all_out = F32(g->out.confidences, 30, 3);
  g->table = F32(g->out.features, 30, 4);
  g->column = F32(g->rows.x, 30, 1);
  g->shape = F32(NULL, 0, 0);
  g->given = (maquette_rows){.struct_size = sizeof g->given, .features = &g->rows.matrix, .labels = g->rows.y};
  g->source = (maquette_source){.struct_size = sizeof g->source, .rows = &g->given};
  g->event.struct_size = sizeof g->event;
  g->idle = (maquette_event){.struct_size = sizeof g->idle, .json = "{\"status\": \"idle\"}"};
  g->status.struct_size = sizeof g->status;
}

/* The store, with a model to remove. */
static maquette_store *with_saved(given *g) {
  maquette_model_save(g->model, g->store, "gone", NULL, NULL, NULL, NULL);
  return g->store;
}

static void tear_down(given *g) {
  maquette_subscription_destroy(g->pulled);
  maquette_model_destroy(g->model), maquette_model_destroy(g->untrained);
  maquette_dataset_destroy(g->dataset), maquette_dataset_destroy(g->scratch);
  maquette_dataset_destroy(g->numbers), maquette_store_destroy(g->store), maquette_store_destroy(g->disk);
  rows_free(g->rows);
}

/* What is removed must be there. */
static const char *added(given *g) {
  char *text;
  OK(maquette_dataset_create(g->scratch, "{\"x\": [1, 2, 3, 4]}", &text, &error));
  id_in(text, g->added);
  maquette_string_free(text);
  return g->added;
}

/* A model is synced once. */
static maquette_model *unsynced(given *g) {
  maquette_model_unsync(g->untrained, 10000, NULL);
  return g->untrained;
}

/* Only an event that waits can be taken. */
static maquette_subscription *refilled(given *g) {
  maquette_subscription_destroy(g->pulled);
  OK(maquette_stream_subscribe(maquette_dataset_counts(g->dataset), NULL, NULL, NULL, &g->pulled, &error));
  return g->pulled;
}

#define FUNCTIONS(X)                                                                                                  \
  X(build_info, "I", (P(0, &g->out.text), e))                                                                         \
  X(stream_subscribe, "HI", (H(0, g->training), NULL, NULL, NULL, P(1, (maquette_subscription **)&g->out.handle), e)) \
  X(stream_value, "HI", (H(0, g->training), P(1, &g->out.text), e))                                                   \
  X(stream_set, "HI", (H(0, g->parameter), P(1, "1"), e))                                                             \
  X(subscription_next, "HI", (H(0, refilled(g)), 0, P(1, &g->event), e))                                              \
  X(subscription_fd, "HI", (H(0, g->pulled), P(1, &g->out.number32), e))                                              \
  X(store_open, "II", (P(0, "memory:"), P(1, (maquette_store **)&g->out.handle), e))                                  \
  X(dataset_open, "HII", (H(0, g->store), P(1, "other"), P(2, (maquette_dataset **)&g->out.handle), e))               \
  X(dataset_append, "HI-", (H(0, g->scratch), P(1, &g->rows.matrix), P(2, g->rows.y), e))                             \
  X(dataset_append_targets, "HII", (H(0, g->numbers), P(1, &g->rows.matrix), P(2, &g->column), e))                    \
  X(dataset_targets, "HI", (H(0, g->numbers), P(1, &g->shape), e))                                                    \
  X(dataset_create, "HI-", (H(0, g->scratch), P(1, "{\"x\": [1, 2, 3, 4]}"), P(2, &g->out.text), e))                  \
  X(dataset_get, "HII", (H(0, g->dataset), P(1, g->id), P(2, &g->out.text), e))                                       \
  X(dataset_find, "H-I", (H(0, g->dataset), P(1, "{}"), P(2, &g->out.text), e))                                       \
  X(dataset_count, "HI", (H(0, g->dataset), P(1, &g->out.number), e))                                                 \
  X(dataset_distinct, "HII", (H(0, g->dataset), P(1, "y"), P(2, &g->out.text), e))                                    \
  X(dataset_shape, "HII", (H(0, g->dataset), P(1, &g->out.number), P(2, &g->out.number2), e))                         \
  X(dataset_read, "HI--", (H(0, g->dataset), P(1, &g->table), P(2, g->out.codes), P(3, &g->out.text), e))             \
  X(model_kinds, "I", (P(0, &g->out.text), e))                                                                        \
  X(model_schema, "II", (P(0, "knn-classifier"), P(1, &g->out.text), e))                                              \
  X(model_create, "I-I", (P(0, "knn-classifier"), P(1, "{}"), P(2, (maquette_model **)&g->out.handle), e))            \
  X(model_kind, "HI", (H(0, g->model), P(1, &g->out.text), e))                                                        \
  X(model_parameters, "HI", (H(0, g->model), P(1, &g->out.text), e))                                                  \
  X(model_parameter, "HII", (H(0, g->model), P(1, "epochs"), P(2, (maquette_stream **)&g->out.handle), e))            \
  X(event_training_status, "II", (P(0, &g->idle), P(1, &g->status), e))                                               \
  X(model_train, "HH-", (H(0, g->model), H(1, g->dataset), P(2, g->dataset), e))                                      \
  X(model_train_matrix, "HIIII",                                                                                      \
    (H(0, g->model), P(1, &g->rows.matrix), P(2, g->rows.y), P(3, &g->rows.matrix), P(4, g->rows.y), e))              \
  X(model_train_source, "HI-", (H(0, g->model), P(1, &g->source), P(2, &g->source), MAQUETTE_TRAIN_FRESH, e))         \
  X(model_cancel_keeping, "H", (H(0, g->model), MAQUETTE_KEEP_BEST, e))                                               \
  X(model_wait, "H", (H(0, g->model), MAQUETTE_FOREVER, e))                                                           \
  X(model_clone, "HI", (H(0, g->model), P(1, (maquette_model **)&g->out.handle), e))                                  \
  X(model_feature_count, "HI", (H(0, g->model), P(1, &g->out.number), e))                                             \
  X(model_output_count, "HI", (H(0, g->model), P(1, &g->out.number), e))                                              \
  X(model_predict, "HII", (H(0, g->model), P(1, &g->rows.matrix), P(2, &g->all_out), e))                              \
  X(model_predict_json, "HII", (H(0, g->model), P(1, &g->one), P(2, &g->out.text), e))                                \
  X(model_attributes, "HI", (H(0, g->model), P(1, &g->out.text), e))                                                  \
  X(model_label_count, "HI", (H(0, g->model), P(1, &g->out.number), e))                                               \
  X(model_label, "HI", (H(0, g->model), 0, P(1, &g->out.text), e))                                                    \
  X(model_labels, "HI", (H(0, g->model), P(1, &g->out.text), e))                                                      \
  X(model_save, "HHI---",                                                                                             \
    (H(0, g->model), H(1, g->store), P(2, "saved"), P(3, "{}"), NULL, P(5, &g->out.text), e))                         \
  X(model_load, "HHI-", (H(0, g->model), H(1, g->store), P(2, "saved"), P(3, &g->out.text), e))                       \
  X(model_save_version, "HHI--",                                                                                      \
    (H(0, g->model), H(1, g->store), P(2, "saved"), P(3, "{}"), 3, P(4, &g->out.text), e))                            \
  X(store_models, "H--I", (H(0, g->store), P(1, "knn-classifier"), P(2, "saved"), P(3, &g->out.text), e))             \
  X(model_sync, "HHI-", (H(0, unsynced(g)), H(1, g->store), P(2, "synced"), P(3, "{\"history\": 2}"), e))             \
  X(model_sync_flush, "H", (H(0, g->untrained), 10000, e))                                                            \
  X(model_unsync, "H", (H(0, g->untrained), 10000, e))                                                                \
  X(store_backup, "HI", (H(0, g->disk), P(1, g->copy), e))                                                            \
  X(store_remove_models, "H-I-",                                                                                      \
    (H(0, with_saved(g)), P(1, "mlp-classifier"), P(2, "gone"), P(3, &g->out.text), e))                               \
  X(dataset_remove, "HI-", (H(0, g->scratch), P(1, added(g)), P(2, &g->out.text), e))                                 \
  X(dataset_clear, "H", (H(0, g->scratch), e))                                                                        \
  X(model_reset, "H", (H(0, g->untrained), e))

static void give_back(given *g) {
  maquette_string_free(g->out.text);
  maquette_subscription_destroy(g->out.handle), maquette_store_destroy(g->out.handle);
  maquette_dataset_destroy(g->out.handle), maquette_model_destroy(g->out.handle);
  maquette_model_wait(g->model, MAQUETTE_FOREVER, NULL);
}

/* Of each kind there are several. */
static bool alike(given *g, void *right, void *handle) {
  void *kinds[][3] = {{g->store, g->disk}, {g->dataset, g->scratch, g->numbers}, {g->model, g->untrained},
                      {g->training, g->parameter}};
  for (size_t i = 0; i < COUNT(kinds); i++) {
    bool is_one = false, is_other = false;
    for (size_t j = 0; j < 3; j++) is_one |= right && kinds[i][j] == right, is_other |= kinds[i][j] == handle;
    if (is_one && is_other) return true;
  }
  return right == handle;
}
#define ALIKE alike

#include "given.h"

TEST(null, "NULL in any position is a status that names the argument, or means that it is left out") {
  given g;
  set_up(&g);
  run_all_well(&g);
  void *const none[] = {NULL};
  run_all_badly(&g, none, 1);
  tear_down(&g);
}

TEST(bad_handles, "Destroyed, random and wrong-kind handles are BAD_HANDLE everywhere") {
  given g;
  set_up(&g);
  maquette_store *gone_store = store_of("memory:");
  maquette_dataset *gone_dataset = dataset_of(gone_store, "gone", NULL);
  maquette_model *gone_model = model_of("knn-classifier", NULL);
  maquette_stream *gone_stream = maquette_model_training(gone_model);
  maquette_store_destroy(gone_store), maquette_dataset_destroy(gone_dataset), maquette_model_destroy(gone_model);
  int mine = 0;
  void *handles[32] = {NULL,      gone_store,    gone_dataset, gone_model, gone_stream,  &mine,       (void *)1,
                       (void *)3, (void *)~0ul,  g.store,      g.dataset,  g.model,      g.training,  g.pulled};
  size_t count = 14;
  uint64_t state = 42;
  for (; count < COUNT(handles); count++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    handles[count] = (void *)(uintptr_t)(state >> (count % 3 * 16));
  }
  run_all_badly(&g, handles, count);
  for (size_t h = 0; h < count; h++) {
    void *handle = handles[h];
    if (handle != g.model) {
      CHECK(maquette_model_cancel(handle) == MAQUETTE_E_BAD_HANDLE);
      CHECK(maquette_model_training(handle) == NULL && maquette_model_sync_status(handle) == NULL);
    }
    if (handle != g.dataset) CHECK(!maquette_dataset_counts(handle) && !maquette_dataset_changes(handle));
    CHECK(maquette_error_status(handle) == MAQUETTE_E_BAD_HANDLE);
    CHECK(strlen(maquette_error_message(handle)) > 10);
    CHECK(!*maquette_error_name(handle));
    maquette_error_destroy(handle); /* nothing happens: it is no error */
  }
  run_all_well(&g);
  tear_down(&g);
}

TEST(destroy_twice, "Destroying twice, or something else, does nothing") {
  given g;
  set_up(&g);
  maquette_model *model = model_of("knn-classifier", NULL);
  maquette_model_destroy(model), maquette_model_destroy(model), maquette_model_destroy(NULL);
  maquette_model *next = model_of("knn-classifier", NULL); /* perhaps where the other was */
  maquette_model_destroy(model);
  maquette_store_destroy((maquette_store *)g.model), maquette_dataset_destroy((maquette_dataset *)g.model);
  maquette_subscription_destroy((maquette_subscription *)g.model);
  maquette_model_destroy((maquette_model *)g.store), maquette_model_destroy((maquette_model *)g.training);
  maquette_store_destroy(NULL), maquette_dataset_destroy(NULL), maquette_subscription_destroy(NULL);
  maquette_error_destroy(NULL), maquette_string_free(NULL);
  char *kind;
  OK(maquette_model_kind(next, &kind, &error));
  maquette_string_free(kind);
  maquette_model_destroy(next);
  run_all_well(&g);
  tear_down(&g);
}

TEST(error_outlives, "An error lives until it is destroyed, and is not freed when another takes its place") {
  maquette_error *first = NULL, *second = NULL;
  CHECK(maquette_model_create("no such kind", NULL, NULL, &first) == MAQUETTE_E_INVALID_ARGUMENT);
  maquette_model *model;
  second = first;
  CHECK(maquette_model_create("no such kind", NULL, &model, &second) == MAQUETTE_E_UNKNOWN_KIND);
  CHECK(second != first);
  CHECK(maquette_error_status(first) == MAQUETTE_E_INVALID_ARGUMENT);
  CHECK(maquette_error_status(second) == MAQUETTE_E_UNKNOWN_KIND);
  CHECK(!strcmp(maquette_error_name(second), "no such kind"), "%s", maquette_error_name(second));
  maquette_error_destroy(first);
  CHECK(maquette_error_status(first) == MAQUETTE_E_BAD_HANDLE);
  CHECK(strstr(maquette_error_message(second), "mlp-classifier") != NULL, "%s", maquette_error_message(second));
  maquette_error_destroy(second);
}

TEST(status_names, "Every status has its name, and no other number has one") {
  CHECK(!strcmp(maquette_status_name(MAQUETTE_OK), "MAQUETTE_OK"));
  CHECK(!strcmp(maquette_status_name(MAQUETTE_E_BUSY), "MAQUETTE_E_BUSY"));
  CHECK(!strcmp(maquette_status_name(MAQUETTE_E_NOT_HELD), "MAQUETTE_E_NOT_HELD"));
  for (int32_t status = 1; status <= MAQUETTE_E_NOT_HELD; status++) {
    CHECK(!strncmp(maquette_status_name(status), "MAQUETTE_E_", 11), "%d", status);
    CHECK(strcmp(maquette_status_name(status), maquette_status_name(status - 1)) != 0);
  }
  const int32_t others[] = {-1, MAQUETTE_E_NOT_HELD + 1, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < COUNT(others); i++) CHECK(!strcmp(maquette_status_name(others[i]), "unknown status"));
}

TEST(library, "Version, build information and threads are what the header says") {
  CHECK(!strcmp(maquette_version(), MAQUETTE_VERSION));
  char version[32], *info;
  snprintf(version, sizeof version, "%d.%d.%d", MAQUETTE_VERSION_MAJOR, MAQUETTE_VERSION_MINOR, MAQUETTE_VERSION_PATCH);
  CHECK(!strcmp(version, MAQUETTE_VERSION));
  OK(maquette_build_info(&info, &error));
  const char *const keys[] = {"version", "commit", "configuration", "compiler", "openblas", "sqlite", "kernels", "threads"};
  for (size_t i = 0; i < COUNT(keys); i++) {
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\":", keys[i]);
    CHECK(strstr(info, quoted) != NULL, "no %s in %s", quoted, info);
  }
  maquette_string_free(info);
  int32_t before = maquette_threads();
  CHECK(before >= 1 && before <= 256);
  OK(maquette_set_threads(3, &error));
  CHECK(maquette_threads() == 3);
  const int32_t bad[] = {0, -1, 257, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < COUNT(bad); i++) FAILS(MAQUETTE_E_INVALID_ARGUMENT, "256", maquette_set_threads(bad[i], &error));
  CHECK(maquette_threads() == 3);
}

TEST(log_arguments, "A log level that is none is refused, and destroy runs at once") {
  watcher *w = watcher_new();
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "level", maquette_set_log(0, ignore_log, w, watcher_destroy, &error));
  watcher_free(w);
  w = watcher_new();
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "level", maquette_set_log(5, ignore_log, w, watcher_destroy, &error));
  watcher_free(w);
  w = watcher_new();
  OK(maquette_set_log(MAQUETTE_LOG_DEBUG, ignore_log, w, watcher_destroy, &error));
  CHECK(w->destroys == 0);
  OK(maquette_set_log(0, NULL, NULL, NULL, &error));
  watcher_free(w);
}

TEST(failing_subscribe, "destroy runs exactly once where subscribing fails") {
  watcher *w = watcher_new();
  maquette_subscription *subscription = NULL;
  FAILS(MAQUETTE_E_BAD_HANDLE, "stream",
        maquette_stream_subscribe(NULL, watcher_call, w, watcher_destroy, &subscription, &error));
  watcher_free(w);
  w = watcher_new();
  maquette_model *model = model_of("knn-classifier", NULL);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "subscription",
        maquette_stream_subscribe(maquette_model_training(model), NULL, w, watcher_destroy, NULL, &error));
  watcher_free(w);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "subscription",
        maquette_stream_subscribe(maquette_model_training(model), NULL, NULL, NULL, NULL, &error));
  OK(maquette_stream_subscribe(maquette_model_training(model), ignore, NULL, NULL, &subscription, &error));
  maquette_event event = {.struct_size = sizeof event};
  int32_t descriptor = -7;
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "callback", maquette_subscription_next(subscription, 0, &event, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "callback", maquette_subscription_fd(subscription, &descriptor, &error));
  CHECK(descriptor == -7 && event.json == NULL);
  maquette_subscription_destroy(subscription);
  maquette_model_destroy(model);
}

int main(int count, char **words) { return test_main(count, words); }
