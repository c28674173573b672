/* Streams: the held value first, events in order, slow subscribers, unsubscribing from everywhere, pulling. */
#include "support.h"

#include <poll.h>
#include <sys/syscall.h>

enum { EPOCHS = 5 };


TEST(order, "A subscriber gets the held value once, then start, epochs 1 to E and success, all numbered") {
  rows content = rows_of(60, 6);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 5}");
  watcher *w = watcher_new();
  maquette_subscription *subscription = watch(maquette_model_training(model), w);
  train(model, &content);
  CHECK(w->calls == EPOCHS + 3, "%d calls", w->calls);
  CHECK(w->status[0] == MAQUETTE_TRAINING_IDLE && w->sequence[0] == 0);
  CHECK(w->status[1] == MAQUETTE_TRAINING_START && w->sequence[1] == 1);
  for (int epoch = 1; epoch <= EPOCHS; epoch++) {
    CHECK(w->status[1 + epoch] == MAQUETTE_TRAINING_EPOCH && w->epoch[1 + epoch] == epoch, "epoch %d", epoch);
    CHECK(w->sequence[1 + epoch] == (uint64_t)epoch + 1 && w->dropped[1 + epoch] == 0);
  }
  CHECK(w->status[EPOCHS + 2] == MAQUETTE_TRAINING_SUCCESS);
  watcher *late = watcher_new();
  maquette_subscription *second = watch(maquette_model_training(model), late);
  while (late->calls < 1) sleep_ms(1);
  sleep_ms(20);
  CHECK(late->calls == 1 && late->status[0] == MAQUETTE_TRAINING_SUCCESS, "%d calls", late->calls);
  CHECK(late->sequence[0] == EPOCHS + 2);
  maquette_subscription_destroy(subscription), maquette_subscription_destroy(second);
  CHECK(w->destroys == 1 && late->destroys == 1);
  maquette_model_destroy(model);
  watcher_free(w), watcher_free(late), rows_free(content);
}

/* sched_getattr(2), which glibc has from 2.41 on only. */
typedef struct turns {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
} turns;

typedef struct callback_turns {
  turns turns;
  long status;
  sem_t called;
} callback_turns;

static void note_turns(void *user_data, const maquette_event *event) {
  callback_turns *noted = user_data;
  (void)event;
  noted->status = syscall(SYS_sched_getattr, 0, &noted->turns, sizeof noted->turns, 0);
  sem_post(&noted->called);
}

TEST(turns_of_callbacks, "A callback's thread has short turns, and policy and priority like all others") {
  maquette_model *model = model_of("kmeans-clustering", "{}");
  callback_turns noted = {.status = -1};
  sem_init(&noted.called, 0, 0);
  maquette_subscription *subscription;
  OK(maquette_stream_subscribe(maquette_model_training(model), note_turns, &noted, NULL, &subscription, &error));
  wait_for(&noted.called);
  turns ours = {0};
  /* Linux tells and takes the length of turns from 6.12 on. */
  if (syscall(SYS_sched_getattr, 0, &ours, sizeof ours, 0) == 0 && noted.status == 0) {
    CHECK(noted.turns.policy == ours.policy && noted.turns.nice == ours.nice && noted.turns.flags == ours.flags);
    if (ours.policy == 0 && ours.runtime > 100000) CHECK(noted.turns.runtime == 100000, "%d ns", (int)noted.turns.runtime);
  }
  maquette_subscription_destroy(subscription), maquette_model_destroy(model);
  sem_destroy(&noted.called);
}

