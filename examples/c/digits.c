/* Handwritten digits from end to end: fill a dataset, train while watching, test, save the model, and load it in
 * another process.
 *
 *     cc -std=c99 -Iinclude examples/c/digits.c -Lbuild -lmaquette -o build/digits-c
 *     LD_LIBRARY_PATH=build build/digits-c [STORE]
 *
 * To be started in the folder of the repository. STORE is where dataset and model live, `sqlite:build/digits-c.db`
 * unless given. */
#define _POSIX_C_SOURCE 200809L /* fork and exec, for the second process */

#include <maquette.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATA "examples/data/digits.csv"

enum { PIXELS = 64, LABELS = 10, MOST_ROWS = 1797 };

/* ---- Errors ---- */

/* Maquette's functions return a status; their last parameter receives an error that says what was wrong. Most programs
 * have a function like this one, which ends here; a longer-lived program would show the message and go on. */
static void check(maquette_status status, maquette_error **error) {
  if (status == MAQUETTE_OK) return;
  fprintf(stderr, "%s: %s\n", maquette_status_name(status), maquette_error_message(*error));
  maquette_error_destroy(*error);
  exit(EXIT_FAILURE);
}

static void fail(const char *message) {
  fprintf(stderr, "%s\n", message);
  exit(EXIT_FAILURE);
}

/* ---- The data ---- */

typedef struct digits {
  int rows;
  float pixels[MOST_ROWS][PIXELS];
  const char *labels[MOST_ROWS];
} digits;

/* Every fifth line is for testing, the others for training. A line is 64 pixels from 0 to 16, then the digit. */
static void read_digits(digits *training, digits *test) {
  static const char *const names[LABELS] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  FILE *file = fopen(DATA, "r");
  if (!file) fail(DATA " can't be read; start this in the folder of the repository");
  training->rows = test->rows = 0;
  for (int line = 0; line < MOST_ROWS; line++) {
    digits *part = line % 5 == 4 ? test : training;
    int value;
    for (int pixel = 0; pixel < PIXELS; pixel++) {
      if (fscanf(file, "%d,", &value) != 1) fail(DATA " has a line that is too short");
      part->pixels[part->rows][pixel] = (float)value / 16;
    }
    if (fscanf(file, "%d", &value) != 1 || value < 0 || value >= LABELS) fail(DATA " has a line without a digit");
    part->labels[part->rows++] = names[value];
  }
  fclose(file);
}

/* A matrix only describes memory: what is left at zero means rows without gaps. */
static maquette_matrix matrix(float *data, int rows, int columns) {
  maquette_matrix described = {0};
  described.struct_size = sizeof described;
  described.data = data;
  described.rows = rows;
  described.cols = columns;
  described.dtype = MAQUETTE_F32;
  return described;
}

/* ---- Training ---- */

/* Called by a thread of Maquette's with every event of the training, one after the other. */
static void show_epoch(void *user_data, const maquette_event *event) {
  maquette_training_status now = {0};
  (void)user_data;
  now.struct_size = sizeof now;
  if (maquette_event_training_status(event, &now, NULL) != MAQUETTE_OK) return;
  if (now.status == MAQUETTE_TRAINING_EPOCH)
    printf("epoch %2d/%d  loss %.3f  accuracy %.3f  validation loss %.3f  accuracy %.3f\n", (int)now.epoch,
           (int)now.epochs, now.loss, now.accuracy, now.loss_val, now.accuracy_val);
}

static void train(maquette_model *classifier, maquette_dataset *dataset) {
  maquette_error *error = NULL;
  maquette_subscription *watching;
  check(maquette_stream_subscribe(maquette_model_training(classifier), show_epoch, NULL, NULL, &watching, &error),
        &error);
  check(maquette_model_train(classifier, dataset, NULL, &error), &error); /* returns at once */
  check(maquette_model_wait(classifier, MAQUETTE_FOREVER, &error), &error);
  maquette_subscription_destroy(watching);
}

/* ---- Testing ---- */

/* The confidences of the ten labels for every row. */
static void predict(maquette_model *classifier, digits *test, float (*confidences)[LABELS]) {
  maquette_error *error = NULL;
  maquette_matrix features = matrix(test->pixels[0], test->rows, PIXELS);
  maquette_matrix answers = matrix(confidences[0], test->rows, LABELS);
  check(maquette_model_predict(classifier, &features, &answers, &error), &error);
}

