/* Values of every type that a parameter of the header has, good ones and bad ones, out of a pool of handles.
 *
 * `signatures.h` is written from the header, so a new function is called like all others without anybody thinking of it;
 * only a new type needs values here. The calls themselves are in `calls.h`. */
#ifndef VALUES_H
#define VALUES_H

#include "support.h"

#include "signatures.h"

/* ---- Choices: at random, or as a fuzzer says ---- */

typedef struct choices {
  uint64_t state;
  const uint8_t *bytes; /* of a fuzzer; NULL: at random */
  size_t left;
} choices;

/* A number below `count`. */
static inline uint32_t choose(choices *self, size_t count) {
  if (self->bytes) {
    if (!self->left) return 0;
    uint32_t byte = *self->bytes++;
    self->left--;
    return (uint32_t)(byte % count);
  }
  self->state ^= self->state << 13, self->state ^= self->state >> 7, self->state ^= self->state << 17;
  return (uint32_t)((self->state >> 11) % count);
}

/* ---- A pool of handles that come and go ---- */

enum { SLOTS = 4, MOST_ROWS = 64, WIDTH = 4, ZONE = 1 << 20, MOST_TEXTS = 512 };

typedef struct pool {
  _Atomic(void *) handles[KINDS][SLOTS];
  _Atomic(void *) stale[16]; /* destroyed, or of something that was */
  atomic_uint turn, given, destroyed; /* user data that was given to the library, and that it gave back */
  atomic_llong calls;
  _Atomic(uint64_t) statuses[COUNT(functions)]; /* that each function gave, a bit for each */
  bool waits;                                   /* for ever, too; otherwise with timeouts that pass soon only */
  struct caller *inside;                        /* NULL, or who calls functions in callbacks, one at a time */
  pthread_mutex_t entrance;
} pool;

static inline void forget(pool *self, void *handle) {
  if (handle) self->stale[self->turn++ % COUNT(self->stale)] = handle;
}

/* Puts a handle into the pool, in the place of another. */
static inline void keep(pool *self, enum kind kind, void *handle, uint32_t slot) {
  void *before = atomic_exchange(&self->handles[kind][slot % SLOTS], handle);
  if (kinds[kind].destroy) kinds[kind].destroy(before), forget(self, before); /* streams live on */
}

/* ---- Values of each type ---- */

/* What a host passes of one parameter: memory of its own, for as long as the call. */
typedef struct caller {
  pool *pool;
  choices choices;
  argument arguments[PARAMETERS];
  maquette_matrix matrices[PARAMETERS];
  struct { maquette_rows rows; maquette_matrix features, targets; } rows[PARAMETERS];
  union {
    size_t struct_size;
    maquette_source source;
    maquette_event event;
    maquette_training_status training;
    maquette_batch_status batch;
    maquette_batch_options options;
    maquette_regression_scores scores;
    maquette_rows rows;
    char bytes[512];
  } structs[PARAMETERS];
  struct ArrowArrayStream stream;
  void *file; /* of a model, as the library wrote it */
  size_t file_size;
  int64_t outputs[PARAMETERS][2];
  maquette_error *failure;
  char *zone;               /* where outputs of any size go, and matrices begin in its middle */
  const char *labels[MOST_TEXTS], *broken[MOST_TEXTS];
  int64_t numbers[MOST_TEXTS];
  int64_t height; /* of the matrices of one call */
} caller;

/* What is passed as `user_data`. */
typedef struct given {
  pool *pool;
} given;

static inline void given_back(void *user_data) {
  given *self = user_data;
  self->pool->destroyed++;
  free(self);
}

static inline void hear(void *user_data, const maquette_event *event);

static inline void log_line(void *user_data, int32_t level, const char *message) {
  (void)user_data, (void)level, (void)message;
}

