/**
 * @file maquette.h
 * @brief Maquette: interactive machine learning inside your program.
 *
 * Fill a dataset while the program runs, train on a thread of the library's, watch every epoch as a stream, predict
 * in microseconds, save and load models through a store.
 *
 * @code
 *   maquette_store   *store;
 *   maquette_dataset *digits;
 *   maquette_model   *classifier;
 *   maquette_error   *error = NULL;
 *
 *   maquette_store_open("sqlite:digits.db", &store, &error);
 *   maquette_dataset_open(store, "digits", &digits, &error);
 *   maquette_dataset_append(digits, &x, labels, &error);
 *
 *   maquette_model_create("mlp-classifier", "{\"layers\": [64, 32], \"epochs\": 20}", &classifier, &error);
 *   maquette_model_train(classifier, digits, NULL, &error);
 *   maquette_model_wait(classifier, MAQUETTE_FOREVER, &error);
 *   maquette_model_predict(classifier, &one_row, &confidences, &error);
 * @endcode
 *
 * ## Rules that hold everywhere
 *
 * **Handles.** `maquette_store`, `maquette_service`, `maquette_cursor`, `maquette_dataset`, `maquette_view`, `maquette_model`, `maquette_stream`, `maquette_subscription`,
 * `maquette_batch_prediction`, `maquette_predictions`, `maquette_confusion`, `maquette_history`, `maquette_tracking` and
 * `maquette_error` are never defined: a handle is a token, not an address. NULL, a destroyed handle or one of another
 * kind gives MAQUETTE_E_BAD_HANDLE, never a crash. What `create` and `open` give is yours: destroy it once. `destroy`
 * takes NULL, and the order does not matter: a dataset keeps its store alive, a training its dataset and model.
 *
 * **Errors.** A function that can fail returns a `maquette_status`. Its last parameter may be NULL; otherwise, on
 * failure only, it receives an error object that you own: read it, then maquette_error_destroy() it. An error already
 * in the variable is not freed. Outputs are written on success only. Each function names the statuses that it gives; any
 * may also give E_OUT_OF_MEMORY, and what works in a store E_IO, E_FULL and E_LOCKED.
 *
 * **Strings** are UTF-8 and NUL-terminated. A `char **` gives you a string of your own for maquette_string_free(). A
 * `const char *` that is passed in is read before the function returns. Broken UTF-8 is MAQUETTE_E_BAD_UTF8.
 *
 * **Structs** start with `struct_size`: set it to `sizeof` the struct and everything you don't use to zero.
 *
 * **Threads.** Every function may be called from any thread at any time, also for one and the same handle; what is
 * `const` never waits for a training. Exceptions are stated. In a callback of Maquette's every function may be called,
 * too; the only limit is stated at maquette_model_wait(). A thread that is cancelled (pthread_cancel) goes away once it
 * has come back from Maquette: what waits for something waits on. In a process that was forked after the library was
 * loaded every function gives MAQUETTE_E_FORKED, without an error object, and `destroy` does nothing; a process that it
 * executes is free again.
 *
 * @copyright MIT licence, see LICENSE.
 */
#ifndef MAQUETTE_H
#define MAQUETTE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAQUETTE_VERSION_MAJOR 0
#define MAQUETTE_VERSION_MINOR 1
#define MAQUETTE_VERSION_PATCH 0
#define MAQUETTE_VERSION "0.1.0"

/** A timeout that never passes. Any negative number of milliseconds is as good. */
#define MAQUETTE_FOREVER (-1)

/** @name Objects
 *  Tokens for what the library holds; see "Handles" above. @{ */
typedef struct maquette_store maquette_store;
typedef struct maquette_service maquette_service;
typedef struct maquette_cursor maquette_cursor;
typedef struct maquette_dataset maquette_dataset;
typedef struct maquette_view maquette_view;
typedef struct maquette_model maquette_model;
typedef struct maquette_stream maquette_stream;
typedef struct maquette_subscription maquette_subscription;
typedef struct maquette_error maquette_error;
/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Status and errors
 * --------------------------------------------------------------------------------------------------------------- */

/** How a call ended: MAQUETTE_OK or one of the MAQUETTE_E_ numbers. A number is never used again for another meaning;
 *  later versions may add some. */
typedef int32_t maquette_status;

enum {
  MAQUETTE_OK = 0,
  MAQUETTE_E_BAD_HANDLE = 1,        /**< NULL, destroyed, or of another kind */
  MAQUETTE_E_INVALID_ARGUMENT = 2,  /**< a NULL pointer, a struct_size, a flag that can't be */
  MAQUETTE_E_BAD_SHAPE = 3,         /**< a matrix of another width or height than needed, negative or too large */
  MAQUETTE_E_NOT_FINITE = 4,        /**< NaN or infinity among the features, or what features too large lead to */
  MAQUETTE_E_BAD_UTF8 = 5,          /**< a string that is not UTF-8 */
  MAQUETTE_E_BAD_JSON = 6,          /**< a string that is not JSON, or JSON of another form than needed */
  MAQUETTE_E_UNKNOWN_KIND = 7,      /**< no model of that kind; maquette_model_kinds() lists them */
  MAQUETTE_E_UNKNOWN_PARAMETER = 8, /**< the model has no such parameter; maquette_model_schema() lists them */
  MAQUETTE_E_BAD_PARAMETER = 9,     /**< a parameter of another type, or out of its range */
  MAQUETTE_E_NOT_FOUND = 10,        /**< no document, model or label of that id, name or index */
  MAQUETTE_E_NOT_TRAINED = 11,      /**< the model was neither trained nor loaded yet */
  MAQUETTE_E_BUSY = 12,             /**< a training of this model, or a run of this batch prediction, goes on */
  MAQUETTE_E_TIMEOUT = 13,          /**< the time given passed first */
  MAQUETTE_E_CANCELLED = 14,        /**< the training, or the batch prediction, was cancelled */
  MAQUETTE_E_REENTRANT = 15,        /**< waiting, in a callback, for what that callback reports */
  MAQUETTE_E_FORKED = 16,           /**< a call in a forked child process */
  MAQUETTE_E_NO_ROWS = 17,          /**< nothing to learn from */
  MAQUETTE_E_ONE_LABEL = 18,        /**< all rows have the same label: nothing to tell apart */
  MAQUETTE_E_IO = 19,               /**< a file could not be opened, read or written */
  MAQUETTE_E_NOT_A_STORE = 20,      /**< a file that is no Maquette store */
  MAQUETTE_E_FULL = 21,             /**< the disk is full; nothing of the operation was written */
  MAQUETTE_E_LOCKED = 22,           /**< another process kept the store locked for too long */
  MAQUETTE_E_CLOSED = 23,           /**< the stream has ended and all its events were taken */
  MAQUETTE_E_DIVERGED = 24,         /**< the loss of a training became NaN or infinite */
  MAQUETTE_E_OUT_OF_MEMORY = 25,    /**< not enough memory, or no thread could be started */
  MAQUETTE_E_READ_ONLY = 26,        /**< a stream that only Maquette sets */
  MAQUETTE_E_UNSUPPORTED = 27,      /**< something this version does not do */
  MAQUETTE_E_BAD_FORMAT = 28,       /**< a stored model or document that is damaged, or of an unknown format */
  MAQUETTE_E_CONFLICT = 29,         /**< a document of that id exists already; what is read was changed meanwhile */
  MAQUETTE_E_INTERNAL = 30,         /**< a fault of Maquette's own: please report it */
  MAQUETTE_E_NOT_HELD = 31          /**< a stream that keeps no value */
};

/** The name of a status, e.g. "MAQUETTE_E_BUSY"; "unknown status" for any other number.
 *  @return a static string, never NULL. Threads: any. In a callback: yes. Since 0.1. */
const char *maquette_status_name(maquette_status status);

/** The status that came with the error. MAQUETTE_E_BAD_HANDLE if `error` is none.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_error_status(const maquette_error *error);

/** One sentence for people: what was wrong, where, and what was expected.
 *  @return belongs to the error and lives as long; a static string if `error` is none. Never NULL.
 *  Threads: any. In a callback: yes. Since 0.1. */
const char *maquette_error_message(const maquette_error *error);

/** The offending name: a parameter, kind, path, id or field; "" where there is none.
 *  @return belongs to the error and lives as long. Never NULL. Threads: any. In a callback: yes. Since 0.1. */
const char *maquette_error_name(const maquette_error *error);

/** Gives an error back. NULL is fine. Threads: any. In a callback: yes. Since 0.1. */
void maquette_error_destroy(maquette_error *error);

/** Gives back a string that a function of this library put into a `char **`. NULL is fine.
 *  Threads: any. In a callback: yes. Since 0.1. */
void maquette_string_free(char *string);

/* ------------------------------------------------------------------------------------------------------------------
 * The library
 * --------------------------------------------------------------------------------------------------------------- */

/** The version of the library that is loaded, e.g. "0.1.0"; compare it with MAQUETTE_VERSION, the header's.
 *  @return a static string. Threads: any. In a callback: yes. Since 0.1. */
const char *maquette_version(void);

/** What the library was built from and runs on.
 *  @param[out] json an object: `version`, `commit`, `configuration`, `compiler`, `openblas`, `sqlite`, `kernels` (the
 *              instruction set in use), `threads`. Yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_build_info(char **json, maquette_error **error);

/** How many threads one operation may use, the caller's included; at the start as many as the process has processors.
 *  Results do not depend on it. Threads: any. In a callback: yes. Since 0.1. */
int32_t maquette_threads(void);

/** Sets how many threads one operation may use, for the whole process, from the next operation on.
 *  @param count 1 to 256.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_set_threads(int32_t count, maquette_error **error);

enum { MAQUETTE_LOG_ERROR = 1, MAQUETTE_LOG_WARNING = 2, MAQUETTE_LOG_INFO = 3, MAQUETTE_LOG_DEBUG = 4 };

/** Receives one whole message of the log, without a line feed; borrowed during the call. */
typedef void (*maquette_log_fn)(void *user_data, int32_t level, const char *message);

/** Sends the log to a function. The library is silent until this is called.
 *  @param level messages of this level and graver ones are sent: MAQUETTE_LOG_ERROR to MAQUETTE_LOG_DEBUG.
 *  @param fn called on whatever thread logs, on several at once too; NULL silences the log again.
 *  @param user_data passed to `fn`.
 *  @param destroy NULL, or called once with `user_data` when `fn` will not be called again: when another takes its
 *         place and the last call has returned, or at once if this call fails.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_set_log(int32_t level, maquette_log_fn fn, void *user_data, void (*destroy)(void *user_data),
                                 maquette_error **error);

/* ------------------------------------------------------------------------------------------------------------------
 * Matrices
 * --------------------------------------------------------------------------------------------------------------- */

/** The type of a matrix's elements. */
enum { MAQUETTE_F32 = 0, MAQUETTE_F64 = 1, MAQUETTE_U8 = 2, MAQUETTE_I32 = 3, MAQUETTE_I64 = 4 };

/** Describes numbers in your memory, which the library reads or writes during the call only.
 *  Element (r, c) lies at `data + r * row_stride + c * col_stride`. */
typedef struct maquette_matrix {
  size_t struct_size; /**< sizeof(maquette_matrix) */
  void *data;         /**< element (0, 0); any alignment */
  int64_t rows;       /**< 0 or more */
  int64_t cols;       /**< 0 or more */
  int64_t row_stride; /**< bytes from a row to the next, of any sign; 0: rows lie densely one after the other */
  int64_t col_stride; /**< bytes from a column to the next, of any sign; 0: the size of an element */
  int32_t dtype;      /**< MAQUETTE_F32, … */
  uint32_t flags;     /**< 0 */
} maquette_matrix;

