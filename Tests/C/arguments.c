/* Every function, with NULL and with handles that are none in each position: a status with a message, outputs
 * untouched, and everything usable afterwards. */
#include "support.h"

/* What a function's arguments are taken from. */
typedef struct fixture {
  maquette_store *store, *disk;
  char copy[512];
  maquette_dataset *dataset, *scratch, *numbers;
  maquette_model *model, *untrained;
  maquette_stream *training, *parameter;
  maquette_subscription *pulled;
  char id[64];
  rows rows;
  maquette_matrix one, one_out, all_out, table, column, shape;
  maquette_rows given;
  maquette_source source;
  float confidences[90], features[120];
  int32_t codes[30];
  maquette_event event, idle;
  maquette_training_status status;
  /* The outputs: seen untouched after a failure. */
  struct {
    void *handle;
    char *text, *text2;
    int64_t number, number2;
    int32_t number32;
  } out;
  /* Which argument is replaced, from 0; -1 for none; and by what, if it is a handle. */
  int bad;
  void *replacement;
} fixture;

static void ignore(void *user_data, const maquette_event *event) { (void)user_data, (void)event; }
static void ignore_log(void *user_data, int32_t level, const char *message) {
  (void)user_data, (void)level, (void)message;
}

static void set_up(fixture *f) {
  memset(f, 0, sizeof *f);
  f->bad = -1;
  f->rows = rows_of(30, 4);
  f->store = store_of("memory:");
  f->disk = store_of(location_of(path_of("disk.db")));
  snprintf(f->copy, sizeof f->copy, "%s", path_of("copy.db"));
  f->dataset = dataset_of(f->store, "fixture", &f->rows);
  f->scratch = dataset_of(f->store, "scratch", NULL);
  f->numbers = dataset_of(f->store, "numbers", NULL);
  f->model = trained("mlp-classifier", "{\"epochs\": 1, \"layers\": [4]}", &f->rows);
  f->untrained = model_of("knn-classifier", NULL);
  f->training = maquette_model_training(f->model);
  OK(maquette_model_parameter(f->model, "epochs", &f->parameter, &error));
  OK(maquette_stream_subscribe(maquette_dataset_counts(f->dataset), NULL, NULL, NULL, &f->pulled, &error));
  char *page, *id;
  OK(maquette_dataset_find(f->dataset, "{\"$limit\": 1}", &page, &error));
  REQUIRE((id = strstr(page, "\"id\":\"")) != NULL, "%s", page);
  sscanf(id, "\"id\":\"%63[^\"]", f->id);
  maquette_string_free(page);
  f->one = F32(f->rows.x, 1, 4);
  f->one_out = F32(f->confidences, 1, 3);
  f->all_out = F32(f->confidences, 30, 3);
  f->table = F32(f->features, 30, 4);
  f->column = F32(f->rows.x, 30, 1);
  f->shape = F32(NULL, 0, 0);
  f->given = (maquette_rows){.struct_size = sizeof f->given, .features = &f->rows.matrix, .labels = f->rows.y};
  f->source = (maquette_source){.struct_size = sizeof f->source, .rows = &f->given};
  f->event.struct_size = sizeof f->event;
  f->idle = (maquette_event){.struct_size = sizeof f->idle, .json = "{\"status\": \"idle\"}"};
  f->status.struct_size = sizeof f->status;
}

/* The store, with a model to remove. */
static maquette_store *with_saved(fixture *f) {
  maquette_model_save(f->model, f->store, "gone", NULL, NULL, NULL, NULL);
  return f->store;
}

static void tear_down(fixture *f) {
  maquette_subscription_destroy(f->pulled);
  maquette_model_destroy(f->model), maquette_model_destroy(f->untrained);
  maquette_dataset_destroy(f->dataset), maquette_dataset_destroy(f->scratch);
  maquette_dataset_destroy(f->numbers), maquette_store_destroy(f->store), maquette_store_destroy(f->disk);
  rows_free(f->rows);
}

/* Argument number n: a pointer, and a handle. */
#define P(n, pointer) (f->bad == (n) ? NULL : (pointer))
#define H(n, handle) (f->bad == (n) ? f->replacement : (handle))

/* Name, what NULL does in each position — H a bad handle, I an invalid argument, - nothing: it is optional — and the
 * call itself. What a call gives is freed by `run`. */
typedef struct function {
  const char *name, *positions;
  maquette_status (*call)(fixture *f, maquette_error **e);
} function;

