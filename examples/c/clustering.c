/* Penguins without their species: k-means groups them by their measures, and the species tell how well that went.
 *
 *     cc -std=c99 -Iinclude examples/c/clustering.c -Lbuild -lmaquette -lm -o build/clustering-c
 *     LD_LIBRARY_PATH=build build/clustering-c
 *
 * To be started in the folder of the repository. */
#include <maquette.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "examples/data/penguins.csv"

enum { MEASURES = 3, SPECIES = 3, CLUSTERS = 3, MOST_ROWS = 344 };

static const char *const measures[MEASURES] = {"bill length", "bill depth", "flipper length"};
static const char *const species[SPECIES] = {"Adelie", "Chinstrap", "Gentoo"};

/* As in digits.c: a status that is not OK comes with an error that says what was wrong. */
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

typedef struct penguins {
  int rows;
  float measured[MOST_ROWS][MEASURES];
  int species[MOST_ROWS];
} penguins;

static int number_of_species(const char *name) {
  for (int number = 0; number < SPECIES; number++)
    if (strcmp(name, species[number]) == 0) return number;
  fail(DATA " has a penguin of another species");
  return -1;
}

/* A line is species, island, three lengths, mass, sex and year; those without measures are left out. */
static void read_penguins(penguins *all) {
  char line[200], name[20];
  FILE *file = fopen(DATA, "r");
  if (!file) fail(DATA " can't be read; start this in the folder of the repository");
  if (!fgets(line, sizeof line, file)) fail(DATA " is empty"); /* the names of the columns */
  all->rows = 0;
  while (all->rows < MOST_ROWS && fgets(line, sizeof line, file)) {
    float *row = all->measured[all->rows];
    if (sscanf(line, "%19[^,],%*[^,],%f,%f,%f", name, &row[0], &row[1], &row[2]) != 1 + MEASURES) continue;
    all->species[all->rows++] = number_of_species(name);
  }
  fclose(file);
}

/* All measures are brought to one scale, mean 0 and deviation 1: else the long flippers would decide alone. */
static void standardize(penguins *all, float means[MEASURES], float deviations[MEASURES]) {
  for (int column = 0; column < MEASURES; column++) {
    double sum = 0, squares = 0;
    for (int row = 0; row < all->rows; row++) sum += all->measured[row][column];
    means[column] = (float)(sum / all->rows);
    for (int row = 0; row < all->rows; row++) squares += pow(all->measured[row][column] - means[column], 2);
    deviations[column] = (float)sqrt(squares / all->rows);
    for (int row = 0; row < all->rows; row++)
      all->measured[row][column] = (all->measured[row][column] - means[column]) / deviations[column];
  }
}

static maquette_matrix matrix(float *data, int rows, int columns) {
  maquette_matrix described = {0};
  described.struct_size = sizeof described;
  described.data = data;
  described.rows = rows;
  described.cols = columns;
  described.dtype = MAQUETTE_F32;
  return described;
}

/* ---- Learning ---- */

static void train(maquette_model *clustering, penguins *all) {
  maquette_error *error = NULL;
  maquette_matrix features = matrix(all->measured[0], all->rows, MEASURES);
  maquette_rows rows = {0};
  maquette_source source = {0};
  maquette_stream *centers;
  maquette_subscription *watching;
  maquette_event places = {0};
  rows.struct_size = sizeof rows;
  rows.features = &features; /* and no labels */
  source.struct_size = sizeof source;
  source.rows = &rows;
  check(maquette_model_stream(clustering, "centers", &centers, &error), &error);

  /* The centers are a stream: whoever draws them is told when they have moved. The first event is how they were. */
  places.struct_size = sizeof places;
  check(maquette_stream_subscribe(centers, NULL, NULL, NULL, &watching, &error), &error);
  check(maquette_subscription_next(watching, 0, &places, &error), &error);
  printf("centers before: %s\n", places.json);
  check(maquette_model_train_source(clustering, &source, NULL, MAQUETTE_TRAIN_FRESH, &error), &error);
  check(maquette_model_wait(clustering, MAQUETTE_FOREVER, &error), &error);
  check(maquette_subscription_next(watching, 10000, &places, &error), &error);
  printf("%d penguins, centers after: %s\n", all->rows, places.json);
  maquette_subscription_destroy(watching);
}

/* What the training has found out, in memory of ours. */
static void attribute(const maquette_model *clustering, const char *name, float *found, int rows, int columns) {
  maquette_error *error = NULL;
  maquette_matrix described = matrix(found, rows, columns);
  check(maquette_model_attribute(clustering, name, &described, &error), &error);
}

/* ---- All of it ---- */

int main(void) {
  static penguins all;
  float means[MEASURES], deviations[MEASURES], centers[CLUSTERS][MEASURES], clusters[MOST_ROWS], inertia;
  int counts[CLUSTERS][SPECIES] = {{0}}, together = 0;
  maquette_error *error = NULL;
  maquette_model *clustering;

  read_penguins(&all);
  standardize(&all, means, deviations);
  check(maquette_model_create("kmeans-clustering", "{\"k\": 3, \"seed\": 1}", &clustering, &error), &error);
  train(clustering, &all);

  attribute(clustering, "centers", centers[0], CLUSTERS, MEASURES);
  attribute(clustering, "clusters", clusters, all.rows, 1);
  attribute(clustering, "inertia", &inertia, 1, 1);
  for (int row = 0; row < all.rows; row++) counts[(int)clusters[row]][all.species[row]]++;
  for (int cluster = 0; cluster < CLUSTERS; cluster++) {
    int most = 0;
    printf("group %d:", cluster + 1);
    for (int number = 0; number < SPECIES; number++) {
      printf(" %3d %s", counts[cluster][number], species[number]);
      if (counts[cluster][number] > most) most = counts[cluster][number];
    }
    together += most;
    printf("; ");
    for (int column = 0; column < MEASURES; column++)
      printf("%s %.0f mm%s", measures[column], means[column] + deviations[column] * centers[cluster][column],
             column + 1 < MEASURES ? ", " : "\n");
  }
  printf("inertia: %.0f\npurity: %.2f %%\n", inertia, 100.0 * together / all.rows);

  maquette_model_destroy(clustering);
  return EXIT_SUCCESS;
}