/* ------------------------------------------------------------------------------------------------------------------
 * Streams: everything that changes can be watched
 *
 * A model's training, each of its parameters, a dataset's count and its changes are streams of JSON values. A stream
 * handle belongs to its model or dataset: it is not destroyed, and it goes stale with that handle.
 * --------------------------------------------------------------------------------------------------------------- */

/** One event of a stream, borrowed during the callback, or until the next maquette_subscription_next(). */
typedef struct maquette_event {
  size_t struct_size;
  const char *json;   /**< the value, NUL-terminated, e.g. {"status":"epoch","epoch":3,"epochs":20,"data":{…}} */
  size_t json_length; /**< bytes, without the NUL */
  uint64_t sequence;  /**< the number of the event in its stream, from 1; 0: a value from before the first event */
  uint64_t dropped;   /**< how many events between the last one received and this were merged away */
  /** NULL, or what the event brings beside its JSON: of umap the embedding of the epoch, [rows, dimensions], F32. */
  const maquette_matrix *matrix;
} maquette_event;

/** Receives an event; called on a thread of the library's own, one call at a time for each subscription, in order. */
typedef void (*maquette_event_fn)(void *user_data, const maquette_event *event);

/** Subscribes to a stream.
 *
 *  A stream that holds a value (all but a dataset's changes) sends it at once, as the first event. A subscriber that is
 *  slow slows nobody down: epochs and other values that a later one outdates are merged while they wait (see
 *  maquette_event::dropped); the last event of a training is never lost.
 *
 *  @param stream of a model or a dataset.
 *  @param fn the callback. NULL: nobody is called, take the events out with maquette_subscription_next().
 *  @param user_data passed to `fn`.
 *  @param destroy NULL, or called exactly once with `user_data` after the last call of `fn`: after
 *         maquette_subscription_destroy(), at the end of the stream, or before this returns if it fails.
 *  @param[out] subscription yours to destroy. May be NULL if `fn` is not: the subscription then lasts as long as the
 *         stream.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_stream_subscribe(maquette_stream *stream, maquette_event_fn fn, void *user_data,
                                          void (*destroy)(void *user_data), maquette_subscription **subscription,
                                          maquette_error **error);

/** The value a stream holds now.
 *  @param stream of a model or a dataset.
 *  @param[out] json yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_NOT_HELD. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_stream_value(const maquette_stream *stream, char **json, maquette_error **error);

/** Sets the value of a stream and tells its subscribers: a parameter of a model, for its next training or prediction.
 *  @param stream a parameter's.
 *  @param json the value.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_BAD_PARAMETER, E_READ_ONLY (every stream
 *          that is not a parameter). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_stream_set(maquette_stream *stream, const char *json, maquette_error **error);

/** Takes the next event out of a subscription without a callback.
 *  @param subscription made with `fn` NULL.
 *  @param timeout_ms milliseconds to wait for an event; 0: don't; MAQUETTE_FOREVER.
 *  @param[in,out] event set its `struct_size`; filled in. What it points to lives until the next call for this
 *         subscription, or its destruction.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT (also: the subscription has a callback), E_TIMEOUT, E_CLOSED.
 *  Threads: any, one at a time for a subscription. In a callback: yes. Since 0.1. */
maquette_status maquette_subscription_next(maquette_subscription *subscription, int64_t timeout_ms,
                                           maquette_event *event, maquette_error **error);

/** A file descriptor for poll, epoll, libuv or asyncio: readable as long as maquette_subscription_next() would not wait.
 *  @param subscription made with `fn` NULL.
 *  @param[out] descriptor belongs to the subscription: neither read nor close it.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_IO. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_subscription_fd(maquette_subscription *subscription, int32_t *descriptor,
                                         maquette_error **error);

/** Ends a subscription. When this returns, the callback is not running and will not run again. From inside the
 *  callback it does not wait, and the call that is running is the last. Two callbacks that end each other's subscription
 *  at one moment wait for each other for ever. NULL is fine.
 *  Threads: any. In a callback: yes, in its own too. Since 0.1. */
void maquette_subscription_destroy(maquette_subscription *subscription);

/* ------------------------------------------------------------------------------------------------------------------
 * Stores: where datasets and models live
 * --------------------------------------------------------------------------------------------------------------- */

/** Opens a store.
 *  @param location `memory:`, a store of its own that ends with the last handle; or `sqlite:PATH`, a file, made if it
 *         is not there, that several processes may use at once. What a call has acknowledged survives a crash of the
 *         process and of the machine; `sqlite:PATH?synchronous=normal` gives up the latter for speed;
 *         `?check=quick` looks the file through for damage first, `?check=full` its indices, too.
 *         Don't open the file with an SQLite of your own in the same process: when that closes it, the locks of all are gone
 *         (POSIX), and with them what keeps two writers apart. A copy made by maquette_store_backup(), or another process,
 *         can be read by anything. Or
 *         `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, a server that several machines may use at once, through libpq,
 *         which is loaded now; `?schema=NAME` keeps several stores in one database, `?lock_timeout=`,
 *         `?statement_timeout=` and `?poll=` are milliseconds, all other options are libpq's. Or
 *         `http://HOST:PORT/PATH`, `https://…`: a Marcelle backend, through libcurl, which must be installed. How safe
 *         is what a call has acknowledged is up to the server. A call is not isolated from what others do meanwhile,
 *         and one that writes several documents may have written some of them when it fails. What others do arrives
 *         within the interval `?poll=MILLISECONDS`, 1000 unless said. A call takes no longer than
 *         `?timeout=MILLISECONDS`, 30000 unless said, for each request it makes. `?token-from=VARIABLE` names the
 *         environment variable that holds the token to authenticate with.
 *  @param[out] store yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT, E_BAD_UTF8, E_UNSUPPORTED (another scheme, no libpq, no libcurl), E_IO, E_NOT_A_STORE,
 *          E_BAD_FORMAT (a check found damage, or the server is no Marcelle backend), E_LOCKED, E_TIMEOUT.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_store_open(const char *location, maquette_store **store, maquette_error **error);

/** Writes a copy of a store to a file, of one moment, while the store is used: SQLite's online backup.
 *  @param store in a file.
 *  @param path of a file that is not there yet, or of a store, whose content is replaced in one step. Another store can be
 *         opened there afterwards.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT (also: the store's own file), E_BAD_UTF8, E_UNSUPPORTED (a store in memory),
 *          E_NOT_A_STORE (a file of something else is there), E_IO, E_FULL, E_LOCKED. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_store_backup(maquette_store *store, const char *path, maquette_error **error);

/** Gives a store back; it closes when nothing uses it any more. NULL is fine.
 *  Threads: any. In a callback: yes. Since 0.1. */
void maquette_store_destroy(maquette_store *store);

/** The names of all services of a store: of its datasets, its models, and whatever else is kept in it.
 *  @param store to look in.
 *  @param[out] names a JSON array of strings, in the order the services were made; yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_IO. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_store_services(const maquette_store *store, char **names, maquette_error **error);

/* ------------------------------------------------------------------------------------------------------------------
 * Services: collections of JSON documents in a store
 *
 * Every document has an `id` of 24 hexadecimal digits, and the dates `createdAt` and `updatedAt`. Datasets, models and
 * runs are documents, too: the dataset "digits" is the service "instances-digits". Every function below may also give
 * E_IO, E_FULL or E_LOCKED from the store; nothing is half-written then.
 *
 * **Queries** are JSON objects; NULL is all documents. A field given a value must have it: an array also matches through
 * one of its elements, null also a field that isn't there, and a dotted name leads into objects and arrays. A field given
 * an object of operators (`$in`, `$nin`, `$lt`, `$lte`, `$gt`, `$gte`, `$ne`, `$not`) must meet all of them. `$or` and
 * `$and` take a list of queries, `$not` one. Beside them stand `$limit` (a page holds 100 unless it says otherwise, 200 at
 * the most), `$skip`, `$sort` ({"field": 1 or -1, …}) and `$select` (["field", …]; the id comes along). E.g.
 * {"y": "left", "score": {"$gt": 0.5}, "$sort": {"createdAt": -1}, "$limit": 10}.
 * --------------------------------------------------------------------------------------------------------------- */

/** Opens the service of that name in a store; it is made where it isn't there.
 *  @param store where it is; kept alive by the service.
 *  @param name anything but "".
 *  @param[out] service yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_service_open(maquette_store *store, const char *name, maquette_service **service,
                                      maquette_error **error);

/** Gives a service back; its documents stay in the store. NULL is fine.
 *  Threads: any. In a callback: yes. Since 0.1. */
void maquette_service_destroy(maquette_service *service);

/** The documents that match a query, a page of them.
 *  @param service to look in.
 *  @param query see above; NULL: all.
 *  @param[out] page {"total": …, "limit": …, "skip": …, "data": [document, …]}, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT (an unknown `$` parameter), E_BAD_UTF8, E_BAD_JSON, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_service_find(const maquette_service *service, const char *query, char **page,
                                      maquette_error **error);

/** One document by its id.
 *  @param service to look in.
 *  @param id of the document.
 *  @param[out] document yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_NOT_FOUND. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_service_get(const maquette_service *service, const char *id, char **document,
                                     maquette_error **error);

/** Stores a document, or many: all of them, or none.
 *  @param service to store in.
 *  @param documents a JSON object, or an array of them. An id is given to each that brings none, and the dates.
 *  @param[out] stored what is kept: an object, or an array for an array; yours to free; may be NULL.
 *  @param[out] error may be NULL. Of many, the message says which it is about, counted from 0.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_BAD_SHAPE (an instance of another width than its
 *          dataset has), E_NOT_FINITE, E_CONFLICT (there is a document of that id). Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_service_create(maquette_service *service, const char *documents, char **stored,
                                        maquette_error **error);

/** Puts a document in the place of another. The id and `createdAt` stay, `updatedAt` moves; files stay for which the new
 *  `files` names one of them.
 *  @param service to change.
 *  @param id of the document.
 *  @param query what the document that is there must match as well; NULL: anything. `$select` is for `stored`.
 *  @param document a JSON object.
 *  @param[out] stored what is kept, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_NOT_FOUND, E_BAD_SHAPE, E_NOT_FINITE.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_service_update(maquette_service *service, const char *id, const char *query,
                                        const char *document, char **stored, maquette_error **error);

/** Changes members of a document, or of all that match: all of them, or none.
 *
 *  Members that are given take the place of those of their names, whole; the others stay, and so do the id and `createdAt`,
 *  whatever is given. `updatedAt` moves.
 *
 *  @param service to change.
 *  @param id of the document. NULL: all that match the query.
 *  @param query what is changed must match; `$limit` and `$skip` are refused without an id. May be NULL if `id` is not:
 *         `{}` is all documents.
 *  @param changes a JSON object.
 *  @param[out] patched what is kept: an object, or an array without an id; yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_NOT_FOUND, E_BAD_SHAPE, E_NOT_FINITE,
 *          E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_service_patch(maquette_service *service, const char *id, const char *query,
                                       const char *changes, char **patched, maquette_error **error);

/** Removes a document, or all that match, with their files.
 *  @param service to remove from.
 *  @param id of the document. NULL: all that match the query.
 *  @param query what is removed must match; `$limit` and `$skip` are refused without an id. May be NULL if `id` is not:
 *         `{}` is all documents.
 *  @param[out] removed what was there: an object, or an array without an id; yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_NOT_FOUND, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_service_remove(maquette_service *service, const char *id, const char *query, char **removed,
                                        maquette_error **error);

/** How many documents match a query.
 *  @param service to look in.
 *  @param query see above; NULL: all.
 *  @param[out] count of them; `$limit` and `$skip` don't matter.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_service_count(const maquette_service *service, const char *query, int64_t *count,
                                       maquette_error **error);

/** The different values of a field in the documents that match a query, the first seen first; not of a page.
 *  @param service to look in.
 *  @param field a name; dots lead into objects and arrays.
 *  @param query see above; NULL: all.
 *  @param[out] values a JSON array, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_service_distinct(const maquette_service *service, const char *field, const char *query,
                                          char **values, maquette_error **error);

/** Begins to read all documents that match a query, in blocks, however many there are.
 *  @param service to read; kept alive by the cursor.
 *  @param query see above; NULL: all. Without a `$limit` there is none here, and one is not cut off.
 *  @param[out] cursor yours to destroy; it stands before the first.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_service_items(const maquette_service *service, const char *query, maquette_cursor **cursor,
                                       maquette_error **error);

/** What happens to the documents, after it is in the store: arrays of {"type": "created" | "updated" | "patched" |
 *  "removed", "document": …}, one for each call that changed something. Or of {"type": "cleared", "document": {} or
 *  {"datasetName": …}}: all documents of the service, or of that dataset, are gone.
 *  @return a stream that holds no value; belongs to the service, like its handle. NULL if `service` is none. Threads: any.
 *          In a callback: yes. Since 0.1. */