#define ID "0123456789abcdef01234567"
/* A model's file, in the folder that the test runs in. */
#define MODEL_FILE "model.safetensors"
#define GOOD(name, ...) {name, {__VA_ARGS__}}

/* By the name of the parameter; others may be anything in here. */
static const struct {
  const char *name, *values[12];
} good_texts[] = {
    GOOD("location", "memory:", "sqlite:one.db", "sqlite:two.db?synchronous=normal"),
    GOOD("name", "left", "right", "epochs", "layers", "k", "centers", "components", "clusters", "learningRate"),
    GOOD("kind", "mlp-classifier", "mlp-regressor", "knn-classifier", "knn-regressor", "kmeans-clustering", "pca", "umap"),
    GOOD("parameters", "{}", "{\"epochs\": 2}", "{\"k\": 2}", "{\"components\": 2}", "{\"epochs\": 3, \"layers\": [4]}"),
    GOOD("query", "{}", "{\"y\": \"left\"}", "{\"$limit\": 2, \"$skip\": 1}", "{\"$sort\": {\"id\": -1}}",
         "{\"$or\": [{\"a\": {\"$gt\": 1}}, {\"y\": {\"$in\": [\"left\", null]}}]}", "{\"id\": \"" ID "\"}",
         "{\"$select\": [\"y\", \"a\"]}", "{\"a\": {\"$ne\": 2}, \"y\": {\"$nin\": [\"right\"]}}", "{\"$distinct\": \"y\"}"),
    GOOD("id", ID),
    GOOD("id_or_name", "left", ID, "left-1", "right", "left", "left-1"),
    GOOD("documents", "{\"a\": 1}", "[{\"a\": 2, \"b\": [1, {\"c\": \"d\"}]}, {}]", "{\"id\": \"" ID "\", \"a\": 3}"),
    GOOD("document", "{\"a\": 4}", "{\"b\": null}"),
    GOOD("changes", "{\"a\": 5}", "{\"y\": \"right\"}"),
    GOOD("instance", "{\"x\": [1, 2, 3, 4], \"y\": \"left\"}", "{\"x\": [4, 3, 2, 1], \"y\": 0.5}",
         "{\"id\": \"" ID "\", \"x\": [1, 2, 3, 4], \"y\": \"right\"}", "[{\"x\": [1, 1, 1, 1]}, {\"x\": [0, 0, 0, 0]}]"),
    GOOD("field", "y", "a", "x", "id", "b.c"),
    GOOD("json", "3", "1", "2", "0.5", "[4]", "null", "\"relu\"", "true"),
    GOOD("path", "one.json", "two.csv", "three.db"),
    GOOD("options", "{}", "{\"checkpoint\": false}", "{\"history\": 2}", "{\"header\": true}", "{\"seed\": 1}",
         "{\"validation\": 0.5}", "{\"label\": \"y\"}", "{\"checkpointEvery\": 1}"),
    GOOD("format", "safetensors"),
    GOOD("metadata", "{}", "{\"who\": \"we\"}"),
    GOOD("basename", "left", "right"),
    GOOD("checkpoint", "left-1@final"),
    GOOD("runs", "[]", "[\"left-1\"]", "[\"left-1\", \"left-2\"]"),
    GOOD("text", "{\"marcelleMeta\": {\"type\": \"dataset\"}, \"instances\": [{\"x\": [1, 2, 3, 4], \"y\": \"left\"}]}",
         "{\"marcelleMeta\": {\"type\": \"dataset\"}, \"instances\": []}"),
};

