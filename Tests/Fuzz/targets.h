/* What is fuzzed: everything that reads what others have made, through the C interface, and the calls themselves. A target
 * takes any bytes; whatever they are, the host must live, and what is checked here must hold. */
#ifndef TARGETS_H
#define TARGETS_H

#include "../C/calls.h"

#include <fcntl.h>
#include <sys/mman.h>

typedef void target_function(const uint8_t *bytes, size_t size);

/* The bytes as a string, yours to free; NULL where the interface could not tell them from shorter ones. */
static char *text_of(const uint8_t *bytes, size_t size) {
  if (memchr(bytes, 0, size)) return NULL;
  char *made = malloc(size + 1);
  memcpy(made, bytes, size);
  made[size] = 0;
  return made;
}

static void must(bool holds, const char *what, const char *detail) {
  if (holds) return;
  fprintf(stderr, "%s: %s\n", what, detail);
  abort();
}

/* ---- JSON ---- */

/* What is stored reads as the JSON that was written: stored again, it gives the same. */
static void json(const uint8_t *bytes, size_t size) {
  static maquette_service *service;
  if (!service) OK(maquette_service_open(store_of("memory:"), "d", &service, &error));
  char *text = text_of(bytes, size), *stored = NULL, *again = NULL;
  if (!text) return;
  if (maquette_service_create(service, text, &stored, NULL) == MAQUETTE_OK) {
    OK(maquette_service_remove(service, NULL, "{}", NULL, &error));
    maquette_status status = maquette_service_create(service, stored, &again, &error);
    must(status == MAQUETTE_OK, "what was stored is refused", stored);
    maquette_string_free(again);
    OK(maquette_service_remove(service, NULL, "{}", NULL, &error));
  }
  maquette_string_free(stored), free(text);
}

/* ---- Queries ---- */

/* The ids on a page, in their order. */
static void ids_of(const char *page, char *into, size_t size) {
  *into = 0;
  for (const char *at = page; (at = strstr(at, "\"id\":\"000")); at += 30)
    if (strlen(into) + 3 < size) strncat(into, at + 29, 1);
}

static maquette_service *services[2];

/* What a store remembers of queries lies behind addresses with marks of Swift's in them, which the leak sanitizer does not
 * follow: it must be gone when that looks. */
static void close_services(void) {
  for (int i = 0; i < 2; i++) maquette_service_destroy(services[i]), services[i] = NULL;
}

/* Every store gives the same answer, or the same refusal. */
static void query(const uint8_t *bytes, size_t size) {
  static const char *const documents =
      "[{\"id\":\"000000000000000000000001\",\"a\":1,\"y\":\"left\",\"b\":{\"c\":[1,2]}},{\"id\":\"000000000000000000000002\",\"a\":2.5,\"y\":\"right\"},"
      "{\"id\":\"000000000000000000000003\",\"a\":null,\"y\":\"left\",\"e\":true},{\"id\":\"000000000000000000000004\",\"a\":\"1\",\"b\":{\"c\":\"x\"}},"
      "{\"id\":\"000000000000000000000005\",\"a\":[1,\"z\"],\"y\":\"\\u00e9\"},{\"id\":\"000000000000000000000006\",\"a\":-9007199254740993,\"y\":\"\",\"e\":false}]";
  if (!services[0]) {
    for (int i = 0; i < 2; i++) {
      maquette_store *store = store_of(i ? location_of(path_of("query.db")) : "memory:");
      OK(maquette_service_open(store, "d", &services[i], &error));
      OK(maquette_service_create(services[i], documents, NULL, &error));
      maquette_store_destroy(store);
    }
    atexit(close_services);
  }
  char *text = text_of(bytes, size), found[2][64];
  if (!text) return;
  maquette_status statuses[2];
  int64_t counts[2] = {-1, -1};
  for (int i = 0; i < 2; i++) {
    char *page = NULL;
    statuses[i] = maquette_service_find(services[i], text, &page, NULL);
    ids_of(page ? page : "", found[i], sizeof found[i]);
    maquette_string_free(page);
    maquette_service_count(services[i], text, &counts[i], NULL);
  }
  must(statuses[0] == statuses[1], maquette_status_name(statuses[0]), maquette_status_name(statuses[1]));
  must(counts[0] == counts[1], "another count", text);
  must(!strcmp(found[0], found[1]), found[0], found[1]);
  free(text);
}

