/* The kernels alone, on one thread: what they reach beside what the machine can do, as a table in Markdown.
 *
 *   make bench-kernels
 *
 * The machine's rates come first: multiply-adds of registers only, reading far more memory than the caches hold, and
 * OpenBLAS's product of large matrices. A kernel that computes is held against the multiply-adds, one that goes over
 * memory against the reading. Operations are counted as additions and multiplications of the mathematics, so a
 * squared distance has three for each feature where two take the time of one; memory is what has to be read and written
 * at least once. Times are medians of many runs, in the thread's own time, so that other programs matter little. The
 * products of OpenBLAS stand beside the kernels on the same shapes. */
#include "maquette_kernels.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void openblas_set_num_threads(int threads);

enum { RUNS = 1000 };
static const double turn = 0.25, batch = 100e-6;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

/* Seconds that `body` takes: the median of runs for a quarter of a second, each long enough for the clock. */
static double seconds_of(void (*body)(void *), void *with) {
  static double times[RUNS];
  body(with);
  double start = now();
  body(with);
  double once = now() - start;
  int repeats = once < batch ? (int)(batch / (once > 1e-9 ? once : 1e-9)) + 1 : 1, runs = 0;
  for (double begin = now(); runs < RUNS && (runs < 3 || now() - begin < turn); runs++) {
    start = now();
    for (int i = 0; i < repeats; i++) body(with);
    times[runs] = (now() - start) / repeats;
  }
  qsort(times, (size_t)runs, sizeof(double), by_value);
  return times[runs / 2];
}

static void *memory(size_t bytes) {
  void *made = NULL;
  if (posix_memalign(&made, 64, bytes + 64) != 0) abort();
  memset(made, 0, bytes + 64);
  return made;
}

static float *zeros(ptrdiff_t count) { return memory((size_t)count * sizeof(float)); }

static float uniform(void) { return (float)rand() / (float)RAND_MAX - 0.5f; }

static float *numbers(ptrdiff_t count) {
  float *made = zeros(count);
  for (ptrdiff_t i = 0; i < count; i++) made[i] = uniform();
  return made;
}

/* ---- The machine ---------------------------------------------------------------------------------------------------- */

typedef float wide __attribute__((ext_vector_type(16)));
static volatile float kept;

/* Twelve chains of multiply-adds in registers of the widest kind there is. */
#define CHAINS(name, attribute, lanes, fused)                                                                           \
  attribute static double name(ptrdiff_t rounds) {                                                                      \
    typedef float vector __attribute__((ext_vector_type(lanes)));                                                       \
    vector sum[12], factor = (vector)0.999f, added = (vector)0.001f;                                                    \
    for (int i = 0; i < 12; i++) sum[i] = (vector)(float)i;                                                             \
    for (ptrdiff_t round = 0; round < rounds; round++) {                                                                \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < 12; i++) {                                                 \
        sum[i] = fused ? __builtin_elementwise_fma(sum[i], factor, added) : sum[i] * factor + added;                    \
      }                                                                                                                 \
    }                                                                                                                   \
    for (int i = 1; i < 12; i++) sum[0] += sum[i];                                                                      \
    kept = sum[0][0];                                                                                                   \
    return 2.0 * 12 * lanes * (double)rounds;                                                                           \
  }
#if defined(__x86_64__)
CHAINS(chains_avx512, __attribute__((target("avx512f,fma"))), 16, 1)
CHAINS(chains_avx2, __attribute__((target("avx2,fma"))), 8, 1)
CHAINS(chains_portable, , 4, 0)
#else
CHAINS(chains_portable, , 4, 1)
#endif

static double operations; /* of one call of the body below */

static void multiply_adds(void *name) {
#if defined(__x86_64__)
  if (strcmp(name, "avx512") == 0) {
    operations = chains_avx512(4000);
    return;
  }
  if (strcmp(name, "avx2") == 0) {
    operations = chains_avx2(4000);
    return;
  }
#endif
  (void)name;
  operations = chains_portable(4000);
}

enum { FAR = 48 << 20 };