static const char *const bad_texts[] = {
    NULL, "", "\xff\xfe", "\xc0\x80", "\xed\xa0\x80", "{", "{\"a\": 1e999}", "[1, 2", "null", "-0", "\"\\ud800\"", "{\"a\"",
    "{\"$limit\": -1}", "{\"$skip\": 99999999999999999999}", "{\"$sort\": {\"\": 0}}", "{\"$no\": 1}", "{\"a\": {\"$gt\": {}}}",
    "{\"$or\": {}}", "{\"$or\": [1]}", "{\"$select\": \"y\"}", "{\"epochs\": -1}", "{\"epochs\": 1e300}", "{\"k\": 0}",
    "{\"layers\": [0]}", "{\"layers\": 9223372036854775807}", "{\"x\": [[[[[1]]]]]}", "{\"x\": [1, [2]]}", "{\"id\": 3}", "nowhere",
    "sqlite:", "sqlite:no/such/folder.db", "ftp://here", ".", "/", "no/such/folder/file", "%s%n", "none", "\t\n\x01",
    "{\"x\": {\"a\": 1}, \"y\": []}", "{\"a\": {\"b\": {\"c\": {\"d\": {}}}}}", "{\"\": \"\"}", "x.y.z", "..", "$where",
};

/* As deep as nobody writes. */
static char deep_text[200001];
__attribute__((constructor)) static inline void deep_text_fill(void) { memset(deep_text, '[', sizeof deep_text - 1); }

static inline const char *good_text(caller *self, const char *name) {
  size_t i = 0;
  while (i < COUNT(good_texts) && strcmp(good_texts[i].name, name)) i++;
  if (i == COUNT(good_texts)) i = choose(&self->choices, COUNT(good_texts));
  size_t count = 0;
  while (count < COUNT(good_texts[i].values) && good_texts[i].values[count]) count++;
  static const char *const optional[] = {"id", "query", "options", "checkpoint", "parameters", "metadata", "kind"};
  for (size_t o = 0; o < COUNT(optional); o++)
    if (!strcmp(name, optional[o]) && !choose(&self->choices, 4)) return NULL;
  return good_texts[i].values[choose(&self->choices, count)];
}

static const int64_t bad_numbers[] = {-1, INT64_MIN, INT64_MAX, INT32_MIN, 257, INT32_MAX, INT64_MIN + 1};

/* Shapes that no memory has, or that hold what they should not; all that may be read lies in the zone. */
static const struct {
  int64_t rows, cols, row_stride, col_stride;
  int32_t dtype;
  uint32_t flags;
  size_t struct_size;
} bad_matrices[] = {
    {-1, WIDTH, 0, 0, 0, 0, sizeof(maquette_matrix)},
    {1, -1, 0, 0, 0, 0, sizeof(maquette_matrix)},
    {INT64_MIN, INT64_MIN, 0, 0, 0, 0, sizeof(maquette_matrix)},
    {INT64_MAX, INT64_MAX, 0, 0, 0, 0, sizeof(maquette_matrix)},
    {INT64_MAX, WIDTH, 0, 0, 0, 0, sizeof(maquette_matrix)},
    {1, INT64_MAX, 0, 0, 0, 0, sizeof(maquette_matrix)},
    {2, WIDTH, INT64_MAX, 0, 0, 0, sizeof(maquette_matrix)},
    {2, WIDTH, INT64_MIN, INT64_MIN, 0, 0, sizeof(maquette_matrix)},
    {4, WIDTH, INT64_MIN / 4, 1, 0, 0, sizeof(maquette_matrix)},
    {8, WIDTH, -3, 1, 0, 0, sizeof(maquette_matrix)}, /* overlapping and on no boundary: fine to read */
    {8, WIDTH, 1, -17, 1, 0, sizeof(maquette_matrix)},
    {0, 0, 0, 0, 0, 0, sizeof(maquette_matrix)},
    {8, 0, 0, 0, 0, 0, sizeof(maquette_matrix)},
    {0, INT64_MAX, 0, 0, 0, 0, sizeof(maquette_matrix)},
    {8, WIDTH, 0, 0, -1, 0, sizeof(maquette_matrix)},
    {8, WIDTH, 0, 0, 5, 0, sizeof(maquette_matrix)},
    {8, WIDTH, 0, 0, INT32_MAX, 0, sizeof(maquette_matrix)},
    {8, WIDTH, 0, 0, INT32_MIN, 0, sizeof(maquette_matrix)},
    {8, WIDTH, 0, 0, 0, 1, sizeof(maquette_matrix)},
    {8, WIDTH, 0, 0, 0, UINT32_MAX, sizeof(maquette_matrix)},
    {8, WIDTH, 0, 0, 0, 0, 0},
    {8, WIDTH, 0, 0, 0, 0, 1},
    {8, WIDTH, 0, 0, 0, 0, sizeof(maquette_matrix) - 1},
    {8, WIDTH, 0, 0, 0, 0, SIZE_MAX},
    {8, WIDTH, 0, 0, 0, 0, SIZE_MAX / 2 + 1},
};
static const size_t bad_sizes[] = {0, 1, 7, 8, SIZE_MAX, SIZE_MAX / 2 + 1, (size_t)1 << 40};