maquette_stream *maquette_service_events(const maquette_service *service);

/** The next documents.
 *
 *  No more than a block is in memory. Each is one consistent state; documents that come while a pass goes on are read at
 *  its end (with a `$sort`: not), and one that goes before its turn is not read.
 *
 *  @param cursor to go on with.
 *  @param[out] documents a JSON array of at least one document and at most 256, fewer where they are large; yours to free.
 *              NULL behind the last document, and after a failure.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_NOT_FOUND (all was cleared meanwhile), E_IO, E_UNSUPPORTED.
 *  Threads: any, one at a time
 *          for a cursor; another waits. In a callback: yes. Since 0.1. */
maquette_status maquette_cursor_next(maquette_cursor *cursor, char **documents, maquette_error **error);

/** Gives a cursor back, read to its end or not. NULL is fine. Threads: any. In a callback: yes. Since 0.1. */
void maquette_cursor_destroy(maquette_cursor *cursor);

/* ------------------------------------------------------------------------------------------------------------------
 * Datasets: labelled instances in a store
 *
 * An instance is a document {id, x, y, datasetName, createdAt, updatedAt, …}: the features `x`, an array of numbers
 * (nested for images and the like), kept as 32-bit floats; the label `y`; and whatever else you add.
 * Every function below may also give E_IO, E_FULL or E_LOCKED from the store; nothing is half-written then.
 * --------------------------------------------------------------------------------------------------------------- */

/** Opens the dataset of that name in a store; it is made with its first instance.
 *  @param store where it lives; kept alive by the dataset.
 *  @param name anything but "".
 *  @param[out] dataset yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_open(maquette_store *store, const char *name, maquette_dataset **dataset,
                                      maquette_error **error);

/** Gives a dataset back; its instances stay in the store. NULL is fine.
 *  Threads: any. In a callback: yes. Since 0.1. */
void maquette_dataset_destroy(maquette_dataset *dataset);

/** Adds an instance for each row of a matrix, all or none.
 *  @param dataset to add to.
 *  @param features [rows, features], of any dtype; kept as 32-bit floats, in files those of U8 as bytes.
 *  @param labels `features->rows` strings, a label each; NULL for a row without one. The array itself may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE (another width than the instances there), E_NO_ROWS,
 *          E_NOT_FINITE, E_BAD_UTF8. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_append(maquette_dataset *dataset, const maquette_matrix *features,
                                        const char *const *labels, maquette_error **error);

/** Adds an instance for each row of a matrix with the numbers that are to be predicted from it, all or none.
 *  @param dataset to add to.
 *  @param features [rows, features], of any dtype; kept as 32-bit floats, in files those of U8 as bytes.
 *  @param targets [rows, targets], finite; one target becomes a number under `y`, several an array.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE, E_NO_ROWS, E_NOT_FINITE. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_dataset_append_targets(maquette_dataset *dataset, const maquette_matrix *features,
                                                const maquette_matrix *targets, maquette_error **error);

/** Adds an instance for each row of a matrix, all or none; each row becomes nested arrays under `x`: an image, a window of
 *  samples. To a model it is the row that it came as.
 *  @param dataset to add to.
 *  @param features [rows, elements], of any dtype; kept as 32-bit floats, in files those of U8 as bytes.
 *  @param shape the lengths of the nested arrays, from the outside in; their product is `features->cols`.
 *  @param dimensions how many lengths there are, 1 to 32.
 *  @param labels NULL, or a label for each row; NULL for a row without one.
 *  @param targets NULL, or [rows, targets], finite: the numbers that are to be predicted; then `labels` is NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE (also: a shape of another number of elements), E_NO_ROWS,
 *          E_NOT_FINITE, E_BAD_UTF8. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_append_shaped(maquette_dataset *dataset, const maquette_matrix *features,
                                               const int64_t *shape, int32_t dimensions, const char *const *labels,
                                               const maquette_matrix *targets, maquette_error **error);

/** Adds an instance, or many: all of them, or none.
 *  @param dataset to add to.
 *  @param instance a JSON object, e.g. {"x": [0.1, 0.2], "y": "left"}, or an array of them; id and dates are given to each.
 *  @param[out] stored the document as it is kept, or an array for an array; yours to free; may be NULL.
 *  @param[out] error may be NULL. Of many, the message says which it is about, counted from 0.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_BAD_SHAPE, E_NOT_FINITE, E_CONFLICT.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_create(maquette_dataset *dataset, const char *instance, char **stored,
                                        maquette_error **error);

/** One instance by its id.
 *  @param dataset to look in.
 *  @param id of the instance.
 *  @param[out] instance the document, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_NOT_FOUND. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_get(const maquette_dataset *dataset, const char *id, char **instance,
                                     maquette_error **error);

/** Puts an instance in the place of another; see maquette_service_update().
 *  @param dataset to change.
 *  @param id of the instance.
 *  @param instance a JSON object.
 *  @param[out] stored the document as it is kept, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_NOT_FOUND, E_BAD_SHAPE, E_NOT_FINITE.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_update(maquette_dataset *dataset, const char *id, const char *instance, char **stored,
                                        maquette_error **error);

/** Changes members of an instance; see maquette_service_patch(). It stays in the dataset.
 *  @param dataset to change.
 *  @param id of the instance.
 *  @param changes a JSON object.
 *  @param[out] patched the document as it is kept, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return as maquette_dataset_update(). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_patch(maquette_dataset *dataset, const char *id, const char *changes, char **patched,
                                       maquette_error **error);

/** Changes members of all instances that match a query: all of them, or none.
 *  @param dataset to change.
 *  @param query see "Services"; `{}` is all. `$limit` and `$skip` are refused.
 *  @param changes a JSON object.
 *  @param[out] patched an array of the documents as they are kept, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_BAD_SHAPE, E_NOT_FINITE, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_patch_matching(maquette_dataset *dataset, const char *query, const char *changes,
                                                char **patched, maquette_error **error);

/** Removes one instance.
 *  @param dataset to remove it from.
 *  @param id of the instance.
 *  @param[out] removed the document as it was, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_NOT_FOUND. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_remove(maquette_dataset *dataset, const char *id, char **removed,
                                        maquette_error **error);

/** Removes all instances that match a query, in one transaction.
 *  @param dataset to remove from.
 *  @param query see "Services"; `{}` is all, for which maquette_dataset_clear() is faster. `$limit` and `$skip` are refused.
 *  @param[out] removed an array of the documents as they were, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_remove_matching(maquette_dataset *dataset, const char *query, char **removed,
                                                 maquette_error **error);

/** The instances that match a query, a page of them.
 *  @param dataset to look in.
 *  @param query see "Services", e.g. {"y": "left", "$limit": 10}. NULL: all.
 *  @param[out] page {"total": …, "limit": …, "skip": …, "data": [instance, …]}, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT (an unknown `$` parameter), E_BAD_UTF8, E_BAD_JSON, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_find(const maquette_dataset *dataset, const char *query, char **page,
                                      maquette_error **error);

/** How many instances there are.
 *  @param dataset to count.
 *  @param[out] count of its instances.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_count(const maquette_dataset *dataset, int64_t *count, maquette_error **error);

/** How many instances match a query.
 *  @param dataset to look in.
 *  @param query see "Services"; NULL: all.
 *  @param[out] count of them; `$limit` and `$skip` don't matter.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_count_matching(const maquette_dataset *dataset, const char *query, int64_t *count,
                                                maquette_error **error);

/** Begins to read all instances that match a query, in blocks, however many there are; see maquette_service_items().
 *  @param dataset to read; kept alive by the cursor.
 *  @param query see "Services"; NULL: all. Without a `$limit` there is none here, and one is not cut off.
 *  @param[out] cursor yours to destroy; see maquette_cursor_next().
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_items(const maquette_dataset *dataset, const char *query, maquette_cursor **cursor,
                                       maquette_error **error);

/** Removes all instances.
 *  @param dataset to clear.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_clear(maquette_dataset *dataset, maquette_error **error);

/** The different values of a field, the first seen first.
 *  @param dataset to look in.
 *  @param field e.g. "y" for the labels.
 *  @param[out] values a JSON array, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_distinct(const maquette_dataset *dataset, const char *field, char **values,
                                          maquette_error **error);

/** The different values of a field in the instances that match a query, the first seen first; not of a page.
 *  @param dataset to look in.
 *  @param field a name; dots lead into objects and arrays.
 *  @param query see "Services"; NULL: all.
 *  @param[out] values a JSON array, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_distinct_matching(const maquette_dataset *dataset, const char *field,
                                                   const char *query, char **values, maquette_error **error);

/** The shape of the matrix that the instances' features make; 0 × 0 without instances.
 *  @param dataset to measure. Nothing is gathered: that every instance is as wide, maquette_dataset_read() finds out.
 *  @param[out] rows instances.
 *  @param[out] cols features of the first that has any.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_shape(const maquette_dataset *dataset, int64_t *rows, int64_t *cols,
                                       maquette_error **error);

/** All features as one matrix, in the order the instances were added, with their labels.
 *  @param dataset to read.
 *  @param[in,out] features your memory, [rows, cols] as maquette_dataset_shape() says, dtype F32 or F64, filled in; dense
 *         F32 is the fastest. After a failure it holds nothing of meaning.
 *  @param[out] label_codes NULL, or `rows` numbers: the index of each row's label in `labels`, -1 for none.
 *  @param[out] labels NULL, or a JSON array of the labels, the first seen first; yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE (an instance without features, or of another width; the
 *  dataset has changed since its shape was asked). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_read(const maquette_dataset *dataset, maquette_matrix *features, int32_t *label_codes,
                                      char **labels, maquette_error **error);

/** All `y` that are numbers, or arrays of them, as one matrix, in the order the instances were added.
 *  @param dataset to read.
 *  @param[in,out] targets with `data` NULL: its `rows` and `cols` are filled in. Else your memory of that shape, dtype
 *         F32 or F64, is filled in.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE (also: targets of different widths; the dataset has changed
 *          since the shape was asked), E_NOT_FOUND (an instance without `y`), E_NOT_FINITE.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_targets(const maquette_dataset *dataset, maquette_matrix *targets,
                                         maquette_error **error);

/** The stream of the number of instances; holds its value. As long as it or maquette_dataset_changes() has subscribers, it
 *  also tells what other processes do. NULL if `dataset` is no dataset.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_stream *maquette_dataset_counts(const maquette_dataset *dataset);

/** The stream of changes, arrays of {"level": "instance", "type": "created" | "updated" | "removed", "data": …}; holds
 *  no value. A subscriber first gets [{"level": "dataset", "type": "created"}]. {"level": "dataset",
 *  "type": "cleared"}: all instances are gone; "reloaded": another process changed more than can be told one by one, read
 *  them anew. Of an instance that another process removed `data` has only the id. NULL if `dataset` is no dataset.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_stream *maquette_dataset_changes(const maquette_dataset *dataset);

/** Opens a live view of the instances that match a query, with a count and changes of its own.
 *
 *  An instance that is changed so that it matches comes into the view (`created`), one that does not any more leaves it
 *  (`removed`), and one that still does is `updated`. Any number of views can be open on one dataset.
 *
 *  To train on a view, pass its dataset and query in a maquette_source.
 *
 *  @param dataset kept alive by the view.
 *  @param query see "Services"; `$sort` and `$select` are for what is read from the view, `$limit` and `$skip` are refused.
 *  @param[out] view yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_sift(maquette_dataset *dataset, const char *query, maquette_view **view,
                                      maquette_error **error);

/** Gives a view back; its streams end. NULL is fine. Threads: any. In a callback: yes. Since 0.1. */
void maquette_view_destroy(maquette_view *view);

