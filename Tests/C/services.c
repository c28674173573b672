/* Services: documents created, found, changed and removed, one or many, and read through in bounded memory. */
#include "support.h"

#include <sys/resource.h>
#include <sys/stat.h>

static maquette_service *service_of(maquette_store *store, const char *name) {
  maquette_service *service = NULL;
  OK(maquette_service_open(store, name, &service, &error));
  return service;
}

/* How often a word comes in a text. */
static int times(const char *text, const char *word) {
  int count = 0;
  for (const char *place = text; (place = strstr(place, word)); place += strlen(word)) count++;
  return count;
}

static int64_t matching(maquette_service *service, const char *query) {
  int64_t count = -1;
  OK(maquette_service_count(service, query, &count, &error));
  return count;
}

/* What a call gave: contains all the words. */
static void has(char *text, const char *one, const char *two) {
  CHECK(strstr(text, one) && strstr(text, two), "no %s or %s in %s", one, two, text);
  maquette_string_free(text);
}

static const char *const kinds[] = {"memory:", "sqlite"};

static maquette_store *store_number(size_t i) { return store_of(i ? location_of(path_of("services.db")) : kinds[0]); }

TEST(verbs, "Documents are created, found, updated, patched and removed, one and many") {
  for (size_t i = 0; i < COUNT(kinds); i++) {
    maquette_store *store = store_number(i);
    maquette_service *service = service_of(store, "notes");
    char *text, id[32];
    OK(maquette_service_create(service, "{\"v\": 1, \"tags\": [\"a\", \"b\"]}", &text, &error));
    CHECK(text[0] == '{');
    id_in(text, id);
    has(text, "\"v\":1", "\"createdAt\":\"20");
    OK(maquette_service_create(service, "[{\"v\": 2}, {\"v\": 3, \"tags\": [\"b\"]}]", &text, &error));
    CHECK(text[0] == '[' && times(text, "\"id\":") == 2, "%s", text);
    maquette_string_free(text);
    OK(maquette_service_create(service, "[]", &text, &error));
    CHECK(!strcmp(text, "[]"));
    maquette_string_free(text);
    OK(maquette_service_create(service, "{\"v\": 4}", NULL, &error));
    CHECK(matching(service, NULL) == 4 && matching(service, "{}") == 4);
    CHECK(matching(service, "{\"tags\": \"b\", \"$limit\": 1}") == 2);

    OK(maquette_service_find(service, "{\"v\": {\"$gt\": 1}, \"$sort\": {\"v\": -1}, \"$limit\": 2}", &text, &error));
    CHECK(strstr(text, "\"v\":4") < strstr(text, "\"v\":3"), "%s", text);
    has(text, "\"total\":3", "\"limit\":2");
    OK(maquette_service_get(service, id, &text, &error));
    has(text, id, "\"v\":1");
    OK(maquette_service_distinct(service, "tags", "{\"v\": {\"$lt\": 3}}", &text, &error));
    maquette_string_free(text);
    OK(maquette_service_distinct(service, "v", NULL, &text, &error));
    CHECK(!strcmp(text, "[1,2,3,4]"), "%s", text);
    maquette_string_free(text);

    OK(maquette_service_update(service, id, NULL, "{\"v\": 10}", &text, &error));
    CHECK(!strstr(text, "tags"));
    has(text, id, "\"v\":10");
    OK(maquette_service_patch(service, id, NULL, "{\"w\": [true, null]}", &text, &error));
    has(text, "\"v\":10", "\"w\":[true,null]");
    OK(maquette_service_patch(service, NULL, "{\"v\": {\"$lt\": 5}}", "{\"small\": true}", &text, &error));
    CHECK(text[0] == '[' && times(text, "\"small\":true") == 3, "%s", text);
    maquette_string_free(text);
    OK(maquette_service_patch(service, NULL, "{\"v\": 77}", "{\"small\": true}", &text, &error));
    CHECK(!strcmp(text, "[]"));
    maquette_string_free(text);

    OK(maquette_service_remove(service, NULL, "{\"v\": {\"$in\": [2, 3]}}", &text, &error));
    CHECK(text[0] == '[' && times(text, "\"id\":") == 2, "%s", text);
    maquette_string_free(text);
    OK(maquette_service_remove(service, id, "{\"$select\": [\"v\"]}", &text, &error));
    CHECK(text[0] == '{' && !strstr(text, "updatedAt"));
    has(text, id, "\"v\":10");
    OK(maquette_service_remove(service, NULL, "{}", NULL, &error));
    CHECK(matching(service, NULL) == 0);

    OK(maquette_store_services(store, &text, &error));
    CHECK(!strcmp(text, "[\"notes\"]"), "%s", text);
    maquette_string_free(text);
    maquette_store_destroy(store); /* the service keeps it */
    OK(maquette_service_create(service, "{}", NULL, &error));
    maquette_service_destroy(service);
  }
}

