/* Calls any function of the header with the values of `values.h`. Whatever is passed, the answer must be what the header says:
 * see `call`. */
#ifndef CALLS_H
#define CALLS_H

#include "values.h"

/* ---- The call ---- */

static inline bool is_destroy(const function *called) {
  size_t length = strlen(called->name);
  return length > 8 && !strcmp(called->name + length - 8, "_destroy");
}

/* Calls the function with the arguments that are filled in and checks the answer: a status of the header's, with an error
 * that says so, outputs that are only written to on success, user data that is given back once. What is given is kept in
 * the pool, or freed. */
static inline maquette_status call(caller *self, const function *called) {
  self->failure = NULL;
  self->pool->calls++;
  void *first = called->count ? self->arguments[0].pointer : NULL;
  intptr_t answer = called->call(self->arguments);
  maquette_status status = called->result == A_STATUS ? (maquette_status)answer : MAQUETTE_OK;
  if (called->result == A_STREAM && answer) keep(self->pool, KIND_stream, (void *)answer, choose(&self->choices, SLOTS));
  if (called->result == A_SENTENCE) CHECK(answer != 0 && strlen((const char *)answer) < 1 << 20, "%s", called->name);
  if (is_destroy(called)) forget(self->pool, first);
  if (called->result == A_STATUS) {
    CHECK(status >= 0 && strncmp(maquette_status_name(status), "MAQUETTE_", 9) == 0, "%s gave %d", called->name, status);
    CHECK(status != MAQUETTE_E_INTERNAL && status != MAQUETTE_E_FORKED, "%s: %s: %s", called->name,
          maquette_status_name(status), maquette_error_message(self->failure));
  }
  for (int i = 0; i < called->count; i++) {
    enum sort sort = called->parameters[i].sort;
    bool isGiven = self->arguments[i].pointer == self->outputs[i];
    if (status != MAQUETTE_OK && isGiven && (sort == A_TEXT_OUT || sort == A_HANDLE_OUT || sort == A_FILE_OUT)) {
      int64_t untouched;
      memset(&untouched, 0xA5, sizeof untouched);
      CHECK(self->outputs[i][0] == untouched, "%s failed with %s and wrote %s", called->name, maquette_status_name(status),
            called->parameters[i].name);
    } else if (status == MAQUETTE_OK && isGiven && sort == A_TEXT_OUT) {
      maquette_string_free((char *)self->outputs[i][0]);
    } else if (status == MAQUETTE_OK && isGiven && sort == A_FILE_OUT) {
      maquette_bytes_free((void *)self->outputs[i][0]);
    } else if (status == MAQUETTE_OK && isGiven && sort == A_HANDLE_OUT) {
      keep(self->pool, (enum kind)called->parameters[i].kind, (void *)self->outputs[i][0], choose(&self->choices, SLOTS));
    } else if (sort == AN_ERROR_OUT) {
      CHECK((self->failure != NULL) == (status != MAQUETTE_OK), "%s: %s", called->name, maquette_status_name(status));
      if (!self->failure) continue;
      CHECK(maquette_error_status(self->failure) == status, "%s: %s", called->name, maquette_status_name(status));
      CHECK(strlen(maquette_error_message(self->failure)) > 10, "%s: %s", called->name, maquette_error_message(self->failure));
      maquette_error_destroy(self->failure);
    } else if (sort == AN_ARROW_STREAM && self->stream.release) {
      self->stream.release(&self->stream);
    }
  }
  maquette_bytes_free(self->file);
  self->file = NULL;
  self->pool->statuses[called - functions] |= 1ull << status;
  return status;
}

/* A call with `bad` in 8 of its arguments bad, the others good. */
static inline void call_anything(caller *self, uint32_t bad) {
  const function *called = &functions[choose(&self->choices, COUNT(functions))];
  /* What makes more goes on more often than what takes away. */
  if ((is_destroy(called) || strstr(called->name, "_clear") || strstr(called->name, "_reset")) && choose(&self->choices, 3)) return;
  for (int i = 0; i < called->count; i++) {
    uint32_t count = bad_count(&called->parameters[i]);
    bool good = !count || choose(&self->choices, 8) >= bad;
    fill(self, called, (size_t)i, good, good ? 0 : choose(&self->choices, count));
  }
  call(self, called);
}