static void read_all(void *from) {
  const wide *at = from, *end = at + FAR / 16;
  wide a = 0, b = 0, c = 0, d = 0;
  for (; at + 4 <= end; at += 4) {
    a += at[0];
    b += at[1];
    c += at[2];
    d += at[3];
  }
  kept = (a + b + c + d)[0];
}

typedef struct {
  ptrdiff_t m, n, k;
  CBLAS_TRANSPOSE left, right;
  const float *a, *b;
  float *c;
} product;

static void multiply(void *given) {
  const product *p = given;
  cblas_sgemm(CblasRowMajor, p->left, p->right, (blasint)p->m, (blasint)p->n, (blasint)p->k, 1, p->a,
              (blasint)(p->left == CblasTrans ? p->m : p->k), p->b, (blasint)(p->right == CblasTrans ? p->k : p->n), 0, p->c,
              (blasint)p->n);
}

static product product_of(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, CBLAS_TRANSPOSE left, CBLAS_TRANSPOSE right) {
  return (product){m, n, k, left, right, numbers(m * k), numbers(k * n), zeros(m * n)};
}

/* ---- The table ------------------------------------------------------------------------------------------------------ */

static double best_operations, best_bytes;

static void row_of(const char *what, double seconds, double work, double bytes) {
  const char *unit = seconds < 1e-6 ? "ns" : seconds < 1e-3 ? "µs" : "ms";
  double scale = seconds < 1e-6 ? 1e9 : seconds < 1e-3 ? 1e6 : 1e3;
  printf("| %s | %.3g %s |", what, seconds * scale, unit);
  if (work > 0) {
    printf(" %.1f GFLOP/s | %.0f %% |", work / seconds / 1e9, 100 * work / seconds / best_operations);
  } else {
    printf(" %.1f GB/s | %.0f %% |", bytes / seconds / 1e9, 100 * bytes / seconds / best_bytes);
  }
  printf("\n");
  fflush(stdout);
}

static void heading(const char *title) { printf("| **%s** | | | |\n", title); }

static void product_row(const char *what, product p) {
  row_of(what, seconds_of(multiply, &p), 2.0 * (double)p.m * (double)p.n * (double)p.k, 0);
}

/* ---- Networks ------------------------------------------------------------------------------------------------------- */

static const maquette_kernels *kernels;

typedef struct {
  maquette_layer layer;
  maquette_trained trained;
  const float *x;
  ptrdiff_t rows, x_stride;
  float *y, *dx, *gradient;
} dense;

static dense dense_of(ptrdiff_t rows, ptrdiff_t inputs, ptrdiff_t outputs) {
  const ptrdiff_t stride = maquette_stride(outputs), count = inputs * stride;
  dense made;
  float *weights = zeros(count);
  for (ptrdiff_t i = 0; i < inputs; i++) {
    for (ptrdiff_t o = 0; o < outputs; o++) weights[i * stride + o] = uniform() / 4;
  }
  made.trained = (maquette_trained){weights, zeros(stride), zeros(count), zeros(stride), zeros(count), zeros(stride),
                                    inputs, outputs};
  made.layer = (maquette_layer){weights, made.trained.bias, inputs, outputs, MAQUETTE_RELU};
  made.rows = rows;
  made.x_stride = maquette_stride(inputs);
  made.x = numbers(rows * made.x_stride);
  made.y = zeros(rows * stride);
  made.dx = zeros(rows * made.x_stride);
  made.gradient = zeros(count + stride);
  return made;
}

static const maquette_optimizer adam = {MAQUETTE_ADAM, 0.9f, 0.999f, 3e-6f, 1e-6f, 0};

static void forward(void *given) {
  dense *d = given;
  kernels->dense_forward(&d->layer, d->x, d->x_stride, d->rows, d->y);
}
static void backward(void *given) {
  dense *d = given;
  kernels->dense_backward(d->layer.weights, d->layer.inputs, d->layer.outputs, d->y, d->rows, d->x, d->dx);
}
static void gradient(void *given) {
  dense *d = given;
  kernels->dense_gradient(d->x, d->x_stride, d->y, d->rows, d->layer.inputs, d->layer.outputs, d->gradient,
                          d->gradient + d->layer.inputs * maquette_stride(d->layer.outputs));
}
static void update(void *given) {
  dense *d = given;
  kernels->dense_update(&d->trained, d->x, d->x_stride, d->y, d->rows, &adam);
}
static void step(void *given) {
  dense *d = given;
  kernels->step(d->trained.weights, d->trained.weights_first, d->trained.weights_second, d->gradient,
                d->layer.inputs * maquette_stride(d->layer.outputs), &adam);
}