#define FUNCTIONS(X)                                                                                                  \
  X(build_info, "I", (P(0, &f->out.text), e))                                                                         \
  X(stream_subscribe, "HI", (H(0, f->training), NULL, NULL, NULL, P(1, (maquette_subscription **)&f->out.handle), e)) \
  X(stream_value, "HI", (H(0, f->training), P(1, &f->out.text), e))                                                   \
  X(stream_set, "HI", (H(0, f->parameter), P(1, "1"), e))                                                             \
  X(subscription_next, "HI", (H(0, f->pulled), 0, P(1, &f->event), e))                                                \
  X(subscription_fd, "HI", (H(0, f->pulled), P(1, &f->out.number32), e))                                              \
  X(store_open, "II", (P(0, "memory:"), P(1, (maquette_store **)&f->out.handle), e))                                  \
  X(dataset_open, "HII", (H(0, f->store), P(1, "other"), P(2, (maquette_dataset **)&f->out.handle), e))               \
  X(dataset_append, "HI-", (H(0, f->scratch), P(1, &f->rows.matrix), P(2, f->rows.y), e))                             \
  X(dataset_append_targets, "HII", (H(0, f->numbers), P(1, &f->rows.matrix), P(2, &f->column), e))                    \
  X(dataset_targets, "HI", (H(0, f->numbers), P(1, &f->shape), e))                                                    \
  X(dataset_create, "HI-", (H(0, f->scratch), P(1, "{\"x\": [1, 2, 3, 4]}"), P(2, &f->out.text), e))                  \
  X(dataset_get, "HII", (H(0, f->dataset), P(1, f->id), P(2, &f->out.text), e))                                       \
  X(dataset_find, "H-I", (H(0, f->dataset), P(1, "{}"), P(2, &f->out.text), e))                                       \
  X(dataset_count, "HI", (H(0, f->dataset), P(1, &f->out.number), e))                                                 \
  X(dataset_distinct, "HII", (H(0, f->dataset), P(1, "y"), P(2, &f->out.text), e))                                    \
  X(dataset_shape, "HII", (H(0, f->dataset), P(1, &f->out.number), P(2, &f->out.number2), e))                         \
  X(dataset_read, "HI--", (H(0, f->dataset), P(1, &f->table), P(2, f->codes), P(3, &f->out.text), e))                 \
  X(model_kinds, "I", (P(0, &f->out.text), e))                                                                        \
  X(model_schema, "II", (P(0, "knn-classifier"), P(1, &f->out.text), e))                                              \
  X(model_create, "I-I", (P(0, "knn-classifier"), P(1, "{}"), P(2, (maquette_model **)&f->out.handle), e))            \
  X(model_kind, "HI", (H(0, f->model), P(1, &f->out.text), e))                                                        \
  X(model_parameters, "HI", (H(0, f->model), P(1, &f->out.text), e))                                                  \
  X(model_parameter, "HII", (H(0, f->model), P(1, "epochs"), P(2, (maquette_stream **)&f->out.handle), e))            \
  X(event_training_status, "II", (P(0, &f->idle), P(1, &f->status), e))                                              \
  X(model_train, "HH-", (H(0, f->model), H(1, f->dataset), P(2, f->dataset), e))                                      \
  X(model_train_matrix, "HIIII",                                                                                      \
    (H(0, f->model), P(1, &f->rows.matrix), P(2, f->rows.y), P(3, &f->rows.matrix), P(4, f->rows.y), e))              \
  X(model_train_source, "HI-", (H(0, f->model), P(1, &f->source), P(2, &f->source), MAQUETTE_TRAIN_FRESH, e))         \
  X(model_cancel_keeping, "H", (H(0, f->model), MAQUETTE_KEEP_BEST, e))                                               \
  X(model_wait, "H", (H(0, f->model), MAQUETTE_FOREVER, e))                                                           \
  X(model_clone, "HI", (H(0, f->model), P(1, (maquette_model **)&f->out.handle), e))                                  \
  X(model_feature_count, "HI", (H(0, f->model), P(1, &f->out.number), e))                                             \
  X(model_output_count, "HI", (H(0, f->model), P(1, &f->out.number), e))                                              \
  X(model_predict, "HII", (H(0, f->model), P(1, &f->rows.matrix), P(2, &f->all_out), e))                              \
  X(model_predict_json, "HII", (H(0, f->model), P(1, &f->one), P(2, &f->out.text), e))                                \
  X(model_attributes, "HI", (H(0, f->model), P(1, &f->out.text), e))                                                  \
  X(model_label_count, "HI", (H(0, f->model), P(1, &f->out.number), e))                                               \
  X(model_label, "HI", (H(0, f->model), 0, P(1, &f->out.text), e))                                                    \
  X(model_labels, "HI", (H(0, f->model), P(1, &f->out.text), e))                                                      \
  X(model_save, "HHI---",                                                                                             \
    (H(0, f->model), H(1, f->store), P(2, "saved"), P(3, "{}"), NULL, P(5, &f->out.text), e))                         \
  X(model_load, "HHI-", (H(0, f->model), H(1, f->store), P(2, "saved"), P(3, &f->out.text), e))                       \
  X(model_save_version, "HHI--",                                                                                      \
    (H(0, f->model), H(1, f->store), P(2, "saved"), P(3, "{}"), 3, P(4, &f->out.text), e))                            \
  X(store_models, "H--I", (H(0, f->store), P(1, "knn-classifier"), P(2, "saved"), P(3, &f->out.text), e))             \
  X(model_sync, "HHI-", (H(0, f->untrained), H(1, f->store), P(2, "synced"), P(3, "{\"history\": 2}"), e))            \
  X(model_sync_flush, "H", (H(0, f->untrained), 10000, e))                                                            \
  X(model_unsync, "H", (H(0, f->untrained), 10000, e))                                                                \
  X(store_backup, "HI", (H(0, f->disk), P(1, f->copy), e))                                                            \
  X(store_remove_models, "H-I-",                                                                                      \
    (H(0, with_saved(f)), P(1, "mlp-classifier"), P(2, "gone"), P(3, &f->out.text), e))                               \
  X(dataset_remove, "HI-", (H(0, f->dataset), P(1, f->id), P(2, &f->out.text), e))                                    \
  X(dataset_clear, "H", (H(0, f->scratch), e))                                                                        \
  X(model_reset, "H", (H(0, f->untrained), e))