enum { NOT_FINITE = COUNT(bad_matrices), NO_DATA, NO_MATRIX, BAD_MATRICES };

static inline maquette_matrix matrix_in(caller *self, int64_t rows, int64_t cols, bool writes) {
  maquette_matrix made = F32(self->zone + ZONE / 2, rows, cols);
  float *values = made.data;
  for (int64_t i = 0; !writes && i < rows * cols; i++) values[i] = (float)((i % cols == i / cols % 3) * 2) + (float)(i % 7) / 9;
  return made;
}

/* The rows that the trained models and datasets of the pool have; now and then others. */
static inline maquette_matrix good_matrix(caller *self, bool writes) {
  static const int64_t heights[] = {30, 30, 30, 1, 8, 0}, widths[] = {3, WIDTH, 1, 2, 0};
  int64_t rows = choose(&self->choices, 8) ? self->height : heights[choose(&self->choices, COUNT(heights))];
  int64_t cols = writes ? widths[choose(&self->choices, COUNT(widths))] : choose(&self->choices, 6) ? WIDTH : 1;
  maquette_matrix made = matrix_in(self, rows, cols, writes);
  if (writes && !choose(&self->choices, 8)) made.data = NULL, made.rows = made.cols = 0;
  return made;
}

static inline void *bad_matrix(caller *self, maquette_matrix *made, uint32_t which) {
  which %= BAD_MATRICES;
  if (which == NO_MATRIX) return NULL;
  *made = matrix_in(self, 8, WIDTH, false);
  if (which == NOT_FINITE) ((float *)made->data)[5] = NAN, ((float *)made->data)[6] = INFINITY;
  if (which == NO_DATA) made->data = NULL;
  if (which >= COUNT(bad_matrices)) return made;
  made->rows = bad_matrices[which].rows, made->cols = bad_matrices[which].cols;
  made->row_stride = bad_matrices[which].row_stride, made->col_stride = bad_matrices[which].col_stride;
  made->dtype = bad_matrices[which].dtype, made->flags = bad_matrices[which].flags;
  made->struct_size = bad_matrices[which].struct_size;
  return made;
}

static inline void *good_handle(caller *self, int kind) {
  for (int tries = 0; tries < SLOTS; tries++) {
    void *handle = self->pool->handles[kind][choose(&self->choices, SLOTS)];
    if (handle) return handle;
  }
  for (int slot = 0; slot < SLOTS; slot++)
    if (self->pool->handles[kind][slot]) return self->pool->handles[kind][slot];
  return NULL;
}

enum { STALE = 16, FOREIGN = STALE + KINDS, RANDOM = FOREIGN + 8, NOTHING_AT_ALL, BAD_HANDLES };