TEST(slow, "A slow subscriber does not slow the training, and misses epochs but never the end") {
  rows content = rows_of(60, 6);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 600}");
  watcher *slow = watcher_new(), *quick = watcher_new();
  slow->blocks = true;
  maquette_subscription *a = watch(maquette_model_training(model), slow);
  maquette_subscription *b = watch(maquette_model_training(model), quick);
  wait_for(&slow->entered); /* inside the call for the held value, and it stays there */
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  while (!quick->calls || quick->status[(quick->calls - 1) % HISTORY] != MAQUETTE_TRAINING_SUCCESS) sleep_ms(1);
  CHECK(slow->calls == 1);
  FAILS(MAQUETTE_E_TIMEOUT, "", maquette_model_wait(model, 10, &error)); /* the slow one has not returned yet */
  slow->blocks = false;
  sem_post(&slow->gate);
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  int last = slow->calls - 1;
  CHECK(last > 2 && last < 600, "%d calls", slow->calls);
  CHECK(slow->status[last] == MAQUETTE_TRAINING_SUCCESS);
  uint64_t dropped = 0;
  for (int i = 1; i <= last; i++) {
    dropped += slow->dropped[i];
    CHECK(slow->sequence[i] == slow->sequence[i - 1] + slow->dropped[i] + 1, "event %d: number %d after %d, %d dropped", i,
          (int)slow->sequence[i], (int)slow->sequence[i - 1], (int)slow->dropped[i]);
  }
  CHECK(dropped > 0 && slow->sequence[last] == 602);
  maquette_subscription_destroy(a), maquette_subscription_destroy(b), maquette_model_destroy(model);
  watcher_free(slow), watcher_free(quick), rows_free(content);
}

/* ---- Unsubscribing ---- */

typedef struct self_ending {
  watcher *watcher;
  maquette_subscription *subscription;
  sem_t known;
} self_ending;

static void end_itself(void *user_data, const maquette_event *event) {
  self_ending *self = user_data;
  wait_for(&self->known);
  maquette_subscription_destroy(self->subscription);
  CHECK(self->watcher->destroys == 0, "destroyed during the call");
  watcher_call(self->watcher, event);
}

static void end_itself_destroy(void *user_data) {
  self_ending *self = user_data;
  watcher_destroy(self->watcher);
}

TEST(unsubscribe_inside, "A callback may end its own subscription: the call is the last, and destroy follows it") {
  maquette_model *model = model_of("mlp-classifier", NULL);
  maquette_stream *epochs;
  OK(maquette_model_parameter(model, "epochs", &epochs, &error));
  self_ending *self = calloc(1, sizeof *self);
  self->watcher = watcher_new();
  sem_init(&self->known, 0, 0);
  OK(maquette_stream_subscribe(epochs, end_itself, self, end_itself_destroy, &self->subscription, &error));
  OK(maquette_stream_set(epochs, "3", &error));
  sem_post(&self->known);
  wait_for(&self->watcher->ended);
  for (int i = 1; i < 50; i++) OK(maquette_stream_set(epochs, "4", &error));
  sleep_ms(20);
  CHECK(self->watcher->calls == 1, "%d calls", self->watcher->calls);
  maquette_subscription_destroy(self->subscription); /* stale by now */
  maquette_model_destroy(model);
  watcher_free(self->watcher);
  memset(self, 0xDD, sizeof *self), free(self);
}

static void *unsubscribe(void *subscription) {
  maquette_subscription_destroy(subscription);
  return NULL;
}

TEST(unsubscribe_elsewhere, "Unsubscribing elsewhere waits for the call that is running; then user_data may be freed") {
  maquette_model *model = model_of("mlp-classifier", NULL);
  maquette_stream *epochs;
  OK(maquette_model_parameter(model, "epochs", &epochs, &error));
  for (int round = 0; round < 20; round++) {
    watcher *w = watcher_new();
    w->blocks = true;
    maquette_subscription *subscription = watch(epochs, w);
    wait_for(&w->entered);
    for (int i = 0; i < 5; i++) OK(maquette_stream_set(epochs, "5", &error));
    pthread_t thread;
    pthread_create(&thread, NULL, unsubscribe, subscription);
    sleep_ms(5);
    CHECK(pthread_tryjoin_np(thread, NULL) != 0 && w->destroys == 0, "it did not wait");
    w->blocks = false; /* should the thread only unsubscribe now, there may be more calls */
    sem_post(&w->gate);
    pthread_join(thread, NULL);
    CHECK(w->destroys == 1);
    watcher_free(w); /* under AddressSanitizer a late call is an error */
  }
  maquette_model_destroy(model);
}

