/* A library like Maquette's whose prediction does nothing: what a call costs without what it does.
 *
 * It is linked with the real library, where a loader that asks this one for any other function finds it. */
#include "maquette.h"

maquette_status maquette_model_predict(const maquette_model *model, const maquette_matrix *features,
                                       maquette_matrix *confidences, maquette_error **error) {
  (void)model, (void)features, (void)confidences, (void)error;
  return MAQUETTE_OK;
}