/* One that has been destroyed, one of each other kind, bits that are none, and NULL. */
static inline void *bad_handle(caller *self, int kind, uint32_t which) {
  static int ours;
  static void *const none[] = {(void *)1, (void *)3, (void *)~0ull, (void *)8, &ours, (void *)0x7fffffffffffffff,
                               (void *)0x100000000, (void *)0xdeadbeef};
  which %= BAD_HANDLES;
  if (which < STALE) return self->pool->stale[which];
  if (which < FOREIGN) return (int)(which - STALE) == kind ? NULL : (void *)self->pool->handles[which - STALE][0];
  return which < RANDOM ? none[which - FOREIGN] : NULL;
}

static inline maquette_status give_rows(void *user_data, int64_t pass, int64_t block, maquette_rows *rows) {
  static const float x[4][WIDTH] = {{1, 0, 0, 1}, {0, 1, 0, 1}, {1, 1, 0, 0}, {0, 0, 1, 1}};
  static const char *const y[] = {"left", "right", "left", "middle"};
  static const maquette_matrix matrix = {sizeof matrix, (void *)x, 4, WIDTH, 0, 0, MAQUETTE_F32, 0};
  (void)pass, (void)user_data;
  if (block < 2) rows->features = &matrix, rows->labels = y;
  return block < 5 ? MAQUETTE_OK : MAQUETTE_E_IO;
}

static inline void *user_data_of(caller *self) {
  given *made = calloc(1, sizeof *made);
  made->pool = self->pool;
  self->pool->given++;
  return made;
}

/* How many bad values a parameter has. */
static inline uint32_t bad_count(const parameter *one) {
  switch (one->sort) {
  case A_HANDLE: return BAD_HANDLES;
  case AN_ERROR: return BAD_HANDLES;
  case A_TEXT: case A_FILE: return COUNT(bad_texts) + 1;
  case A_NUMBER: case A_SIZE: return COUNT(bad_numbers);
  case STRUCT_matrix: case STRUCT_matrix_OUT: return BAD_MATRICES;
  case A_TEXTS: return 2;
  case AN_ARROW_STREAM: return 6;
  case STRUCT_rows: case STRUCT_source: return COUNT(bad_sizes) + 5;
  case A_DESTROY: case USER_DATA: case AN_ERROR_OUT: return 0;
  default: return COUNT(bad_sizes) + 1;
  }
}

/* ---- Arrow streams that misbehave ---- */

static inline int arrow_refuses(struct ArrowArrayStream *self, struct ArrowSchema *out) { return (void)self, (void)out, 5; }
static inline int arrow_leaves(struct ArrowArrayStream *self, struct ArrowSchema *out) {
  (void)self;
  memset(out, 0, sizeof *out);
  return 0;
}
static inline int arrow_ends(struct ArrowArrayStream *self, struct ArrowArray *out) {
  (void)self;
  memset(out, 0, sizeof *out);
  return 0;
}
static inline const char *arrow_says_nothing(struct ArrowArrayStream *self) { return (void)self, (const char *)NULL; }
static inline void arrow_releases(struct ArrowArrayStream *self) { self->release = NULL; }

static inline void *arrow_stream(caller *self, bool writes, bool good, uint32_t which) {
  memset(&self->stream, 0, sizeof self->stream);
  if (writes) return good || which ? &self->stream : NULL;
  if (good) {
    if (maquette_dataset_export_arrow(good_handle(self, KIND_dataset), &self->stream, NULL)) return NULL;
    return &self->stream;
  }
  if (which == 0) return NULL;
  self->stream = (struct ArrowArrayStream){which == 1 ? arrow_refuses : arrow_leaves, arrow_ends, arrow_says_nothing,
                                           arrow_releases, NULL};
  if (which == 3) self->stream.release = NULL;
  if (which == 4) self->stream.get_schema = NULL;
  if (which == 5) self->stream.get_last_error = NULL, self->stream.get_next = NULL;
  return &self->stream;
}

/* ---- One argument ---- */