TEST(unsubscribe_race, "Unsubscribing while events come at full speed: no call afterwards, destroy once") {
  maquette_model *model = model_of("mlp-classifier", NULL);
  maquette_stream *epochs;
  OK(maquette_model_parameter(model, "epochs", &epochs, &error));
  rows content = rows_of(60, 6);
  maquette_model *training = model_of("mlp-classifier", "{\"epochs\": 1000000}");
  OK(maquette_model_train_matrix(training, &content.matrix, content.y, NULL, NULL, &error));
  for (int round = 0; round < test_setting("TEST_ROUNDS", 300); round++) {
    watcher *w = watcher_new();
    maquette_subscription *subscription = watch(maquette_model_training(training), w);
    if (round % 3) sched_yield();
    if (round % 7 == 0) sleep_ms(1);
    maquette_subscription_destroy(subscription);
    int calls = w->calls;
    CHECK(w->destroys == 1, "round %d: destroy ran %d times", round, w->destroys);
    sched_yield();
    CHECK(w->calls == calls);
    watcher_free(w);
  }
  maquette_model_destroy(training), maquette_model_destroy(model), rows_free(content);
}

TEST(destroy_at_end, "destroy runs once when the model goes, with and without a subscription handle") {
  maquette_model *model = model_of("mlp-classifier", NULL);
  maquette_stream *training = maquette_model_training(model);
  watcher *with = watcher_new(), *without = watcher_new(), *pulled = watcher_new();
  maquette_subscription *subscription = watch(training, with), *queue;
  OK(maquette_stream_subscribe(training, watcher_call, without, watcher_destroy, NULL, &error));
  OK(maquette_stream_subscribe(training, NULL, pulled, watcher_destroy, &queue, &error));
  while (!with->calls || !without->calls) sleep_ms(1);
  maquette_model_destroy(model);
  wait_for(&with->ended), wait_for(&without->ended);
  maquette_subscription_destroy(subscription), maquette_subscription_destroy(queue);
  wait_for(&pulled->ended);
  sleep_ms(10);
  watcher_free(with), watcher_free(without), watcher_free(pulled);
}

TEST(destroy_during, "destroy runs once, after the last event, when the model goes during a training") {
  rows content = rows_of(60, 6);
  for (int round = 0; round < 10; round++) {
    maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
    watcher *w = watcher_new();
    OK(maquette_stream_subscribe(maquette_model_training(model), watcher_call, w, watcher_destroy, NULL, &error));
    OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
    if (round % 2) sleep_ms(3);
    maquette_model_destroy(model);
    wait_for(&w->ended);
    CHECK(strstr(w->last, "cancelled") != NULL, "%s", w->last);
    watcher_free(w);
  }
  rows_free(content);
}

TEST(stale, "A stream goes stale with its model or dataset") {
  rows content = rows_of(6, 4);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  maquette_model *model = model_of("knn-classifier", NULL);
  maquette_stream *k;
  OK(maquette_model_parameter(model, "k", &k, &error));
  maquette_stream *streams[] = {k, maquette_model_training(model), maquette_dataset_counts(dataset),
                                maquette_dataset_changes(dataset)};
  CHECK(streams[1] == maquette_model_training(model), "asked again, it is the same");
  maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
  for (size_t i = 0; i < COUNT(streams); i++) {
    char *json = NULL;
    FAILS(MAQUETTE_E_BAD_HANDLE, "stream", maquette_stream_value(streams[i], &json, &error));
    FAILS(MAQUETTE_E_BAD_HANDLE, "stream", maquette_stream_set(streams[i], "1", &error));
    watcher *w = watcher_new();
    FAILS(MAQUETTE_E_BAD_HANDLE, "stream",
          maquette_stream_subscribe(streams[i], watcher_call, w, watcher_destroy, NULL, &error));
    watcher_free(w);
  }
  rows_free(content);
}

/* ---- Callbacks that call the library ---- */