/* ---- Files ---- */

/* A file in memory with the bytes. */
static const char *file_of(const uint8_t *bytes, size_t size, int *descriptor) {
  static char path[64];
  *descriptor = memfd_create("fuzz", 0);
  if (*descriptor < 0 || write(*descriptor, bytes, size) != (ssize_t)size) abort();
  snprintf(path, sizeof path, "/proc/self/fd/%d", *descriptor);
  return path;
}

/* All or nothing is in the dataset afterwards, as the count says; it is empty again then. */
static void all_or_nothing(maquette_dataset *dataset, maquette_status status, int64_t count) {
  int64_t there = count_of(dataset);
  must(there == (status ? 0 : count), "another number of instances than said", maquette_status_name(status));
  if (there) OK(maquette_dataset_clear(dataset, &error));
}

/* The first byte chooses the options. */
static void csv(const uint8_t *bytes, size_t size) {
  static const char *const options[] = {NULL, "{\"header\": false}", "{\"label\": 0}", "{\"separator\": \";\"}",
                                        "{\"targets\": [-1]}", "{\"header\": false, \"label\": -1}",
                                        "{\"features\": [0, 1]}", "{\"label\": \"y\", \"separator\": \"\\t\"}"};
  static maquette_dataset *dataset;
  if (!dataset) dataset = dataset_of(store_of("memory:"), "d", NULL);
  if (!size) return;
  int descriptor;
  int64_t count = 0;
  const char *path = file_of(bytes + 1, size - 1, &descriptor);
  maquette_status status = maquette_dataset_import_csv(dataset, path, options[bytes[0] % COUNT(options)], &count, NULL);
  close(descriptor);
  all_or_nothing(dataset, status, count);
}

/* Marcelle's JSON of a dataset, from memory and, read in blocks, from a file: the same. */
static void dataset_json(const uint8_t *bytes, size_t size) {
  static maquette_dataset *dataset;
  if (!dataset) dataset = dataset_of(store_of("memory:"), "d", NULL);
  int64_t counts[2] = {0, 0};
  maquette_status text = maquette_dataset_upload_text(dataset, (const char *)bytes, size, &counts[0], NULL);
  all_or_nothing(dataset, text, counts[0]);
  int descriptor;
  maquette_status file = maquette_dataset_upload(dataset, file_of(bytes, size, &descriptor), &counts[1], NULL);
  close(descriptor);
  all_or_nothing(dataset, file, counts[1]);
  must(text == file && counts[0] == counts[1], maquette_status_name(text), maquette_status_name(file));
}

/* ---- Files of models ---- */

static const char *const model_kinds[] = {"mlp-classifier", "mlp-regressor", "knn-classifier", "knn-regressor",
                                          "kmeans-clustering", "pca", "umap"};

/* A model that has been read is one like all others: it predicts, or says why not, and can be written and read again. */
static void use(maquette_model *model) {
  int64_t width = 0, outputs = 0;
  OK(maquette_model_feature_count(model, &width, &error));
  OK(maquette_model_output_count(model, &outputs, &error));
  must(width > 0 && outputs > 0, "a model", "without features or outputs was read");
  if (width > 4096 || outputs > 4096) return;
  float *x = calloc((size_t)width, sizeof(float)), *answers = calloc((size_t)outputs, sizeof(float));
  maquette_matrix one = F32(x, 1, width), out = F32(answers, 1, outputs);
  maquette_status status = maquette_model_predict(model, &one, &out, NULL);
  must(status == MAQUETTE_OK || status == MAQUETTE_E_NOT_FINITE, "predicting", maquette_status_name(status));
  free(x), free(answers);
  void *bytes = NULL;
  size_t size = 0;
  OK(maquette_model_download_bytes(model, NULL, &bytes, &size, &error));
  OK(maquette_model_upload_bytes(model, bytes, size, NULL, &error));
  maquette_bytes_free(bytes);
}

