#ifndef MAQUETTE_SYSTEM_H
#define MAQUETTE_SYSTEM_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

/* Not part of the library's interface, whose names begin alike. */
#pragma GCC visibility push(hidden)

/* What Swift's Glibc module leaves out because glibc hides it behind _GNU_SOURCE, or because it is variadic. */

/* Names the calling thread for debuggers and `top`; 15 bytes are kept. */
void maquette_system_name_thread(const char *name);

/* Asks for short turns on the processor, 0.1 ms, for the calling thread, which then has them soon: Linux lets a thread that
 * wakes up go first where its turn is the shorter one, and wait for the end of another's turn, 3 ms, where it is not. Its
 * share of the processor, policy and priority stay. Before Linux 6.12, and where it is forbidden, nothing happens. */
void maquette_system_take_short_turns(void);

/* A new eventfd, close-on-exec and non-blocking, or -errno. */
int maquette_system_eventfd(void);

/* Makes the file descriptor readable / not readable. */
void maquette_system_eventfd_raise(int descriptor);
void maquette_system_eventfd_lower(int descriptor);

/* A signal that is held off the calling thread, which can't be cancelled meanwhile either: what the thread does itself
 * must fail, whatever the host does with the signal, and come to its end. */
typedef struct maquette_system_held_signal {
  sigset_t before;
  int signal;
  int cancelability;
  _Bool was_pending;
} maquette_system_held_signal;
void maquette_system_hold_signal(maquette_system_held_signal *held, int signal);
void maquette_system_release_signal(const maquette_system_held_signal *held);

/* Holds off that the calling thread is cancelled, and lets it be as it was before. */
int maquette_system_hold_cancellation(void);
void maquette_system_release_cancellation(int before);

/* Calls of libcurl, whose functions are looked up at run time: `setopt` and `getinfo` are variadic. All return its code. */
int maquette_system_curl_set_number(void *setopt, void *handle, int option, long value);
int maquette_system_curl_set_size(void *setopt, void *handle, int option, int64_t value);
int maquette_system_curl_set_pointer(void *setopt, void *handle, int option, const void *value);
int maquette_system_curl_set_function(void *setopt, void *handle, int option,
                                      size_t (*value)(char *, size_t, size_t, void *));
int maquette_system_curl_get_number(void *getinfo, void *handle, int info, long *value);
int maquette_system_curl_get_text(void *getinfo, void *handle, int info, const char **value);

/* `curl_easy_perform` with SIGPIPE held off the calling thread: a connection that breaks while OpenSSL writes must be an
 * error, whatever the host does with the signal. */
int maquette_system_curl_perform(void *perform, void *handle);

/* A new inotify descriptor, close-on-exec and non-blocking, or -errno. */
int maquette_system_inotify(void);

/* Makes it readable when the file is written to. Returns 0 or -errno. */
int maquette_system_inotify_add(int descriptor, const char *path);

/* Makes it not readable, and tells whether it was. */
_Bool maquette_system_inotify_take(int descriptor);

/* Whether this process was forked from one that had loaded the library. */
_Bool maquette_system_is_forked(void);

/* The places of the handle table's chunks, zero at first: here, because a variable of Swift's that is set up when it is
 * first used asks every time whether it was. */
enum { MAQUETTE_HANDLE_CHUNKS = 4096 };
void *maquette_system_handle_chunks(void);

/* A SHA-256 checksum of bytes that come in pieces. */
typedef struct maquette_system_sha256 {
  uint64_t length;
  uint32_t state[8];
  uint8_t block[64];
} maquette_system_sha256;
void maquette_system_sha256_start(maquette_system_sha256 *hash);
void maquette_system_sha256_add(maquette_system_sha256 *hash, const void *bytes, size_t count);
void maquette_system_sha256_finish(maquette_system_sha256 *hash, uint8_t digest[32]);

/* The commit the library was built from, "unknown" outside of `make`, and the C compiler. Static. */
const char *maquette_system_commit(void);
const char *maquette_system_compiler(void);

#pragma GCC visibility pop

#endif