typedef struct caller {
  maquette_model *model;
  maquette_store *store;
  maquette_dataset *dataset;
  const rows *content;
  maquette_subscription *extra;
  watcher *extra_watcher;
  sem_t done;
  int trainings, epochs;
} caller;

static void call_everything(void *user_data, const maquette_event *event) {
  caller *self = user_data;
  maquette_training_status status = {.struct_size = sizeof status};
  OK(maquette_event_training_status(event, &status, &error));
  char *text;
  OK(maquette_build_info(&text, &error)), maquette_string_free(text);
  OK(maquette_stream_value(maquette_model_training(self->model), &text, &error)), maquette_string_free(text);
  FAILS(MAQUETTE_E_REENTRANT, "callback", maquette_model_wait(self->model, MAQUETTE_FOREVER, &error));
  FAILS(MAQUETTE_E_REENTRANT, "callback", maquette_model_wait(self->model, 0, &error));
  if (status.status == MAQUETTE_TRAINING_EPOCH) {
    self->epochs++;
    float answers[90];
    maquette_matrix out = F32(answers, 30, 3);
    maquette_matrix in = self->content->matrix;
    OK(maquette_model_predict(self->model, &in, &out, &error));
    OK(maquette_model_save(self->model, self->store, "inside", NULL, NULL, &text, &error));
    maquette_string_free(text);
    maquette_status busy = maquette_model_train(self->model, self->dataset, NULL, NULL);
    CHECK(busy == MAQUETTE_E_BUSY || busy == MAQUETTE_OK, "%s", maquette_status_name(busy)); /* it may just be over */
    if (busy == MAQUETTE_OK) self->trainings++;
    if (!self->extra) self->extra = watch(maquette_model_training(self->model), self->extra_watcher);
    OK(maquette_dataset_create(self->dataset, "{\"x\": [0, 0, 0, 0], \"y\": \"left\"}", NULL, &error));
    maquette_model *other = trained("knn-classifier", NULL, self->content); /* waiting for another is fine */
    maquette_model_destroy(other);
  }
  if (status.status == MAQUETTE_TRAINING_SUCCESS) {
    if (self->trainings++ < 2) {
      maquette_status again = maquette_model_train(self->model, self->dataset, NULL, &error);
      CHECK(again == MAQUETTE_OK || again == MAQUETTE_E_BUSY, "%s", maquette_status_name(again));
      maquette_error_destroy(error), error = NULL;
    } else {
      sem_post(&self->done);
    }
  }
}

TEST(callbacks, "Every function may be called in a callback; only waiting for its own training is REENTRANT") {
  rows content = rows_of(30, 4);
  caller self = {.content = &content, .store = store_of("memory:"), .extra_watcher = watcher_new()};
  self.dataset = dataset_of(self.store, "d", &content);
  self.model = model_of("mlp-classifier", "{\"epochs\": 3}");
  sem_init(&self.done, 0, 0);
  maquette_subscription *subscription;
  OK(maquette_stream_subscribe(maquette_model_training(self.model), call_everything, &self, NULL, &subscription, &error));
  OK(maquette_model_train(self.model, self.dataset, NULL, &error));
  wait_for(&self.done);
  OK(maquette_model_wait(self.model, MAQUETTE_FOREVER, &error));
  CHECK(self.epochs >= 3 && self.extra_watcher->calls > 0);
  maquette_subscription_destroy(subscription), maquette_subscription_destroy(self.extra);
  watcher_free(self.extra_watcher);
  maquette_model_destroy(self.model), maquette_dataset_destroy(self.dataset), maquette_store_destroy(self.store);
  rows_free(content);
}

typedef struct leaver {
  maquette_model *model;
  maquette_subscription *subscription;
  sem_t entered, leaving;
  maquette_status status;
} leaver;

static void wait_late(void *user_data, const maquette_event *event) {
  (void)event;
  leaver *self = user_data;
  sem_post(&self->entered), wait_for(&self->leaving);
  sleep_ms(30); /* until the other thread waits for this call */
  self->status = maquette_model_wait(self->model, 0, NULL);
}