#define DEFINE(name, positions, arguments) \
  static maquette_status call_##name(fixture *f, maquette_error **e) { return maquette_##name arguments; }
FUNCTIONS(DEFINE)

#define ROW(name, positions, arguments) {#name, positions, call_##name},
static const function functions[] = {FUNCTIONS(ROW)};

/* Calls the function and checks what came of it; what it gave is given back. */
static void run(fixture *f, const function *one, maquette_status expected) {
  memset(&f->out, 0xA5, sizeof f->out);
  char before[sizeof f->out], written[sizeof f->confidences];
  memcpy(before, &f->out, sizeof before);
  memcpy(written, f->confidences, sizeof written);
  maquette_error *failure = (maquette_error *)&before; /* something that is no error: must be overwritten or left */
  maquette_status status = one->call(f, &failure);
  CHECK(status == expected, "%s, argument %d bad: %s instead of %s: %s", one->name, f->bad,
        maquette_status_name(status), maquette_status_name(expected), status ? maquette_error_message(failure) : "");
  if (status != MAQUETTE_OK) {
    CHECK(maquette_error_status(failure) == status, "%s", one->name);
    CHECK(strlen(maquette_error_message(failure)) > 10, "%s: \"%s\"", one->name, maquette_error_message(failure));
    CHECK(status != MAQUETTE_E_INVALID_ARGUMENT || *maquette_error_name(failure), "%s, argument %d: no name: %s",
          one->name, f->bad, maquette_error_message(failure));
    CHECK(!memcmp(before, &f->out, sizeof before), "%s, argument %d: wrote an output", one->name, f->bad);
    CHECK(!memcmp(written, f->confidences, sizeof written), "%s, argument %d: wrote answers", one->name, f->bad);
    maquette_error_destroy(failure);
    CHECK(one->call(f, NULL) == expected, "%s without an error object", one->name);
    return;
  }
  CHECK(failure == (maquette_error *)&before, "%s wrote an error without failing", one->name);
  char *untouched;
  memset(&untouched, 0xA5, sizeof untouched);
  if (f->out.text != untouched) maquette_string_free(f->out.text);
  if (f->out.handle != untouched) {
    maquette_subscription_destroy(f->out.handle), maquette_store_destroy(f->out.handle);
    maquette_dataset_destroy(f->out.handle), maquette_model_destroy(f->out.handle);
  }
  maquette_model_wait(f->model, MAQUETTE_FOREVER, NULL);
}

/* Only an event that waits can be taken. */
static void refill(fixture *f) {
  maquette_subscription_destroy(f->pulled);
  OK(maquette_stream_subscribe(maquette_dataset_counts(f->dataset), NULL, NULL, NULL, &f->pulled, &error));
}

/* Every function succeeds with all arguments: otherwise the other tests here would show nothing. */
static void run_all_well(fixture *f) {
  f->bad = -1;
  for (size_t i = 0; i < COUNT(functions); i++) {
    if (strstr(functions[i].name, "dataset_remove")) continue; /* it would remove what others look for */
    refill(f);
    run(f, &functions[i], MAQUETTE_OK);
  }
}