/** How many instances a view has.
 *  @param view to count.
 *  @param[out] count of its instances.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_view_count(const maquette_view *view, int64_t *count, maquette_error **error);

/** The instances of a view that match a query as well, a page of them.
 *  @param view to look in.
 *  @param query see "Services"; NULL: all.
 *  @param[out] page as of maquette_dataset_find(), yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_view_find(const maquette_view *view, const char *query, char **page, maquette_error **error);

/** Begins to read all instances of a view that match a query as well, in blocks; see maquette_service_items().
 *  @param view to read; kept alive by the cursor.
 *  @param query see "Services"; NULL: all.
 *  @param[out] cursor yours to destroy; see maquette_cursor_next().
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_view_items(const maquette_view *view, const char *query, maquette_cursor **cursor,
                                    maquette_error **error);

/** The stream of the number of instances of a view; holds its value. NULL if `view` is no view.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_stream *maquette_view_counts(const maquette_view *view);

/** The stream of what happens to a view, as of maquette_dataset_changes(). NULL if `view` is no view.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_stream *maquette_view_changes(const maquette_view *view);

/** Writes all instances into a file in Marcelle's JSON: {"marcelleMeta": {"type": "dataset"}, "instances": […]}. No more
 *  than some of them are in memory. What was there is replaced when the new file is complete.
 *  @param dataset to read.
 *  @param path of the file.
 *  @param query which instances, in what order, see "Services"; NULL: all, as they were added.
 *  @param[out] count of the instances written; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_IO, E_FULL, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_dataset_download(const maquette_dataset *dataset, const char *path, const char *query,
                                          int64_t *count, maquette_error **error);

/** All instances as a text in Marcelle's JSON.
 *  @param dataset to read.
 *  @param query which instances, see "Services"; NULL: all.
 *  @param[out] text yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_OUT_OF_MEMORY, E_UNSUPPORTED.
 *  Threads: any. In a callback:
 *          yes. Since 0.1. */
maquette_status maquette_dataset_download_text(const maquette_dataset *dataset, const char *query, char **text,
                                               maquette_error **error);

/** Adds the instances of a file in Marcelle's JSON, or the points of a DataSet that FluCoMa dumped, each with its name as
 *  `identifier`. No more than some of them are in memory.
 *
 *  They get new ids and dates, and this dataset's name. The file is checked to its end before the first is stored; then a
 *  block of instances at a time is, each in one transaction.
 *
 *  @param dataset to add to.
 *  @param path of the file.
 *  @param[out] count of the instances added; may be NULL.
 *  @param[out] error may be NULL. Its message says which instance is wrong, its name is that one's id in the file.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_BAD_FORMAT (JSON of something else),
 *          E_BAD_SHAPE, E_NOT_FINITE, E_IO, E_FULL. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_upload(maquette_dataset *dataset, const char *path, int64_t *count,
                                        maquette_error **error);

/** Adds the instances of a text in Marcelle's JSON; see maquette_dataset_upload().
 *  @param dataset to add to.
 *  @param text need not end with a NUL.
 *  @param length of the text in bytes.
 *  @param[out] count of the instances added; may be NULL.
 *  @param[out] error may be NULL.
 *  @return as maquette_dataset_upload(). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_upload_text(maquette_dataset *dataset, const char *text, size_t length, int64_t *count,
                                             maquette_error **error);

/** Copies all instances into two empty datasets, each into one of them, at random.
 *  @param dataset to split; it stays as it is.
 *  @param options a JSON object: `share` of the instances that go into the first (0.8 unless given); `seed` (0), a whole
 *         number: the same draws the same; `stratify` ("y"), a field of which both get the same share of every value, or
 *         null; `group`, a field whose equal values stay together in one of them. NULL: the usual ones.
 *  @param first empty, of this store or another.
 *  @param second empty, another one.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT (also: one is not empty), E_BAD_UTF8, E_BAD_JSON, E_NO_ROWS (too few instances
 *          or groups for two), E_CONFLICT (the instances changed meanwhile), E_IO, E_FULL. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_dataset_split(const maquette_dataset *dataset, const char *options, maquette_dataset *first,
                                       maquette_dataset *second, maquette_error **error);

/** Adds an instance for each record of a file of comma-separated values (RFC 4180). No more than a block of rows is in
 *  memory. The file is checked to its end before the first row is stored; then a block at a time is, each in one transaction.
 *  @param dataset to add to.
 *  @param path of the file.
 *  @param options a JSON object: `header` (true unless given): the first record names the columns; `separator` (","); `label`,
 *         the column of labels ("y", where there is one), whose empty fields are rows without; `targets`, the columns of
 *         numbers to be learnt instead; `features`, those of the features (all others). A column is a name, or a number from
 *         0; -1 is the last. NULL: the usual ones.
 *  @param[out] count of the instances added; may be NULL.
 *  @param[out] error may be NULL. Its message says in which line and column something is wrong.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_BAD_FORMAT, E_NOT_FINITE, E_NOT_FOUND (no such
 *          column), E_BAD_SHAPE, E_IO, E_FULL. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_import_csv(maquette_dataset *dataset, const char *path, const char *options,
                                            int64_t *count, maquette_error **error);

/** Writes all instances into a file of comma-separated values: a column for each feature, and `y`, a label or a number; `y0`
 *  and so on where the first instance has an array of numbers. What was there is replaced when the new file is complete.
 *  @param dataset to read.
 *  @param path of the file.
 *  @param options a JSON object: `header` (true unless given); `separator` (","); `names` of the features ("x0" and so on).
 *         NULL: the usual ones.
 *  @param[out] count of the instances written; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_BAD_SHAPE (an instance without features),
 *          E_NOT_FOUND (an instance without numbers to be learnt, where the first has some), E_IO, E_FULL. Threads: any. In a
 *          callback: yes. Since 0.1. */
maquette_status maquette_dataset_export_csv(const maquette_dataset *dataset, const char *path, const char *options,
                                            int64_t *count, maquette_error **error);

/* ------------------------------------------------------------------------------------------------------------------
 * Arrow: record batches in memory, shared with pyarrow, polars, pandas, DuckDB and the like without text between
 *
 * The structs of Arrow's C data interface, as its specification has them; guarded so that several headers may bring them.
 * --------------------------------------------------------------------------------------------------------------- */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

#endif /* ARROW_C_STREAM_INTERFACE */

/** All instances as a stream of record batches, a block of rows each, read when they are asked for.
 *
 *  The columns are `id`, a string; `x`, a list of as many floats as the rows have, which lies in memory as a matrix; and
 *  `y`: a string by dictionary, null for an instance without. Where the first instance has a number as `y`, it is a float;
 *  where it has an array of them, a list of floats.
 *
 *  @param dataset to read; kept alive by the stream.
 *  @param[out] stream filled in; yours: call its `release` once. It is for one thread at a time.
 *  @param[out] error may be NULL. What goes wrong later is an errno of `get_next`, and `get_last_error` says more.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE (an instance without features), E_NOT_FOUND (one without numbers
 *          as `y`, where the first has some), E_IO. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_export_arrow(const maquette_dataset *dataset, struct ArrowArrayStream *stream,
                                              maquette_error **error);

/** Adds an instance for each row of a stream of record batches, each batch in one transaction.
 *
 *  Features are numbers of any type, or booleans: one column of lists of one length, or a column each; those of 8 bits
 *  without sign are kept as bytes in files. A label is a string, by dictionary or not, a whole number or a boolean; a null is
 *  a row without.
 *
 *  @param dataset to add to.
 *  @param stream to read to its end. It is taken over: released when this returns, also where it fails.
 *  @param options a JSON object: `label`, `targets` and `features` name columns, as for maquette_dataset_import_csv(). Unless
 *         given, the features are the lists of the column `x`, if there is one, else all columns of numbers that are left;
 *         `y` is the label, or the targets where it holds floats or lists of them. NULL: the usual ones.
 *  @param[out] count of the instances added; may be NULL.
 *  @param[out] error may be NULL. Its message says in which row, counted from 0, and column something is wrong.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_BAD_FORMAT (a column of another type, a null among
 *          the features), E_NOT_FINITE, E_NOT_FOUND (no such column), E_BAD_SHAPE, E_IO (the stream failed), E_FULL. Threads:
 *          any. In a callback: yes. Since 0.1. */
maquette_status maquette_dataset_import_arrow(maquette_dataset *dataset, struct ArrowArrayStream *stream,
                                              const char *options, int64_t *count, maquette_error **error);

/* ------------------------------------------------------------------------------------------------------------------
 * Models
 * --------------------------------------------------------------------------------------------------------------- */

/** The kinds of models there are.
 *  @param[out] kinds a JSON array of strings, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_kinds(char **kinds, maquette_error **error);

/** The parameters of a kind, enough to build a form from.
 *  @param kind e.g. "mlp-classifier".
 *  @param[out] schema {"kind", "task", "trainable", "description", "parameters": [{"name", "type", "minimum", "maximum", "maximumCount",
 *              "values", "default", "description"}, …]}, yours to free. `task`: classification,
 *              regression, clustering, projection, or inference, which only predicts with what was trained elsewhere:
 *              `trainable` is false then. `type`: boolean, integer, number, integers, choice, text, texts (an array of
 *              strings), or classWeights (a choice, or an object of labels and numbers); `minimum` and `maximum` where
 *              there are any; `maximumCount` for a list; `values` for a choice.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT, E_BAD_UTF8, E_UNKNOWN_KIND. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_schema(const char *kind, char **schema, maquette_error **error);

/** Makes a model.
 *  @param kind one of maquette_model_kinds().
 *  @param parameters a JSON object, e.g. {"layers": [64, 32]}; what is left out has its default. NULL: all defaults.
 *  @param[out] model yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_UNKNOWN_KIND, E_UNKNOWN_PARAMETER, E_BAD_PARAMETER.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_create(const char *kind, const char *parameters, maquette_model **model,
                                      maquette_error **error);

/** Gives a model back. A training that runs is cancelled; this does not wait for it. NULL is fine.
 *  Threads: any. In a callback: yes. Since 0.1. */
void maquette_model_destroy(maquette_model *model);

