/* The library as a guest in a process: fork, dlopen and dlclose, a host with functions of the same names, no threads to
 * be had, the log, and memory that stays what it is. */
#include "support.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>

/* ---- A host with functions of its own ----
 *
 * These are exported from this program, which comes first in every look-up: were the library's calls bound to them,
 * every training and every store would end here. */
#define OURS(name) \
  void name(void); \
  void name(void) { abort(); }
OURS(cblas_sgemm) OURS(cblas_dgemm) OURS(sgemm_) OURS(openblas_set_num_threads) OURS(sqlite3_open) OURS(sqlite3_open_v2)
OURS(sqlite3_step) OURS(swift_retain) OURS(swift_release) OURS(_gfortran_st_write)

/* And with threads that can be refused. A sanitizer has a pthread_create of its own. */
static atomic_bool no_threads;
typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
extern create_function __interceptor_pthread_create __attribute__((weak));
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  create_function *real = __interceptor_pthread_create;
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  return no_threads ? EAGAIN : real(thread, attributes, start, argument);
}

/* LeakSanitizer asks this at exit. It can't see what threads hold that a fork left behind, or that still run. */
static volatile int holds_much;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return holds_much; }

TEST(interposed, "A host that defines cblas_sgemm, sqlite3_open_v2, swift_retain and others is left alone") {
  CHECK(dlsym(RTLD_DEFAULT, "sqlite3_open_v2") == (void *)sqlite3_open_v2, "the program does not export its own");
  rows content = rows_of(300, 64);
  maquette_store *store = store_of(location_of(path_of("interposed.db")));
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 2, \"batchSize\": 64, \"layers\": [128, 64]}");
  OK(maquette_model_train(model, dataset, NULL, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  OK(maquette_model_save(model, store, "m", NULL, NULL, NULL, &error));
  maquette_model *neighbours = trained("knn-classifier", NULL, &content);
  free(confidences_of(model, &content)), free(confidences_of(neighbours, &content));
  maquette_model_destroy(model), maquette_model_destroy(neighbours);
  maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

TEST(no_more_threads, "Where no thread can be started, training says so, and unsubscribing does not wait for ever") {
  rows content = rows_of(60, 8);
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 1}", &content);
  float *before = confidences_of(model, &content);
  no_threads = true;
  FAILS(MAQUETTE_E_OUT_OF_MEMORY, "thread",
        maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  float *after = confidences_of(model, &content);
  CHECK(!memcmp(before, after, 180 * sizeof(float)));
  maquette_store *store = NULL;
  maquette_status status = maquette_store_open(location_of(path_of("threads.db")), &store, NULL);
  CHECK(status == MAQUETTE_E_OUT_OF_MEMORY && !store, "%s", maquette_status_name(status));
  watcher *w = watcher_new();
  maquette_subscription *subscription = NULL;
  status = maquette_stream_subscribe(maquette_model_training(model), watcher_call, w, watcher_destroy, &subscription, NULL);
  CHECK(status == MAQUETTE_OK || status == MAQUETTE_E_OUT_OF_MEMORY);
  maquette_subscription_destroy(subscription);
  CHECK(w->destroys == 1);
  no_threads = false;
  if (w->destroys == 1) watcher_free(w);
  train(model, &content);
  w = watcher_new();
  subscription = watch(maquette_model_training(model), w);
  while (!w->calls) sleep_ms(1);
  maquette_subscription_destroy(subscription), watcher_free(w);
  free(before), free(after), maquette_model_destroy(model), rows_free(content);
}

/* ---- fork ---- */

TEST(fork_during_training, "In a forked child everything is FORKED, destroy does nothing, and it can exit") {
  rows content = rows_of(300, 16);
  maquette_store *store = store_of(location_of(path_of("fork.db"))), *other = NULL;
  maquette_dataset *dataset = dataset_of(store, "d", &content), *no_dataset = NULL;
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1000000}"), *no_model = NULL;
  watcher *w = watcher_new();
  maquette_subscription *subscription = watch(maquette_model_training(model), w), *pulled, *none = NULL;
  maquette_stream *stream = maquette_model_training(model), *epochs, *no_stream = NULL;
  OK(maquette_model_parameter(model, "epochs", &epochs, &error));
  OK(maquette_stream_subscribe(stream, NULL, NULL, NULL, &pulled, &error));
  OK(maquette_model_train(model, dataset, NULL, &error));
  maquette_error *earlier = NULL;
  maquette_model_create("none", NULL, &no_model, &earlier);
  for (int round = 0; round < 10; round++) {
    pid_t child = fork();
    if (child == 0) {
      holds_much = 1;
      alarm(60);
      char *text = NULL;
      int64_t count = -7, rows, cols;
      float x[16] = {0}, answers[3];
      maquette_matrix one = F32(x, 1, 16), out = F32(answers, 1, 3);
      maquette_event event = {.struct_size = sizeof event, .json = "{\"status\": \"idle\"}"};
      maquette_training_status status = {.struct_size = sizeof status};
      int32_t descriptor;
      watcher *mine = watcher_new();
      maquette_status statuses[] = {
          maquette_build_info(&text, NULL), maquette_set_threads(2, NULL), maquette_store_open("memory:", &other, NULL),
          maquette_stream_subscribe(stream, watcher_call, mine, watcher_destroy, &none, NULL),
          maquette_stream_value(stream, &text, NULL), maquette_stream_set(epochs, "3", NULL),
          maquette_subscription_next(pulled, MAQUETTE_FOREVER, &event, NULL),
          maquette_subscription_fd(pulled, &descriptor, NULL), maquette_dataset_open(store, "d", &no_dataset, NULL),
          maquette_dataset_append(dataset, &one, NULL, NULL), maquette_dataset_create(dataset, "{}", NULL, NULL),
          maquette_dataset_get(dataset, "x", &text, NULL), maquette_dataset_remove(dataset, "x", NULL, NULL),
          maquette_dataset_find(dataset, NULL, &text, NULL), maquette_dataset_count(dataset, &count, NULL),
          maquette_dataset_clear(dataset, NULL), maquette_dataset_distinct(dataset, "y", &text, NULL),
          maquette_dataset_shape(dataset, &rows, &cols, NULL), maquette_dataset_read(dataset, &one, NULL, NULL, NULL),
          maquette_model_kinds(&text, NULL), maquette_model_schema("knn-classifier", &text, NULL),
          maquette_model_create("knn-classifier", NULL, &no_model, NULL), maquette_model_kind(model, &text, NULL),
          maquette_model_parameters(model, &text, NULL), maquette_model_parameter(model, "epochs", &no_stream, NULL),
          maquette_event_training_status(&event, &status, NULL), maquette_model_train(model, dataset, NULL, NULL),
          maquette_model_train_matrix(model, &one, NULL, NULL, NULL, NULL), maquette_model_wait(model, -1, NULL),
          maquette_model_cancel(model), maquette_model_predict(model, &one, &out, NULL),
          maquette_model_predict_json(model, &one, &text, NULL), maquette_model_label_count(model, &count, NULL),
          maquette_model_label(model, 0, &text, NULL), maquette_model_labels(model, &text, NULL),
          maquette_model_save(model, store, "m", NULL, NULL, NULL, NULL),
          maquette_model_load(model, store, "m", NULL, NULL), maquette_error_status(earlier)};
      for (size_t i = 0; i < COUNT(statuses); i++)
        CHECK(statuses[i] == MAQUETTE_E_FORKED, "call %zu: %s", i, maquette_status_name(statuses[i]));
      maquette_error *failure = NULL;
      CHECK(maquette_model_kinds(&text, &failure) == MAQUETTE_E_FORKED);
      CHECK(strlen(maquette_error_message(failure)) > 10);
      CHECK(mine->destroys == 1 && !maquette_model_training(model) && !maquette_dataset_counts(dataset));
      maquette_subscription_destroy(subscription), maquette_subscription_destroy(pulled);
      maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
      maquette_error_destroy(earlier);
      CHECK(w->destroys == 0);
      exit(test_failures ? 1 : 0);
    }
    int status;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %x", status);
  }
  OK(maquette_model_cancel(model)); /* nothing happened to the parent */
  FAILS(MAQUETTE_E_CANCELLED, "", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  OK(maquette_dataset_append(dataset, &content.matrix, content.y, &error));
  CHECK(count_of(dataset) == 600);
  maquette_error_destroy(earlier);
  maquette_subscription_destroy(subscription), maquette_subscription_destroy(pulled), watcher_free(w);
  maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

static void *make_many_errors(void *unused) {
  maquette_model *model = NULL;
  for (int i = 0; i < 20000; i++) {
    maquette_error *failure = NULL;
    if (maquette_model_create("none", NULL, &model, &failure) == MAQUETTE_E_FORKED) return unused;
    maquette_error_destroy(failure);
  }
  return unused;
}

TEST(fork_before_use, "A child forked before the first call, whose threads use the library, never hangs") {
  for (int round = 0; round < 40; round++) {
    pid_t child = fork();
    if (child == 0) {
      holds_much = 1;
      alarm(20);
      pthread_t thread;
      pthread_create(&thread, NULL, make_many_errors, NULL);
      make_many_errors(NULL);
      pthread_join(thread, NULL);
      _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "round %d ended with %x", round, status);
    if (status) break;
  }
}

/* What `program --leave ROUND` does. */
static int leave_during_training(int round) {
  holds_much = 1;
  rows content = rows_of(300, 16);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
  watch(maquette_model_training(model), watcher_new());
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  if (round % 2) sleep_ms(round % 5);
  return test_failures > 0;
}

TEST(exit_during_training, "A process may exit during a training, with subscribers") {
  for (int round = 0; round < test_setting("TEST_ROUNDS", 50); round++) {
    pid_t child = fork();
    if (child == 0) {
      char number[16];
      snprintf(number, sizeof number, "%d", round);
      alarm(60);
      execl("/proc/self/exe", "process", "--leave", number, NULL);
      _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "round %d ended with %x", round, status);
  }
}

/* ---- dlopen ---- */

#define LOAD(name) __typeof__(&maquette_##name) name = (__typeof__(&maquette_##name))dlsym(library, "maquette_" #name)
#pragma GCC diagnostic ignored "-Wpedantic"

TEST(dlopen_dlclose, "The library may be loaded, used and closed a hundred times, also during a training") {
  Dl_info about;
  REQUIRE(dladdr((void *)maquette_version, &about) != 0);
  rows content = rows_of(60, 8);
  for (int round = 0; round < 100; round++) {
    void *library = dlopen(about.dli_fname, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library != NULL, "%s", dlerror());
    LOAD(model_create);
    LOAD(model_train_matrix);
    LOAD(model_wait);
    LOAD(model_destroy);
    maquette_model *model;
    OK(model_create("mlp-classifier", round % 2 ? "{\"epochs\": 1000000}" : "{\"epochs\": 1}", &model, &error));
    OK(model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
    if (round % 2 == 0) OK(model_wait(model, MAQUETTE_FOREVER, &error));
    model_destroy(model);
    dlclose(library);
  }
  rows_free(content);
}

/* ---- The log ---- */

typedef struct journal {
  atomic_int messages, destroys;
  atomic_bool renews;
} journal;

static void log_message(void *user_data, int32_t level, const char *message) {
  journal *self = user_data;
  CHECK(level >= MAQUETTE_LOG_ERROR && level <= MAQUETTE_LOG_DEBUG && *message && !strchr(message, '\n'));
  CHECK(self->destroys == 0);
  self->messages++;
  if (self->renews) OK(maquette_set_log(MAQUETTE_LOG_DEBUG, NULL, NULL, NULL, &error));
}

static void log_destroy(void *user_data) {
  journal *self = user_data;
  self->destroys++;
  /* In a callback every function may be called. */
  if (self->renews) OK(maquette_set_log(MAQUETTE_LOG_ERROR, NULL, NULL, NULL, &error));
}

TEST(log_replaced, "A log function is destroyed once when another takes its place") {
  journal first = {0}, second = {0};
  OK(maquette_set_log(MAQUETTE_LOG_DEBUG, log_message, &first, log_destroy, &error));
  OK(maquette_set_log(MAQUETTE_LOG_DEBUG, log_message, &second, log_destroy, &error));
  CHECK(first.destroys == 1 && second.destroys == 0);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "level", maquette_set_log(9, log_message, &first, NULL, &error));
  CHECK(second.destroys == 0, "a call that fails changes nothing");
  OK(maquette_set_log(MAQUETTE_LOG_ERROR, NULL, NULL, NULL, &error));
  CHECK(first.destroys == 1 && second.destroys == 1);
}

TEST(log_in_destroy, "destroy of a log function may set another log") {
  journal self = {.renews = true}, next = {0};
  OK(maquette_set_log(MAQUETTE_LOG_DEBUG, log_message, &self, log_destroy, &error));
  OK(maquette_set_log(MAQUETTE_LOG_DEBUG, log_message, &next, log_destroy, &error));
  CHECK(self.destroys == 1);
  OK(maquette_set_log(MAQUETTE_LOG_DEBUG, NULL, NULL, NULL, &error));
}

TEST(log_messages, "The log tells of threads that can't be started, in whole messages, also when it is changed inside") {
  journal self = {0};
  OK(maquette_set_log(MAQUETTE_LOG_DEBUG, log_message, &self, log_destroy, &error));
  maquette_model *model = model_of("knn-classifier", NULL);
  maquette_stream *k;
  OK(maquette_model_parameter(model, "k", &k, &error));
  no_threads = true;
  maquette_subscription *subscription = NULL;
  watcher *w = watcher_new();
  maquette_stream_subscribe(k, watcher_call, w, NULL, &subscription, NULL);
  CHECK(self.messages > 0, "nothing was logged");
  self.renews = true;
  maquette_subscription *another = NULL;
  maquette_stream_subscribe(k, watcher_call, w, NULL, &another, NULL);
  CHECK(self.destroys == 1);
  no_threads = false;
}

/* ---- Memory: a sanitizer keeps what is freed, so these would show nothing there ---- */
#ifndef SANITIZED

static long resident_kilobytes(void) {
  long pages = 0, total;
  malloc_trim(0);
  FILE *file = fopen("/proc/self/statm", "r");
  if (file && fscanf(file, "%ld %ld", &total, &pages) != 2) pages = 0;
  if (file) fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void churn(int count) {
  maquette_model *model = NULL;
  for (int i = 0; i < count; i++) {
    maquette_error *failure = NULL;
    maquette_model_create("none", NULL, &model, &failure);
    maquette_error_destroy(failure);
  }
}

TEST(churn_errors, "A million errors, made and destroyed, take no memory") {
  int count = test_setting("TEST_CHURN", 1000000);
  churn(count / 10);
  long before = resident_kilobytes();
  churn(count);
  long growth = resident_kilobytes() - before;
  CHECK(growth < 2000, "%ld KB more", growth);
}

static void train_and_forget(maquette_store *store, const rows *content, int count) {
  for (int i = 0; i < count; i++) {
    maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1, \"layers\": [16]}");
    maquette_dataset *dataset = dataset_of(store, "d", NULL);
    watcher *w = watcher_new();
    maquette_subscription *subscription = watch(maquette_model_training(model), w), *pulled;
    OK(maquette_stream_subscribe(maquette_dataset_counts(dataset), NULL, NULL, NULL, &pulled, &error));
    int32_t descriptor;
    OK(maquette_subscription_fd(pulled, &descriptor, &error));
    OK(maquette_model_train(model, dataset, NULL, &error));
    OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
    free(confidences_of(model, content));
    char *text;
    OK(maquette_model_parameters(model, &text, &error));
    maquette_string_free(text);
    maquette_subscription_destroy(subscription), maquette_subscription_destroy(pulled);
    maquette_model_destroy(model), maquette_dataset_destroy(dataset), watcher_free(w);
  }
}

static int open_descriptors(void) {
  int count = 0;
  for (int i = 0; i < 1024; i++) {
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", i);
    count += readlink(path, target, sizeof target) >= 0;
  }
  return count;
}

TEST(churn_trainings, "A thousand trainings with subscribers take no memory and no descriptors") {
  int count = test_setting("TEST_CHURN", 1000000) / 1000;
  rows content = rows_of(60, 8);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  train_and_forget(store, &content, count / 2);
  long before = resident_kilobytes();
  int descriptors = open_descriptors();
  train_and_forget(store, &content, count);
  long growth = resident_kilobytes() - before;
  CHECK(growth < 4000, "%ld KB more", growth);
  CHECK(open_descriptors() <= descriptors + 2, "%d descriptors, %d before", open_descriptors(), descriptors);
  maquette_dataset_destroy(dataset), maquette_store_destroy(store), rows_free(content);
}

#endif

int main(int count, char **words) {
  if (count == 3 && !strcmp(words[1], "--leave")) return leave_during_training(atoi(words[2]));
  return test_main(count, words);
}