TEST(refused, "What can't be is refused, and nothing of it is stored") {
  maquette_store *store = store_of("memory:");
  maquette_service *service = service_of(store, "notes"), *none = NULL;
  char *text = NULL, id[32];
  OK(maquette_service_create(service, "{\"id\": \"0123456789abcdef01234567\", \"v\": 1}", NULL, &error));
  strcpy(id, "0123456789abcdef01234567");
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "name", maquette_service_open(store, "", &none, &error));
  CHECK(none == NULL);
  FAILS(MAQUETTE_E_CONFLICT, id, maquette_service_create(service, "{\"id\": \"0123456789abcdef01234567\"}", &text, &error));
  FAILS(MAQUETTE_E_CONFLICT, "document 1 of 2",
        maquette_service_create(service, "[{}, {\"id\": \"0123456789abcdef01234567\"}]", &text, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "documents[1] is a number", maquette_service_create(service, "[{}, 7]", &text, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "a string", maquette_service_create(service, "\"x\"", &text, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "documents", maquette_service_create(service, "[{}", &text, &error));
  FAILS(MAQUETTE_E_BAD_UTF8, "documents", maquette_service_create(service, "{\"a\": \"\xff\"}", &text, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "changes", maquette_service_patch(service, id, NULL, "[{}]", &text, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "document", maquette_service_update(service, id, NULL, "[{}]", &text, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "query", maquette_service_remove(service, NULL, NULL, &text, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "query", maquette_service_patch(service, NULL, NULL, "{}", &text, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "id", maquette_service_update(service, NULL, "{}", "{}", &text, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "$limit", maquette_service_remove(service, NULL, "{\"$limit\": 1}", &text, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "$nope", maquette_service_remove(service, NULL, "{\"$nope\": 1}", &text, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "q", maquette_service_remove(service, "q", NULL, &text, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, id, maquette_service_remove(service, id, "{\"v\": 2}", &text, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, id, maquette_service_patch(service, id, "{\"v\": 2}", "{}", &text, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, id, maquette_service_update(service, id, "{\"v\": 2}", "{}", &text, &error));
  CHECK(text == NULL && matching(service, NULL) == 1 && matching(service, "{\"v\": 1}") == 1);
  maquette_service_destroy(service), maquette_store_destroy(store);
}

TEST(events, "Everybody who asked for the service is told what happened, a batch for each call") {
  maquette_store *store = store_of("memory:");
  maquette_service *service = service_of(store, "notes"), *other = service_of(store, "notes");
  maquette_subscription *events;
  OK(maquette_stream_subscribe(maquette_service_events(other), NULL, NULL, NULL, &events, &error));
  CHECK(maquette_service_events(other) == maquette_service_events(other));
  OK(maquette_service_create(service, "[{\"v\": 1}, {\"v\": 2}]", NULL, &error));
  OK(maquette_service_patch(service, NULL, "{}", "{\"w\": 1}", NULL, &error));
  OK(maquette_service_remove(service, NULL, "{\"v\": 1}", NULL, &error));
  const struct {
    const char *type;
    int count;
  } expected[] = {{"\"type\":\"created\"", 2}, {"\"type\":\"patched\"", 2}, {"\"type\":\"removed\"", 1}};
  for (size_t i = 0; i < COUNT(expected); i++) {
    maquette_event event = {.struct_size = sizeof event};
    OK(maquette_subscription_next(events, 5000, &event, &error));
    CHECK(times(event.json, expected[i].type) == expected[i].count && event.json[0] == '[', "%s", event.json);
  }
  char *text;
  FAILS(MAQUETTE_E_NOT_HELD, "no value", maquette_stream_value(maquette_service_events(other), &text, &error));
  maquette_stream *stream = maquette_service_events(other);
  maquette_service_destroy(other);
  CHECK(maquette_stream_value(stream, &text, NULL) == MAQUETTE_E_BAD_HANDLE);
  CHECK(maquette_service_events(other) == NULL);
  maquette_subscription_destroy(events);
  maquette_service_destroy(service), maquette_store_destroy(store);
}

/* Kilobytes of memory this process has ever used at once. */
static long peak(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(cursor, "A cursor gives all documents once, in blocks, in bounded memory") {
  maquette_store *store = store_of(location_of(path_of("cursor.db")));
  maquette_dataset *dataset = dataset_of(store, "d", NULL);
  enum { ROWS = 20000, WIDTH = 256 };
  rows block = rows_of(ROWS / 10, WIDTH);
  for (int i = 0; i < 10; i++) OK(maquette_dataset_append(dataset, &block.matrix, block.y, &error));
  maquette_cursor *cursor;
  OK(maquette_dataset_items(dataset, NULL, &cursor, &error));
  char *documents;
  int count = 0;
  long before = 0;
  for (;;) {
    OK(maquette_cursor_next(cursor, &documents, &error));
    if (!documents) break;
    int here = times(documents, "\"id\":");
    CHECK(here >= 1 && here <= 256 && documents[0] == '[');
    CHECK(strlen(documents) < 2000000);
    count += here;
    maquette_string_free(documents);
    if (!before) before = peak();
  }
  CHECK(count == ROWS, "%d", count);
#ifndef SANITIZED /* which keeps what is freed */
  /* The documents are 60 MB of text, the matrix is 20 MB. */
  CHECK(peak() - before < 12000, "%ld KB more", peak() - before);
#endif
  OK(maquette_cursor_next(cursor, &documents, &error));
  CHECK(documents == NULL);
  maquette_cursor_destroy(cursor);

  maquette_service *service = service_of(store, "instances-d");
  OK(maquette_service_items(service, "{\"y\": \"left\", \"$select\": [\"y\"], \"$limit\": 300, \"$skip\": 10}", &cursor, &error));
  maquette_service_destroy(service), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
  count = 0;
  for (;;) {
    OK(maquette_cursor_next(cursor, &documents, &error));
    if (!documents) break;
    CHECK(!strstr(documents, "\"x\":") && times(documents, "\"y\":\"left\"") == times(documents, "\"id\":"));
    count += times(documents, "\"id\":");
    maquette_string_free(documents);
  }
  CHECK(count == 300, "%d", count);
  maquette_cursor_destroy(cursor);
  FAILS(MAQUETTE_E_BAD_HANDLE, "cursor", maquette_cursor_next(cursor, &documents, &error));
  rows_free(block);
}

TEST(datasets, "A dataset does what its service does, and its instances stay its own") {
  for (size_t i = 0; i < COUNT(kinds); i++) {
    maquette_store *store = store_number(i);
    maquette_dataset *dataset = dataset_of(store, "d", NULL), *other = dataset_of(store, "D", NULL);
    char *text, id[32];
    OK(maquette_dataset_create(dataset, "[{\"x\": [1, 2], \"y\": \"a\"}, {\"x\": [3, 4], \"y\": \"b\"}]", &text, &error));
    id_in(text, id);
    CHECK(times(text, "\"datasetName\":\"d\"") == 2);
    maquette_string_free(text);
    FAILS(MAQUETTE_E_BAD_SHAPE, "features", maquette_dataset_create(dataset, "[{\"x\": [1]}, {\"x\": [2]}]", NULL, &error));
    OK(maquette_dataset_create(other, "{\"x\": [1], \"y\": \"a\"}", NULL, &error));
    int64_t count;
    OK(maquette_dataset_count_matching(dataset, "{\"y\": \"a\"}", &count, &error));
    CHECK(count == 1);
    OK(maquette_dataset_count_matching(dataset, NULL, &count, &error));
    CHECK(count == 2);
    OK(maquette_dataset_patch(dataset, id, "{\"y\": \"c\", \"datasetName\": \"D\"}", &text, &error));
    has(text, "\"y\":\"c\"", "\"datasetName\":\"d\"");
    OK(maquette_dataset_update(dataset, id, "{\"x\": [5, 6]}", &text, &error));
    CHECK(!strstr(text, "\"y\""));
    has(text, id, "\"x\":[5,6]");
    FAILS(MAQUETTE_E_NOT_FOUND, id, maquette_dataset_patch(other, id, "{}", &text, &error));
    FAILS(MAQUETTE_E_NOT_FOUND, id, maquette_dataset_update(other, id, "{}", &text, &error));
    OK(maquette_dataset_patch_matching(dataset, "{}", "{\"y\": \"z\"}", &text, &error));
    CHECK(times(text, "\"y\":\"z\"") == 2);
    maquette_string_free(text);
    OK(maquette_dataset_distinct_matching(dataset, "x", "{\"x\": 5}", &text, &error));
    CHECK(strstr(text, "5") != NULL, "%s", text);
    maquette_string_free(text);
    OK(maquette_dataset_remove_matching(dataset, "{\"y\": \"z\"}", &text, &error));
    CHECK(times(text, "\"id\":") == 2);
    maquette_string_free(text);
    CHECK(count_of(dataset) == 0 && count_of(other) == 1);
    maquette_dataset_destroy(dataset), maquette_dataset_destroy(other), maquette_store_destroy(store);
  }
}

TEST(images, "Images are kept as bytes with their shape, and read as numbers") {
  for (size_t i = 0; i < COUNT(kinds); i++) {
    maquette_store *store = store_number(i);
    maquette_dataset *dataset = dataset_of(store, "d", NULL);
    enum { IMAGES = 500, SIDE = 32 };
    uint8_t *pixels = malloc(IMAGES * SIDE * SIDE);
    for (int pixel = 0; pixel < IMAGES * SIDE * SIDE; pixel++) pixels[pixel] = (uint8_t)(pixel * 7 + pixel / SIDE);
    maquette_matrix images = matrix_of(pixels, IMAGES, SIDE * SIDE, MAQUETTE_U8);
    const int64_t shape[] = {SIDE, SIDE}, wrong[] = {SIDE, SIDE, 2}, huge[] = {INT64_MAX, INT64_MAX}, negative[] = {-SIDE, -SIDE};
    FAILS(MAQUETTE_E_BAD_SHAPE, "shape", maquette_dataset_append_shaped(dataset, &images, wrong, 3, NULL, NULL, &error));
    FAILS(MAQUETTE_E_BAD_SHAPE, "shape", maquette_dataset_append_shaped(dataset, &images, huge, 2, NULL, NULL, &error));
    FAILS(MAQUETTE_E_BAD_SHAPE, "shape", maquette_dataset_append_shaped(dataset, &images, negative, 2, NULL, NULL, &error));
    FAILS(MAQUETTE_E_BAD_SHAPE, "dimensions", maquette_dataset_append_shaped(dataset, &images, shape, 0, NULL, NULL, &error));
    FAILS(MAQUETTE_E_BAD_SHAPE, "dimensions", maquette_dataset_append_shaped(dataset, &images, shape, 33, NULL, NULL, &error));
    OK(maquette_dataset_append_shaped(dataset, &images, shape, 2, NULL, NULL, &error));
    int64_t rows, cols;
    OK(maquette_dataset_shape(dataset, &rows, &cols, &error));
    CHECK(rows == IMAGES && cols == SIDE * SIDE);
    uint8_t *read = malloc(IMAGES * SIDE * SIDE);
    float *numbers = malloc(IMAGES * SIDE * SIDE * sizeof *numbers);
    maquette_matrix out = F32(numbers, IMAGES, SIDE * SIDE);
    OK(maquette_dataset_read(dataset, &out, NULL, NULL, &error));
    for (int pixel = 0; pixel < IMAGES * SIDE * SIDE; pixel++) read[pixel] = (uint8_t)numbers[pixel];
    CHECK(!memcmp(read, pixels, IMAGES * SIDE * SIDE));
    char *page;
    OK(maquette_dataset_find(dataset, "{\"$limit\": 1, \"$select\": [\"x\"]}", &page, &error));
    CHECK(times(page, "],[") == SIDE - 1 && strstr(page, "\"x\":[[0,7,14,"), "%.200s", page);
    maquette_string_free(page);
    FAILS(MAQUETTE_E_BAD_SHAPE, "features", maquette_dataset_create(dataset, "{\"x\": [1]}", NULL, &error));
    maquette_dataset_destroy(dataset), maquette_store_destroy(store);
    if (i) {
      struct stat about;
      REQUIRE(stat(path_of("services.db"), &about) == 0);
      CHECK(about.st_size < IMAGES * SIDE * SIDE * 2, "%d bytes", (int)about.st_size);
    }
    free(pixels), free(read), free(numbers);
  }
}

static void next_is(maquette_subscription *events, const char *expected) {
  maquette_event event = {.struct_size = sizeof event};
  OK(maquette_subscription_next(events, 5000, &event, &error));
  CHECK(strstr(event.json, expected) != NULL, "%s instead of %s", event.json, expected);
}

TEST(view, "A view tells what comes into it and leaves it, keeps its dataset, and can be trained on") {
  for (size_t i = 0; i < COUNT(kinds); i++) {
    maquette_store *store = store_number(i);
    maquette_dataset *dataset = dataset_of(store, "d", NULL);
    char *text, id[32];
    OK(maquette_dataset_create(dataset, "[{\"x\": [1, 2], \"y\": \"a\"}, {\"x\": [3, 4], \"y\": \"b\"}]", NULL, &error));
    maquette_view *view;
    FAILS(MAQUETTE_E_INVALID_ARGUMENT, "$limit", maquette_dataset_sift(dataset, "{\"$limit\": 3}", &view, &error));
    OK(maquette_dataset_sift(dataset, "{\"y\": \"a\"}", &view, &error));
    maquette_subscription *counts, *changes;
    OK(maquette_stream_subscribe(maquette_view_counts(view), NULL, NULL, NULL, &counts, &error));
    OK(maquette_stream_subscribe(maquette_view_changes(view), NULL, NULL, NULL, &changes, &error));
    next_is(counts, "1"), next_is(changes, "\"type\":\"created\"");
    OK(maquette_dataset_create(dataset, "{\"x\": [5, 6], \"y\": \"a\"}", &text, &error));
    id_in(text, id);
    maquette_string_free(text);
    next_is(counts, "2"), next_is(changes, id);
    OK(maquette_dataset_patch(dataset, id, "{\"note\": 1}", NULL, &error));
    next_is(counts, "2"), next_is(changes, "\"type\":\"updated\"");
    OK(maquette_dataset_patch(dataset, id, "{\"y\": \"b\"}", NULL, &error));
    next_is(counts, "1"), next_is(changes, "\"type\":\"removed\"");
    OK(maquette_view_find(view, "{\"x\": {\"$gt\": 0}}", &text, &error));
    has(text, "\"total\":1", "\"x\":[1,2]");
    int64_t count = -1;
    OK(maquette_view_count(view, &count, &error));
    CHECK(count == 1);
    maquette_cursor *cursor;
    OK(maquette_view_items(view, NULL, &cursor, &error));
    OK(maquette_cursor_next(cursor, &text, &error));
    CHECK(times(text, "\"id\":") == 1);
    maquette_string_free(text);
    maquette_cursor_destroy(cursor), maquette_dataset_destroy(dataset);
    OK(maquette_view_count(view, &count, &error));
    CHECK(count == 1);
    maquette_view_destroy(view);
    CHECK(maquette_view_counts(view) == NULL && maquette_view_changes(view) == NULL);
    maquette_subscription_destroy(counts), maquette_subscription_destroy(changes), maquette_store_destroy(store);
  }
}

TEST(files, "A dataset goes into files and comes back, whole, and is split into two") {
  maquette_store *store = store_of(location_of(path_of("files.db")));
  rows content = rows_of(3000, 4);
  maquette_dataset *dataset = dataset_of(store, "d", &content), *copy = dataset_of(store, "copy", NULL);
  const char *json = path_of("d.json"), *csv = path_of("d.csv");
  int64_t count = -1;
  OK(maquette_dataset_download(dataset, json, NULL, &count, &error));
  CHECK(count == 3000);
  OK(maquette_dataset_upload(copy, json, &count, &error));
  CHECK(count == 3000 && count_of(copy) == 3000);
  char *text;
  OK(maquette_dataset_download_text(dataset, "{\"y\": \"left\", \"$limit\": 2}", &text, &error));
  CHECK(times(text, "\"id\":") == 2 && strstr(text, "\"marcelleMeta\":{\"type\":\"dataset\"}"), "%s", text);
  OK(maquette_dataset_upload_text(copy, text, strlen(text), NULL, &error));
  CHECK(count_of(copy) == 3002);
  for (size_t cut = 0; cut < strlen(text); cut += 7)
    CHECK(maquette_dataset_upload_text(copy, text, cut, NULL, NULL) != MAQUETTE_OK, "the first %zu bytes", cut);
  maquette_string_free(text);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "length", maquette_dataset_upload_text(copy, "{}", SIZE_MAX, &count, &error));
  FAILS(MAQUETTE_E_BAD_FORMAT, "instances", maquette_dataset_upload_text(copy, "{}", 2, &count, &error));
  FAILS(MAQUETTE_E_IO, "/nowhere", maquette_dataset_upload(copy, "/nowhere", &count, &error));
  FAILS(MAQUETTE_E_IO, "/nowhere", maquette_dataset_download(copy, "/nowhere/x", NULL, &count, &error));
  FAILS(MAQUETTE_E_BAD_UTF8, "path", maquette_dataset_download(copy, "/tmp/\xff", NULL, &count, &error));
  CHECK(count_of(copy) == 3002);

  OK(maquette_dataset_clear(copy, &error));
  OK(maquette_dataset_export_csv(dataset, csv, "{\"separator\": \"\\t\", \"names\": [\"a\", \"b\", \"c\", \"d\"]}", &count, &error));
  CHECK(count == 3000);
  OK(maquette_dataset_import_csv(copy, csv, "{\"separator\": \"\\t\"}", &count, &error));
  CHECK(count == 3000);
  float *before = malloc(3000 * 4 * sizeof *before), *after = malloc(3000 * 4 * sizeof *after);
  maquette_matrix first = F32(before, 3000, 4), second = F32(after, 3000, 4);
  OK(maquette_dataset_read(dataset, &first, NULL, NULL, &error));
  OK(maquette_dataset_read(copy, &second, NULL, NULL, &error));
  CHECK(!memcmp(before, after, 3000 * 4 * sizeof *before));
  free(before), free(after);
  FAILS(MAQUETTE_E_BAD_FORMAT, "line 1", maquette_dataset_import_csv(copy, csv, "{\"header\": false, \"separator\": \"\\t\", \"label\": -1}", &count, &error));
  FAILS(MAQUETTE_E_NOT_FOUND, "z", maquette_dataset_import_csv(copy, csv, "{\"label\": \"z\"}", &count, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "label", maquette_dataset_export_csv(copy, csv, "{\"label\": \"z\"}", &count, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "names", maquette_dataset_export_csv(copy, csv, "{\"names\": [1]}", &count, &error));
  FAILS(MAQUETTE_E_BAD_SHAPE, "names", maquette_dataset_export_csv(copy, csv, "{\"names\": [\"a\"]}", &count, &error));

  maquette_dataset *train = dataset_of(store, "train", NULL), *test = dataset_of(store, "test", NULL);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "share", maquette_dataset_split(dataset, "{\"share\": 1}", train, test, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "nope", maquette_dataset_split(dataset, "{\"nope\": 1}", train, test, &error));
  FAILS(MAQUETTE_E_BAD_JSON, "seed", maquette_dataset_split(dataset, "{\"seed\": 1.5}", train, test, &error));
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "twice", maquette_dataset_split(dataset, NULL, train, train, &error));
  OK(maquette_dataset_split(dataset, "{\"share\": 0.75, \"seed\": 3}", train, test, &error));
  CHECK(count_of(train) == 2250 && count_of(test) == 750);
  OK(maquette_dataset_count_matching(test, "{\"y\": \"left\"}", &count, &error));
  CHECK(count == 250, "%d", (int)count);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "empty", maquette_dataset_split(dataset, NULL, train, test, &error));
  maquette_dataset_destroy(train), maquette_dataset_destroy(test);
  maquette_dataset_destroy(dataset), maquette_dataset_destroy(copy), maquette_store_destroy(store);
  rows_free(content);
}

/* ---- Arrow ---- */

/* A producer of a batch of two columns, `a` of 16-bit numbers and `kind` of texts, that counts what is not released. */
typedef struct producer {
  struct ArrowSchema a, kind;
  struct ArrowSchema *schemas[2];
  struct ArrowArray numbers, texts;
  struct ArrowArray *arrays[2];
  const void *number_buffers[2], *text_buffers[3], *no_buffers[1];
  int64_t rows, offset;
  int open, batches, failing;
} producer;

static producer *of_stream(struct ArrowArrayStream *stream) { return stream->private_data; }
static void release_schema(struct ArrowSchema *schema) { ((producer *)schema->private_data)->open--, schema->release = NULL; }
static void release_array(struct ArrowArray *array) { ((producer *)array->private_data)->open--, array->release = NULL; }
static void release_stream(struct ArrowArrayStream *stream) { of_stream(stream)->open--, stream->release = NULL; }
static const char *last_error(struct ArrowArrayStream *stream) { return (void)stream, "out of ink"; }

static int give_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  producer *self = of_stream(stream);
  self->open++;
  *out = (struct ArrowSchema){.format = "+s", .name = "", .n_children = 2, .children = self->schemas,
                              .release = release_schema, .private_data = self};
  return 0;
}

static int give_batch(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  producer *self = of_stream(stream);
  memset(out, 0, sizeof *out);
  if (self->failing) return 5;
  if (self->batches-- <= 0) return 0;
  self->open++;
  *out = (struct ArrowArray){.length = self->rows, .offset = self->offset, .n_buffers = 1, .buffers = self->no_buffers,
                             .n_children = 2, .children = self->arrays, .release = release_array, .private_data = self};
  return 0;
}

static struct ArrowArrayStream producing(producer *self) {
  static const int16_t numbers[] = {1, -2, 3, 400};
  static const int32_t offsets[] = {0, 1, 1, 4, 5};
  *self = (producer){.a = {.format = "s", .name = "a"}, .kind = {.format = "u", .name = "kind"}, .rows = 3, .offset = 1,
                     .open = 1, .batches = 2};
  self->schemas[0] = &self->a, self->schemas[1] = &self->kind;
  self->number_buffers[1] = numbers, self->text_buffers[1] = offsets, self->text_buffers[2] = "lxyzr";
  self->numbers = (struct ArrowArray){.length = 4, .n_buffers = 2, .buffers = self->number_buffers};
  self->texts = (struct ArrowArray){.length = 4, .n_buffers = 3, .buffers = self->text_buffers};
  self->arrays[0] = &self->numbers, self->arrays[1] = &self->texts;
  return (struct ArrowArrayStream){give_schema, give_batch, last_error, release_stream, self};
}

TEST(arrow, "Record batches come in and go out, what is wrong with them is a status, and all is released") {
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", NULL), *copy = dataset_of(store, "copy", NULL);
  producer self;
  struct ArrowArrayStream stream = producing(&self);
  int64_t count = -1;
  OK(maquette_dataset_import_arrow(dataset, &stream, "{\"label\": \"kind\"}", &count, &error));
  CHECK(count == 6 && self.open == 0 && stream.release == NULL, "%d rows, %d open", (int)count, self.open);
  char *text;
  OK(maquette_dataset_find(dataset, "{\"$select\": [\"x\", \"y\"]}", &text, &error));
  CHECK(times(text, "\"x\":[-2],\"y\":\"\"") == 2 && times(text, "\"x\":[3],\"y\":\"xyz\"") == 2 &&
            times(text, "\"x\":[400],\"y\":\"r\"") == 2, "%s", text);
  maquette_string_free(text);
  FAILS(MAQUETTE_E_INVALID_ARGUMENT, "released", maquette_dataset_import_arrow(dataset, &stream, NULL, &count, &error));

  OK(maquette_dataset_export_arrow(dataset, &stream, &error));
  struct ArrowSchema schema;
  REQUIRE(stream.get_schema(&stream, &schema) == 0 && schema.n_children == 3);
  CHECK(!strcmp(schema.format, "+s") && !strcmp(schema.children[0]->format, "u") && !strcmp(schema.children[1]->format, "+w:1") &&
        !strcmp(schema.children[1]->children[0]->format, "f") && !strcmp(schema.children[2]->dictionary->format, "u"));
  struct ArrowSchema moved = *schema.children[1]; /* a consumer may take a child away */
  schema.children[1]->release = NULL;
  schema.release(&schema);
  CHECK(schema.release == NULL && moved.release != NULL && !strcmp(moved.name, "x"));
  moved.release(&moved);
  struct ArrowArray batch;
  REQUIRE(stream.get_next(&stream, &batch) == 0 && batch.release && batch.length == 6);
  CHECK(((const float *)batch.children[1]->children[0]->buffers[1])[2] == 400);
  struct ArrowArray end;
  CHECK(stream.get_next(&stream, &end) == 0 && end.release == NULL);
  maquette_dataset_destroy(dataset); /* what was given stays */
  stream.release(&stream);
  CHECK(((const float *)batch.children[1]->children[0]->buffers[1])[1] == 3);
  batch.release(&batch);

  struct {
    maquette_status status;
    const char *word, *options;
  } cases[] = {
      {MAQUETTE_E_IO, "out of ink", NULL},
      {MAQUETTE_E_BAD_FORMAT, "kind", "{\"features\": [\"kind\"]}"},
      {MAQUETTE_E_NOT_FOUND, "z", "{\"label\": \"z\"}"},
      {MAQUETTE_E_INVALID_ARGUMENT, "header", "{\"header\": true}"},
      {MAQUETTE_E_BAD_JSON, "options", "{"},
      {MAQUETTE_E_BAD_FORMAT, "length", NULL},
      {MAQUETTE_E_BAD_FORMAT, "elements", NULL},
      {MAQUETTE_E_BAD_FORMAT, "buffer", NULL},
      {MAQUETTE_E_BAD_FORMAT, "buffers", NULL},
      {MAQUETTE_E_BAD_FORMAT, "column", NULL},
      {MAQUETTE_E_BAD_SHAPE, "no column", NULL},
      {MAQUETTE_E_BAD_UTF8, "kind", "{\"label\": \"kind\"}"},
      {MAQUETTE_E_BAD_FORMAT, "grow", "{\"label\": \"kind\"}"},
      {MAQUETTE_E_BAD_HANDLE, "dataset", NULL},
  };
  static const int32_t shrinking[] = {5, 4, 3, 2, 1};
  for (size_t i = 0; i < COUNT(cases); i++) {
    stream = producing(&self);
    if (i == 0) self.failing = 1;
    if (i == 5) self.rows = -1;
    if (i == 6) self.rows = INT64_C(1) << 30;
    if (i == 7) self.number_buffers[1] = NULL;
    if (i == 8) self.numbers.n_buffers = 0;
    if (i == 9) self.arrays[0] = NULL;
    if (i == 10) self.a.format = "nonsense";
    if (i == 11) self.text_buffers[2] = "l\xff\xfe\xfdr";
    if (i == 12) self.text_buffers[1] = shrinking;
    FAILS(cases[i].status, cases[i].word,
          maquette_dataset_import_arrow(i == 13 ? dataset : copy, &stream, cases[i].options, &count, &error));
    CHECK(self.open == 0 && stream.release == NULL, "case %zu: %d open", i, self.open);
  }
  CHECK(count_of(copy) == 0);
  maquette_dataset_destroy(copy), maquette_store_destroy(store);
}

/* ---- Every function, with NULL and handles that are none in each position ---- */

typedef struct given {
  maquette_store *store;
  maquette_service *service;
  maquette_dataset *dataset;
  maquette_cursor *cursor;
  maquette_view *view;
  maquette_dataset *first, *second;
  uint8_t pixels[12];
  maquette_matrix images;
  int64_t shape[2];
  const char *labels[2];
  struct ArrowArrayStream stream;
  char id[32], json[512], csv[512];
  struct {
    void *handle;
    char *text;
    int64_t number;
  } out;
  int bad;
  void *replacement, *right[8];
} given;

/* What stays an instance of the dataset. */
#define KEPT "{\"x\": [1, 2], \"y\": \"a\", \"datasetName\": \"d\"}"

/* A stream that is used once, and one to be written to. */
static struct ArrowArrayStream *filled(maquette_dataset *dataset, struct ArrowArrayStream *stream) {
  if (stream->release) stream->release(stream);
  OK(maquette_dataset_export_arrow(dataset, stream, &error));
  return stream;
}
static struct ArrowArrayStream *unread(struct ArrowArrayStream *stream) {
  if (stream->release) stream->release(stream);
  return stream;
}

/* A split needs them empty. */
static maquette_dataset *emptied(maquette_dataset *dataset) { return maquette_dataset_clear(dataset, NULL), dataset; }

#define FUNCTIONS(X)                                                                                                   \
  X(store_services, "HI", (H(0, g->store), P(1, &g->out.text), e))                                                     \
  X(service_open, "HII", (H(0, g->store), P(1, "notes"), P(2, (maquette_service **)&g->out.handle), e))                \
  X(service_find, "H-I", (H(0, g->service), P(1, "{}"), P(2, &g->out.text), e))                                        \
  X(service_get, "HII", (H(0, g->service), P(1, g->id), P(2, &g->out.text), e))                                        \
  X(service_create, "HI-", (H(0, g->service), P(1, "{\"v\": 1}"), P(2, &g->out.text), e))                              \
  X(service_update, "HI-I-", (H(0, g->service), P(1, g->id), P(2, "{}"), P(3, KEPT), P(4, &g->out.text), e))           \
  X(service_patch, "H--I-", (H(0, g->service), P(1, g->id), P(2, "{}"), P(3, "{}"), P(4, &g->out.text), e))            \
  X(service_remove, "H-I-", (H(0, g->service), P(1, NULL), P(2, "{\"v\": 77}"), P(3, &g->out.text), e))                \
  X(service_count, "H-I", (H(0, g->service), P(1, "{}"), P(2, &g->out.number), e))                                     \
  X(service_distinct, "HI-I", (H(0, g->service), P(1, "v"), P(2, "{}"), P(3, &g->out.text), e))                        \
  X(service_items, "H-I", (H(0, g->service), P(1, "{}"), P(2, (maquette_cursor **)&g->out.handle), e))                 \
  X(cursor_next, "HI", (H(0, g->cursor), P(1, &g->out.text), e))                                                       \
  X(dataset_append_shaped, "HII-",                                                                                     \
    (H(0, g->dataset), P(1, &g->images), P(2, g->shape), 2, P(3, g->labels), NULL, e))                                   \
  X(dataset_update, "HII-", (H(0, g->dataset), P(1, g->id), P(2, KEPT), P(3, &g->out.text), e))                        \
  X(dataset_patch, "HII-", (H(0, g->dataset), P(1, g->id), P(2, "{}"), P(3, &g->out.text), e))                         \
  X(dataset_patch_matching, "HII-", (H(0, g->dataset), P(1, "{}"), P(2, "{}"), P(3, &g->out.text), e))                 \
  X(dataset_remove_matching, "HI-", (H(0, g->dataset), P(1, "{\"v\": 77}"), P(2, &g->out.text), e))                    \
  X(dataset_count_matching, "H-I", (H(0, g->dataset), P(1, "{}"), P(2, &g->out.number), e))                            \
  X(dataset_distinct_matching, "HI-I", (H(0, g->dataset), P(1, "y"), P(2, "{}"), P(3, &g->out.text), e))               \
  X(dataset_items, "H-I", (H(0, g->dataset), P(1, "{}"), P(2, (maquette_cursor **)&g->out.handle), e))                 \
  X(dataset_sift, "HII", (H(0, g->dataset), P(1, "{}"), P(2, (maquette_view **)&g->out.handle), e))                    \
  X(view_count, "HI", (H(0, g->view), P(1, &g->out.number), e))                                                        \
  X(view_find, "H-I", (H(0, g->view), P(1, "{}"), P(2, &g->out.text), e))                                              \
  X(view_items, "H-I", (H(0, g->view), P(1, "{}"), P(2, (maquette_cursor **)&g->out.handle), e))                       \
  X(dataset_download, "HI--", (H(0, g->dataset), P(1, g->json), P(2, "{}"), P(3, &g->out.number), e))                  \
  X(dataset_download_text, "H-I", (H(0, g->dataset), P(1, "{}"), P(2, &g->out.text), e))                               \
  X(dataset_upload, "HI-", (H(0, g->dataset), P(1, g->json), P(2, &g->out.number), e))                                 \
  X(dataset_upload_text, "HI", (H(0, g->dataset), P(1, "{\"instances\":[]}"), 16, NULL, e))                            \
  X(dataset_export_csv, "HI--", (H(0, g->dataset), P(1, g->csv), P(2, "{}"), P(3, &g->out.number), e))                 \
  X(dataset_import_csv, "HI--", (H(0, g->dataset), P(1, g->csv), P(2, "{}"), P(3, &g->out.number), e))                 \
  X(dataset_export_arrow, "HI", (H(0, g->dataset), P(1, unread(&g->stream)), e))                                       \
  X(dataset_import_arrow, "HI--",                                                                                      \
    (H(0, g->dataset), P(1, filled(g->dataset, &g->stream)), P(2, "{}"), P(3, &g->out.number), e))                     \
  X(dataset_split, "H-HH", (H(0, g->dataset), P(1, "{}"), H(2, emptied(g->first)), H(3, emptied(g->second)), e))

static void give_back(given *g) {
  maquette_string_free(g->out.text);
  maquette_service_destroy(g->out.handle), maquette_cursor_destroy(g->out.handle), maquette_view_destroy(g->out.handle);
}

#include "given.h"

TEST(bad_arguments, "NULL, destroyed and wrong-kind handles are statuses everywhere") {
  given g = {.bad = -1, .store = store_of("memory:")};
  g.service = service_of(g.store, "instances-d");
  g.dataset = dataset_of(g.store, "d", NULL);
  char *text;
  OK(maquette_dataset_create(g.dataset, "{\"x\": [1, 2], \"y\": \"a\"}", &text, &error));
  id_in(text, g.id);
  maquette_string_free(text);
  OK(maquette_dataset_create(g.dataset, "{\"x\": [3, 4], \"y\": \"a\"}", NULL, &error));
  OK(maquette_service_items(g.service, NULL, &g.cursor, &error));
  OK(maquette_dataset_sift(g.dataset, "{}", &g.view, &error));
  g.first = dataset_of(g.store, "first", NULL), g.second = dataset_of(g.store, "second", NULL);
  g.images = matrix_of(g.pixels, 2, 2, MAQUETTE_U8);
  g.shape[0] = 1, g.shape[1] = 2, g.labels[0] = "a", g.labels[1] = NULL;
  strcpy(g.json, path_of("given.json")), strcpy(g.csv, path_of("given.csv"));
  maquette_service *gone = service_of(g.store, "gone");
  maquette_cursor *over;
  OK(maquette_service_items(gone, NULL, &over, &error));
  maquette_service_destroy(gone), maquette_cursor_destroy(over);
  maquette_service_destroy(gone), maquette_cursor_destroy(over);
  maquette_service_destroy(NULL), maquette_cursor_destroy(NULL), maquette_view_destroy(NULL);
  maquette_view_destroy((void *)g.cursor);
  maquette_service_destroy((void *)g.dataset), maquette_cursor_destroy((void *)g.service);
  int mine = 0;
  void *handles[] = {NULL, gone, over, g.store, g.service, g.dataset, g.cursor, g.view, &mine, (void *)3, (void *)~0ul};
  run_all_well(&g);
  run_all_badly(&g, handles, COUNT(handles));
  for (size_t h = 0; h < COUNT(handles); h++) {
    if (handles[h] != g.service) CHECK(maquette_service_events(handles[h]) == NULL);
    if (handles[h] != g.view) CHECK(!maquette_view_counts(handles[h]) && !maquette_view_changes(handles[h]));
  }
  maquette_cursor_destroy(g.cursor), maquette_service_destroy(g.service);
  if (g.stream.release) g.stream.release(&g.stream);
  maquette_view_destroy(g.view), maquette_dataset_destroy(g.first), maquette_dataset_destroy(g.second);
  maquette_dataset_destroy(g.dataset), maquette_store_destroy(g.store);
}

int main(int count, char **words) { return test_main(count, words); }
