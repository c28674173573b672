#include <cblas.h>

/* LAPACK's symmetric eigenvalue problem, by divide and conquer; OpenBLAS brings it, but no header that declares it. */
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
             const int *lwork, int *iwork, const int *liwork, int *info);
