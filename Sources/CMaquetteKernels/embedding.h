/* UMAP's optimisation: McInnes, Healy & Melville, "UMAP: uniform manifold approximation and projection for dimension
 * reduction", 2018. Included by body.h.
 *
 * Sixteen vertices are moved at once, one in each lane, each by its own events one after the other; all others stand
 * where they stood when the epoch began. So a vertex's move depends on no other move of the epoch. */

typedef int32_t vi_anywhere __attribute__((ext_vector_type(LANES), aligned(4), may_alias));

/* Dimensions with code of their own; of more there is a loop. */
enum { FEW = 3, MOST = MAQUETTE_EMBEDDING_DIMENSIONS };

/* log2 x for positive normal x, within 4e-6; a polynomial of degree 6, fitted at Chebyshev's points. */
INLINE vf logarithm2_of(vf x) {
  vi bits = __builtin_bit_cast(vi, x);
  vi exponent = (bits - 0x3f3504f3) >> 23;
  vf z = __builtin_bit_cast(vf, bits - (exponent << 23)) - splat(1);
  vf square = z * z;
  vf low = multiply_add(splat(-0.7212084531784058f), z, splat(1.442701816558838f));
  vf middle = multiply_add(splat(-0.36641326546669006f), z, splat(0.47979387640953064f));
  vf high = multiply_add(splat(-0.20685812830924988f), z, splat(0.3184071183204651f));
  high = multiply_add(high, square, middle);
  high = multiply_add(high, square, low);
  return multiply_add(high, z, __builtin_convertvector(exponent, vf));
}

/* 2^x for x in -126 ... 127, within 4 in a million; a polynomial of degree 4, fitted at Chebyshev's points. */
INLINE vf power2_of(vf x) {
  x = x > splat(126) ? splat(126) : x;
  x = x < splat(-126) ? splat(-126) : x;
  const vf shift = splat(0x1.8p23f);
  vf shifted = x + shift;
  vf r = x - (shifted - shift);
  vf square = r * r;
  vf low = multiply_add(splat(0.6931210339915463f), r, splat(1.000000075495349f));
  vf high = multiply_add(splat(0.05592203564725949f), r, splat(0.24022107355830205f));
  high = multiply_add(splat(0.009676037097861174f), square, high);
  vf p = multiply_add(high, square, low);
  vi whole = __builtin_bit_cast(vi, shifted) - __builtin_bit_cast(vi, shift);
  return __builtin_bit_cast(vf, __builtin_bit_cast(vi, p) + (whole << 23));
}

INLINE vf clipped(vf x) {
  x = x > splat(4) ? splat(4) : x;
  return x < splat(-4) ? splat(-4) : x;
}

typedef struct {
  vf a, b, pull, push, rate;
} forces;

/* The squared distance and the differences to the sixteen other places, one for each lane. */
INLINE vf towards(const int dimensions, const vf *own, const vf *other, vf *difference) {
  vf square = splat(0);
  for (int d = 0; d < dimensions; d++) {
    difference[d] = own[d] - other[d];
    square = multiply_add(difference[d], difference[d], square);
  }
  return square;
}

/* Pulls a vertex and its neighbour towards each other where `present`: the gradient of log 1 / (1 + a d^2b). */
INLINE void attract(const int dimensions, const forces *by, vf *own, vf *other, vi present) {
  vf difference[MOST];
  vf square = towards(dimensions, own, other, difference);
  square = max_of(square, splat(1e-12f));
  vf power = power2_of(by->b * logarithm2_of(square));
  vf factor = by->pull * power / (square * multiply_add(by->a, power, splat(1)));
  factor = present ? factor : splat(0);
  for (int d = 0; d < dimensions; d++) {
    vf step = by->rate * clipped(factor * difference[d]);
    own[d] += step;
    other[d] -= step;
  }
}

/* How far a vertex chosen at random pushes away where `present`: the gradient of log 1 - 1 / (1 + a d^2b). */
INLINE void repel(const int dimensions, const forces *by, const vf *own, const vf *other, vi present, vf *sum) {
  vf difference[MOST];
  vf square = towards(dimensions, own, other, difference);
  vf power = power2_of(by->b * logarithm2_of(max_of(square, splat(1e-12f))));
  vf factor = by->push / ((square + splat(0.001f)) * multiply_add(by->a, power, splat(1)));
  factor = present ? factor : splat(0);
  for (int d = 0; d < dimensions; d++) sum[d] += clipped(factor * difference[d]);
}

