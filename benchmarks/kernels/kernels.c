/* Times the kernels on a network of 64 features, layers of 64 and 32, and 10 classes: medians of many runs.
 *
 *   cd Sources/CMaquetteKernels && clang -O2 -I include ../../benchmarks/kernels/kernels.c *.c -lm
 */
#include "maquette_kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FEATURES = 64, CLASSES = 10, LAYERS = 3, BATCH = 8, ROWS = 1024, RUNS = 2001, NEIGHBOURS = 10000 };

static const ptrdiff_t widths[LAYERS + 1] = {FEATURES, 64, 32, CLASSES};

typedef struct {
  maquette_layer forward[LAYERS];
  maquette_trained trained[LAYERS];
  float *outputs[LAYERS], *gradients[LAYERS];
  float *x, *y, *panels, *scores;
  int32_t *labels, *nearest;
  float probabilities[CLASSES];
} fixture;

static float *floats(ptrdiff_t count) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, (size_t)(count + 16) * sizeof(float)) != 0) abort();
  memset(memory, 0, (size_t)count * sizeof(float));
  return memory;
}

static float uniform(void) { return (float)rand() / (float)RAND_MAX - 0.5f; }

static fixture make(void) {
  fixture made;
  srand(1);
  for (int l = 0; l < LAYERS; l++) {
    ptrdiff_t inputs = widths[l], outputs = widths[l + 1], stride = maquette_stride(outputs);
    maquette_trained layer = {floats(inputs * stride), floats(stride), floats(inputs * stride), floats(stride),
                              floats(inputs * stride), floats(stride), inputs, outputs};
    for (ptrdiff_t i = 0; i < inputs; i++) {
      for (ptrdiff_t o = 0; o < outputs; o++) layer.weights[i * stride + o] = uniform() / 4;
    }
    made.trained[l] = layer;
    made.forward[l] = (maquette_layer){layer.weights, layer.bias, inputs, outputs,
                                     l + 1 < LAYERS ? MAQUETTE_RELU : MAQUETTE_LINEAR};
    made.outputs[l] = floats(ROWS * stride);
    made.gradients[l] = floats(ROWS * stride);
  }
  made.x = floats(NEIGHBOURS * FEATURES);
  for (int i = 0; i < NEIGHBOURS * FEATURES; i++) made.x[i] = uniform();
  made.labels = malloc(ROWS * sizeof(int32_t));
  for (int i = 0; i < ROWS; i++) made.labels[i] = rand() % CLASSES;
  made.panels = floats(NEIGHBOURS * FEATURES);
  made.scores = floats(ROWS * 10);
  made.nearest = malloc(ROWS * 10 * sizeof(int32_t));
  return made;
}

static void forward(const maquette_kernels *kernels, fixture *f, const float *x, ptrdiff_t rows) {
  for (int l = 0; l < LAYERS; l++) {
    kernels->dense_forward(&f->forward[l], l ? f->outputs[l - 1] : x, l ? maquette_stride(widths[l]) : FEATURES, rows,
                           f->outputs[l]);
  }
}

static int batch_at = 0;

static void training_step(const maquette_kernels *kernels, fixture *f) {
  const float *x = f->x + batch_at * FEATURES;
  const int32_t *labels = f->labels + batch_at;
  batch_at = (batch_at + BATCH) % 512;
  maquette_optimizer adam = {MAQUETTE_ADAM, 0.9f, 0.999f, 3e-6f, 3e-3f, 0};
  maquette_loss loss = {0, 0};
  forward(kernels, f, x, BATCH);
  kernels->cross_entropy(f->outputs[2], BATCH, CLASSES, labels, NULL, 1.0f / BATCH, &loss);
  kernels->dense_backward(f->trained[2].weights, 32, CLASSES, f->outputs[2], BATCH, f->outputs[1], f->gradients[1]);
  kernels->dense_backward(f->trained[1].weights, 64, 32, f->gradients[1], BATCH, f->outputs[0], f->gradients[0]);
  kernels->dense_update(&f->trained[2], f->outputs[1], 32, f->outputs[2], BATCH, &adam);
  kernels->dense_update(&f->trained[1], f->outputs[0], 64, f->gradients[1], BATCH, &adam);
  kernels->dense_update(&f->trained[0], x, FEATURES, f->gradients[0], BATCH, &adam);
}

