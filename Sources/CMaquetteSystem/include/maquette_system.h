#ifndef MAQUETTE_SYSTEM_H
#define MAQUETTE_SYSTEM_H

/* Not part of the library's interface, whose names begin alike. */
#pragma GCC visibility push(hidden)

/* What Swift's Glibc module leaves out because glibc hides it behind _GNU_SOURCE, or because it is variadic. */

/* Names the calling thread for debuggers and `top`; 15 bytes are kept. */
void maquette_system_name_thread(const char *name);

/* A new eventfd, close-on-exec and non-blocking, or -errno. */
int maquette_system_eventfd(void);

/* Makes the file descriptor readable / not readable. */
void maquette_system_eventfd_raise(int descriptor);
void maquette_system_eventfd_lower(int descriptor);

/* Notes every fork from now on; the first call counts. 0, or an error number. */
int maquette_system_watch_forks(void);

/* Whether this process was forked from one that watched. */
_Bool maquette_system_is_forked(void);

/* The places of the handle table's chunks, zero at first: here, because a variable of Swift's that is set up when it is
 * first used asks every time whether it was. */
enum { MAQUETTE_HANDLE_CHUNKS = 4096 };
void *maquette_system_handle_chunks(void);

/* The commit the library was built from, "unknown" outside of `make`, and the C compiler. Static. */
const char *maquette_system_commit(void);
const char *maquette_system_compiler(void);

#pragma GCC visibility pop

#endif
