int maquette_kernels_placeholder(void);