/** The kind of a model.
 *  @param model any.
 *  @param[out] kind yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_kind(const maquette_model *model, char **kind, maquette_error **error);

/** The present values of all parameters.
 *  @param model any.
 *  @param[out] parameters a JSON object, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_parameters(const maquette_model *model, char **parameters, maquette_error **error);

/** The stream of one parameter; holds its value, and maquette_stream_set() changes it.
 *  @param model any.
 *  @param name of the parameter.
 *  @param[out] stream belongs to the model.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_UNKNOWN_PARAMETER.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_parameter(const maquette_model *model, const char *name, maquette_stream **stream,
                                         maquette_error **error);

/** The stream of a model's training status; holds its value. Its values are JSON objects:
 *
 *      {"status": "idle"}
 *      {"status": "start", "epochs": 20}
 *      {"status": "epoch", "epoch": 1, "epochs": 20,
 *       "data": {"loss": 1.1, "accuracy": 0.6, "lossVal": 0.7, "accuracyVal": 0.8}}           one for each epoch;
 *                    of mlp-regressor: meanAbsoluteError, meanAbsoluteErrorVal instead of accuracy…
 *      {"status": "success", "data": {"loss": [1.1, …], "accuracy": […], …}}                  a value for each epoch
 *      {"status": "error", "data": {"error": "…", "code": 24}}
 *      {"status": "cancelled", "epoch": 7, "epochs": 20}
 *      {"status": "loading"}, {"status": "loaded", "data": {"source": "datastore", "url": "…"}}
 *
 *  maquette_event_training_status() reads them without a JSON parser. NULL if `model` is no model.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_stream *maquette_model_training(const maquette_model *model);

/** Another stream of a model; holds its value.
 *  @param model kmeans-clustering has `centers`, an array of arrays of numbers or null, and `clusters`, the cluster of each
 *         training row.
 *  @param name of the stream.
 *  @param[out] stream belongs to the model.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_NOT_FOUND. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_stream(const maquette_model *model, const char *name, maquette_stream **stream,
                                      maquette_error **error);

enum {
  MAQUETTE_TRAINING_IDLE = 0,
  MAQUETTE_TRAINING_START = 1,
  MAQUETTE_TRAINING_EPOCH = 2,
  MAQUETTE_TRAINING_SUCCESS = 3,
  MAQUETTE_TRAINING_ERROR = 4,
  MAQUETTE_TRAINING_LOADED = 5,
  MAQUETTE_TRAINING_LOADING = 6,
  MAQUETTE_TRAINING_CANCELLED = 7
};

/** A training status for hosts without a JSON parser. */
typedef struct maquette_training_status {
  size_t struct_size;
  int32_t status; /**< MAQUETTE_TRAINING_IDLE, … */
  int32_t epoch;  /**< from 1; 0 where there is none */
  int32_t epochs; /**< 0 where there are none */
  /** Of this epoch, after `success` of the last one; NaN where there is none. */
  double loss, accuracy, loss_val, accuracy_val;
} maquette_training_status;

/** Reads an event of maquette_model_training().
 *  @param event of a model's training.
 *  @param[in,out] status set its `struct_size`; filled in.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT, E_BAD_JSON. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_event_training_status(const maquette_event *event, maquette_training_status *status,
                                               maquette_error **error);

/** Starts a training on a dataset and returns at once; it runs on a thread of the library's own.
 *
 *  It learns the instances that are there now. Predictions meanwhile answer with the last finished epoch, and before the
 *  first with the training before. A training that fails leaves the last good epoch or model; so does one that is
 *  cancelled.
 *
 *  @param model to train.
 *  @param dataset to learn from; kept alive by the training.
 *  @param validation a dataset to validate with after every epoch; NULL: a part of `dataset`, as the model's parameter
 *         `validationSplit` says.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_BUSY, E_BAD_PARAMETER. What is wrong with the data is found by the training, see
 *          maquette_model_wait(). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_train(maquette_model *model, const maquette_dataset *dataset,
                                     const maquette_dataset *validation, maquette_error **error);

/** Starts a training on matrices, which are copied before this returns.
 *  @param model to train.
 *  @param features [rows, features].
 *  @param labels `features->rows` strings, none of them NULL.
 *  @param validation_features NULL, or [any rows, the same features].
 *  @param validation_labels NULL if `validation_features` is, else a label for each of its rows.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE, E_NOT_FINITE, E_NO_ROWS, E_ONE_LABEL, E_BAD_UTF8, E_BUSY,
 *          E_BAD_PARAMETER, E_UNSUPPORTED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_train_matrix(maquette_model *model, const maquette_matrix *features,
                                            const char *const *labels, const maquette_matrix *validation_features,
                                            const char *const *validation_labels, maquette_error **error);

/** Rows to learn from, in your memory. */
typedef struct maquette_rows {
  size_t struct_size;              /**< sizeof(maquette_rows) */
  const maquette_matrix *features; /**< [rows, features] */
  const char *const *labels;       /**< NULL, or `features->rows` strings; NULL for a row without a label */
  const maquette_matrix *targets;  /**< NULL, or [rows, targets]: the numbers that a regression learns */
} maquette_rows;

/** Gives the next rows of a source that is read as it is needed: filtered, mapped, from any place.
 *
 *  Called on the thread of a training, in order: block 0, 1, … of pass 0, then of pass 1, where the training reads the
 *  rows more than once. Every pass has to give the same rows, and all rows have to have one width.
 *
 *  @param user_data of the source.
 *  @param pass how often the rows have been read before.
 *  @param block how many blocks of this pass have been read before.
 *  @param[in,out] rows to be filled in; what it points to must live until the next call. Left as it is, or with
 *         `features` of no rows: the pass is over.
 *  @return MAQUETTE_OK, or the status that the training is to fail with. */
typedef maquette_status (*maquette_rows_fn)(void *user_data, int64_t pass, int64_t block, maquette_rows *rows);

/** Where a training takes its rows from: exactly one of `dataset`, `rows` and `read` is set. */
typedef struct maquette_source {
  size_t struct_size;               /**< sizeof(maquette_source) */
  const maquette_dataset *dataset;  /**< the instances that are there when the training begins; see also `query` */
  const maquette_rows *rows;        /**< matrices, copied before the call returns */
  maquette_rows_fn read;            /**< rows that are read block by block while the training needs them */
  void *user_data;                  /**< passed to `read` */
  /** NULL, or called once with `user_data` when `read` won't be called again: before the training's last event, and before
   *  maquette_model_wait() returns. */
  void (*destroy)(void *user_data);
  /** NULL, or which instances of `dataset`, as for maquette_dataset_find(); all that match, unless it has a `$limit`. */
  const char *query;
} maquette_source;

/** How a training begins. */
enum {
  MAQUETTE_TRAIN_FRESH = 0,      /**< from nothing, whatever the model knew before */
  MAQUETTE_TRAIN_CONTINUING = 1, /**< more epochs from where the last training ended, cancelled or not */
  MAQUETTE_TRAIN_PARTIAL = 2     /**< rows that come on top of those learned before */
};

/** Starts a training on rows from anywhere, and returns at once; maquette_model_train() and
 *  maquette_model_train_matrix() are its short forms.
 *
 *  Rows that are read are gathered in memory up to 256 MB. More than that are learned block by block, in bounded memory,
 *  by the kinds that can (mlp-classifier, mlp-regressor, kmeans-clustering, pca); the others fail with E_UNSUPPORTED.
 *
 *  @param model to train.
 *  @param source to learn from. Its `destroy` is called in any case, also where this fails.
 *  @param validation what to validate with after every epoch; NULL: a part of the source, as `validationSplit` says.
 *  @param mode MAQUETTE_TRAIN_FRESH, …
 *  @param[out] error may be NULL.
 *  @return as maquette_model_train() and maquette_model_train_matrix(); E_UNSUPPORTED for a mode that this kind doesn't
 *          have; E_NOT_TRAINED where there is nothing to go on with; E_NOT_FOUND for a row without a label.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_train_source(maquette_model *model, const maquette_source *source,
                                            const maquette_source *validation, int32_t mode, maquette_error **error);

/** Waits until the training is over and the callbacks subscribed to it have returned from its last event.
 *  @param model that is training; without any training this returns OK at once.
 *  @param timeout_ms milliseconds to wait; 0: only look; MAQUETTE_FOREVER.
 *  @param[out] error may be NULL.
 *  @return how the last training ended: OK, E_CANCELLED, or its error, e.g. E_NO_ROWS, E_ONE_LABEL, E_BAD_SHAPE,
 *          E_NOT_FOUND (a row without a label), E_NOT_FINITE (also: rows so far apart that no float holds their
 *          distances), E_BAD_PARAMETER, E_UNSUPPORTED (labels or numbers that the kind can't learn), E_DIVERGED, E_IO. Or
 *          E_BAD_HANDLE, E_TIMEOUT, E_REENTRANT (from a callback of this model's training).
 *  Threads: any, any number at once. In a callback: yes, but not in one of this model's training. Since 0.1. */
maquette_status maquette_model_wait(const maquette_model *model, int64_t timeout_ms, maquette_error **error);

/** Whether a training goes on: from maquette_model_train() on until its last event is heard. Unlike
 *  maquette_model_wait(), this does not ask whether all callbacks have returned from that event.
 *  @param model to ask about.
 *  @param[out] is_training 1 or 0.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT. Threads: any, any number at once. In a callback: yes. Since 0.1. */
maquette_status maquette_model_is_training(const maquette_model *model, int32_t *is_training, maquette_error **error);

/** Asks a training to end; it does within one mini-batch, with status `cancelled`. Does not wait. Without a training
 *  this does nothing.
 *  @param model that is training.
 *  @return OK, E_BAD_HANDLE, E_FORKED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_cancel(maquette_model *model);

enum { MAQUETTE_KEEP_LAST = 0, MAQUETTE_KEEP_BEST = 1 };

/** Asks a training to end as maquette_model_cancel() does, and says which epoch's model stays.
 *  @param model that is training.
 *  @param kept MAQUETTE_KEEP_LAST, as maquette_model_cancel(); MAQUETTE_KEEP_BEST: the epoch with the least validation
 *         loss, or loss where nothing is validated.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_FORKED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_cancel_keeping(maquette_model *model, int32_t kept, maquette_error **error);

/** Forgets what a model has learned or loaded: not trained, its stream idle. The parameters stay as they are.
 *  @param model not in training.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_BUSY, E_FORKED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_reset(maquette_model *model, maquette_error **error);

/** Makes a second model with the same parameters and the same knowledge; both go on independently.
 *  @param model of any state; of one in training the last finished epoch is taken.
 *  @param[out] clone yours: maquette_model_destroy() it.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_OUT_OF_MEMORY, E_FORKED. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_model_clone(const maquette_model *model, maquette_model **clone, maquette_error **error);

/** How many numbers a row of the model has.
 *  @param model trained or loaded.
 *  @param[out] count the columns of the features.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_NOT_TRAINED, E_FORKED. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_model_feature_count(const maquette_model *model, int64_t *count, maquette_error **error);

/** How many numbers a prediction of the model has: its labels, targets, clusters or components.
 *  @param model trained or loaded.
 *  @param[out] count the columns of the predictions.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_NOT_TRAINED, E_FORKED. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_model_output_count(const maquette_model *model, int64_t *count, maquette_error **error);

/** Predicts one row or many: of a classifier the confidence of each label, of another model its outputs.
 *
 *  For one row of at most 1,024 features this neither allocates nor waits for any lock: safe on an audio thread.
 *
 *  @param model trained or loaded.
 *  @param features [rows, features].
 *  @param[in,out] predictions your memory, [rows, maquette_model_output_count()], dtype F32 or F64, filled in. A row of
 *         confidences sums up to 1, and its greatest (the first of equals) is the answer; all are 0 where the row
 *         belongs to no label.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE, E_NOT_FINITE (NaN or infinity among the features; or a row
 *          so far from those that were learned that a prediction is no finite number: `predictions` has been written
 *          then), E_NOT_TRAINED, E_BAD_PARAMETER.
 *  Threads: any, any number at once, also during a training. In a callback: yes. Since 0.1. */
maquette_status maquette_model_predict(const maquette_model *model, const maquette_matrix *features,
                                       maquette_matrix *predictions, maquette_error **error);

/** Predicts one row as JSON: of a classifier {"label": "3", "confidences": {"0": 0.01, "3": 0.97, …}}, of others a
 *  number or an array of numbers.
 *  @param model trained or loaded.
 *  @param features [1, features].
 *  @param[out] prediction yours to free.
 *  @param[out] error may be NULL.
 *  @return as maquette_model_predict(). Threads: any, any number at once. In a callback: yes. Since 0.1. */
