/* Matrices as hosts have them: every type, any stride, unaligned, read-only, overlapping. What is read and written
 * must be the same as for dense floats. */
#include "layouts.h"

#include <sys/mman.h>

enum { LABELS = 3 };

TEST(reading, "Every type and every layout is read as the same numbers") {
  rows content = whole_rows();
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 3}", &content);
  maquette_store *store = store_of("memory:");
  float *expected = confidences_of(model, &content), got[ROWS * LABELS], back[ROWS * COLS];
  maquette_matrix out = F32(got, ROWS, LABELS), features = F32(back, ROWS, COLS);
  for (size_t how = 0; how < COUNT(layouts); how++)
    for (int32_t dtype = MAQUETTE_F32; dtype <= MAQUETTE_I64; dtype++) {
      char block[BLOCK], before[BLOCK];
      memset(block, 0xFF, sizeof block); /* NaN, if anything beside the matrix were read */
      maquette_matrix in = lay_out(block, &layouts[how], dtype, ROWS, COLS);
      for (int row = 0; row < ROWS; row++)
        for (int column = 0; column < COLS; column++)
          put(&in, row, column, (double)content.x[row * COLS + column]);
      memcpy(before, block, sizeof block);
      memset(got, 0, sizeof got);
      OK(maquette_model_predict(model, &in, &out, &error));
      CHECK(!memcmp(got, expected, sizeof got), "predict: %s, type %d", layouts[how].name, dtype);
      maquette_dataset *dataset = dataset_of(store, "d", NULL);
      OK(maquette_dataset_clear(dataset, &error));
      OK(maquette_dataset_append(dataset, &in, content.y, &error));
      OK(maquette_dataset_read(dataset, &features, NULL, NULL, &error));
      CHECK(!memcmp(back, content.x, sizeof back), "append: %s, type %d", layouts[how].name, dtype);
      maquette_dataset_destroy(dataset);
      maquette_model *other = model_of("mlp-classifier", "{\"epochs\": 3}");
      OK(maquette_model_train_matrix(other, &in, content.y, NULL, NULL, &error));
      OK(maquette_model_wait(other, MAQUETTE_FOREVER, &error));
      float *learned = confidences_of(other, &content);
      CHECK(!memcmp(learned, expected, sizeof got), "train: %s, type %d", layouts[how].name, dtype);
      free(learned), maquette_model_destroy(other);
      CHECK(!memcmp(block, before, sizeof block), "input changed: %s, type %d", layouts[how].name, dtype);
    }
  free(expected), rows_free(content), maquette_model_destroy(model), maquette_store_destroy(store);
}

TEST(writing, "Answers go to every layout of floats and doubles, and nowhere else") {
  rows content = whole_rows();
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 3}", &content);
  float *expected = confidences_of(model, &content);
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", &content);
  for (size_t how = 0; how < COUNT(layouts); how++)
    for (int32_t dtype = MAQUETTE_F32; dtype <= MAQUETTE_F64; dtype++)
      for (int reading = 0; reading < 2; reading++) {
        char block[BLOCK], after[BLOCK];
        memset(block, 0x5A, sizeof block);
        int64_t cols = reading ? COLS : LABELS;
        maquette_matrix out = lay_out(block, &layouts[how], dtype, ROWS, cols);
        if (reading) OK(maquette_dataset_read(dataset, &out, NULL, NULL, &error));
        if (!reading) OK(maquette_model_predict(model, &content.matrix, &out, &error));
        memcpy(after, block, sizeof after);
        memset(block, 0x5A, sizeof block); /* what should be there, put in by this test */
        const float *values = reading ? content.x : expected;
        for (int row = 0; row < ROWS; row++)
          for (int64_t column = 0; column < cols; column++) put(&out, row, column, (double)values[row * cols + column]);
        CHECK(!memcmp(block, after, sizeof after), "%s: %s, type %d", reading ? "read" : "predict", layouts[how].name,
              dtype);
      }
  free(expected), rows_free(content);
  maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(read_only, "Input may lie in read-only memory, to the last byte of a page") {
  rows content = whole_rows();
  maquette_model *model = trained("mlp-classifier", "{\"epochs\": 3}", &content);
  float *expected = confidences_of(model, &content), got[ROWS * LABELS];
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = sizeof(float) * ROWS * COLS;
  char *pages = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(pages != MAP_FAILED);
  memcpy(pages + page, content.x, size), memcpy(pages + 2 * page - size, content.x, size);
  mprotect(pages, page, PROT_NONE), mprotect(pages + page, page, PROT_READ), mprotect(pages + 2 * page, page, PROT_NONE);
  maquette_matrix out = F32(got, ROWS, LABELS);
  maquette_matrix first = F32(pages + page, ROWS, COLS), last = F32(pages + 2 * page - size, ROWS, COLS);
  OK(maquette_model_predict(model, &first, &out, &error));
  CHECK(!memcmp(got, expected, sizeof got));
  OK(maquette_model_predict(model, &last, &out, &error));
  CHECK(!memcmp(got, expected, sizeof got));
  maquette_matrix one = F32(pages + 2 * page - sizeof(float) * COLS, 1, COLS), one_out = F32(got, 1, LABELS);
  OK(maquette_model_predict(model, &one, &one_out, &error));
  maquette_store *store = store_of("memory:");
  maquette_dataset *dataset = dataset_of(store, "d", NULL);
  OK(maquette_dataset_append(dataset, &last, content.y, &error));
  OK(maquette_model_train_matrix(model, &last, content.y, &first, content.y, &error));
  OK(maquette_model_wait(model, MAQUETTE_FOREVER, &error));
  munmap(pages, 3 * page);
  free(expected), rows_free(content);
  maquette_model_destroy(model), maquette_dataset_destroy(dataset), maquette_store_destroy(store);
}

