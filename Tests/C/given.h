/* Calls each function of a table with one argument that is bad: NULL, or a handle that is none.
 *
 * A test defines before it includes this
 *
 *     typedef struct given { … } given;        what arguments are taken from, with the members `out`, a struct that outputs
 *                                              are written to, and `int bad; void *replacement, *right[8];`
 *     #define FUNCTIONS(X) X(name, positions, arguments) …
 *     static void give_back(given *g);         what a call that succeeded wrote to `out`, where it is not zero
 *     #define ALIKE(g, right, handle) …        whether `handle` would do in place of `right`; unless given: if it is the same
 *
 * `name` is without the prefix. `positions` has a letter for each argument from the first, and tells what NULL does
 * there: H it is a bad handle, I an invalid argument, - it is optional. `arguments` is the list of the call, in which
 * P(n, pointer) and H(n, handle) are argument number n, and `e` is the error. */
#ifndef GIVEN_H
#define GIVEN_H

#include "support.h"

/* `bad`: which argument is replaced, from 0; -1: none. `replacement`: by what, if it is a handle; `right`: instead of
 * what. */
#define P(n, pointer) (g->bad == (n) ? NULL : (pointer))
#define H(n, handle) (g->right[n] = (void *)(handle), g->bad == (n) ? g->replacement : g->right[n])

#ifndef ALIKE
#define ALIKE(g, right, handle) ((right) == (handle))
#endif

#define DEFINE(name, positions, arguments) \
  static maquette_status call_##name(given *g, maquette_error **e) { return maquette_##name arguments; }
FUNCTIONS(DEFINE)

typedef struct function {
  const char *name, *positions;
  maquette_status (*call)(given *g, maquette_error **e);
} function;

#define ROW(name, positions, arguments) {#name, positions, call_##name},
static const function functions[] = {FUNCTIONS(ROW)};

/* Calls the function and checks what comes of it: a failure has an error and leaves the outputs alone. */
static inline void run(given *g, const function *one, maquette_status expected) {
  memset(&g->out, expected == MAQUETTE_OK ? 0 : 0xA5, sizeof g->out);
  char before[sizeof g->out];
  memcpy(before, &g->out, sizeof before);
  maquette_error *untouched = (maquette_error *)before, *failure = untouched; /* is no error, and must not be freed */
  maquette_status status = one->call(g, &failure);
  CHECK(status == expected, "%s, argument %d bad: %s instead of %s: %s", one->name, g->bad,
        maquette_status_name(status), maquette_status_name(expected), status ? maquette_error_message(failure) : "");
  if (status == MAQUETTE_OK) {
    CHECK(failure == untouched, "%s wrote an error without failing", one->name);
    if (expected == MAQUETTE_OK) give_back(g);
    return;
  }
  CHECK(maquette_error_status(failure) == status, "%s", one->name);
  CHECK(strlen(maquette_error_message(failure)) > 10, "%s: \"%s\"", one->name, maquette_error_message(failure));
  CHECK(status != MAQUETTE_E_INVALID_ARGUMENT || *maquette_error_name(failure), "%s, argument %d: no name: %s", one->name,
        g->bad, maquette_error_message(failure));
  CHECK(!memcmp(before, &g->out, sizeof before), "%s, argument %d: wrote an output", one->name, g->bad);
  maquette_error_destroy(failure);
  CHECK(one->call(g, NULL) == expected, "%s without an error object", one->name);
}

static inline bool is_right(given *g, void *handle) {
  for (size_t i = 0; i < COUNT(g->right); i++)
    if (ALIKE(g, g->right[i], handle)) return true;
  return false;
}

/* Calls every function with each of its arguments bad in turn; handles are replaced by all of these but those that are
 * right in one position. The first is NULL. */
static inline void run_all_badly(given *g, void *const *handles, size_t count) {
  REQUIRE(count > 0 && handles[0] == NULL);
  for (const function *one = functions; one < functions + COUNT(functions); one++) {
    memset(g->right, 0, sizeof g->right);
    for (g->bad = 0; one->positions[g->bad]; g->bad++) {
      char meaning = one->positions[g->bad];
      if (meaning != 'H') run(g, one, meaning == 'I' ? MAQUETTE_E_INVALID_ARGUMENT : MAQUETTE_OK);
      for (size_t h = 0; meaning == 'H' && h < count; h++) {
        g->replacement = handles[h];
        /* Which are right is known after the first call. */
        if (h == 0 || !is_right(g, handles[h])) run(g, one, MAQUETTE_E_BAD_HANDLE);
      }
    }
  }
  g->bad = -1;
}

/* With all arguments right they succeed: otherwise the rest would show nothing. */
static inline void run_all_well(given *g) {
  g->bad = -1;
  for (const function *one = functions; one < functions + COUNT(functions); one++) run(g, one, MAQUETTE_OK);
}

#endif