static void layers_of(ptrdiff_t rows, ptrdiff_t inputs, ptrdiff_t outputs, _Bool beside_openblas) {
  char what[128];
  dense d = dense_of(rows, inputs, outputs);
  const double work = 2.0 * (double)rows * (double)inputs * (double)outputs;
  const double weights = (double)inputs * (double)maquette_stride(outputs);
  snprintf(what, sizeof what, "a dense layer forward, %td × %td → %td", rows, inputs, outputs);
  row_of(what, seconds_of(forward, &d), work, 0);
  if (beside_openblas) product_row("– OpenBLAS's product", product_of(rows, outputs, inputs, CblasNoTrans, CblasNoTrans));
  row_of("back to its inputs", seconds_of(backward, &d), work, 0);
  if (beside_openblas) product_row("– OpenBLAS's product", product_of(rows, inputs, outputs, CblasNoTrans, CblasTrans));
  row_of("its gradient", seconds_of(gradient, &d), work, 0);
  if (beside_openblas) product_row("– OpenBLAS's product", product_of(inputs, outputs, rows, CblasTrans, CblasNoTrans));
  row_of("gradient and Adam in one", seconds_of(update, &d), work, 0);
  row_of("Adam alone", seconds_of(step, &d), 0, weights * 7 * sizeof(float));
}

typedef struct {
  maquette_layer layers[3];
  float *x, *y, *between[2];
  int32_t *labels;
} network;

static const ptrdiff_t widths[] = {64, 64, 32, 10};
enum { MANY = 1024 };

static network network_of(void) {
  network made;
  for (int i = 0; i < 3; i++) {
    made.layers[i] = dense_of(1, widths[i], widths[i + 1]).layer;
    made.layers[i].activation = i < 2 ? MAQUETTE_RELU : MAQUETTE_LINEAR;
  }
  made.x = numbers(MANY * 64);
  made.y = zeros(MANY * 16);
  made.between[0] = zeros(MANY * 64);
  made.between[1] = zeros(MANY * 64);
  made.labels = memory(MANY * sizeof(int32_t));
  for (int i = 0; i < MANY; i++) made.labels[i] = rand() % 10;
  return made;
}

static void one_row(void *given) {
  network *n = given;
  kernels->network(n->layers, 3, 1, NULL, n->x, n->y);
}
static void many_rows(void *given) {
  network *n = given;
  /* As a prediction does it: a few rows through all layers, while they are in the nearest cache. */
  for (ptrdiff_t row = 0; row < MANY; row += 64) {
    kernels->dense_forward(&n->layers[0], n->x + row * 64, 64, 64, n->between[0]);
    kernels->dense_forward(&n->layers[1], n->between[0], 64, 64, n->between[1]);
    kernels->dense_forward(&n->layers[2], n->between[1], 32, 64, n->y + row * 16);
    kernels->softmax(n->y + row * 16, 64, 10);
  }
}
static void losses(void *given) {
  network *n = given;
  maquette_loss loss = {0, 0};
  kernels->cross_entropy(n->y, MANY, 10, n->labels, NULL, 1.0f / MANY, &loss);
}

/* ---- Neighbours, clusters, components ------------------------------------------------------------------------------- */

typedef struct {
  float *rows, *panels, *queries, *scores;
  int32_t *found;
  ptrdiff_t count, features, query_count, k;
  int32_t metric;
} search;

static search search_of(ptrdiff_t count, ptrdiff_t features, ptrdiff_t queries, ptrdiff_t k, int32_t metric) {
  search made = {numbers(count * features), zeros((count + 16) * features), numbers(queries * features),
                 zeros(queries * k), memory((size_t)(queries * k) * sizeof(int32_t)), count, features, queries, k, metric};
  kernels->pack(made.rows, features, count, features, made.panels, 0);
  return made;
}