INLINE void gather(const int dimensions, const float *from, ptrdiff_t step, ptrdiff_t dimension_step, vi index,
                   vf *to) {
  for (int d = 0; d < dimensions; d++) {
    UNROLL for (int lane = 0; lane < LANES; lane++) {
      to[d][lane] = from[index[lane] * step + d * dimension_step];
    }
  }
}

/* The neighbours whose turn it is, in the column `lane` of `events`; returns how many. An edge of rate r has its turn
 * whenever (epoch + 1) r reaches another whole number. */
INLINE int32_t turns(const maquette_graph *graph, int32_t vertex, float epoch, int lane, int32_t *events) {
  const ptrdiff_t first = graph->starts[vertex], last = graph->starts[vertex + 1];
  int32_t count = 0;
  for (ptrdiff_t at = first; at < last; at += LANES) {
    /* Both arrays have room for a whole vector after their end. */
    vf rates = load(graph->rates + at);
    vi before = __builtin_convertvector(rates * splat(epoch), vi);
    vi after = __builtin_convertvector(rates * splat(epoch + 1), vi);
    vi turn = after - before;
    ptrdiff_t present = last - at < LANES ? last - at : LANES;
    for (ptrdiff_t i = 0; i < present; i++) {
      events[count * LANES + lane] = graph->neighbours[at + i];
      count += turn[i] > 0;
    }
  }
  return count;
}