static inline void *struct_of(caller *self, size_t i, const parameter *one, bool good, uint32_t which) {
  self->structs[i].struct_size = sizeof self->structs[i];
  memset(&self->structs[i], 0, sizeof self->structs[i]);
  if (!good && which >= COUNT(bad_sizes) && one->sort != STRUCT_source && one->sort != STRUCT_rows) return NULL;
  switch (one->sort) {
  case STRUCT_event:
    self->structs[i].event = (maquette_event){.json = "{\"status\": \"idle\"}", .json_length = 18};
    break;
  case STRUCT_source: case STRUCT_rows: {
    maquette_matrix *features = &self->rows[i].features, *targets = &self->rows[i].targets;
    *features = matrix_in(self, 30, WIDTH, false), *targets = *features;
    targets->cols = 1, targets->row_stride = WIDTH * sizeof(float);
    maquette_rows *rows = one->sort == STRUCT_rows ? &self->structs[i].rows : &self->rows[i].rows;
    bool numbers = choose(&self->choices, 2);
    *rows = (maquette_rows){sizeof *rows, features, numbers ? NULL : self->labels, numbers ? targets : NULL};
    if (!good && which == COUNT(bad_sizes)) bad_matrix(self, features, choose(&self->choices, BAD_MATRICES - 1));
    if (!good && which == COUNT(bad_sizes) + 1) rows->labels = self->broken;
    if (!good && which == COUNT(bad_sizes) + 2) rows->features = NULL;
    if (!good && which == COUNT(bad_sizes) + 4) return NULL;
    if (one->sort == STRUCT_rows) break;
    maquette_source *source = &self->structs[i].source;
    uint32_t from = choose(&self->choices, 4);
    if (from == 0) source->dataset = good_handle(self, KIND_dataset);
    if (from == 1 || (!good && which == COUNT(bad_sizes) + 3)) source->read = give_rows;
    if (good && from == 1 && choose(&self->choices, 2)) source->user_data = user_data_of(self), source->destroy = given_back;
    if (from > 1 || (!good && which == COUNT(bad_sizes) + 3)) source->rows = rows;
    if (from == 0 && choose(&self->choices, 2)) source->query = good_text(self, "query");
    break;
  }
  default: break;
  }
  static const struct { enum sort sort; size_t size; } sizes[] = {
      {STRUCT_event, sizeof(maquette_event)}, {STRUCT_event_OUT, sizeof(maquette_event)},
      {STRUCT_source, sizeof(maquette_source)}, {STRUCT_rows, sizeof(maquette_rows)},
      {STRUCT_training_status_OUT, sizeof(maquette_training_status)}, {STRUCT_batch_status_OUT, sizeof(maquette_batch_status)},
      {STRUCT_batch_options, sizeof(maquette_batch_options)}, {STRUCT_regression_scores_OUT, sizeof(maquette_regression_scores)}};
  size_t size = sizeof self->structs[i]; /* of a struct that is new here: all zero, and longer than the library knows */
  for (size_t s = 0; s < COUNT(sizes); s++)
    if (sizes[s].sort == one->sort) size = sizes[s].size;
  self->structs[i].struct_size = good || which >= COUNT(bad_sizes) ? size : bad_sizes[which];
  return &self->structs[i];
}