static void nearest(void *given) {
  search *s = given;
  maquette_nearest best = {s->scores, s->found, s->k, 0};
  kernels->search(s->panels, NULL, 0, s->count, s->features, s->queries, s->features, s->query_count, s->metric, &best);
}
static void pack(void *given) {
  search *s = given;
  kernels->pack(s->rows, s->features, s->count, s->features, s->panels, 0);
}
static void normalise(void *given) {
  search *s = given;
  kernels->normalise(s->rows, s->features, s->count, s->features, s->panels, s->features);
}

static void search_row(const char *what, search s) {
  const double pairs = (double)s.count * (double)s.query_count * (double)s.features;
  const double bytes = (double)s.count * (double)s.features * sizeof(float);
  const double seconds = seconds_of(nearest, &s);
  if (s.query_count == 1) {
    row_of(what, seconds, 0, bytes);
  } else {
    row_of(what, seconds, pairs * (s.metric == MAQUETTE_DOT ? 2 : 3), 0);
  }
}

static void products_with_itself(void *given) {
  const product *p = given;
  cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, (blasint)p->m, (blasint)p->k, 1, p->a, (blasint)p->m, 0, p->c,
              (blasint)p->m);
}

/* ---- UMAP ----------------------------------------------------------------------------------------------------------- */

enum { VERTICES = 20000, DEGREE = 16, EPOCHS_APART = 8 };

typedef struct {
  maquette_embedding embedding;
  float *rows, *measured, *x, *y;
  int32_t *ids;
} layout;

static layout layout_of(void) {
  layout made;
  const ptrdiff_t edges = VERTICES * DEGREE, stride = maquette_stride(VERTICES) + 16;
  int64_t *starts = memory((VERTICES + 1) * sizeof(int64_t));
  int32_t *neighbours = memory((size_t)(edges + 16) * sizeof(int32_t)), *order = memory(VERTICES * sizeof(int32_t));
  float *rates = zeros(edges + 16);
  for (ptrdiff_t v = 0; v < VERTICES; v++) {
    starts[v + 1] = (v + 1) * DEGREE;
    order[v] = (int32_t)v;
    for (int i = 0; i < DEGREE; i++) {
      neighbours[v * DEGREE + i] = rand() % VERTICES;
      /* Each edge has a turn in about half of the epochs. */
      rates[v * DEGREE + i] = 0.5f;
    }
  }
  maquette_graph graph = {starts, neighbours, rates, DEGREE};
  float *from = numbers(2 * stride);
  for (ptrdiff_t i = 0; i < 2 * stride; i++) from[i] *= 20;
  made.embedding = (maquette_embedding){graph, order, from, zeros(2 * stride), memory(16 * DEGREE * sizeof(int32_t)),
                                        VERTICES, stride, 2, 5, 1, 3, 1.577f, 0.895f, 1, 0.5f};
  made.rows = numbers(VERTICES * 64);
  made.measured = zeros(VERTICES);
  made.x = numbers(VERTICES);
  made.y = zeros(VERTICES);
  made.ids = memory(VERTICES * sizeof(int32_t));
  for (ptrdiff_t v = 0; v < VERTICES; v++) made.ids[v] = rand() % VERTICES;
  return made;
}

static void embed(void *given) {
  layout *l = given;
  kernels->embed(&l->embedding, 0, VERTICES / 16);
}
static void distances(void *given) {
  layout *l = given;
  kernels->distances(l->rows, l->rows, 64, l->ids, VERTICES, MAQUETTE_SQUARED, l->measured);
}
static void sparse_multiply(void *given) {
  layout *l = given;
  kernels->sparse_multiply(&l->embedding.graph, l->x, 0, VERTICES, l->y);
}

/* ---- All of them ---------------------------------------------------------------------------------------------------- */