static int count_right(maquette_model *classifier, const digits *test, float (*confidences)[LABELS]) {
  int right = 0;
  for (int row = 0; row < test->rows; row++) {
    maquette_error *error = NULL;
    char *label;
    int best = 0;
    for (int i = 1; i < LABELS; i++)
      if (confidences[row][i] > confidences[row][best]) best = i;
    check(maquette_model_label(classifier, best, &label, &error), &error); /* the column's name: ours to give back */
    right += strcmp(label, test->labels[row]) == 0;
    maquette_string_free(label);
  }
  return right;
}

/* A number that depends on every bit of the confidences (FNV-1a). */
static void fingerprint(const digits *test, float (*confidences)[LABELS], char text[17]) {
  const unsigned char *bytes = (const unsigned char *)confidences;
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < sizeof confidences[0] * (size_t)test->rows; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  sprintf(text, "%016" PRIx64, hash);
}

/* ---- Another process ---- */

/* What this program does when it is started with `--reload`: it loads the model and predicts again. */
static int reload(const char *location, digits *test, const char *expected) {
  static float confidences[MOST_ROWS][LABELS];
  maquette_error *error = NULL;
  maquette_store *store;
  maquette_model *classifier;
  char hash[17];
  check(maquette_store_open(location, &store, &error), &error);
  check(maquette_model_create("mlp-classifier", NULL, &classifier, &error), &error);
  check(maquette_model_load(classifier, store, "digits", NULL, &error), &error);
  predict(classifier, test, confidences);
  fingerprint(test, confidences, hash);
  printf("the same predictions by the model loaded in another process: %s\n", hash);
  maquette_model_destroy(classifier);
  maquette_store_destroy(store);
  return strcmp(hash, expected) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Starts this program again. A forked child can't use Maquette, but the program it becomes can. */
static int start_reload(char *program, char *location, char *hash) {
  char option[] = "--reload";
  char *arguments[] = {program, option, location, hash, NULL};
  int status = 0;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    execvp(program, arguments);
    _exit(127);
  }
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- All of it ---- */

int main(int count, char **arguments) {
  static digits training, test;
  static float confidences[MOST_ROWS][LABELS];
  static char usual[] = "sqlite:build/digits-c.db";
  char *location = count > 1 ? arguments[1] : usual, hash[17];
  maquette_error *error = NULL;
  maquette_store *store;
  maquette_dataset *dataset;
  maquette_model *classifier;
  int64_t rows;

  read_digits(&training, &test);
  if (count == 4 && strcmp(arguments[1], "--reload") == 0) return reload(arguments[2], &test, arguments[3]);

  /* 1. A dataset in a store. An earlier run may have left its rows there. */
  check(maquette_store_open(location, &store, &error), &error);
  check(maquette_dataset_open(store, "digits", &dataset, &error), &error);
  check(maquette_dataset_count(dataset, &rows, &error), &error);
  if (rows > 0) check(maquette_dataset_clear(dataset, &error), &error);
  maquette_matrix features = matrix(training.pixels[0], training.rows, PIXELS);
  check(maquette_dataset_append(dataset, &features, training.labels, &error), &error);
  printf("%d digits in %s\n", training.rows, location);

  /* 2. A model, its training, and how well it reads digits it has never seen. */
  check(maquette_model_create("mlp-classifier", "{\"layers\": [64, 32], \"epochs\": 20, \"seed\": 1}", &classifier,
                              &error),
        &error);
  train(classifier, dataset);
  predict(classifier, &test, confidences);
  printf("test accuracy: %.2f %%\n", 100.0 * count_right(classifier, &test, confidences) / test.rows);

  /* 3. Saved with its weights, and loaded elsewhere: the predictions are the same to the last bit. */
  check(maquette_model_save(classifier, store, "digits", NULL, NULL, NULL, &error), &error);
  fingerprint(&test, confidences, hash);
  printf("the predictions' fingerprint:                                %s\n", hash);
  if (!start_reload(arguments[0], location, hash)) fail("another process could not load the model, or it predicts something else there");

  /* 4. What was created or opened is given back, in any order. */
  maquette_model_destroy(classifier);
  maquette_dataset_destroy(dataset);
  maquette_store_destroy(store);
  return EXIT_SUCCESS;
}