maquette_status maquette_model_predict_json(const maquette_model *model, const maquette_matrix *features,
                                            char **prediction, maquette_error **error);

/** The names of what else a training has found out, see maquette_model_attribute().
 *  @param model trained or loaded.
 *  @param[out] names a JSON array of strings, yours to free; [] for a kind without.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_NOT_TRAINED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_attributes(const maquette_model *model, char **names, maquette_error **error);

/** What else a training has found out, as a matrix: the `centers` of kmeans-clustering, the `components` of pca, …
 *  @param model trained or loaded.
 *  @param name one of maquette_model_attributes().
 *  @param[in,out] matrix with `data` NULL: its `rows` and `cols` are filled in. Else your memory of that shape, dtype F32
 *         or F64, is filled in.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE (also: trained anew since the shape was asked), E_BAD_UTF8,
 *          E_NOT_FOUND, E_NOT_TRAINED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_attribute(const maquette_model *model, const char *name, maquette_matrix *matrix,
                                         maquette_error **error);

/** The rows that predictions were made of, as far as they tell: of pca, from its coordinates back to features.
 *  @param model trained or loaded.
 *  @param predictions [rows, maquette_model_output_count()].
 *  @param[in,out] features your memory, [rows, maquette_model_feature_count()], dtype F32 or F64, filled in.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE, E_NOT_FINITE, E_NOT_TRAINED, E_UNSUPPORTED (a kind that
 *          can't). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_inverse(const maquette_model *model, const maquette_matrix *predictions,
                                       maquette_matrix *features, maquette_error **error);

/** The nearest remembered rows of a knn-classifier or knn-regressor.
 *
 *  A row is known by its id, the number it got when it was learned: counted from 0, through all trainings of rows on top
 *  of each other. It stays the row's when others are removed.
 *
 *  @param model trained or loaded.
 *  @param features [rows, features].
 *  @param count how many neighbours of each row, at most as many as rows are remembered.
 *  @param[out] ids `features->rows` × `count` ids, the nearest first; may be NULL.
 *  @param[in,out] distances NULL, or your memory, [rows, count], dtype F32 or F64, filled in.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE, E_NOT_FINITE, E_NOT_TRAINED, E_UNSUPPORTED (a kind that
 *          remembers no rows). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_neighbours(const maquette_model *model, const maquette_matrix *features, int64_t count,
                                          int64_t *ids, maquette_matrix *distances, maquette_error **error);

/** Forgets some of the rows that a knn-classifier or knn-regressor remembers, all or none; takes effect at once.
 *  @param model trained or loaded.
 *  @param ids of the rows, see maquette_model_neighbours().
 *  @param count how many ids there are.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_NOT_FOUND (no such id), E_NO_ROWS (none would be left), E_NOT_TRAINED,
 *          E_BUSY, E_UNSUPPORTED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_remove(maquette_model *model, const int64_t *ids, int64_t count, maquette_error **error);

/** How many labels the model knows.
 *  @param model trained or loaded.
 *  @param[out] count of its labels.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_NOT_TRAINED, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_label_count(const maquette_model *model, int64_t *count, maquette_error **error);

/** One label.
 *  @param model trained or loaded.
 *  @param index the column of its confidences.
 *  @param[out] label yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_NOT_TRAINED, E_NOT_FOUND, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_label(const maquette_model *model, int64_t index, char **label, maquette_error **error);

/** All labels, in the order of the columns of the confidences: as the training first saw them.
 *  @param model trained or loaded.
 *  @param[out] labels a JSON array of strings, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_NOT_TRAINED, E_UNSUPPORTED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_labels(const maquette_model *model, char **labels, maquette_error **error);

/** Saves a model, with its weights and a checksum of all, in a store: all of it is there afterwards, or nothing.
 *  @param model trained or loaded.
 *  @param store to save it in.
 *  @param name to load it by. Several models may have one name: the latest is loaded.
 *  @param metadata NULL, or a JSON object to keep with it.
 *  @param id NULL: a new document; else the saved model to replace.
 *  @param[out] saved_id yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_NOT_TRAINED, E_NOT_FOUND (no such id), E_IO,
 *          E_FULL, E_LOCKED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_save(const maquette_model *model, maquette_store *store, const char *name,
                                    const char *metadata, const char *id, char **saved_id, maquette_error **error);

/** As maquette_model_save(), and keeps only the newest models of the name: those before go in the same transaction.
 *  @param model trained or loaded.
 *  @param store to save it in.
 *  @param name to load it by.
 *  @param metadata NULL, or a JSON object to keep with it.
 *  @param history how many models of the name stay, this one among them: 1 or more. Each can be loaded by its id.
 *  @param[out] saved_id yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_NOT_TRAINED, E_IO, E_FULL, E_LOCKED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_save_version(const maquette_model *model, maquette_store *store, const char *name,
                                            const char *metadata, int64_t history, char **saved_id,
                                            maquette_error **error);

/** Loads a saved model of the same kind, with its weights, labels and parameters. If it fails, the model stays as it was.
 *  One that is not what was saved, by its checksum, is E_BAD_FORMAT.
 *  @param model to load into.
 *  @param store to load from.
 *  @param id_or_name the id is looked up first, then the name, the latest of it.
 *  @param[out] stored {"id", "name", "format", "files", "metadata", …}, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_NOT_FOUND, E_BAD_FORMAT, E_BUSY, E_IO, E_LOCKED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_load(maquette_model *model, maquette_store *store, const char *id_or_name, char **stored,
                                    maquette_error **error);

/** The models that are saved in a store, the newest first.
 *  @param store to look in.
 *  @param kind of the models, e.g. "mlp-classifier"; NULL: all kinds.
 *  @param name they were saved under; NULL: all names.
 *  @param[out] models a JSON array of {"id", "name", "kind", "format", "metadata", "files", "size": the bytes of the files,
 *              "checksum", "trainedAt", "createdAt", "updatedAt"}, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_UNKNOWN_KIND, E_IO, E_LOCKED. Threads: any.
 *  In a callback: yes. Since 0.1. */
maquette_status maquette_store_models(maquette_store *store, const char *kind, const char *name, char **models,
                                      maquette_error **error);

/** Removes a saved model with its files, or all of a name.
 *  @param store to remove from.
 *  @param kind of the models; NULL: whatever kind.
 *  @param id_or_name the id is looked up first, then the name.
 *  @param[out] removed a JSON array of what was removed, as of maquette_store_models(); yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_UNKNOWN_KIND, E_NOT_FOUND, E_IO, E_FULL, E_LOCKED.
 *  Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_store_remove_models(maquette_store *store, const char *kind, const char *id_or_name,
                                             char **removed, maquette_error **error);

/* ------------------------------------------------------------------------------------------------------------------
 * Model files: what is trained here, in files that travel, and what comes in them
 *
 * Formats that are written and read:
 *   "safetensors", Maquette's own, of every kind: one file that holds parameters, labels and all that predicts or goes on
 *     with a training.
 *   "marcelle", what Marcelle's pages take. A network is two files, NAME.json and NAME.weights.bin; a knn-classifier (of the
 *     metric "cosine"), kmeans-clustering and pca (that doesn't whiten) are one.
 *   "tfjs", of a network what TensorFlow.js' tf.loadLayersModel() takes: NAME.json and NAME.weights.bin.
 * Of two files the first has the checksum of the second: what was interrupted between them, or mixed up, is not read.
 * Read are also: layers-models of dense layers as others write them (sharded, quantized, Keras', Teachable Machine's with
 * the labels of its metadata.json), and FluCoMa's dumps of an MLPClassifier, MLPRegressor, KMeans or PCA. Where only the first
 * of several files is given, the others are looked for beside it.
 * --------------------------------------------------------------------------------------------------------------- */

/** Writes a model into a file, or as many as the format needs, one beside the other. What was there is replaced when the new
 *  files are complete.
 *  @param model trained or loaded.
 *  @param path of the file, the first where there are two; or of a folder, then it is called as the kind.
 *  @param options a JSON object: `format`, else the path's ending tells it (.json is "marcelle"), and if it doesn't it is "safetensors"; `metadata`,
 *         an object to keep with it, in formats that have a place for it. NULL: none.
 *  @param[out] written a JSON array of the files' paths, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT (also: no such format), E_BAD_UTF8, E_BAD_JSON, E_NOT_TRAINED,
 *          E_UNSUPPORTED (not for this kind), E_IO, E_FULL. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_download(const maquette_model *model, const char *path, const char *options,
                                        char **written, maquette_error **error);

/** Writes a model into memory, in a format that is one file.
 *  @param model trained or loaded.
 *  @param options as of maquette_model_download(), without a path: `format` is "safetensors" unless given.
 *  @param[out] bytes of the file, yours to give back with maquette_bytes_free().
 *  @param[out] size of them.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_NOT_TRAINED, E_UNSUPPORTED (also: the format is
 *          more than one file), E_OUT_OF_MEMORY. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_download_bytes(const maquette_model *model, const char *options, void **bytes,
                                              size_t *size, maquette_error **error);

/** Gives back what a function of this library put into a `void **`. NULL is fine.
 *  Threads: any. In a callback: yes. Since 0.1. */
void maquette_bytes_free(void *bytes);

/** Loads the model of the same kind that is in files, with its weights, labels and parameters. `$training` says `loading`, then
 *  `loaded` with {"source": "file"}, or `error`; then the model stays as it was. A synced model is saved.
 *  @param model to load into.
 *  @param paths of one file, or of as many as the format needs, in any order.
 *  @param count of the paths, 1 to 1000.
 *  @param[out] stored {"name", "kind", "format", "metadata", "files", "size"}, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_FORMAT (of no format that is known here, damaged, or of
 *          another kind), E_UNSUPPORTED (too large), E_BUSY, E_IO, E_OUT_OF_MEMORY. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_model_upload(maquette_model *model, const char *const *paths, int64_t count, char **stored,
                                      maquette_error **error);

/** Loads the model of the same kind that is in a file in memory; see maquette_model_upload().
 *  @param model to load into.
 *  @param bytes of the file, yours.
 *  @param size of them.
 *  @param[out] stored as of maquette_model_upload().
 *  @param[out] error may be NULL.
 *  @return as maquette_model_upload(). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_upload_bytes(maquette_model *model, const void *bytes, size_t size, char **stored,
                                            maquette_error **error);

/** Makes a model of the kind that is in files, with what they hold.
 *  @param paths of one file, or of as many as the format needs, in any order.
 *  @param count of the paths, 1 to 1000.
 *  @param[out] model yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_FORMAT, E_UNSUPPORTED, E_IO, E_OUT_OF_MEMORY. Threads: any. In a
 *          callback: yes. Since 0.1. */
maquette_status maquette_model_open_files(const char *const *paths, int64_t count, maquette_model **model,
                                          maquette_error **error);

/** Makes a model of the kind that is in a file in memory, with what it holds.
 *  @param bytes of the file, yours.
 *  @param size of them.
 *  @param[out] model yours to destroy.
 *  @param[out] error may be NULL.
 *  @return as maquette_model_open_files(). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_model_open_bytes(const void *bytes, size_t size, maquette_model **model, maquette_error **error);

/* ------------------------------------------------------------------------------------------------------------------
 * Synchronization: one model in several processes
 * --------------------------------------------------------------------------------------------------------------- */