static void all_of(const char *name) {
  kernels = maquette_kernels_named(name);
  if (kernels == NULL) return;
  double seconds = seconds_of(multiply_adds, (void *)name);
  best_operations = operations / seconds;
  printf("\n## Kernels for %s\n\n| what | time | rate | of the machine's |\n|---|---|---|---|\n", name);
  row_of("multiply-adds in registers", seconds, operations, 0);

  heading("a small network: 64 → 64 → 32 → 10");
  layers_of(8, 64, 64, 1);
  network n = network_of();
  const double operations_of_row = 2.0 * (64 * 64 + 64 * 32 + 32 * 10);
  row_of("prediction of a row", seconds_of(one_row, &n), operations_of_row, 0);
  row_of("prediction of 1,024 rows", seconds_of(many_rows, &n), MANY * operations_of_row, 0);
  seconds = seconds_of(losses, &n);
  row_of("softmax and cross entropy of 1,024 × 10", seconds, 0, 2.0 * MANY * 16 * sizeof(float));

  heading("a wide one: mini-batches of 128");
  layers_of(128, 784, 512, 1);
  layers_of(128, 512, 256, 1);

  heading("nearest of 50,000 × 128");
  search_row("10 for one query, squared distances", search_of(50000, 128, 1, 10, MAQUETTE_SQUARED_DISTANCE));
  search_row("10 for one query, products", search_of(50000, 128, 1, 10, MAQUETTE_DOT));
  search_row("10 for 32 queries, squared distances", search_of(50000, 128, 32, 10, MAQUETTE_SQUARED_DISTANCE));
  search_row("10 for 32 queries, products", search_of(50000, 128, 32, 10, MAQUETTE_DOT));
  search_row("10 for 128 queries, products", search_of(50000, 128, 128, 10, MAQUETTE_DOT));
  product_row("– OpenBLAS's product, 128 × 1,024", product_of(128, 1024, 128, CblasNoTrans, CblasTrans));
  search all = search_of(50000, 128, 1, 1, MAQUETTE_DOT);
  row_of("arranging the rows", seconds_of(pack, &all), 0, 2.0 * 50000 * 128 * sizeof(float));
  row_of("bringing them to unit length", seconds_of(normalise, &all), 0, 2.0 * 50000 * 128 * sizeof(float));

  heading("k-means: the nearest of 50 centers × 64");
  search_row("for 512 rows, squared distances", search_of(50, 64, 512, 1, MAQUETTE_SQUARED_DISTANCE));
  search_row("for 512 rows, products", search_of(50, 64, 512, 1, MAQUETTE_DOT));
  product_row("– OpenBLAS's product", product_of(512, 50, 64, CblasNoTrans, CblasTrans));

  heading("principal components: products of 1,024 × 256 with themselves");
  product p = product_of(256, 256, 1024, CblasTrans, CblasNoTrans);
  row_of("– OpenBLAS's ssyrk, half of them", seconds_of(products_with_itself, &p), 256.0 * 257 * 1024, 0);
  product_row("– OpenBLAS's sgemm, all", p);

  heading("UMAP: 20,000 vertices of 16 edges");
  layout l = layout_of();
  /* A pull that both ends take, and five pushes: 2 differences, a square, a power, a fraction and a step each. */
  seconds = seconds_of(embed, &l);
  const double turns = VERTICES * DEGREE / 2;
  printf("| an epoch in the plane | %.3g ms | %.1f ns a turn of an edge | |\n", seconds * 1e3, seconds / turns * 1e9);
  row_of("a row's distances to 20,000 others × 64, at random", seconds_of(distances, &l), 0,
         VERTICES * 64.0 * sizeof(float));
  row_of("the graph times a vector", seconds_of(sparse_multiply, &l), 0, VERTICES * DEGREE * 8.0);
}

int main(void) {
  openblas_set_num_threads(1);
  srand(1);
  printf("# Kernels beside the machine, one thread\n\n| what | rate |\n|---|---|\n");
  float *far = numbers(FAR);
  best_bytes = FAR * 4.0 / seconds_of(read_all, far);
  free(far);
  printf("| reading 192 MB | %.1f GB/s |\n", best_bytes / 1e9);
  product large = product_of(1536, 1536, 1536, CblasNoTrans, CblasNoTrans);
  double rate = 2 * pow(1536, 3) / seconds_of(multiply, &large);
  printf("| OpenBLAS's product of 1,536 × 1,536 | %.1f GFLOP/s |\n", rate / 1e9);
  const char *names[] = {"avx512", "avx2", "portable"};
  for (int i = 0; i < 3; i++) all_of(names[i]);
}