static void *leave(void *user_data) {
  leaver *self = user_data;
  sem_post(&self->leaving);
  maquette_subscription_destroy(self->subscription);
  return NULL;
}

TEST(leaving, "Waiting in a callback is REENTRANT also while another thread ends the subscription") {
  leaver self = {.model = model_of("knn-classifier", NULL)};
  sem_init(&self.entered, 0, 0), sem_init(&self.leaving, 0, 0);
  OK(maquette_stream_subscribe(maquette_model_training(self.model), wait_late, &self, NULL, &self.subscription, &error));
  wait_for(&self.entered);
  pthread_t thread;
  pthread_create(&thread, NULL, leave, &self);
  pthread_join(thread, NULL);
  CHECK(self.status == MAQUETTE_E_REENTRANT, "%s", maquette_status_name(self.status));
  maquette_model_destroy(self.model);
}

static void retrain(void *user_data, const maquette_event *event) {
  caller *self = user_data;
  if (!strstr(event->json, "success")) return;
  if (++self->trainings < 50)
    OK(maquette_model_train_matrix(self->model, &self->content->matrix, self->content->y, NULL, NULL, &error));
  else
    sem_post(&self->done);
}

TEST(retraining, "Training again at every success, in the callback, is never BUSY") {
  rows content = rows_of(30, 4);
  caller self = {.content = &content, .model = model_of("mlp-classifier", "{\"epochs\": 1, \"layers\": [4]}")};
  sem_init(&self.done, 0, 0);
  OK(maquette_stream_subscribe(maquette_model_training(self.model), retrain, &self, NULL, NULL, &error));
  OK(maquette_model_train_matrix(self.model, &content.matrix, content.y, NULL, NULL, &error));
  wait_for(&self.done);
  CHECK(self.trainings == 50);
  maquette_model_destroy(self.model), rows_free(content);
}

static void cancel_at_3(void *user_data, const maquette_event *event) {
  if (strstr(event->json, "\"epoch\":3,")) CHECK(maquette_model_cancel(user_data) == MAQUETTE_OK);
}