/** Keeps a model in step with the saved models of a name, as all others do that are synced with it, whatever process they
 *  are in: the newest is loaded now, if there is one, and again when somebody else has saved one; the model is saved when
 *  it was trained, or loaded from elsewhere. A thread of the library's saves and loads. What can't be saved is tried again,
 *  after a tenth of a second, then twice as long each time, at the most half a minute. Of two models that were trained at
 *  once the newer one stays. A training never is E_BUSY because of another's model that is loaded. It goes on until
 *  maquette_model_unsync(), or until the model is destroyed, which does not wait for what is still to be saved.
 *  @param model of any kind; not kept alive.
 *  @param store that several processes share; kept alive while it goes on.
 *  @param name of the saved models.
 *  @param options NULL, or a JSON object: `history` (a number from 1): how many models of the name stay; without, every
 *         saving takes the place of the newest.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_CONFLICT (the model is synced already), or what
 *          loading meets: E_BAD_FORMAT, E_IO, E_FULL, E_LOCKED; it is not synced then. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_model_sync(maquette_model *model, maquette_store *store, const char *name, const char *options,
                                    maquette_error **error);

/** Ends what maquette_model_sync() began; what is not saved yet is tried once more. Without it nothing happens.
 *  @param model that is synced.
 *  @param timeout_ms milliseconds to wait for that; MAQUETTE_FOREVER.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_TIMEOUT (it ends later), E_REENTRANT (in a callback of maquette_model_sync_status()); or
 *          why the last training could not be saved, e.g. E_FULL, E_IO, E_LOCKED: it has ended. Threads: any.
 *  In a callback: of other streams. Since 0.1. */
maquette_status maquette_model_unsync(maquette_model *model, int64_t timeout_ms, maquette_error **error);

/** Waits until the trainings that have ended are saved, and what others were seen to save is loaded.
 *  @param model that is synced; without it nothing happens.
 *  @param timeout_ms milliseconds to wait; MAQUETTE_FOREVER.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_TIMEOUT, E_REENTRANT (in a callback of maquette_model_sync_status()); or why something can't
 *          be saved or loaded, after an attempt to: it is tried again. Threads: any. In a callback: of other streams.
 *  Since 0.1. */
maquette_status maquette_model_sync_flush(maquette_model *model, int64_t timeout_ms, maquette_error **error);

/** The stream of what synchronization does; holds the last:
 *
 *      {"status": "idle"}                                        not synced, or nothing has happened yet
 *      {"status": "loading" | "loaded" | "saving" | "saved", "id": "…", "updatedAt": "…"}
 *      {"status": "conflict", "kept": "ours" | "theirs", …}      somebody else saved, too; the newer model stays
 *      {"status": "error", "error": "…", "code": 21, "attempt": 1, "retryIn": 100}   milliseconds; without: not again
 *
 *  NULL if `model` is none. Threads: any. In a callback: yes. Since 0.1. */
maquette_stream *maquette_model_sync_status(const maquette_model *model);

/* ------------------------------------------------------------------------------------------------------------------
 * Batch prediction
 * --------------------------------------------------------------------------------------------------------------- */

/** Predicts all instances of a dataset and keeps the predictions in a store. */
typedef struct maquette_batch_prediction maquette_batch_prediction;

/** The predictions of a batch as they were at one moment. */
typedef struct maquette_predictions maquette_predictions;

/** Opens the batch prediction of that name, which need not have been made.
 *
 *  Its records are documents of the service `predictions-<name>`, the name in kebab-case: what was predicted, the
 *  `instanceId`, and as `yTrue` the `y` of the instance, where it has one. A classifier's are {"label", "confidences":
 *  {label: p, …}, …}, the label of a rejected row being "none"; a clustering's {"cluster", "confidences": {cluster: p, …},
 *  …}; all others {"value": a number, or an array of numbers, …}.
 *
 *  @param store kept alive by it.
 *  @param name of the batch prediction.
 *  @param[out] batch yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_IO, E_FULL, E_LOCKED. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_batch_prediction_open(maquette_store *store, const char *name,
                                               maquette_batch_prediction **batch, maquette_error **error);

/** Gives a batch prediction back. A run that goes on is cancelled, what it has stored stays, and its stream ends. NULL is
 *  fine. Threads: any. In a callback: yes. Since 0.1. */
void maquette_batch_prediction_destroy(maquette_batch_prediction *batch);

/** How a batch prediction is made. All zero: as is usual. */
typedef struct maquette_batch_options {
  size_t struct_size;
  /** Where the instances have their features: a field with arrays of numbers; dots lead into objects. NULL: x, and not
   *  Marcelle's `features`, which its instances do not have. */
  const char *input_field;
  /** 1: predict only what is missing, see maquette_batch_prediction_predict(). 0: everything. */
  int32_t resume;
  int32_t reserved; /**< 0 */
} maquette_batch_options;

/** Starts to predict the instances that are in the dataset, and returns at once; it runs on a thread of the library's own.
 *
 *  The predictions are computed and stored in blocks, each in one transaction. The model is the one that is there now: a
 *  training that goes on, or a later one, changes nothing.
 *
 *  The predictions that are there are removed just before the first new ones are stored. Not so with `resume`: then only
 *  instances are predicted that have no record, or were changed after theirs was made, and records of instances that are
 *  gone are removed. If what is there was made by a model that had learned something else, or of another dataset or field,
 *  everything is predicted anew all the same.
 *
 *  @param batch where the predictions go.
 *  @param model trained or loaded. It may be destroyed meanwhile.
 *  @param dataset to predict; kept alive by the run. A change of it ends the run with E_CONFLICT; what was stored by then
 *         stays, and can be resumed from.
 *  @param options NULL: the usual ones.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_NOT_TRAINED, E_BUSY, E_OUT_OF_MEMORY. What goes wrong later
 *          is told by maquette_batch_prediction_wait(). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_batch_prediction_predict(maquette_batch_prediction *batch, const maquette_model *model,
                                                  const maquette_dataset *dataset,
                                                  const maquette_batch_options *options, maquette_error **error);

/** Waits until the run is over and the callbacks subscribed to it have returned from its last event.
 *  @param batch that runs; without any run this returns OK at once.
 *  @param timeout_ms milliseconds to wait; 0: only look; MAQUETTE_FOREVER.
 *  @param[out] error may be NULL.
 *  @return how the last run ended: OK, E_CANCELLED, or its error, e.g. E_BAD_SHAPE or E_NOT_FINITE (an instance that can't
 *          be predicted, which the error names), E_CONFLICT (the dataset, or the predictions, were changed by somebody
 *          else meanwhile), E_IO (the file of a store disappeared), E_FULL. Or E_BAD_HANDLE, E_TIMEOUT, E_REENTRANT (from a
 *          callback of this batch prediction's status).
 *  Threads: any, any number at once. In a callback: yes, but not in one of this status. Since 0.1. */
maquette_status maquette_batch_prediction_wait(const maquette_batch_prediction *batch, int64_t timeout_ms,
                                               maquette_error **error);

/** Whether a run goes on: from maquette_batch_prediction_predict() on until its last event is heard, whether or not all
 *  callbacks have returned from it.
 *  @param batch to ask about.
 *  @param[out] is_running 1 or 0.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT. Threads: any, any number at once. In a callback: yes. Since 0.1. */
maquette_status maquette_batch_prediction_is_running(const maquette_batch_prediction *batch, int32_t *is_running,
                                                     maquette_error **error);

/** Asks the run to end, which it does within some milliseconds, or a few rows of a slow model; does not wait for that.
 *  What was stored by then stays.
 *  @param batch that may be running.
 *  @return OK, E_BAD_HANDLE, E_FORKED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_batch_prediction_cancel(maquette_batch_prediction *batch);

/** Removes all predictions; the status is idle then.
 *  @param batch to clear.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_BUSY, E_IO, E_FULL, E_LOCKED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_batch_prediction_clear(maquette_batch_prediction *batch, maquette_error **error);

/** How many predictions there are, whoever made them.
 *  @param batch to ask.
 *  @param[out] count of its records.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_IO. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_batch_prediction_count(const maquette_batch_prediction *batch, int64_t *count,
                                                maquette_error **error);

/** Where a batch prediction stands: {"status": "idle"}, or "loaded" where there are predictions already; in a run "start";
 *  {"status": "running", "count": 3, "total": 20, "data": the record that was stored} for every record; and in the end
 *  {"status": "success", "count", "total"}, "cancelled" alike, or {"status": "error", "data": {"error", "code"}}. Of records
 *  that come faster than they are taken some are merged.
 *  @return a held stream; belongs to the batch prediction, like its handle. NULL if `batch` is none. Threads: any. In a
 *          callback: yes. Since 0.1. */
maquette_stream *maquette_batch_prediction_status(const maquette_batch_prediction *batch);

/** What a batch prediction's status says, for hosts without a JSON parser. */
enum {
  MAQUETTE_BATCH_IDLE = 0,
  MAQUETTE_BATCH_START = 1,
  MAQUETTE_BATCH_RUNNING = 2,
  MAQUETTE_BATCH_SUCCESS = 3,
  MAQUETTE_BATCH_ERROR = 4,
  MAQUETTE_BATCH_LOADED = 5,
  MAQUETTE_BATCH_LOADING = 6,
  MAQUETTE_BATCH_CANCELLED = 7
};

/** One event of maquette_batch_prediction_status(). */
typedef struct maquette_batch_status {
  size_t struct_size;
  int64_t count;  /**< instances that have a prediction; -1 where nothing is said */
  int64_t total;  /**< instances; -1 where nothing is said */
  int32_t status; /**< MAQUETTE_BATCH_IDLE, … */
  int32_t reserved;
} maquette_batch_status;

/** Reads an event of maquette_batch_prediction_status().
 *  @param event of a batch prediction's status.
 *  @param[in,out] status set its `struct_size`; filled in.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT, E_BAD_JSON. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_event_batch_status(const maquette_event *event, maquette_batch_status *status,
                                            maquette_error **error);

/** Reads all predictions out of the store.
 *  @param batch to read from.
 *  @param[out] predictions yours to destroy; later runs don't change it.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_FORMAT (documents that are no predictions are among them), E_IO,
 *          E_OUT_OF_MEMORY. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_batch_prediction_results(const maquette_batch_prediction *batch,
                                                  maquette_predictions **predictions, maquette_error **error);

/** Gives predictions back. NULL is fine. Threads: any. In a callback: yes. Since 0.1. */
void maquette_predictions_destroy(maquette_predictions *predictions);

/** The predictions as a matrix, a row for each, in the order they were made: the confidences of each label or cluster, or
 *  the numbers that were predicted.
 *  @param predictions to read.
 *  @param[in,out] values with `data` NULL: its `rows` and `cols` are filled in. Else your memory of that shape, dtype F32 or
 *         F64, is filled in.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_predictions_values(const maquette_predictions *predictions, maquette_matrix *values,
                                            maquette_error **error);

/** The labels, or clusters, that were predicted, and what the instances have as `y`, as labels.
 *  @param predictions to read.
 *  @param[out] predicted a code for each row: an index into "predicted", or -1 where numbers were predicted; may be NULL.
 *  @param[out] truth a code for each row: an index into "true", or -1 for a row without; may be NULL.
 *  @param[out] names {"answer": "label", "cluster" or "value", "outputs": what the columns of the values are called,
 *         "predicted": labels, "true": labels}, the last three arrays of strings; yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_OUT_OF_MEMORY. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_predictions_labels(const maquette_predictions *predictions, int32_t *predicted, int32_t *truth,
                                            char **names, maquette_error **error);

/** The ids of the instances that the predictions are about.
 *  @param predictions to read.
 *  @param[out] ids 24 characters for each row, without a NUL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_predictions_ids(const maquette_predictions *predictions, char *ids, maquette_error **error);

/** The numbers that the instances have as `y`, a row for each prediction.
 *  @param predictions to read.
 *  @param[in,out] targets as in maquette_predictions_values().
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_SHAPE, E_NOT_FOUND (not all instances have numbers as `y`, or not as
 *          many). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_predictions_targets(const maquette_predictions *predictions, maquette_matrix *targets,
                                             maquette_error **error);

/* ------------------------------------------------------------------------------------------------------------------
 * Metrics
 *
 * All figures are those of scikit-learn for the same numbers, with zero_division=0. A rejected row has the label "none",
 * which is a label like any other here: it counts as a wrong answer, unless rows really are called so.
 * --------------------------------------------------------------------------------------------------------------- */

