/* Every function that the header declares, with everything that a host can do wrong in each of its arguments, one at a time
 * and all at once. What is called is read from the header, see values.h and calls.h. HOSTILE_CALLS and HOSTILE_SEED set the length of
 * the second part and where it begins. */
#include "calls.h"

/* Trainings end, so that nothing stays busy. */
static void settle(pool *self) {
  for (int slot = 0; slot < SLOTS; slot++) {
    CHECK(maquette_model_wait(self->handles[KIND_model][slot], 60000, NULL) != MAQUETTE_E_TIMEOUT);
    maquette_batch_prediction_wait(self->handles[KIND_batch_prediction][slot], 60000, NULL);
  }
}

/* One bad argument, the others good. */
static void call_badly(caller *self, const function *called, int bad, uint32_t which) {
  for (int i = 0; i < called->count; i++) fill(self, called, (size_t)i, i != bad, which);
  const parameter *one = &called->parameters[bad];
  bool isBadHandle = one->sort == A_HANDLE && self->arguments[bad].pointer;
  void *handle = self->arguments[bad].pointer;
  if (one->sort == AN_ERROR) isBadHandle = true;
  maquette_status status = call(self, called);
  if (called->result == A_STATUS && isBadHandle)
    CHECK(status == MAQUETTE_E_BAD_HANDLE, "%s: %p as %s (%u) gave %s", called->name, handle, one->name, which,
          maquette_status_name(status));
  settle(self->pool);
}

TEST(one_at_a_time, "Whatever is wrong in any argument of any function is a status, and a bad handle is BAD_HANDLE") {
  REQUIRE(path_of("x") && !chdir(support_directory));
  for (size_t f = 0; f < COUNT(functions); f++) {
    pool all = {.waits = true, .entrance = PTHREAD_MUTEX_INITIALIZER};
    pool_fill(&all);
    caller *self = caller_new(&all, f + 1);
    for (int bad = 0; bad < functions[f].count; bad++) {
      uint32_t count = bad_count(&functions[f].parameters[bad]);
      for (uint32_t which = 0; which < count; which++) call_badly(self, &functions[f], bad, which);
    }
    caller_free(self);
    pool_empty(&all);
    if (test_failures) fprintf(stderr, "(in %s)\n", functions[f].name);
    test_failures ? exit(1) : (void)0;
  }
}

/* What grows without end is cut. */
static void prune(pool *self) {
  for (int slot = 0; slot < SLOTS; slot++) {
    int64_t count = 0;
    maquette_dataset *dataset = self->handles[KIND_dataset][slot];
    if (!maquette_dataset_count(dataset, &count, NULL) && count > 500) maquette_dataset_clear(dataset, NULL);
  }
}

TEST(anything, "Random calls with random arguments, good and bad, never end the host (HOSTILE_CALLS, HOSTILE_SEED)") {
  REQUIRE(path_of("x") && !chdir(support_directory));
  uint64_t first = (uint64_t)test_setting("HOSTILE_SEED", 1);
  int calls = test_setting("HOSTILE_CALLS", 20000), season = 5000;
  uint64_t statuses[COUNT(functions)] = {0};
  for (uint64_t seed = first; calls > 0; seed++, calls -= season) {
    pool all = {.waits = true, .entrance = PTHREAD_MUTEX_INITIALIZER};
    pool_fill(&all);
    caller *self = caller_new(&all, seed);
    for (int i = 0; i < season && i < calls; i++) {
      if (i % 64 == 0) prune(&all);
      call_anything(self, 1);
    }
    for (size_t f = 0; f < COUNT(functions); f++) statuses[f] |= all.statuses[f];
    caller_free(self);
    pool_empty(&all);
    REQUIRE(!test_failures, "with HOSTILE_SEED=%d", (int)seed);
  }
  /* What the header says of all functions. */
  const uint64_t of_any = 1ull << MAQUETTE_OK | 1ull << MAQUETTE_E_OUT_OF_MEMORY | 1ull << MAQUETTE_E_IO |
                          1ull << MAQUETTE_E_FULL | 1ull << MAQUETTE_E_LOCKED;
  int succeeded = 0;
  for (size_t f = 0; f < COUNT(functions); f++) {
    succeeded += statuses[f] & 1;
    if (!(statuses[f] & 1)) fprintf(stderr, "     never succeeded: %s\n", functions[f].name);
    uint64_t unsaid = statuses[f] & ~functions[f].statuses & ~of_any;
    for (int status = 0; functions[f].result == A_STATUS && status < 64; status++)
      CHECK(!(unsaid >> status & 1), "%s gave %s, which its documentation does not name", functions[f].name,
            maquette_status_name(status));
  }
  CHECK(succeeded * 10 >= (int)COUNT(functions) * 9, "only %d of %d functions succeeded", succeeded, (int)COUNT(functions));
}

int main(int count, char **words) { return test_main(count, words); }