TEST(cancelling, "A callback may cancel the training it hears of") {
  rows content = rows_of(60, 6);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
  OK(maquette_stream_subscribe(maquette_model_training(model), cancel_at_3, model, NULL, NULL, &error));
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  FAILS(MAQUETTE_E_CANCELLED, "cancelled", maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  maquette_model_destroy(model), rows_free(content);
}

static void destroy_model(void *user_data, const maquette_event *event) {
  caller *self = user_data;
  if (!strstr(event->json, "\"epoch\":2,")) return;
  maquette_model_destroy(self->model), maquette_dataset_destroy(self->dataset), maquette_store_destroy(self->store);
}

static void caller_done(void *user_data) { sem_post(&((caller *)user_data)->done); }

TEST(destroying, "A callback may destroy the model, the dataset and the store it hears of") {
  rows content = rows_of(60, 6);
  caller self = {.store = store_of("memory:")};
  self.model = model_of("mlp-classifier", "{\"epochs\": 1000000}");
  self.dataset = dataset_of(self.store, "d", &content);
  sem_init(&self.done, 0, 0);
  OK(maquette_stream_subscribe(maquette_model_training(self.model), destroy_model, &self, caller_done, NULL, &error));
  OK(maquette_model_train(self.model, self.dataset, NULL, &error));
  wait_for(&self.done);
  rows_free(content);
}

/* ---- Pulling ---- */

TEST(pull, "next gives the held value, then every event in order; then TIMEOUT, and CLOSED at the end") {
  rows content = rows_of(60, 6);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 5}");
  maquette_subscription *pulled;
  OK(maquette_stream_subscribe(maquette_model_training(model), NULL, NULL, NULL, &pulled, &error));
  maquette_event event = {.struct_size = sizeof event};
  OK(maquette_subscription_next(pulled, 0, &event, &error));
  CHECK(!strcmp(event.json, "{\"status\":\"idle\"}") && event.json_length == 17 && event.sequence == 0, "%s", event.json);
  const char *idle = event.json;
  FAILS(MAQUETTE_E_TIMEOUT, "0 ms", maquette_subscription_next(pulled, 0, &event, &error));
  FAILS(MAQUETTE_E_TIMEOUT, "5 ms", maquette_subscription_next(pulled, 5, &event, &error));
  CHECK(event.json == idle && !strcmp(idle, "{\"status\":\"idle\"}"), "a timeout must leave the event");
  train(model, &content);
  for (int number = 1; number <= EPOCHS + 2; number++) {
    maquette_training_status status = {.struct_size = sizeof status};
    OK(maquette_subscription_next(pulled, number % 2 ? MAQUETTE_FOREVER : 1000, &event, &error));
    OK(maquette_event_training_status(&event, &status, &error));
    CHECK(event.sequence == (uint64_t)number);
    CHECK(status.status == (number == 1            ? MAQUETTE_TRAINING_START
                            : number == EPOCHS + 2 ? MAQUETTE_TRAINING_SUCCESS
                                                   : MAQUETTE_TRAINING_EPOCH));
  }
  FAILS(MAQUETTE_E_TIMEOUT, "", maquette_subscription_next(pulled, 0, &event, &error));
  OK(maquette_model_train_matrix(model, &content.matrix, content.y, NULL, NULL, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  maquette_model_destroy(model); /* what waits can still be taken */
  int taken = 0;
  while (maquette_subscription_next(pulled, MAQUETTE_FOREVER, &event, &error) == MAQUETTE_OK) taken++;
  CHECK(taken == EPOCHS + 2 && maquette_error_status(error) == MAQUETTE_E_CLOSED, "%d taken", taken);
  maquette_error_destroy(error), error = NULL;
  FAILS(MAQUETTE_E_CLOSED, "ended", maquette_subscription_next(pulled, MAQUETTE_FOREVER, &event, &error));
  maquette_subscription_destroy(pulled), rows_free(content);
}

static void *pull_forever(void *subscription) {
  maquette_event event = {.struct_size = sizeof event};
  maquette_status status = MAQUETTE_OK;
  for (int taken = 0; taken < 1000 && !status; taken++)
    status = maquette_subscription_next(subscription, MAQUETTE_FOREVER, &event, NULL);
  return (void *)(intptr_t)status;
}

TEST(pull_elsewhere, "Who waits in next is woken by an event, by the end of the stream, and by unsubscribing") {
  for (int ending = 0; ending < 2; ending++) {
    maquette_model *model = model_of("mlp-classifier", NULL);
    maquette_stream *epochs;
    maquette_subscription *pulled;
    OK(maquette_model_parameter(model, "epochs", &epochs, &error));
    OK(maquette_stream_subscribe(epochs, NULL, NULL, NULL, &pulled, &error));
    pthread_t thread;
    pthread_create(&thread, NULL, pull_forever, pulled);
    for (int i = 0; i < 10; i++) OK(maquette_stream_set(epochs, "7", &error)), sleep_ms(1);
    CHECK(pthread_tryjoin_np(thread, NULL) != 0, "it should be waiting");
    ending ? maquette_subscription_destroy(pulled) : maquette_model_destroy(model);
    void *status;
    pthread_join(thread, &status);
    CHECK((intptr_t)status == MAQUETTE_E_CLOSED || (ending && (intptr_t)status == MAQUETTE_E_BAD_HANDLE), "%s",
          maquette_status_name((maquette_status)(intptr_t)status));
    maquette_subscription_destroy(pulled), maquette_model_destroy(model);
  }
}

static int readable(int32_t descriptor) {
  struct pollfd one = {.fd = descriptor, .events = POLLIN};
  return poll(&one, 1, 0);
}

TEST(descriptor, "The descriptor is readable as long as next would not wait, and at the end for good") {
  maquette_model *model = model_of("mlp-classifier", NULL);
  maquette_stream *epochs;
  maquette_subscription *pulled;
  OK(maquette_model_parameter(model, "epochs", &epochs, &error));
  OK(maquette_stream_subscribe(epochs, NULL, NULL, NULL, &pulled, &error));
  int32_t descriptor = -1, again = -1;
  OK(maquette_subscription_fd(pulled, &descriptor, &error));
  OK(maquette_subscription_fd(pulled, &again, &error));
  CHECK(descriptor >= 0 && again == descriptor);
  CHECK(readable(descriptor) == 1 && readable(descriptor) == 1, "the held value waits");
  maquette_event event = {.struct_size = sizeof event};
  OK(maquette_subscription_next(pulled, 0, &event, &error));
  CHECK(readable(descriptor) == 0);
  OK(maquette_stream_set(epochs, "3", &error));
  OK(maquette_stream_set(epochs, "4", &error));
  CHECK(readable(descriptor) == 1);
  OK(maquette_subscription_next(pulled, 0, &event, &error));
  CHECK(readable(descriptor) == 1, "another waits: level-triggered");
  OK(maquette_subscription_next(pulled, 0, &event, &error));
  CHECK(!strcmp(event.json, "4") && readable(descriptor) == 0);
  maquette_model_destroy(model);
  struct pollfd one = {.fd = descriptor, .events = POLLIN};
  CHECK(poll(&one, 1, 5000) == 1);
  FAILS(MAQUETTE_E_CLOSED, "", maquette_subscription_next(pulled, 0, &event, &error));
  CHECK(readable(descriptor) == 1, "at the end it stays readable");
  maquette_subscription_destroy(pulled);
  CHECK(write(descriptor, "12345678", 8) < 0, "the descriptor was not closed");
}

TEST(pull_slow, "Who pulls late misses epochs but never the end, and dropped adds up") {
  rows content = rows_of(60, 6);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 500}");
  maquette_subscription *pulled;
  OK(maquette_stream_subscribe(maquette_model_training(model), NULL, NULL, NULL, &pulled, &error));
  train(model, &content);
  maquette_event event = {.struct_size = sizeof event};
  uint64_t before = 0, dropped = 0;
  OK(maquette_subscription_next(pulled, 0, &event, &error));
  while (maquette_subscription_next(pulled, 0, &event, NULL) == MAQUETTE_OK) {
    CHECK(event.sequence == before + event.dropped + 1);
    before = event.sequence, dropped += event.dropped;
  }
  CHECK(before == 502 && dropped > 0, "number %d, %d dropped", (int)before, (int)dropped);
  CHECK(strstr(event.json, "\"success\"") != NULL);
  maquette_subscription_destroy(pulled), maquette_model_destroy(model), rows_free(content);
}

/* ---- Parameters and datasets ---- */

TEST(parameters, "A parameter's stream checks what is set, tells it, and the next training uses it") {
  rows content = rows_of(30, 4);
  maquette_model *model = model_of("mlp-classifier", "{\"epochs\": 2}");
  maquette_stream *epochs, *split;
  OK(maquette_model_parameter(model, "epochs", &epochs, &error));
  OK(maquette_model_parameter(model, "validationSplit", &split, &error));
  watcher *w = watcher_new(), *t = watcher_new();
  maquette_subscription *subscription = watch(epochs, w), *training = watch(maquette_model_training(model), t);
  FAILS(MAQUETTE_E_BAD_PARAMETER, "epochs", maquette_stream_set(epochs, "0", &error));
  FAILS(MAQUETTE_E_BAD_PARAMETER, "epochs", maquette_stream_set(epochs, "\"4\"", &error));
  FAILS(MAQUETTE_E_BAD_JSON, "json", maquette_stream_set(epochs, "4 5", &error));
  FAILS(MAQUETTE_E_READ_ONLY, "Maquette", maquette_stream_set(maquette_model_training(model), "{}", &error));
  OK(maquette_stream_set(epochs, "4", &error));
  OK(maquette_stream_set(split, "7", &error)); /* clamped to 1 by the training: nothing is left to learn from */
  char *json;
  OK(maquette_model_parameters(model, &json, &error));
  CHECK(strstr(json, "\"epochs\":4,") != NULL, "%s", json);
  maquette_string_free(json);
  OK(maquette_stream_value(epochs, &json, &error));
  CHECK(!strcmp(json, "4"));
  maquette_string_free(json);
  OK(maquette_stream_set(split, "0", &error));
  train(model, &content);
  CHECK(strstr(t->last, "success") && t->calls == 1 + 1 + 4 + 1, "%d calls", t->calls);
  while (w->calls < 2) sleep_ms(1);
  CHECK(w->calls == 2 && !strcmp(w->last, "4") && w->sequence[1] == w->sequence[0] + 1, "%d calls, last %s",
        w->calls, w->last);
  maquette_subscription_destroy(subscription), maquette_subscription_destroy(training);
  maquette_model_destroy(model), watcher_free(w), watcher_free(t), rows_free(content);
}


TEST(dataset, "A dataset tells its count before the changes; changes start with created and hold no value") {
  rows content = rows_of(6, 4);
  const char *const locations[] = {"memory:", location_of(path_of("streams.db"))};
  for (size_t i = 0; i < COUNT(locations); i++) {
    maquette_store *store = store_of(locations[i]);
    maquette_dataset *dataset = dataset_of(store, "d", NULL);
    char *json = NULL;
    FAILS(MAQUETTE_E_NOT_HELD, "", maquette_stream_value(maquette_dataset_changes(dataset), &json, &error));
    FAILS(MAQUETTE_E_READ_ONLY, "", maquette_stream_set(maquette_dataset_counts(dataset), "3", &error));
    maquette_subscription *changes, *counts;
    OK(maquette_stream_subscribe(maquette_dataset_changes(dataset), NULL, NULL, NULL, &changes, &error));
    OK(maquette_stream_subscribe(maquette_dataset_counts(dataset), NULL, NULL, NULL, &counts, &error));
    maquette_event event = {.struct_size = sizeof event};
    OK(maquette_subscription_next(changes, 1000, &event, &error));
    CHECK(!strcmp(event.json, "[{\"level\":\"dataset\",\"type\":\"created\"}]"), "%s", event.json);
    OK(maquette_subscription_next(counts, 1000, &event, &error));
    CHECK(!strcmp(event.json, "0"), "%s", event.json);
    OK(maquette_dataset_append(dataset, &content.matrix, content.y, &error));
    OK(maquette_subscription_next(changes, MAQUETTE_FOREVER, &event, &error));
    CHECK(strstr(event.json, "\"level\":\"instance\",\"type\":\"created\"") != NULL, "%s", event.json);
    maquette_event count = {.struct_size = sizeof count};
    OK(maquette_subscription_next(counts, 0, &count, &error)); /* already there when the changes are */
    CHECK(!strcmp(count.json, "6"), "%s", count.json);
    char *page, id[64];
    OK(maquette_dataset_find(dataset, "{\"$limit\": 1}", &page, &error));
    REQUIRE(sscanf(strstr(page, "\"id\":\""), "\"id\":\"%63[^\"]", id) == 1);
    maquette_string_free(page);
    OK(maquette_dataset_remove(dataset, id, NULL, &error));
    OK(maquette_subscription_next(changes, MAQUETTE_FOREVER, &event, &error));
    CHECK(strstr(event.json, "\"type\":\"removed\"") && strstr(event.json, id), "%s", event.json);
    OK(maquette_dataset_clear(dataset, &error));
    OK(maquette_subscription_next(changes, MAQUETTE_FOREVER, &event, &error));
    char *value;
    OK(maquette_stream_value(maquette_dataset_counts(dataset), &value, &error));
    CHECK(!strcmp(value, "0"), "%s", value);
    maquette_string_free(value);
    maquette_dataset_destroy(dataset), maquette_store_destroy(store);
    while (maquette_subscription_next(changes, 1000, &event, &error) == MAQUETTE_OK) {}
    CHECK(maquette_error_status(error) == MAQUETTE_E_CLOSED);
    maquette_error_destroy(error), error = NULL;
    maquette_subscription_destroy(changes), maquette_subscription_destroy(counts);
  }
  rows_free(content);
}

int main(int count, char **words) { return test_main(count, words); }