/* In a callback everything may be called. */
static inline void hear(void *user_data, const maquette_event *event) {
  pool *of = ((given *)user_data)->pool;
  CHECK(strlen(event->json) == event->json_length);
  if (pthread_mutex_trylock(&of->entrance)) return;
  if (of->inside) call_anything(of->inside, 1);
  pthread_mutex_unlock(&of->entrance);
}

/* ---- Beginning and end ---- */

static inline caller *caller_new(pool *of, uint64_t seed) {
  static const char *const names[] = {"left", "right", "middle"};
  caller *made = calloc(1, sizeof *made);
  made->pool = of, made->choices.state = seed * 0x9e3779b97f4a7c15u + 1;
  made->zone = calloc(1, ZONE);
  for (int i = 0; i < MOST_TEXTS; i++)
    made->labels[i] = names[i % 3], made->broken[i] = i % 5 == 4 ? "\xff" : i % 7 ? "" : NULL, made->numbers[i] = i ? i % 4 + 1 : WIDTH;
  return made;
}

static inline void caller_free(caller *self) { free(self->zone), free(self); }

static inline const function *function_named(const char *name) {
  for (size_t i = 0; i < COUNT(functions); i++)
    if (!strcmp(functions[i].name, name)) return &functions[i];
  return NULL;
}

/* A pool with what most calls need, and then something of every kind that any function gives. */
static inline void pool_fill(pool *self) {
  rows content = rows_of(30, WIDTH);
  maquette_store *store = store_of("memory:");
  self->handles[KIND_store][0] = store;
  for (int i = 0; i < 2; i++) self->handles[KIND_dataset][i] = dataset_of(store, i ? "left" : "right", &content);
  self->handles[KIND_dataset][2] = dataset_of(store, "empty", NULL);
  OK(maquette_dataset_create(self->handles[KIND_dataset][0],
                             "{\"id\": \"" ID "\", \"x\": [1, 2, 3, 4], \"y\": \"left\"}", NULL, &error));
  const char *const learners[] = {"mlp-classifier", "knn-classifier", "kmeans-clustering", "pca"};
  for (int i = 0; i < SLOTS; i++) {
    maquette_model *model = model_of(learners[i], i ? NULL : "{\"epochs\": 2, \"layers\": [4]}");
    maquette_rows given = {.struct_size = sizeof given, .features = &content.matrix, .labels = i < 2 ? content.y : NULL};
    maquette_source source = {.struct_size = sizeof source, .rows = &given};
    OK(maquette_model_train_source(model, &source, NULL, MAQUETTE_TRAIN_FRESH, &error));
    OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
    OK(maquette_model_save(model, store, "left", NULL, NULL, NULL, &error));
    self->handles[KIND_model][i] = model;
  }
  OK(maquette_model_download(self->handles[KIND_model][0], MODEL_FILE, NULL, NULL, &error));
  rows_free(content);
  caller *own = caller_new(self, 3);
  for (int round = 0; round < 40; round++)
    for (size_t f = 0; f < COUNT(functions); f++)
      for (int i = 0; i < functions[f].count; i++) {
        const parameter *one = &functions[f].parameters[i];
        bool makes = one->sort == A_HANDLE_OUT ? !good_handle(own, one->kind) : functions[f].result == A_STREAM && round < 1;
        if (!makes) continue;
        for (int a = 0; a < functions[f].count; a++) fill(own, &functions[f], (size_t)a, true, 0);
        call(own, &functions[f]);
        break;
      }
  caller_free(own);
}

/* Gives everything back; then whatever user data the library was given must have come back, once the last callbacks have
 * returned. */
static inline void pool_empty(pool *self) {
  OK(maquette_set_log(MAQUETTE_LOG_ERROR, NULL, NULL, NULL, &error));
  for (int slot = 0; slot < SLOTS; slot++) {
    maquette_model_cancel(self->handles[KIND_model][slot]);
    maquette_model_wait(self->handles[KIND_model][slot], 60000, NULL);
  }
  for (int kind = 0; kind < KINDS; kind++)
    for (uint32_t slot = 0; slot < SLOTS; slot++) keep(self, (enum kind)kind, NULL, slot);
  for (int patience = 0; self->given != self->destroyed && patience < 30000; patience++) sleep_ms(1);
  CHECK(self->given == self->destroyed, "%u of %u user data came back", self->destroyed, self->given);
}

#endif