/* The first byte chooses the kind that the file is read for. */
static void model_file(const uint8_t *bytes, size_t size) {
  if (!size) return;
  maquette_model *model = model_of(model_kinds[bytes[0] % COUNT(model_kinds)], NULL);
  if (maquette_model_upload_bytes(model, bytes + 1, size - 1, NULL, NULL) == MAQUETTE_OK) use(model);
  maquette_model_destroy(model);
}

static const char *written(const char *name, const uint8_t *bytes, size_t size) {
  const char *path = path_of(name);
  int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (file < 0 || write(file, bytes, size) != (ssize_t)size || close(file)) abort();
  return path;
}

/* The next two are the size of `model.json`; what is left are the weights. */
static void model_files(const uint8_t *bytes, size_t size) {
  if (size < 3) return;
  size_t first = (size_t)(bytes[1] | bytes[2] << 8);
  if (first > size - 3) first = size - 3;
  const char *const paths[] = {written("model.json", bytes + 3, first),
                               written("model.weights.bin", bytes + 3 + first, size - 3 - first)};
  maquette_model *model = model_of(model_kinds[bytes[0] % COUNT(model_kinds)], NULL);
  if (maquette_model_upload(model, paths, 2, NULL, NULL) == MAQUETTE_OK) use(model);
  maquette_model_destroy(model);
}

/* ---- Arrow ---- */

enum { ARROW_BUFFER = 4096, ARROW_CHILDREN = 3 };

/* A stream of one batch, whose form the bytes describe; its memory is there, whatever it says. */
typedef struct arrow {
  choices choices;
  char formats[ARROW_CHILDREN + 1][8];
  struct ArrowSchema schemas[ARROW_CHILDREN + 2], *schema_children[ARROW_CHILDREN];
  struct ArrowArray arrays[ARROW_CHILDREN + 2], *array_children[ARROW_CHILDREN];
  const void *buffers[ARROW_CHILDREN + 2][3];
  int schemas_given, batches, left, released;
} arrow;

static int64_t arrow_zone[ARROW_BUFFER / 8];

static void arrow_schema_release(struct ArrowSchema *self) {
  ((arrow *)self->private_data)->released++;
  self->release = NULL;
}
static void arrow_array_release(struct ArrowArray *self) {
  ((arrow *)self->private_data)->released++;
  self->release = NULL;
}

static struct ArrowSchema arrow_schema(arrow *self, int i) {
  static const char *const formats[] = {"f", "g", "u", "l", "i", "C", "b", "+l", "+w:3", "+s", "U", "c", "S", "e", "n", "+w:-1", "+w:99999999999",
                                        "tdD", "", "+w:", "z"};
  static const char *const names[] = {"x", "y", "a", "", "\xff", NULL};
  struct ArrowSchema made = {.format = formats[choose(&self->choices, COUNT(formats))],
                             .name = names[choose(&self->choices, COUNT(names))],
                             .release = arrow_schema_release, .private_data = self};
  if (i < ARROW_CHILDREN && choose(&self->choices, 2)) {
    self->schemas[ARROW_CHILDREN] = (struct ArrowSchema){.format = formats[choose(&self->choices, 6)], .name = "item",
                                                         .release = arrow_schema_release, .private_data = self};
    static struct ArrowSchema *child[1];
    child[0] = &self->schemas[ARROW_CHILDREN];
    made.n_children = 1, made.children = child;
  }
  if (!choose(&self->choices, 16)) made.format = NULL;
  return made;
}

static int arrow_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  arrow *self = stream->private_data;
  int count = (int)choose(&self->choices, ARROW_CHILDREN + 1);
  for (int i = 0; i < count; i++) self->schemas[i] = arrow_schema(self, i), self->schema_children[i] = &self->schemas[i];
  *out = (struct ArrowSchema){.format = choose(&self->choices, 8) ? "+s" : "f", .name = "", .n_children = count,
                              .children = self->schema_children, .release = arrow_schema_release, .private_data = self};
  if (!choose(&self->choices, 16)) out->n_children = -1;
  if (!choose(&self->choices, 16)) out->children = NULL;
  self->schemas_given++;
  return choose(&self->choices, 16) ? 0 : 22;
}