/* Fills in argument `i`: something good, or the bad value of that number. */
static inline void fill(caller *self, const function *called, size_t i, bool good, uint32_t which) {
  const parameter *one = &called->parameters[i];
  argument *into = &self->arguments[i];
  memset(into, 0, sizeof *into);
  choices *choices = &self->choices;
  if (i == 0) self->height = choose(choices, 2) ? 30 : choose(choices, 2) ? 3 : 1;
  switch (one->sort) {
  case A_HANDLE: into->pointer = good ? good_handle(self, one->kind) : bad_handle(self, one->kind, which); break;
  case AN_ERROR: into->pointer = good ? NULL : bad_handle(self, -1, which); break;
  case A_TEXT:
    into->pointer = (void *)(good ? good_text(self, one->name)
                             : which == COUNT(bad_texts) ? deep_text : bad_texts[which % COUNT(bad_texts)]);
    break;
  case A_FILE:
    into->pointer = (void *)(which == COUNT(bad_texts) ? deep_text : bad_texts[which % COUNT(bad_texts)]);
    if (good && !maquette_model_download_bytes(good_handle(self, KIND_model), NULL, &self->file, &self->file_size, NULL))
      into->pointer = self->file;
    break;
  case A_TEXTS: {
    static const char *const paths[] = {MODEL_FILE, MODEL_FILE, MODEL_FILE, MODEL_FILE};
    const void *texts = strcmp(one->name, "paths") ? (const void *)self->labels : (const void *)paths;
    into->pointer = (void *)(good ? (choose(choices, 4) ? texts : NULL) : which ? self->broken : NULL);
    break;
  }
  case A_NUMBER:
    if (!strcmp(one->name, "timeout_ms")) { /* an event that never comes is waited for for ever */
      bool ends = self->pool->waits && strcmp(called->name, "maquette_subscription_next");
      into->number = good ? choose(choices, 3) : ends ? bad_numbers[which % COUNT(bad_numbers)] : 5;
      break;
    }
    if (!good && (!strcmp(one->name, "rows") || !strcmp(one->name, "count"))) { /* of an array: none can be as long */
      into->number = bad_numbers[which % 4];
      break;
    }
    into->number = good ? (strcmp(one->name, "rows") ? choose(choices, 4) : 30) : bad_numbers[which % COUNT(bad_numbers)];
    break;
  case A_SIZE: { /* of the text before it, which need not end with a NUL; nothing can be as long as the bad ones */
    const char *text = i ? self->arguments[i - 1].pointer : NULL;
    size_t length = !text ? 0 : text == self->file ? self->file_size : strlen(text);
    into->number = good ? (int64_t)(choose(choices, 8) ? length : length / 2) : which % 2 ? -1 : INT64_MIN;
    break;
  }
  case NUMBERS: into->pointer = good || which ? self->numbers : NULL; break;
  case STRUCT_matrix: case STRUCT_matrix_OUT: {
    bool writes = one->sort == STRUCT_matrix_OUT;
    into->pointer = &self->matrices[i];
    if (good && !strcmp(one->name, "targets") && !writes && choose(choices, 2)) into->pointer = NULL; /* optional */
    else if (good) self->matrices[i] = good_matrix(self, writes);
    else into->pointer = bad_matrix(self, &self->matrices[i], which);
    break;
  }
  case A_TEXT_OUT: case A_HANDLE_OUT: case A_FILE_OUT:
    memset(self->outputs[i], 0xA5, sizeof self->outputs[i]);
    into->pointer = good || which ? self->outputs[i] : NULL;
    break;
  case A_NUMBER_OUT: case A_BUFFER: /* one number, or as many as the rows there are */
    into->pointer = good || which ? self->zone : NULL;
    break;
  case AN_ERROR_OUT: into->pointer = &self->failure; break;
  case USER_DATA: into->pointer = user_data_of(self); break;
  case A_DESTROY: into->function = (void (*)(void))given_back; break;
  case AN_EVENT_FUNCTION: into->function = choose(choices, 2) ? (void (*)(void))hear : NULL; break;
  case A_LOG_FUNCTION: into->function = choose(choices, 2) ? (void (*)(void))log_line : NULL; break;
  case AN_ARROW_STREAM: into->pointer = arrow_stream(self, strstr(called->name, "export") != NULL, good, which); break;
  default: into->pointer = struct_of(self, i, one, good, which); break;
  }
  /* Only what the library gave may be given back to be freed. */
  size_t length = strlen(called->name);
  if (length > 5 && !strcmp(called->name + length - 5, "_free")) {
    if (one->sort == USER_DATA) given_back(into->pointer);
    into->pointer = NULL;
  }
}

#endif