static void forward_batch(const maquette_kernels *kernels, fixture *f) { forward(kernels, f, f->x, BATCH); }
static void loss_batch(const maquette_kernels *kernels, fixture *f) {
  maquette_loss loss = {0, 0};
  kernels->cross_entropy(f->outputs[2], BATCH, CLASSES, f->labels, NULL, 1.0f / BATCH, &loss);
}
static void backward_batch(const maquette_kernels *kernels, fixture *f) {
  kernels->dense_backward(f->trained[2].weights, 32, CLASSES, f->outputs[2], BATCH, f->outputs[1], f->gradients[1]);
  kernels->dense_backward(f->trained[1].weights, 64, 32, f->gradients[1], BATCH, f->outputs[0], f->gradients[0]);
}
static void update_batch(const maquette_kernels *kernels, fixture *f) {
  maquette_optimizer adam = {MAQUETTE_ADAM, 0.9f, 0.999f, 3e-6f, 0, 0};
  kernels->dense_update(&f->trained[2], f->outputs[1], 32, f->outputs[2], BATCH, &adam);
  kernels->dense_update(&f->trained[1], f->outputs[0], 64, f->gradients[1], BATCH, &adam);
  kernels->dense_update(&f->trained[0], f->x, FEATURES, f->gradients[0], BATCH, &adam);
}
static void adam_only(const maquette_kernels *kernels, fixture *f) {
  maquette_optimizer adam = {MAQUETTE_ADAM, 0.9f, 0.999f, 3e-6f, 0, 0};
  kernels->step(f->trained[0].weights, f->trained[0].weights_first, f->trained[0].weights_second, f->x, 4096, &adam);
}
static void gradient_only(const maquette_kernels *kernels, fixture *f) {
  kernels->dense_gradient(f->x, FEATURES, f->gradients[0], BATCH, 64, 64, f->scores, f->scores + 4096);
}
static void predict_row(const maquette_kernels *kernels, fixture *f) {
  kernels->network(f->forward, LAYERS, 1, NULL, f->x, f->probabilities);
}
static void predict_many(const maquette_kernels *kernels, fixture *f) {
  forward(kernels, f, f->x, ROWS);
  kernels->softmax(f->outputs[2], ROWS, CLASSES);
}
static void finite_row(const maquette_kernels *kernels, fixture *f) {
  if (!kernels->finite(f->x, FEATURES)) abort();
}
static void neighbours(const maquette_kernels *kernels, fixture *f, ptrdiff_t queries, int32_t metric) {
  maquette_nearest nearest = {f->scores, f->nearest, 3, 0};
  kernels->search(f->panels, 0, NEIGHBOURS, FEATURES, f->x, FEATURES, queries, metric, &nearest);
}
static void neighbours_one(const maquette_kernels *kernels, fixture *f) { neighbours(kernels, f, 1, MAQUETTE_DOT); }
static void neighbours_many(const maquette_kernels *kernels, fixture *f) { neighbours(kernels, f, 64, MAQUETTE_DOT); }
static void distances_many(const maquette_kernels *kernels, fixture *f) {
  neighbours(kernels, f, 64, MAQUETTE_SQUARED_DISTANCE);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static void measure(const char *what, const maquette_kernels *kernels, fixture *f, int repeats,
                    void (*body)(const maquette_kernels *, fixture *)) {
  static double times[RUNS];
  int runs = repeats == 1 ? 51 : RUNS;
  for (int run = 0; run < runs; run++) {
    double start = now();
    for (int i = 0; i < repeats; i++) body(kernels, f);
    times[run] = (now() - start) / repeats;
  }
  qsort(times, (size_t)runs, sizeof(double), by_value);
  printf("%-9s %-44s %10.0f ns (fastest %.0f)\n", kernels->name, what, times[runs / 2], times[0]);
}

int main(void) {
  const char *names[] = {"avx512", "avx2", "portable"};
  for (int i = 0; i < 3; i++) {
    const maquette_kernels *kernels = maquette_kernels_named(names[i]);
    if (kernels == NULL) continue;
    fixture f = make();
    kernels->pack(f.x, FEATURES, NEIGHBOURS, FEATURES, f.panels, 0);
    measure("training step, batch 8", kernels, &f, 50, training_step);
    measure("  forward", kernels, &f, 50, forward_batch);
    measure("  softmax and loss", kernels, &f, 50, loss_batch);
    measure("  backward", kernels, &f, 50, backward_batch);
    measure("  gradient and Adam", kernels, &f, 50, update_batch);
    measure("  (Adam alone, 4096 weights)", kernels, &f, 50, adam_only);
    measure("  (gradient alone, 64 x 64)", kernels, &f, 50, gradient_only);
    measure("prediction of a row", kernels, &f, 500, predict_row);
    measure("prediction of 1,024 rows", kernels, &f, 1, predict_many);
    measure("finite, 64 features", kernels, &f, 500, finite_row);
    measure("3 nearest of 10,000, 1 query", kernels, &f, 1, neighbours_one);
    measure("3 nearest of 10,000, 64 queries", kernels, &f, 1, neighbours_many);
    measure("3 nearest of 10,000, 64 queries, squared", kernels, &f, 1, distances_many);
  }
}