TEST(null, "NULL in any position is a status that names the argument, or means that it is left out") {
  fixture f;
  set_up(&f);
  run_all_well(&f);
  for (size_t i = 0; i < COUNT(functions); i++) {
    for (f.bad = 0; functions[i].positions[f.bad]; f.bad++) {
      char meaning = functions[i].positions[f.bad];
      refill(&f);
      run(&f, &functions[i],
          meaning == 'H' ? MAQUETTE_E_BAD_HANDLE : meaning == 'I' ? MAQUETTE_E_INVALID_ARGUMENT : MAQUETTE_OK);
    }
  }
  tear_down(&f);
}

TEST(bad_handles, "Destroyed, random and wrong-kind handles are BAD_HANDLE everywhere") {
  fixture f;
  set_up(&f);
  maquette_store *gone_store = store_of("memory:");
  maquette_dataset *gone_dataset = dataset_of(gone_store, "gone", NULL);
  maquette_model *gone_model = model_of("knn-classifier", NULL);
  maquette_stream *gone_stream = maquette_model_training(gone_model);
  maquette_store_destroy(gone_store), maquette_dataset_destroy(gone_dataset), maquette_model_destroy(gone_model);
  int mine = 0;
  void *handles[32] = {NULL,      gone_store,    gone_dataset, gone_model, gone_stream,  &mine,       (void *)1,
                       (void *)3, (void *)~0ul,  f.store,      f.dataset,  f.model,      f.training,  f.pulled};
  size_t count = 14;
  uint64_t state = 42;
  for (; count < COUNT(handles); count++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    handles[count] = (void *)(uintptr_t)(state >> (count % 3 * 16));
  }
  for (size_t i = 0; i < COUNT(functions); i++)
    for (f.bad = 0; functions[i].positions[f.bad]; f.bad++)
      for (size_t h = 0; functions[i].positions[f.bad] == 'H' && h < count; h++) {
        /* The right kind of handle is none of the bad ones. */
        const char *name = functions[i].name;
        bool isRight = (handles[h] == f.store &&
                        (!strcmp(name, "dataset_open") || !strncmp(name, "store", 5) || f.bad == 1)) ||
                       (handles[h] == f.dataset && (!strncmp(name, "dataset", 7) || f.bad == 1)) ||
                       (handles[h] == f.model && !strncmp(name, "model", 5)) ||
                       (handles[h] == f.training && !strncmp(name, "stream", 6)) ||
                       (handles[h] == f.pulled && !strncmp(name, "subscription", 12));
        if (isRight) continue;
        f.replacement = handles[h];
        run(&f, &functions[i], MAQUETTE_E_BAD_HANDLE);
      }
  for (size_t h = 0; h < count; h++) {
    void *handle = handles[h];
    if (handle != f.model) {
      CHECK(maquette_model_cancel(handle) == MAQUETTE_E_BAD_HANDLE);
      CHECK(maquette_model_training(handle) == NULL && maquette_model_sync_status(handle) == NULL);
    }
    if (handle != f.dataset) CHECK(!maquette_dataset_counts(handle) && !maquette_dataset_changes(handle));
    CHECK(maquette_error_status(handle) == MAQUETTE_E_BAD_HANDLE);
    CHECK(strlen(maquette_error_message(handle)) > 10);
    CHECK(!*maquette_error_name(handle));
    maquette_error_destroy(handle); /* nothing happens: it is no error */
  }
  f.bad = -1;
  run_all_well(&f);
  tear_down(&f);
}

TEST(destroy_twice, "Destroying twice, or something else, does nothing") {
  fixture f;
  set_up(&f);
  maquette_model *model = model_of("knn-classifier", NULL);
  maquette_model_destroy(model), maquette_model_destroy(model), maquette_model_destroy(NULL);
  maquette_model *next = model_of("knn-classifier", NULL); /* perhaps where the other was */
  maquette_model_destroy(model);
  maquette_store_destroy((maquette_store *)f.model), maquette_dataset_destroy((maquette_dataset *)f.model);
  maquette_subscription_destroy((maquette_subscription *)f.model);
  maquette_model_destroy((maquette_model *)f.store), maquette_model_destroy((maquette_model *)f.training);
  maquette_store_destroy(NULL), maquette_dataset_destroy(NULL), maquette_subscription_destroy(NULL);
  maquette_error_destroy(NULL), maquette_string_free(NULL);
  char *kind;
  OK(maquette_model_kind(next, &kind, &error));
  maquette_string_free(kind);
  maquette_model_destroy(next);
  run_all_well(&f);
  tear_down(&f);
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