TEST(overlapping, "Output may overlap the input: all is read before anything is written") {
  rows content = whole_rows();
  const char *const kinds[] = {"mlp-classifier", "knn-classifier"};
  for (size_t kind = 0; kind < COUNT(kinds); kind++) {
    maquette_model *model = trained(kinds[kind], NULL, &content);
    float *expected = confidences_of(model, &content);
    const int shifts[] = {0, 1, 4, 30, -1, -4, -30};
    for (size_t i = 0; i < COUNT(shifts); i++)
      for (int32_t dtype = MAQUETTE_F32; dtype <= MAQUETTE_F64; dtype++) {
        float block[600] = {0}, *in = block + 200;
        memcpy(in, content.x, sizeof(float) * ROWS * COLS);
        maquette_matrix features = F32(in, ROWS, COLS), out = matrix_of(in + shifts[i], ROWS, LABELS, dtype);
        OK(maquette_model_predict(model, &features, &out, &error));
        out.row_stride = LABELS * (int64_t)size_of(dtype), out.col_stride = (int64_t)size_of(dtype);
        int equal = 0;
        for (int row = 0; row < ROWS; row++)
          for (int column = 0; column < LABELS; column++)
            equal += get(&out, row, column) == (double)expected[row * LABELS + column];
        CHECK(equal == ROWS * LABELS, "%s: shifted by %d, type %d: %d of %d", kinds[kind], shifts[i], dtype, equal,
              ROWS * LABELS);
      }
    free(expected), maquette_model_destroy(model);
  }
  rows_free(content);
}

TEST(one_at_a_time, "A row alone has the same answer as among others") {
  rows content = rows_of(300, 17);
  const char *const kinds[] = {"mlp-classifier", "knn-classifier"};
  for (size_t kind = 0; kind < COUNT(kinds); kind++) {
    maquette_model *model = trained(kinds[kind], NULL, &content);
    float *expected = confidences_of(model, &content), got[LABELS];
    maquette_matrix out = F32(got, 1, LABELS);
    int different = 0, wrong_sums = 0;
    for (int row = 0; row < 300; row++) {
      maquette_matrix one = F32(content.x + row * 17, 1, 17);
      OK(maquette_model_predict(model, &one, &out, &error));
      for (int k = 0; k < LABELS; k++) different += fabsf(got[k] - expected[row * LABELS + k]) > 1e-6f;
      wrong_sums += fabsf(got[0] + got[1] + got[2] - 1) > 1e-5f;
    }
    CHECK(!different && !wrong_sums, "%s: %d answers differ, %d rows do not sum up to 1", kinds[kind], different,
          wrong_sums);
    free(expected), maquette_model_destroy(model);
  }
  rows_free(content);
}

int main(int count, char **words) { return test_main(count, words); }