static struct ArrowArray arrow_array(arrow *self, int i) {
  static const int64_t numbers[] = {0, 1, 2, 3, 8, -1, INT64_MAX, INT64_MIN}, lengths[] = {2, 2, 2, 1, 0, 6, -1};
  struct ArrowArray made = {.length = lengths[choose(&self->choices, COUNT(lengths))],
                            .null_count = numbers[choose(&self->choices, COUNT(numbers))],
                            .offset = choose(&self->choices, 4) ? 0 : numbers[choose(&self->choices, 5)],
                            .n_buffers = 2, .buffers = self->buffers[i],
                            .release = arrow_array_release, .private_data = self};
  for (int b = 0; b < 3; b++) self->buffers[i][b] = choose(&self->choices, 4) ? arrow_zone : NULL;
  if (!choose(&self->choices, 4)) made.n_buffers = choose(&self->choices, 4);
  if (!choose(&self->choices, 16)) made.offset = INT64_MAX;
  return made;
}

static int arrow_get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  arrow *self = stream->private_data;
  memset(out, 0, sizeof *out);
  if (self->batches++ >= 2) return 0;
  int count = (int)choose(&self->choices, ARROW_CHILDREN + 1);
  static struct ArrowArray *child[1];
  for (int i = 0; i < count; i++) {
    self->arrays[i] = arrow_array(self, i), self->array_children[i] = &self->arrays[i];
    if (choose(&self->choices, 2)) {
      self->arrays[ARROW_CHILDREN] = arrow_array(self, ARROW_CHILDREN);
      child[0] = &self->arrays[ARROW_CHILDREN];
      self->arrays[i].n_children = 1, self->arrays[i].children = child;
    }
  }
  *out = arrow_array(self, ARROW_CHILDREN + 1);
  out->n_children = count, out->children = self->array_children;
  return choose(&self->choices, 16) ? 0 : 5;
}

static const char *arrow_last_error(struct ArrowArrayStream *stream) { return (void)stream, "as the bytes say"; }
static void arrow_release(struct ArrowArrayStream *stream) { stream->release = NULL; }

static void arrow_batches(const uint8_t *bytes, size_t size) {
  static maquette_dataset *dataset;
  if (!dataset) dataset = dataset_of(store_of("memory:"), "d", NULL);
  arrow *self = calloc(1, sizeof *self);
  self->choices = (choices){.bytes = bytes, .left = size};
  struct ArrowArrayStream stream = {arrow_get_schema, arrow_get_next, arrow_last_error, arrow_release, self};
  maquette_dataset_import_arrow(dataset, &stream, NULL, NULL, NULL);
  must(!stream.release, "the stream", "was not released");
  if (count_of(dataset)) OK(maquette_dataset_clear(dataset, &error));
  free(self);
}

/* ---- The calls themselves ---- */

/* Two bytes or more choose a function of the header and its arguments; all calls see one pool. */
static void calls(const uint8_t *bytes, size_t size) {
  static bool ready;
  if (!ready) ready = path_of("x") && !chdir(support_directory);
  pool *all = calloc(1, sizeof *all);
  pthread_mutex_init(&all->entrance, NULL);
  pool_fill(all);
  caller *self = caller_new(all, 1);
  self->choices = (choices){.bytes = bytes, .left = size};
  for (int i = 0; i < 200 && self->choices.left; i++) call_anything(self, 2);
  caller_free(self);
  pool_empty(all);
  must(!test_failures, "a call", "was answered wrong");
  free(all);
}

static const struct {
  const char *name;
  target_function *function;
} targets[] = {{"json", json}, {"query", query}, {"csv", csv}, {"dataset_json", dataset_json}, {"arrow_batches", arrow_batches},
              {"model_file", model_file}, {"model_files", model_files}, {"calls", calls}};

#endif