/* The next of a sequence of random numbers: Steele, Lea & Flood's SplitMix64, 2014. */
INLINE uint64_t random_next(uint64_t *state) {
  uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

/* Sixteen vertices one after the other, from the first on again after the last. */
INLINE vi run_from(int32_t first, int32_t rows) {
  vi drawn = lane_numbers() + first;
  while (any(drawn >= rows)) drawn = drawn >= rows ? drawn - rows : drawn;
  return drawn;
}

INLINE void embed_group(const int dimensions, const maquette_embedding *e, ptrdiff_t group, const forces *by) {
  const int32_t *order = e->order + group * LANES;
  vi vertices, draws;
  int32_t most = 0;
  UNROLL for (int lane = 0; lane < LANES; lane++) {
    int32_t vertex = order[lane];
    vertices[lane] = vertex < 0 ? 0 : vertex;
    draws[lane] = vertex < 0 ? 0 : turns(&e->graph, vertex, e->epoch, lane, e->scratch);
    if (draws[lane] > most) most = draws[lane];
  }
  uint64_t state = e->seed + (uint64_t)group;
  state = random_next(&state);
  vf own[MOST], other[MOST];
  gather(dimensions, e->from, 1, e->stride, vertices, own);
  for (int32_t turn = 0; turn < most; turn++) {
    vi present = turn < draws;
    vi index = *(const vi *)(e->scratch + turn * LANES);
    gather(dimensions, e->from, 1, e->stride, present ? index : 0, other);
    /* An edge has a turn in either direction, and each of them moves both ends. The other end's own group does the same
     * with it: what it moves here is only seen here. Without that, neighbours never swing past each other as they do when
     * edges are worked off one by one, which is what frees those that are stuck. */
    attract(dimensions, by, own, other, present);
    attract(dimensions, by, own, other, present);

    /* Sixteen vertices that stand side by side in memory, one for each lane, from a random place on. */
    vf sum[MOST];
    for (int d = 0; d < dimensions; d++) sum[d] = splat(0);
    for (ptrdiff_t i = 0; i < e->negatives; i++) {
      int32_t first = (int32_t)((random_next(&state) >> 32) * (uint64_t)e->rows >> 32);
      vi drawn = run_from(first, (int32_t)e->rows);
      for (int d = 0; d < dimensions; d++) other[d] = load(e->from + d * e->stride + first);
      repel(dimensions, by, own, other, present & (drawn != vertices), sum);
    }
    for (int d = 0; d < dimensions; d++) own[d] = multiply_add(by->rate, sum[d], own[d]);
  }
  for (int d = 0; d < dimensions; d++) {
    UNROLL for (int lane = 0; lane < LANES; lane++) {
      if (order[lane] >= 0) e->to[d * e->stride + order[lane]] = own[d][lane];
    }
  }
}

static void embed(const maquette_embedding *e, ptrdiff_t first, ptrdiff_t last) {
  const forces by = {splat(e->a), splat(e->b), splat(-2 * e->a * e->b), splat(2 * e->repulsion * e->b),
                     splat(e->rate)};
  for (ptrdiff_t group = first; group < last; group++) {
    switch (e->dimensions) {
    case 1: embed_group(1, e, group, &by); break;
    case 2: embed_group(2, e, group, &by); break;
    case 3: embed_group(3, e, group, &by); break;
    default: embed_group((int)e->dimensions, e, group, &by);
    }
  }
}

/* Moves one vertex among others that stay: towards its neighbours by the mean of their pulls, away from sixteen others in
 * every step. */
INLINE void place_among(const int dimensions, const maquette_placement *p, float *own) {
  uint64_t state = p->seed;
  for (ptrdiff_t step = 0; step < p->steps; step++) {
    const forces by = {splat(p->a), splat(p->b), splat(-2 * p->a * p->b), splat(2 * p->repulsion * p->b),
                       splat(1)};
    const float rate = 0.5f * (1 - (float)step / (float)p->steps);
    vf self[MOST], other[MOST], pull[MOST], push[MOST], difference[MOST];
    for (int d = 0; d < dimensions; d++) {
      self[d] = splat(own[d]);
      pull[d] = push[d] = splat(0);
    }
    for (ptrdiff_t at = 0; at < p->count; at += LANES) {
      vi index = *(const vi_anywhere *)(p->neighbours + at);
      gather(dimensions, p->places, p->dimensions, 1, index, other);
      vf square = max_of(towards(dimensions, self, other, difference), splat(1e-12f));
      vf power = power2_of(by.b * logarithm2_of(square));
      vf factor = by.pull * power / (square * multiply_add(by.a, power, splat(1)));
      vf weight = load(p->weights + at);
      for (int d = 0; d < dimensions; d++) pull[d] += weight * clipped(factor * difference[d]);
    }
    int32_t first = (int32_t)((random_next(&state) >> 32) * (uint64_t)p->rows >> 32);
    gather(dimensions, p->places, p->dimensions, 1, run_from(first, (int32_t)p->rows), other);
    repel(dimensions, &by, self, other, (vi)-1, push);
    for (int d = 0; d < dimensions; d++) {
      own[d] += rate * (sum_across(pull[d])[0] + p->negatives / LANES * sum_across(push[d])[0]);
    }
  }
}

static void place(const maquette_placement *p, float *own) {
  switch (p->dimensions) {
  case 1: place_among(1, p, own); break;
  case 2: place_among(2, p, own); break;
  case 3: place_among(3, p, own); break;
  default: place_among((int)p->dimensions, p, own);
  }
}

INLINE void distances_by(const int32_t metric, const float *query, const float *rows, ptrdiff_t stride,
                         const int32_t *ids, ptrdiff_t count, float *to) {
  for (ptrdiff_t i = 0; i < count; i++) {
    const float *row = rows + (ids ? ids[i] : i) * stride;
    vf sum = splat(0);
    for (ptrdiff_t at = 0; at < stride; at += LANES) {
      vf difference = load(query + at) - load(row + at);
      sum = metric == MAQUETTE_SQUARED ? multiply_add(difference, difference, sum)
                                       : sum + max_of(difference, -difference);
    }
    to[i] = sum_across(sum)[0];
  }
}

static void distances(const float *query, const float *rows, ptrdiff_t stride, const int32_t *ids, ptrdiff_t count,
                      int32_t metric, float *to) {
  if (metric == MAQUETTE_SQUARED) {
    distances_by(MAQUETTE_SQUARED, query, rows, stride, ids, count, to);
  } else {
    distances_by(MAQUETTE_ABSOLUTE, query, rows, stride, ids, count, to);
  }
}

static void sparse_multiply(const maquette_graph *graph, const float *x, ptrdiff_t first, ptrdiff_t last, float *y) {
  for (ptrdiff_t row = first; row < last; row++) {
    float sum = 0;
    for (int64_t at = graph->starts[row]; at < graph->starts[row + 1]; at++) {
      sum += graph->rates[at] * x[graph->neighbours[at]];
    }
    y[row] = sum;
  }
}