/** A confusion matrix that can be watched. */
typedef struct maquette_confusion maquette_confusion;

/** The confusion matrix of a batch prediction: of the predictions that are there and, as they come, of those that this
 *  process makes, with one step for each. Rows without a label on either side do not count.
 *  @param batch kept alive by it.
 *  @param[out] confusion yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_FORMAT, E_IO. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_confusion_open(maquette_batch_prediction *batch, maquette_confusion **confusion,
                                        maquette_error **error);

/** The confusion matrix of two columns of labels.
 *  @param truth a label for each row; NULL for a row without, which does not count.
 *  @param predicted alike.
 *  @param rows how many there are in both.
 *  @param[out] confusion yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT, E_BAD_SHAPE (a number of rows that can't be), E_BAD_UTF8. Threads: any. In a callback:
 *          yes. Since 0.1. */
maquette_status maquette_confusion_create(const char *const *truth, const char *const *predicted, int64_t rows,
                                          maquette_confusion **confusion, maquette_error **error);

/** Gives a confusion matrix back; its streams end. NULL is fine. Threads: any. In a callback: yes. Since 0.1. */
void maquette_confusion_destroy(maquette_confusion *confusion);

/** The cells: [{"x": predicted, "y": true, "v": count}, …] for all pairs of labels, as first seen.
 *  @return a held stream; belongs to the matrix, like its handle. NULL if `confusion` is none. Threads: any. In a
 *          callback: yes. Since 0.1. */
maquette_stream *maquette_confusion_cells(const maquette_confusion *confusion);

/** The part of the rows that was predicted right: a number, or null while there are no rows.
 *  @return as maquette_confusion_cells(). Since 0.1. */
maquette_stream *maquette_confusion_accuracy(const maquette_confusion *confusion);

/** All figures of the matrix as it is now.
 *  @param confusion to read.
 *  @param[out] scores {"labels": as first seen, "matrix": [[counts by predicted label], … by true label], "total",
 *         "accuracy": a number or null, "scores": [{"label", "precision", "recall", "f1", "support"}, …], "macro": the means,
 *         "weighted": the means by support}, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_OUT_OF_MEMORY. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_confusion_scores(const maquette_confusion *confusion, char **scores, maquette_error **error);

/** Counts all predictions of the batch anew, also those that another process made; does nothing for two columns.
 *  @param confusion to count.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_BAD_FORMAT, E_IO. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_confusion_recount(maquette_confusion *confusion, maquette_error **error);

/** How far predicted numbers are from the true ones; of several columns, the mean over them. */
typedef struct maquette_regression_scores {
  size_t struct_size;
  double mean_absolute_error, mean_squared_error;
  /** R²; of constant true numbers 1 for perfect predictions and else 0; of a single row NaN. */
  double r2;
} maquette_regression_scores;

/** Compares numbers.
 *  @param truth [rows, targets], finite; F64 and I64 keep their digits.
 *  @param predicted of the same shape.
 *  @param[in,out] scores set its `struct_size`; filled in.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT, E_BAD_SHAPE, E_NOT_FINITE, E_NO_ROWS. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_metrics_regression(const maquette_matrix *truth, const maquette_matrix *predicted,
                                            maquette_regression_scores *scores, maquette_error **error);

/** The cross-entropy of confidences: the mean of -log(p), p being the confidence of the true label, counted as at least
 *  1.2e-7 and at most 1 - 1.2e-7, the precision of F32.
 *  @param truth a label for each row; NULL for a row without, which does not count.
 *  @param confidences [rows, labels].
 *  @param labels of the columns of `confidences`.
 *  @param[out] loss the mean.
 *  @param[out] error may be NULL.
 *  @return OK, E_INVALID_ARGUMENT, E_BAD_SHAPE, E_BAD_UTF8, E_NOT_FINITE, E_NO_ROWS (none has a label), E_NOT_FOUND (a true
 *          label that no column stands for). Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_metrics_log_loss(const char *const *truth, const maquette_matrix *confidences,
                                          const char *const *labels, double *loss, maquette_error **error);

/* ------------------------------------------------------------------------------------------------------------------
 * Training history: every training of a tracked model becomes a run in the store
 *
 * A run is a document of the service "runs":
 *
 *     {"id", "name": "base-N", "basename": "base", "start": "2026-11-26T…Z", "source": the kind of the model,
 *      "status", "epoch", "epochs", "params": {"epochs": 20, …}, "logs": {"loss": [1.1, …], "accuracy": […], …},
 *      "checkpoints": [{"id", "name": "base-N@final", "service"}], "error", "createdAt", "updatedAt"}
 *
 * N is one above the greatest of its base, whatever other processes do. `status` is start or epoch while the training
 * goes on, then success, error or cancelled; it is interrupted where the process that wrote the run died. `logs` have a
 * value for each epoch, null for an epoch without, and are in the store while the training goes on. Recording slows no
 * training down: a thread of the history's own writes.
 * --------------------------------------------------------------------------------------------------------------- */

/** The runs of a store, see above. */
typedef struct maquette_history maquette_history;
/** What makes the trainings of one model runs. */
typedef struct maquette_tracking maquette_tracking;

/** Opens the training history of a store. Runs whose process has died end now, as `interrupted`, with every epoch that
 *  was written.
 *  @param store with the runs, and the models that are saved in their course; kept alive by the history.
 *  @param[out] history yours to destroy.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_IO, E_FULL, E_LOCKED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_history_open(maquette_store *store, maquette_history **history, maquette_error **error);

/** Gives a history back, and ends its trackings and its stream. A training that goes on is recorded to its end all the
 *  same; this does not wait for it. Call maquette_history_flush() before a program ends. NULL is fine.
 *  Threads: any. In a callback: yes. Since 0.1. */
void maquette_history_destroy(maquette_history *history);

/** Makes every training of a model a run from now on. One that is past its beginning already is not recorded.
 *  @param history to record in.
 *  @param model of any kind; not kept alive.
 *  @param basename of the runs, which are called "basename-1", "basename-2", …; NULL: "anonymous".
 *  @param options NULL, or a JSON object: `checkpoint` (true unless given): the model is saved when a training has ended
 *         well, or was cancelled after an epoch, as "basename-N@final"; `checkpointEvery` (a number from 1): and after
 *         every so many epochs, as "basename-N@epoch-10".
 *  @param[out] tracking yours to destroy. May be NULL: it then lasts as long as the history and the model.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_history_track(maquette_history *history, maquette_model *model, const char *basename,
                                       const char *options, maquette_tracking **tracking, maquette_error **error);

/** Ends a tracking: no training that begins from now on becomes a run. One that goes on is recorded to its end; this does
 *  not wait for it. NULL is fine.
 *  Threads: any. In a callback: yes. Since 0.1. */
void maquette_tracking_destroy(maquette_tracking *tracking);

/** Waits until all that trainings have reported before is in the store, and the models with it; not for trainings that go
 *  on. After maquette_model_wait() that is all of them.
 *  @param history that records.
 *  @param timeout_ms milliseconds to wait; MAQUETTE_FOREVER.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_TIMEOUT; or why something can't be written, after an attempt to, e.g. E_FULL, E_IO,
 *          E_LOCKED: it is kept, and tried again. E_REENTRANT in a function of maquette_set_log() that hears of it.
 *  Threads: any, any number at once. In a callback: yes. Since 0.1. */
maquette_status maquette_history_flush(maquette_history *history, int64_t timeout_ms, maquette_error **error);

/** The runs that match a query, a page of them.
 *  @param history to look in.
 *  @param query as of maquette_dataset_find(), e.g. {"basename": "digits", "$sort": {"start": -1}, "$limit": 10}. NULL:
 *         all, in the order they were created.
 *  @param[out] page {"total": …, "limit": …, "skip": …, "data": [run, …]}, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT (an unknown `$` parameter), E_BAD_UTF8, E_BAD_JSON, E_UNSUPPORTED, E_IO,
 *          E_LOCKED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_history_runs(const maquette_history *history, const char *query, char **page,
                                      maquette_error **error);

/** One run. What was written elsewhere under other names (acc, val_loss, …) has the names of the trainings here, and
 *  checkpoints that are not in the store any more are left out.
 *  @param history to look in.
 *  @param id_or_name the id is looked up first, then the name.
 *  @param[out] run the document, yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_NOT_FOUND, E_IO, E_LOCKED. Threads: any. In a callback: yes.
 *  Since 0.1. */
maquette_status maquette_history_run(const maquette_history *history, const char *id_or_name, char **run,
                                     maquette_error **error);

/** Puts runs side by side.
 *  @param history to look in.
 *  @param runs a JSON array of ids or names.
 *  @param[out] comparison {"runs": [{"id", "name", "status", …}, …],
 *              "parameters": {"epochs": [20, 30], …}, those that are not the same in all runs, null where a run has none,
 *              "logs": {"loss": {"values": [[…], […]], all of one length, null where there is none,
 *                                "best": [{"value", "epoch"}, …], null where it is not known whether more is better,
 *                                "bestRun": the index of the run with the best of all, or null}, …}}. Yours to free.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_BAD_JSON, E_NOT_FOUND, E_IO, E_LOCKED. Threads: any.
 *  In a callback: yes. Since 0.1. */
maquette_status maquette_history_compare(const maquette_history *history, const char *runs, char **comparison,
                                         maquette_error **error);

/** Loads a model that was saved in the course of a run: its weights, labels and parameters. If it fails, the model stays
 *  as it was.
 *  @param history to look in.
 *  @param id_or_name of the run.
 *  @param checkpoint its id or name; NULL: the last of the run.
 *  @param model of the kind that was trained.
 *  @param[out] restored the checkpoint, {"id", "name", "service"}, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT (also: a model of another kind), E_BAD_UTF8, E_NOT_FOUND (no such run, or
 *          no such checkpoint), E_BAD_FORMAT, E_BUSY, E_IO, E_LOCKED. Threads: any. In a callback: yes. Since 0.1. */
maquette_status maquette_history_restore(const maquette_history *history, const char *id_or_name,
                                         const char *checkpoint, maquette_model *model, char **restored,
                                         maquette_error **error);

/** Removes a run. One that is being recorded is recorded no further.
 *  @param history to remove from.
 *  @param id_or_name of the run.
 *  @param with_checkpoints 0, or 1: the models that were saved in its course go, too.
 *  @param[out] removed the run as it was, yours to free; may be NULL.
 *  @param[out] error may be NULL.
 *  @return OK, E_BAD_HANDLE, E_INVALID_ARGUMENT, E_BAD_UTF8, E_NOT_FOUND, E_IO, E_FULL, E_LOCKED. Threads: any.
 *  In a callback: yes. Since 0.1. */
maquette_status maquette_history_remove(maquette_history *history, const char *id_or_name, int32_t with_checkpoints,
                                        char **removed, maquette_error **error);

/** The stream of what happens to the runs, whoever in this process does it, once it is in the store; holds the last:
 *
 *      {"type": "ready"}                                                      nothing has happened yet
 *      {"type": "created" | "updated" | "removed", "run": {"id", "name", "basename", "source", "status", "epoch",
 *       "epochs", "data": {the figures of the last epoch}, …}}               without the logs
 *      {"type": "failed", "error": "…", "code": 21, "run": {…}}               something could not be written
 *
 *  NULL if `history` is none. Threads: any. In a callback: yes. Since 0.1. */
maquette_stream *maquette_history_changes(const maquette_history *history);

#ifdef __cplusplus
}
#endif

#endif /* MAQUETTE_H */
