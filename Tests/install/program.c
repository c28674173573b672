/* Trains on four points and predicts one, through what was installed. */
#include <maquette.h>

#include <stdio.h>
#include <string.h>

int main(void) {
  float points[4][2] = {{0, 0}, {0, 1}, {5, 5}, {5, 6}};
  const char *labels[] = {"near", "near", "far", "far"};
  maquette_matrix features = {sizeof features, points, 4, 2, 0, 0, MAQUETTE_F32, 0};
  maquette_matrix row = {sizeof row, points[3], 1, 2, 0, 0, MAQUETTE_F32, 0};
  maquette_model *model = NULL;
  char *prediction = NULL;
  if (strcmp(maquette_version(), MAQUETTE_VERSION) != 0 ||
      maquette_model_create("knn-classifier", "{\"k\": 1, \"metric\": \"euclidean\"}", &model, NULL) ||
      maquette_model_train_matrix(model, &features, labels, NULL, NULL, NULL) ||
      maquette_model_wait(model, MAQUETTE_FOREVER, NULL) ||
      maquette_model_predict_json(model, &row, &prediction, NULL) || !strstr(prediction, "\"label\":\"far\""))
    return 1;
  printf("C: %s\n", prediction);
  maquette_string_free(prediction);
  maquette_model_destroy(model);
  return 0;
}
