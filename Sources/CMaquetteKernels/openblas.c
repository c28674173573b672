/* The shared library's own OpenBLAS asks this for its number of threads, by the linker's --wrap, instead of the
 * environment: otherwise it starts a thread for each processor while it is loaded, which spin for a while and are never
 * used, since our own workers split the rows. Setting the variable for it would change the host's OpenBLAS too. */
__attribute__((visibility("hidden"))) int __wrap_openblas_num_threads_env(void);

int __wrap_openblas_num_threads_env(void) { return 1; }
