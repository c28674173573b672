#ifndef MAQUETTE_SYSTEM_H
#define MAQUETTE_SYSTEM_H

/* What Swift's Glibc module leaves out because glibc hides it behind _GNU_SOURCE, or because it is variadic. */

/* Names the calling thread for debuggers and `top`; 15 bytes are kept. */
void maquette_system_name_thread(const char *name);

/* A new eventfd, close-on-exec and non-blocking, or -errno. */
int maquette_system_eventfd(void);

/* Makes the file descriptor readable / not readable. */
void maquette_system_eventfd_raise(int descriptor);
void maquette_system_eventfd_lower(int descriptor);

/* Registers `child` to run in every forked child. */
int maquette_system_at_fork(void (*child)(void));

#endif
