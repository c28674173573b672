/* The names that the README's lines take for granted. */
#include <maquette.h>
#include <stddef.h>
#include <stdio.h>

static void on_training(void *user_data, const maquette_event *event) {
  (void)event;
  ++*(int *)user_data;
}

int main(void) {
  static float rows[40][2], answers[2];
  static const char *labels[40];
  int events = 0, *ui = &events;
  maquette_store *store = NULL;
  maquette_dataset *digits = NULL;
  maquette_model *classifier = NULL;
  maquette_subscription *watching = NULL;
  maquette_error *error = NULL;
  for (int i = 0; i < 40; i++) {
    rows[i][i % 2] = 1;
    labels[i] = i % 2 ? "odd" : "even";
  }
  maquette_matrix x = {sizeof x, rows, 40, 2, 0, 0, MAQUETTE_F32, 0};
  maquette_matrix one_row = {sizeof one_row, rows, 1, 2, 0, 0, MAQUETTE_F32, 0};
  maquette_matrix confidences = {sizeof confidences, answers, 1, 2, 0, 0, MAQUETTE_F32, 0};

/* the block */
  if (error) fprintf(stderr, "%s\n", maquette_error_message(error));
  if (error || answers[0] <= 0.5f) return 1;
  maquette_subscription_destroy(watching);
  if (events == 0) return 1;
  maquette_model_destroy(classifier);
  maquette_dataset_destroy(digits);
  maquette_store_destroy(store);
  return 0;
}
